//! Every input that gets no verdict: which status, and that the answer says what and where.

use serde_json::Value;

use crate::Case;
use crate::support::{FORM, Part, Server, form_body, header, row, sites};

pub const CASES: &[Case] = &[
    ("bad_input::files", files),
    ("bad_input::two_columns_absent_lists_all", absent),
    ("bad_input::column_twice", twice),
    ("bad_input::no_usable_row_lists_rows", no_usable_row),
    ("bad_input::json", json_cut_off),
    ("bad_input::content_types", content_types),
    ("bad_input::forms", forms),
    ("bad_input::form_cut_off", form_cut_off),
    ("bad_input::hundred_million_commas", commas),
    ("bad_input::pages_for_browsers", pages),
    ("bad_input::any_bytes", any_bytes),
];

/// Posts a body and fails unless it gets this status, the same as JSON and as a page.
#[track_caller]
fn refused(
    server: &Server,
    content_type: &str,
    body: &[u8],
    status: u16,
    kind: &str,
    says: &[&str],
) -> Value {
    let answer = server.post("/predict", content_type, body).accept("application/json").send().expect(status);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!(problem["type"], format!("urn:problem-type:lurelight:{kind}"), "{problem}");
    assert_eq!(problem["status"], status);
    for part in says {
        assert!(answer.text().contains(part), "no {part:?} in {problem}");
    }
    problem
}

fn files(server: &Server) {
    let good_row = row("1", &[]);
    let header_only = header(&[]) + "\n";
    let latin1 = [header(&["name"]).as_bytes(), b"\n", row("1", &["Caf"]).as_bytes(), b"\xe9\n"].concat();
    let utf16: Vec<u8> = "\u{feff}a,b".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let semicolons = header(&[]).replace(',', ";") + "\n" + &good_row.replace(',', ";");
    let open_quote = format!("\"{}\n{good_row}\n", header(&[]));
    let no_header = format!("{good_row}\n{good_row}\n");
    let wide = format!("{}{}\n{good_row}\n", header(&[]), ",x".repeat(2000));
    let table: &[(&[u8], u16, &str, &[&str])] = &[
        (b"", 400, "empty", &["empty"]),
        (b"\n\n  \n", 400, "empty", &["empty"]),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 415, "foreign-file", &["PNG"]),
        (b"PK\x03\x04\x14\0\0\0", 415, "foreign-file", &["ZIP", "xlsx"]),
        (b"%PDF-1.7", 415, "foreign-file", &["PDF"]),
        (&latin1, 400, "not-utf8", &["Line 2", "UTF-8"]),
        (&utf16, 400, "not-utf8", &["UTF-16"]),
        (header_only.as_bytes(), 422, "header-only", &["no row"]),
        (semicolons.as_bytes(), 422, "separator", &["semicolons"]),
        (no_header.as_bytes(), 422, "no-header", &["header"]),
        (open_quote.as_bytes(), 400, "open-quote", &["quote"]),
        (wide.as_bytes(), 413, "limit", &["1024", "columns"]),
        (b"[{\"a\":1}]", 415, "other-format", &["JSON"]),
        (b"one,two\n1,2\n", 422, "columns-absent", &["30 of the 30"]),
    ];
    for (body, status, kind, says) in table {
        refused(server, "text/csv", body, *status, kind, says);
    }
}

fn absent(server: &Server) {
    let text = header(&[]).replace("URL_Length", "URL_Lenght").replace(",port,", ",harbour,")
        + "\n"
        + &row("1", &[]);
    let problem = refused(server, "text/csv", text.as_bytes(), 422, "columns-absent", &["`URL_Lenght`"]);
    assert_eq!(problem["columns"], serde_json::json!(["URL_Length", "port"]));
}

fn twice(server: &Server) {
    let text = format!("{},Shortening_Service\n{},1\n", header(&[]), row("1", &[]));
    let problem =
        refused(server, "text/csv", text.as_bytes(), 422, "column-twice", &["column 3", "column 31"]);
    assert_eq!(problem["columns"], serde_json::json!(["Shortining_Service", "Shortening_Service"]));
}

fn no_usable_row(server: &Server) {
    let text = format!("{}\n{}\n{}\n", header(&[]), row("54", &[]), row("x", &[]));
    let problem = refused(server, "text/csv", text.as_bytes(), 422, "no-usable-row", &["2 rows"]);
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[0]["line"], &errors[0]["value"]), (2, &2.into(), &"54".into()));
}

fn json_cut_off(server: &Server) {
    let names: Vec<String> = header(&[]).split(',').map(|name| format!("\"{name}\":1")).collect();
    let whole = format!("[{{{}}}]", names.join(","));
    let problem = refused(server, "application/json", &whole.as_bytes()[..200], 400, "json", &["Line 1"]);
    assert_eq!(problem["line"], 1);
    refused(server, "application/json", b"[]", 400, "empty", &[]);
    refused(server, "application/json", b"{\"rows\": 7}", 422, "columns-absent", &[]);
    refused(server, "application/json", "[".repeat(100_000).as_bytes(), 400, "json", &[]);
}

fn content_types(server: &Server) {
    let body = sites(1);
    for content_type in ["image/png", "application/x-www-form-urlencoded", "text/plain", "nonsense"] {
        refused(server, content_type, body.as_bytes(), 415, "content-type", &[content_type, "text/csv"]);
    }
    let answer = server.request("POST", "/predict").send().expect(415);
    answer.says("not given");
}

fn forms(server: &Server) {
    let text = sites(1);
    let file = |name| Part("file", Some(name), text.as_bytes());
    let post = |parts: &[Part<'_>], status, kind, says: &[&str]| {
        refused(server, FORM, &form_body(parts), status, kind, says);
    };
    post(&[], 400, "no-file", &["no part named"]);
    post(&[Part("threshold", None, b"0.5")], 400, "no-file", &["no part named"]);
    post(&[Part("file", Some(""), b"")], 400, "no-file", &["none was chosen"]);
    post(&[Part("upload", Some("a.csv"), text.as_bytes())], 400, "no-file", &["upload"]);
    post(&[file("a.csv"), file("b.csv")], 400, "two-files", &["a.csv", "b.csv"]);
    post(&[Part("file", Some("a.csv"), b"")], 400, "empty", &[]);
    post(&[Part("file", Some("a.png"), b"\x89PNG\r\n")], 415, "foreign-file", &["PNG"]);
    refused(server, "multipart/form-data", text.as_bytes(), 400, "form", &["boundary"]);
    refused(server, FORM, text.as_bytes(), 400, "form", &[]);
}

fn form_cut_off(server: &Server) {
    let text = sites(20);
    let body = form_body(&[Part("file", Some("a.csv"), text.as_bytes())]);
    // The form ends in the middle of the file, but the request is whole.
    for length in [body.len() / 2, body.len() - 10, 60, 10] {
        refused(server, FORM, &body[..length], 400, "form", &[]);
    }
}

fn commas(server: &Server) {
    let commas = vec![b','; 100_000_000];
    refused(server, "text/csv", &commas, 413, "body-too-large", &["64 MiB"]);
    let commas = vec![b','; 50_000_000];
    let answer = server.post("/predict", "text/csv", commas).accept("application/json").send();
    assert!((400..500).contains(&answer.status), "{}", answer.status);
}

fn pages(server: &Server) {
    let text = header(&[]).replace("URL_Length", "<u>").replace(",port,", ",x,") + "\n" + &row("1", &[]);
    let page = server.post("/predict", "text/csv", text).accept("text/html").send().expect(422);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    page.says("role=\"alert\"").says("<li>URL_Length</li><li>port</li>").says("Back to the start");
}

/// No bytes at all may end in a 500 or a lost connection.
fn any_bytes(server: &Server) {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let seeds = [sites(3).into_bytes(), form_body(&[Part("file", Some("a.csv"), sites(3).as_bytes())])];
    let types = ["text/csv", "application/json", "application/x-ndjson", "text/x-arff", FORM];
    for round in 0..400 {
        let mut body = seeds[round % seeds.len()].clone();
        for _ in 0..=random() % 8 {
            let at = (random() as usize) % body.len();
            match random() % 3 {
                0 => body[at] = random() as u8,
                1 => body.truncate(at.max(1)),
                _ => body.insert(at, b"\",\n\r\0{}[]@%-="[(random() as usize) % 13]),
            }
        }
        let content_type = types[(random() as usize) % types.len()];
        let answer = server.post("/predict", content_type, body.clone()).accept("application/json").send();
        assert!(answer.status < 500, "{}: {:?}", answer.status, String::from_utf8_lossy(&body));
    }
}

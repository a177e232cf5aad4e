//! What stands between the network and the handlers: limits, mounts, compression, other sites.

use serde_json::json;

use crate::Case;
use crate::support::{FORM, Part, Server, form_body, header, sites};

pub const CASES: &[Case] = &[
    ("edge::cross_site_posts_are_refused", cross_site),
    ("edge::body_cut_off", cut_off),
    ("edge::body_stalls", stalls),
    ("edge::body_too_large", too_large),
    ("edge::gzip", gzip),
    ("edge::answer_limit_json", answer_limit_json),
    ("edge::answer_limit_html_and_csv", answer_limit_html_and_csv),
    ("edge::base_path", base_path),
    ("edge::handler_takes_too_long", too_long),
];

fn cross_site(server: &Server) {
    let own = format!("http://{}", server.address);
    for (headers, status) in [
        (&[("sec-fetch-site", "cross-site")][..], 403),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("sec-fetch-site", "same-origin")], 200),
        (&[("sec-fetch-site", "none")], 200),
        (&[("origin", "https://evil.example")], 403),
        (&[("origin", "null")], 403),
        (&[("origin", own.as_str())], 200),
        (&[], 200),
    ] {
        let mut request = server.post("/predict", "text/csv", sites(1)).accept("application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send();
        assert_eq!(answer.status, status, "{headers:?}");
        if status == 403 {
            assert_eq!(answer.json()["type"], "urn:problem-type:lurelight:cross-site");
        }
    }
}

fn cut_off(server: &Server) {
    let answer =
        server.post("/predict", "text/csv", sites(20)).accept("application/json").send_cut(100).expect(400);
    let problem = answer.json();
    assert_eq!(problem["type"], "urn:problem-type:lurelight:body-cut-off");
    assert!(problem["detail"].as_str().unwrap().contains(" bytes came"), "{problem}");
}

fn stalls(_: &Server) {
    let server = Server::start(&[("LURELIGHT_BODY_IDLE_SECONDS", "1")]);
    let body = form_body(&[Part("file", Some("a.csv"), sites(20).as_bytes())]);
    let problem = server.post("/predict", FORM, body).send_stalled(50).expect(408).json();
    assert_eq!(problem["type"], "urn:problem-type:lurelight:body-too-slow");
}

fn too_large(_: &Server) {
    let server = Server::start(&[("LURELIGHT_BODY_LIMIT_BYTES", "2048")]);
    let problem = server.post("/predict", "text/csv", sites(100)).send().expect(413).json();
    assert_eq!(
        problem,
        json!({
            "type": "urn:problem-type:lurelight:body-too-large",
            "title": "The file is too large",
            "status": 413,
            "detail": "One request may carry 2 KiB.",
            "hint": "Split the file, or score it on your own machine with `lurelight predict FILE`, which has no such limit.",
        })
    );
    // Without an announced length, and with one that the client wants to have allowed first.
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", 4096, ",".repeat(4096));
    let request = server.request("POST", "/predict").header("transfer-encoding", "chunked");
    assert_eq!(request.send_raw(chunk.as_bytes()).status, 413);
    let request =
        server.request("POST", "/predict").header("expect", "100-continue").header("content-length", "4096");
    assert_eq!(request.send_raw(b"").status, 413);
}

fn gzip(server: &Server) {
    let plain = server.post("/predict", "text/csv", sites(200)).accept("text/csv").send().expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    let request = server.post("/predict", "text/csv", sites(200)).accept("text/csv");
    let packed = request.header("accept-encoding", "gzip, br").send().expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.gunzipped(), plain.text());
    assert!(packed.body.len() * 5 < plain.body.len());
    let page = server.get("/").header("accept-encoding", "gzip").send().expect(200);
    assert!(page.gunzipped().contains("</html>"));
}

fn limited() -> Server {
    Server::start(&[("LURELIGHT_ANSWER_LIMIT_BYTES", "20000")])
}

fn answer_limit_json(_: &Server) {
    let server = limited();
    for gzip in ["identity", "gzip"] {
        let mut seen = 0;
        let mut skip = 0;
        loop {
            let path = format!("/predict?skip={skip}&threshold=0.9");
            let request = server.post(&path, "text/csv", sites(3000)).accept("application/json");
            let answer = request.header("accept-encoding", gzip).send().expect(200);
            let packed = gzip == "gzip" && answer.header("content-encoding") == Some("gzip");
            let text = if packed { answer.gunzipped() } else { answer.text().to_owned() };
            let encoded = if packed {
                answer.body.len().div_ceil(3) * 4
            } else {
                serde_json::to_string(&text).unwrap().len() - 2
            };
            assert!(encoded <= 20_000, "{encoded}");
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["summary"]["used"], 3000);
            seen += value["rows"].as_array().unwrap().len();
            let Some(next) = value.get("next") else { break };
            assert!(value["rows"].as_array().unwrap().len() > 50);
            skip = next["skip"].as_u64().unwrap();
            let link = format!("<?skip={skip}&threshold=0.9>; rel=\"next\"");
            assert_eq!(answer.header("link"), Some(link.as_str()));
        }
        assert_eq!(seen, 3000, "{gzip}");
    }
}

fn answer_limit_html_and_csv(_: &Server) {
    let server = limited();
    let page = server.post("/predict", "text/csv", sites(3000)).accept("text/html").send().expect(200);
    let shown = page.text().matches("<tr><th>").count();
    assert!(page.body.len() < 20_000 && shown > 10, "{shown} rows, {} bytes", page.body.len());
    page.says(&format!("Rows 1 to {shown} of 3,000 are shown"))
        .says(&format!("send the file again with {shown} rows to skip (under"));
    let table = server.post("/predict", "text/csv", sites(3000)).accept("text/csv").send().expect(200);
    assert_eq!(table.header("lurelight-rows"), Some("3000"));
    let shown: usize = table.header("lurelight-rows-shown").unwrap().parse().unwrap();
    assert_eq!(table.text().lines().count(), shown + 1);
    assert_eq!(
        table.text().lines().next(),
        Some(header(&["site", "label", "probability", "predicted_column"]).as_str())
    );
}

fn base_path(_: &Server) {
    let server = Server::start(&[("LURELIGHT_BASE_PATH", "/sec/lure")]);
    assert!(server.greeting.contains("/sec/lure/"), "{}", server.greeting);
    // A proxy may hand the prefix on, or strip it.
    for path in ["/sec/lure/", "/sec/lure", "/"] {
        let page = server.get(path).accept("text/html").send().expect(200);
        page.says("action=\"/sec/lure/predict\"")
            .says("href=\"/sec/lure/assets/style-")
            .says("href=\"/sec/lure/sample.csv\"");
    }
    let answer = server.get("/sec/lure/predict").accept("text/html").send().expect(303);
    assert_eq!(answer.header("location"), Some("/sec/lure/"));
    server.get("/sec/lurelight").send().expect(404);
    server.get("/sec/lure/none").accept("text/html").send().expect(404).says("href=\"/sec/lure/\"");
}

fn too_long(_: &Server) {
    let server = Server::start(&[("LURELIGHT_HANDLER_SECONDS", "0")]);
    let answer = server.post("/predict", "text/csv", sites(50_000)).accept("application/json").send();
    // A machine may be quick enough to be done before the clock is looked at.
    if answer.status != 200 {
        assert_eq!(answer.expect(503).json()["type"], "urn:problem-type:lurelight:took-too-long");
    }
}

//! `POST /predict` with rows that can be used, in each format and representation.

use serde_json::{Value, json};

use crate::Case;
use crate::champions::as_json;
use crate::support::{Part, Server, header, row, sites};

pub const CASES: &[Case] = &[
    ("predict::form_gives_the_table_by_default", form_gives_table),
    ("predict::csv_to_json", csv_to_json),
    ("predict::csv_to_csv", csv_to_csv),
    ("predict::json_in", json_in),
    ("predict::json_lines_in", json_lines_in),
    ("predict::arff_in", arff_in),
    ("predict::threshold", threshold),
    ("predict::explain_gives_reasons", explain),
    ("predict::explain_has_a_limit", explain_limit),
    ("predict::show_limits_the_page_alone", show),
    ("predict::unknown_parameter_is_refused", unknown_parameter),
    ("predict::carried_columns_keep_their_order", carried),
    ("predict::older_prediction_is_replaced", older_prediction),
    ("predict::labels_are_compared", labels),
    ("predict::accept_decides", accept_decides),
    ("predict::form_downloads", form_downloads),
    ("predict::skip", skip),
    ("predict::one_column_absent_is_a_warning", one_absent),
    ("predict::one_column_misspelt_is_a_warning", one_misspelt),
    ("predict::row_errors_leave_the_others", row_errors),
    ("predict::script_in_header_and_cell_is_escaped", script),
    ("predict::formula_is_guarded_in_downloads_alone", formula),
    ("predict::many_at_once", many_at_once),
];

fn csv(server: &Server, text: &str, accept: &str) -> crate::support::Answer {
    server.post("/predict", "text/csv", text).accept(accept).send()
}

fn form_gives_table(server: &Server) {
    let text = sites(3);
    let page = server.form(&[Part("file", Some("sites.csv"), text.as_bytes())]).send().expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    page.says("<table class=\"dataframe table table-striped\">")
        .says("Result for sites.csv")
        .says("<th scope=\"col\">label</th><th scope=\"col\">probability</th><th scope=\"col\">predicted_column</th></tr>")
        .says("<td>site-0.example<td class=\"phishing\">phishing<td>")
        .says("<td>1.0</tr>");
    assert_eq!(page.text().matches("<tr><th>").count(), 3);
}

fn csv_to_json(server: &Server) {
    let answer = csv(server, &sites(2), "application/json").expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let answer = answer.json();
    let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["model", "threshold", "rows", "summary", "errors", "warnings"]);
    assert_eq!(
        answer["summary"],
        json!({"rows": 2, "used": 2, "error_count": 0, "phishing": 1, "legitimate": 1})
    );
    let rows = answer["rows"].as_array().unwrap();
    let words: Vec<(&Value, &Value, &Value)> =
        rows.iter().map(|row| (&row["row"], &row["label"], &row["predicted_column"])).collect();
    assert_eq!(
        words,
        [(&json!(1), &json!("phishing"), &json!(0.0)), (&json!(2), &json!("legitimate"), &json!(1.0))]
    );
    let threshold = answer["threshold"].as_f64().unwrap();
    assert!(rows[0]["probability"].as_f64().unwrap() >= threshold);
    assert!(rows[1]["probability"].as_f64().unwrap() < threshold);
}

fn csv_to_csv(server: &Server) {
    let answer = csv(server, &sites(2), "text/csv").expect(200);
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(answer.header("lurelight-rows"), Some("2"));
    assert_eq!(answer.header("lurelight-row-errors"), Some("0"));
    assert_eq!(answer.header("content-disposition"), None);
    let lines: Vec<&str> = answer.text().lines().collect();
    assert_eq!(lines[0], header(&["site", "label", "probability", "predicted_column"]));
    let start = row("-1", &["site-0.example", "phishing", "0."]);
    assert!(lines[1].starts_with(&start) && lines[1].ends_with(",0.0"), "{}", lines[1]);
    assert_eq!(lines.len(), 3);
}

fn json_in(server: &Server) {
    let names: Vec<String> = header(&[]).split(',').map(|name| format!("\"{name}\":-1")).collect();
    let body = format!("[{{{},\"site\":\"a\"}},{{{}}}]", names.join(","), names.join(","));
    let answer =
        server.post("/predict", "application/json", body).accept("application/json").send().expect(200);
    assert_eq!(answer.json()["summary"]["phishing"], 2);
}

fn json_lines_in(server: &Server) {
    let names: Vec<String> = header(&[]).split(',').map(|name| format!("\"{name}\":1")).collect();
    let line = format!("{{{}}}\n", names.join(","));
    let request = server.post("/predict", "application/x-ndjson", line.repeat(3));
    assert_eq!(request.accept("application/json").send().expect(200).json()["summary"]["legitimate"], 3);
}

fn arff_in(server: &Server) {
    let mut text = "@relation sites\n".to_owned();
    for name in header(&[]).split(',') {
        text += &format!("@attribute {name} {{-1,0,1}}\n");
    }
    text += &format!("@data\n{}\n", row("1", &[]));
    // The file's name tells the format where the part's type does not.
    let request = server.form(&[Part("file", Some("sites.arff"), text.as_bytes())]);
    assert_eq!(request.accept("application/json").send().expect(200).json()["summary"]["used"], 1);
}

fn explain(server: &Server) {
    let text = sites(2);
    let ask = |path: &str, accept: &str| server.post(path, "text/csv", text.as_bytes()).accept(accept).send();
    let answer = ask("/predict?explain=30", "application/json").expect(200).json();
    assert_eq!(answer["explanation"]["unit"], "log_odds");
    let base = answer["explanation"]["base"].as_f64().unwrap();
    for row in answer["rows"].as_array().unwrap() {
        let reasons = row["reasons"].as_array().unwrap();
        let contributions = reasons.iter().map(|reason| reason["contribution"].as_f64().unwrap());
        let score = base + contributions.sum::<f64>();
        // The score decides the verdict, which lies near probability one half.
        assert_eq!(row["label"] == "phishing", score > 0.0, "{score}");
        assert!(reasons[0]["meaning"].as_str().unwrap().len() > 10, "{reasons:?}");
    }
    let three = ask("/predict?explain=3", "application/json").expect(200).json();
    assert_eq!(
        three["rows"][0]["reasons"].as_array().unwrap()[..],
        answer["rows"][0]["reasons"].as_array().unwrap()[..3]
    );
    assert_eq!(as_json(server, &text)["rows"][0].get("reasons"), None);
    assert_eq!(as_json(server, &text).get("explanation"), None);

    let table = ask("/predict?explain=2", "text/csv").expect(200);
    assert_eq!(
        table.text().lines().next().unwrap(),
        header(&["site", "reasons", "label", "probability", "predicted_column"])
    );
    // An answer can be sent again: its reasons are replaced as well.
    let again =
        server.post("/predict?explain=2", "text/csv", table.text()).accept("text/csv").send().expect(200);
    assert_eq!(again.text(), table.text());

    let page =
        server.form(&[Part("file", Some("a.csv"), text.as_bytes()), Part("explain", None, b"2")]).send();
    assert_eq!(page.expect(200).text().matches("<td class=\"reasons\"><div title=").count(), 2);
    for wrong in ["31", "-1", "many"] {
        let problem = ask(&format!("/predict?explain={wrong}"), "application/json").expect(400).json();
        assert!(problem["detail"].as_str().unwrap().contains("0 to 30"), "{problem}");
    }
}

fn explain_limit(server: &Server) {
    // 4,096 distinct rows: twelve features take the bits of the row's number.
    let mut text = header(&[]) + "\n";
    for number in 0..4096u32 {
        let code = |i: u32| if number >> i & 1 == 1 { "1" } else { "-1" };
        text += &((0..30).map(code).collect::<Vec<_>>().join(",") + "\n");
    }
    let answer = server.post("/predict?explain=1", "text/csv", text).accept("application/json").send();
    let answer = answer.expect(200).json();
    let empty = |row: &&Value| row["reasons"].as_array().unwrap().is_empty();
    assert_eq!(answer["rows"].as_array().unwrap().iter().filter(empty).count(), 3096);
    let left_out = |warning: &&Value| warning["kind"] == "reasons_left_out";
    assert_eq!(answer["warnings"].as_array().unwrap().iter().find(left_out).unwrap()["count"], 3096);
}

fn show(server: &Server) {
    let text = sites(5);
    let ask = |query: &str, accept: &str| {
        server
            .post(&format!("/predict?{query}"), "text/csv", text.as_bytes())
            .accept(accept)
            .send()
            .expect(200)
    };
    let page = ask("show=2&skip=1&explain=1&threshold=0.25", "text/html");
    assert_eq!(page.text().matches("<tr><th>").count(), 2);
    page.says("Rows 2 to 3 of 5 are shown. The counts above are for all rows. For the rest")
        .says("3 of 5 rows look like phishing");
    assert_eq!(page.header("link"), Some("<?skip=3&threshold=0.25&explain=1&show=2>; rel=\"next\""));
    let last = ask("show=2&skip=3", "text/html");
    assert_eq!((last.text().matches("<tr><th>").count(), last.header("link")), (2, None));
    assert_eq!(ask("show=2", "application/json").json()["rows"].as_array().unwrap().len(), 5);
    assert_eq!(ask("show=2", "text/csv").text().lines().count(), 6);
    let wrong = server.post("/predict?show=few", "text/csv", text.as_bytes()).accept("application/json");
    assert!(wrong.send().expect(400).json()["detail"].as_str().unwrap().contains("a count of rows"));
}

fn unknown_parameter(server: &Server) {
    let request = server.post("/predict?threshhold=0.9", "text/csv", sites(1)).accept("application/json");
    let detail = request.send().expect(400).json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("threshhold") && detail.contains("`threshold`"), "{detail}");
}

fn threshold(server: &Server) {
    for (threshold, expected) in [("0.99999", 0), ("0.00001", 2)] {
        let path = format!("/predict?threshold={threshold}");
        let request = server.post(&path, "text/csv", sites(2)).accept("application/json");
        assert_eq!(request.send().expect(200).json()["summary"]["phishing"], expected, "{path}");
    }
    let text = sites(2);
    let parts = [Part("file", Some("a.csv"), text.as_bytes()), Part("threshold", None, b"0.00001")];
    let answer = server.form(&parts).accept("application/json").send().expect(200).json();
    assert_eq!((&answer["threshold"], &answer["summary"]["phishing"]), (&json!(0.00001), &json!(2)));
    for wrong in ["0", "1", "2", "-0.5", "NaN", "high"] {
        let request = server.post(&format!("/predict?threshold={wrong}"), "text/csv", sites(2));
        let problem = request.accept("application/json").send().expect(400).json();
        assert_eq!(problem["type"], "urn:problem-type:lurelight:parameter");
        assert!(problem["detail"].as_str().unwrap().contains("strictly between 0 and 1"), "{problem}");
    }
    let twice = server.post("/predict?threshold=0.5&threshold=0.6", "text/csv", text.as_bytes());
    let problem = twice.accept("application/json").send().expect(400).json();
    assert_eq!(problem["type"], "urn:problem-type:lurelight:parameter");
    assert!(problem["detail"].as_str().unwrap().contains("threshold"), "{problem}");
    assert!(!problem["detail"].as_str().unwrap().contains("eserialize"), "{problem}");
}

fn carried(server: &Server) {
    let text = format!("id,{},note\n7,{},\"a, \"\"b\"\"\"\n", header(&[]), row("1", &[]));
    let answer = csv(server, &text, "text/csv").expect(200);
    let lines: Vec<&str> = answer.text().lines().collect();
    assert_eq!(lines[0], format!("id,{},note,label,probability,predicted_column", header(&[])));
    assert!(
        lines[1].starts_with(&format!("7,{},\"a, \"\"b\"\"\",legitimate,0.", row("1", &[]))),
        "{}",
        lines[1]
    );
}

fn older_prediction(server: &Server) {
    let text = format!(
        "{}\n{}\n",
        header(&["label", "probability", "predicted_column"]),
        row("1", &["phishing", "0.9", "0.0"])
    );
    let answer = csv(server, &text, "text/csv").expect(200);
    assert_eq!(answer.text().lines().next().unwrap(), header(&["label", "probability", "predicted_column"]));
    assert!(answer.text().contains(",legitimate,"), "{}", answer.text());
    assert_eq!(answer.header("lurelight-warnings"), Some("1"));
    let warnings = &as_json(server, &text)["warnings"];
    assert_eq!(warnings[0]["kind"], "previous_prediction");
    assert_eq!(warnings[0]["column"], "label, predicted_column, probability");
}

fn labels(server: &Server) {
    let text = format!("{}\n{}\n{}\n", header(&["Result"]), row("1", &["1"]), row("1", &["-1"]));
    assert_eq!(as_json(server, &text)["summary"]["agreeing_with_labels"], 1);
}

fn accept_decides(server: &Server) {
    for (accept, expected) in [
        ("*/*", "text/html; charset=utf-8"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
        ("text/csv;q=0.9, application/json;q=0.5", "text/csv; charset=utf-8"),
        ("application/*", "application/json"),
    ] {
        assert_eq!(
            csv(server, &sites(1), accept).expect(200).header("content-type"),
            Some(expected),
            "{accept}"
        );
    }
    let problem = csv(server, &sites(1), "application/pdf").expect(406).json();
    assert_eq!(problem["detail"], "Predictions are given as text/html, application/json, text/csv.");
}

fn form_downloads(server: &Server) {
    let text = sites(1);
    for (format, media_type, name) in [
        ("csv", "text/csv; charset=utf-8", "predictions.csv"),
        ("json", "application/json", "predictions.json"),
    ] {
        let parts = [Part("format", None, format.as_bytes()), Part("file", Some("a.csv"), text.as_bytes())];
        let answer = server.form(&parts).accept("text/html").send().expect(200);
        assert_eq!(answer.header("content-type"), Some(media_type));
        let disposition = format!("attachment; filename=\"{name}\"");
        assert_eq!(answer.header("content-disposition"), Some(disposition.as_str()));
    }
    let parts = [Part("format", None, b"xml"), Part("file", Some("a.csv"), text.as_bytes())];
    assert_eq!(server.form(&parts).send().expect(400).json()["type"], "urn:problem-type:lurelight:parameter");
}

fn skip(server: &Server) {
    let request = server.post("/predict?skip=3", "text/csv", sites(5)).accept("application/json");
    let answer = request.send().expect(200).json();
    assert_eq!(answer["summary"]["used"], 5);
    assert_eq!(answer["rows"].as_array().unwrap().len(), 2);
    assert_eq!(answer["rows"][0]["row"], 4);
}

fn one_absent(server: &Server) {
    let (names, _) = header(&[]).rsplit_once(',').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let values = row("1", &[]);
    let text = format!("{names}\n{}\n", values.rsplit_once(',').unwrap().0);
    let answer = as_json(server, &text);
    assert_eq!(answer["warnings"][0]["kind"], "absent_column");
    assert_eq!(answer["warnings"][0]["column"], "Statistical_report");
    csv(server, &text, "text/html").expect(200).says("Statistical_report is not in the input");
}

fn one_misspelt(server: &Server) {
    let text = format!("{}\n{}\n", header(&[]).replace("Page_Rank", "Page_Rnk"), row("1", &[]));
    let message = as_json(server, &text)["warnings"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("Page_Rank") && message.contains("`Page_Rnk`"), "{message}");
}

fn row_errors(server: &Server) {
    let mut text = header(&["note"]) + "\n";
    text += &(row("1", &["good"]) + "\n");
    text += &(row("1", &["raw"]).replacen("1,1", "1,54", 1) + "\n");
    text += &(header(&["note"]) + "\n");
    text += &(row("1", &["nul"]).replacen("1,1", "1,\0", 1) + "\n");
    text += "1,1\n";
    text += &(row("-1", &["good"]) + "\n");
    let answer = as_json(server, &text);
    let numbers: Vec<&Value> = answer["rows"].as_array().unwrap().iter().map(|row| &row["row"]).collect();
    assert_eq!(numbers, [1, 6]);
    let errors: Vec<(u64, &str)> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["line"].as_u64().unwrap(), error["column"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(errors, [(3, "URL_Length"), (4, "having_IP_Address"), (5, "URL_Length"), (6, "")]);
    assert_eq!(answer["errors"][0]["value"], "54");
    csv(server, &text, "text/html").expect(200).says("Rows that could not be used").says("<code>54</code>");
    let answer = csv(server, &text, "text/csv").expect(200);
    assert_eq!(answer.header("lurelight-row-errors"), Some("4"));
    assert_eq!(answer.text().lines().count(), 3);
}

fn script(server: &Server) {
    let script = "<script>alert(1)</script>";
    let text = format!("{}\n{}\n", header(&[script]), row("1", &[script]));
    let parts = [Part("file", Some("<script>alert(2)</script>.csv"), text.as_bytes())];
    let page = server.form(&parts).accept("text/html").send().expect(200);
    assert!(!page.text().contains("<script"), "unescaped");
    page.says("<td>&lt;script&gt;alert(1)&lt;/script&gt;<td");
    // An error's value and a nearest header come from the input as well.
    let text = format!("{}\n{}\n", header(&[]).replace("Page_Rank", "Page_Rank<i>x"), row("<b>", &[]));
    let page = csv(server, &text, "text/html").expect(422);
    assert!(!page.text().contains("<b>&lt;") && !page.text().contains("<i>"), "unescaped");
    page.says("<code>&#60;b&#62;</code>");
}

fn formula(server: &Server) {
    let text = format!("{}\n{}\n", header(&["=note()"]), row("-1", &["=cmd()"]));
    let parts = [Part("file", Some("a.csv"), text.as_bytes()), Part("format", None, b"csv")];
    let download = server.form(&parts).send().expect(200);
    download.says(",'=note(),label,").says(&row("-1", &["'=cmd()", "phishing"]));
    csv(server, &text, "text/csv").expect(200).says(&row("-1", &["=cmd()", "phishing"]));
}

fn many_at_once(server: &Server) {
    let expected = as_json(server, &sites(500))["rows"].clone();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(as_json(server, &sites(500))["rows"], expected));
        }
    });
}

//! Where a token is needed.

use std::process::Command;

use crate::Case;
use crate::support::{Server, sites};

pub const CASES: &[Case] = &[
    ("access::is_open_unless_a_token_is_asked_for", gate),
    ("access::without_a_configured_token_says_what_to_do", unconfigured),
    ("access::is_refused_where_it_cannot_be_understood", wrong),
];

const ANALYST: &str = "analyst-0123456789";
const GATED: [&str; 4] = ["/", "/predict", "/sample.csv", "/models/current"];

fn gate(open: &Server) {
    open.get("/").accept("text/html").send().expect(200);
    let tokens = format!("another-token-0123456789\n{ANALYST}");
    let variables = [("LURELIGHT_PREDICTION_ACCESS", "token"), ("PREDICTION_TOKENS", tokens.as_str())];
    let server = Server::start(&variables);
    let bearer = format!("Bearer {ANALYST}");
    for path in GATED {
        let answer = server.get(path).send().expect(401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"lurelight\""));
        answer.says("Authorization: Bearer");
        // Alone it has no page to sign in at, so people are told as well.
        server.get(path).accept("text/html").send().expect(401).says("A token is needed");
        server.get(path).header("authorization", "Bearer somebody-else-0123456789").send().expect(401);
        let answer = server.get(path).header("authorization", &bearer).send();
        assert_eq!(answer.status, if path == "/predict" { 405 } else { 200 }, "{path}");
    }
    server.post("/predict", "text/csv", sites(1)).send().expect(401);
    server.post("/predict", "text/csv", sites(1)).header("authorization", &bearer).send().expect(200);
    let health = server.get("/healthz").send().expect(200);
    assert_eq!(health.json()["status"], "ok");
    server.get(lurelight_web::layout::STYLESHEET_PATH).send().expect(200);
}

fn unconfigured(_: &Server) {
    let variables = [("LURELIGHT_PREDICTION_ACCESS", "token"), ("PREDICTION_TOKENS", "")];
    let server = Server::start(&variables);
    server.get("/").send().expect(503).says("prediction-tokens").says("PREDICTION_TOKENS");
    server.get("/healthz").send().expect(200);
}

fn wrong(_: &Server) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_predict"));
    let command = command.args(["--address", "127.0.0.1:0"]).env("LURELIGHT_PREDICTION_ACCESS", "sometimes");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("LURELIGHT_PREDICTION_ACCESS is \"sometimes\": open or token"), "{said}");
}

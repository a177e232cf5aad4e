//! Signing in and out, over a real connection.

use crate::Home;
use crate::support::{ADMINISTRATOR, ANALYST, Server};

const GATED: [(&str, &str); 7] = [
    ("GET", "/train"),
    ("POST", "/train"),
    ("GET", "/runs"),
    ("GET", "/runs/run-1"),
    ("GET", "/runs/run-1/report"),
    ("GET", "/models"),
    ("POST", "/models/1/promote"),
];

fn sign_in(server: &Server, token: &str) -> String {
    let answer =
        server.request("POST", "/session").browser().form(&format!("token={token}")).send().expect(303);
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[test]
fn nothing_is_shown_or_done_without_a_token_of_administration() {
    let home = Home::new();
    home.version(1);
    let server = home.server();
    let analyst = sign_in(&server, ANALYST);
    for (method, path) in GATED {
        server.request(method, path).send().expect(401).says("Authorization: Bearer");
        server.request(method, path).token("somebody-else-0123456789").send().expect(401);
        server.request(method, path).token(ANALYST).send().expect(403);
        server.request(method, path).header("cookie", &analyst).send().expect(403);
        let answer = server.request(method, path).browser().send().expect(303);
        assert!(answer.header("location").unwrap().starts_with("/session?return=%2F"), "{answer:?}");
    }
    assert_eq!(home.serving(), None);
}

#[test]
fn a_session_opens_the_pages_until_it_is_ended() {
    let home = Home::new();
    let server = home.server();
    let page = server.get("/session?return=/models").browser().send().expect(200);
    page.says("name=\"return\" value=\"/models\"").says("autocomplete=\"current-password\"");
    let form = format!("token={ADMINISTRATOR}&return=%2Fmodels");
    let answer = server.request("POST", "/session").browser().form(&form).send().expect(303);
    assert_eq!(answer.header("location"), Some("/models"));
    let cookie = answer.header("set-cookie").unwrap();
    for part in
        ["__Host-lurelight=", "; Path=/;", "; HttpOnly", "; Secure", "; SameSite=Strict", "; Max-Age=43200"]
    {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap();
    let page = server.get("/runs").browser().header("cookie", cookie).send().expect(200);
    page.says("There is no run yet");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let ended = server.request("POST", "/session/end").browser().header("cookie", cookie).send().expect(303);
    assert!(ended.header("set-cookie").unwrap().starts_with("__Host-lurelight=; Path=/; Max-Age=0;"));
}

#[test]
fn programs_begin_and_end_sessions_by_json_too() {
    let home = Home::new();
    let server = home.server();
    let body = format!("{{\"token\": \"{ADMINISTRATOR}\"}}");
    let answer = server.request("POST", "/session").body("application/json", &body).send().expect(200);
    assert_eq!(answer.json()["role"], "administration");
    assert!(answer.json()["until"].as_u64().unwrap() > 1_700_000_000);
    server.request("DELETE", "/session").send().expect(204);
    let wrong =
        server.request("POST", "/session").body("application/json", "{\"token\": \"no\"}").send().expect(401);
    assert_eq!(wrong.kind(), "token-unknown");
}

#[test]
fn other_sites_can_do_nothing_in_somebodys_name() {
    let home = Home::new();
    home.version(1);
    let server = home.server();
    let cookie = sign_in(&server, ADMINISTRATOR);
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")]
    {
        for path in ["/models/1/promote", "/train", "/session", "/session/end"] {
            let request = server.request("POST", path).header("cookie", &cookie).header(name, value);
            assert_eq!(request.form("reason=evil").send().expect(403).kind(), "cross-site");
        }
    }
    assert_eq!(home.serving(), None);
}

#[test]
fn links_and_redirects_lie_below_the_base_path_and_the_cookie_does_not() {
    let home = Home::new();
    let server = home.server_with(&[("LURELIGHT_BASE_PATH", "/sec/lure")]);
    let answer = server.get("/sec/lure/runs").browser().send().expect(303);
    assert_eq!(answer.header("location"), Some("/sec/lure/session?return=%2Fruns"));
    let form = format!("token={ADMINISTRATOR}&return=%2Fruns");
    let answer = server.request("POST", "/sec/lure/session").browser().form(&form).send().expect(303);
    assert_eq!(answer.header("location"), Some("/sec/lure/runs"));
    assert!(answer.header("set-cookie").unwrap().contains("; Path=/;"));
    let page = server.get("/sec/lure/runs").browser().token(ADMINISTRATOR).send().expect(200);
    page.says("href=\"/sec/lure/train\"").says("href=\"/sec/lure/session\"");
    // Alone, it leads to no page that is not there.
    assert!(!page.body.contains("Classify"));
}

#[test]
fn neither_tokens_nor_cookies_are_logged() {
    let home = Home::new();
    let server = home.server_with(&[("LURELIGHT_LOG", "trace")]);
    let cookie = sign_in(&server, ADMINISTRATOR);
    server.get("/runs").header("cookie", &cookie).send().expect(200);
    server.get("/runs").token(ADMINISTRATOR).send().expect(200);
    server.get("/runs").token("somebody-else-0123456789").send().expect(401);
    server.request("POST", "/session").form("token=somebody-else-0123456789").send().expect(401);
    server.request("POST", "/session").body("application/json", "{\"token\": 777777777}").send().expect(400);
    let log = server.into_log();
    assert!(log.contains("signed in") && log.contains("refused"), "{log}");
    let signature = cookie.rsplit('.').next().unwrap();
    for hidden in [ADMINISTRATOR, ANALYST, "somebody-else", signature, "777777777"] {
        assert!(!log.contains(hidden), "the log has {hidden}: {log}");
    }
}

#[test]
fn without_a_token_administration_is_closed_and_says_what_to_do() {
    let home = Home::new();
    let server = home.server_with(&[("ADMINISTRATION_TOKENS", ""), ("PREDICTION_TOKENS", "")]);
    for (method, path) in GATED {
        let answer = server.request(method, path).token(ADMINISTRATOR).send().expect(503);
        answer.says("administration-tokens").says("ADMINISTRATION_TOKENS").says("openssl rand -hex 32");
    }
    server.get("/session").browser().send().expect(503).says("Nobody can be let in yet");
    server.get("/runs").browser().send().expect(503).says("aws secretsmanager create-secret");
}

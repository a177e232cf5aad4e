//! Tokens, sessions and gates, as requests meet them behind the edge.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::Extension;
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::get;
use axum::{Router, middleware};
use http_body_util::BodyExt;
use lurelight_web::access::{Access, Identity, Role, SecretSource};
use lurelight_web::{BasePath, Limits, Pages, edge};
use serde_json::Value;
use tower::ServiceExt;

const ADMINISTRATOR: &str = "administrator-0123456789";
const SECOND: &str = "second-administrator-0123456789";
const ANALYST: &str = "analyst-0123456789";
const KEY: &str = "0123456789abcdef0123456789abcdef";
const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// Secrets that change, and that may be out of reach.
#[derive(Debug, Default)]
struct Safe {
    secrets: Mutex<HashMap<&'static str, String>>,
    broken: Mutex<bool>,
    read: AtomicUsize,
}

#[async_trait]
impl SecretSource for Safe {
    fn place(&self) -> String {
        "the safe".to_owned()
    }

    async fn read(&self, name: &str) -> Result<Option<String>, String> {
        self.read.fetch_add(1, Ordering::Relaxed);
        // Others may come meanwhile, as they do where an answer takes time.
        tokio::time::sleep(Duration::from_millis(5)).await;
        if *self.broken.lock().unwrap() {
            return Err("the safe does not open".to_owned());
        }
        Ok(self.secrets.lock().unwrap().get(name).cloned())
    }
}

impl Safe {
    fn with(secrets: &[(&'static str, &str)]) -> Arc<Safe> {
        let safe = Arc::new(Safe::default());
        for (name, value) in secrets {
            safe.set(name, value);
        }
        safe
    }

    fn set(&self, name: &'static str, value: &str) {
        self.secrets.lock().unwrap().insert(name, value.to_owned());
    }

    fn reads(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }
}

fn usual() -> Arc<Safe> {
    Safe::with(&[
        ("administration-tokens", ADMINISTRATOR),
        ("prediction-tokens", ANALYST),
        ("session-key", KEY),
    ])
}

/// Pages for either role, and the session's own.
struct Site(Router);

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Site {
    fn of(access: &Access) -> Site {
        let page = || get(|Extension(who): Extension<Identity>| async move { who.to_string() });
        let scores = access.guard(Router::new().route("/scores", page()), Role::Prediction);
        let runs = access
            .guard(Router::new().route("/runs", page().post(|| async { "started" })), Role::Administration);
        let routes = scores.merge(runs).merge(access.session_routes());
        let mount = middleware::from_fn(|mut request: axum::extract::Request, next: middleware::Next| {
            request.extensions_mut().insert(BasePath::parse("/prod").unwrap().with_pages(Pages::ALL));
            next.run(request)
        });
        Site(edge::protect(routes, Limits::default()).layer(mount))
    }

    fn administration(safe: &Arc<Safe>) -> Site {
        Site::of(&Access::administration(&(Arc::clone(safe) as Arc<dyn SecretSource>)))
    }

    fn prediction(safe: &Arc<Safe>) -> Site {
        Site::of(&Access::prediction(&(Arc::clone(safe) as Arc<dyn SecretSource>)))
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.0.clone().oneshot(request).await.unwrap().into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    async fn with_token(&self, path: &str, token: &str) -> Answer {
        self.get(path, &[("authorization", &format!("Bearer {token}"))]).await
    }

    async fn with_cookie(&self, path: &str, cookie: &str) -> Answer {
        self.get(path, &[("cookie", cookie)]).await
    }

    async fn sign_in(&self, accept: &str, form: &str) -> Answer {
        let request = Request::post("/session").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(request.header(ACCEPT, accept).body(Body::from(form.to_owned())).unwrap()).await
    }

    /// The cookie that a token becomes, as a browser sends it.
    async fn cookie(&self, token: &str) -> String {
        let answer = self.sign_in("*/*", &format!("token={token}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    fn problem(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The end of the problem's type.
    fn kind(&self) -> String {
        self.problem()["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_token_opens_what_its_role_may_do() {
    let site = Site::administration(&usual());
    for (token, path, status, kind) in [
        (ADMINISTRATOR, "/runs", 200, None),
        (ADMINISTRATOR, "/scores", 200, None),
        (ANALYST, "/scores", 200, None),
        (ANALYST, "/runs", 403, Some("role")),
        ("somebody-else-0123456789", "/runs", 401, Some("token-unknown")),
        ("", "/runs", 401, Some("token-unknown")),
        (&"x".repeat(5000), "/runs", 401, Some("token-unknown")),
        (&format!("{ADMINISTRATOR} {ANALYST}"), "/runs", 401, Some("token-unknown")),
    ] {
        let answer = site.with_token(path, token).await;
        assert_eq!(answer.status.as_u16(), status, "{token:.30} {path}: {}", answer.body);
        if let Some(kind) = kind {
            assert_eq!(answer.kind(), kind);
        }
        assert!(token.is_empty() || !answer.body.contains(token), "the answer shows the token");
    }
    let who = site.with_token("/runs", ADMINISTRATOR).await.body;
    assert!(who.starts_with("administration token ") && !who.contains(ADMINISTRATOR), "{who}");
}

#[tokio::test]
async fn programs_are_told_what_to_send_and_people_are_led_to_the_sign_in_page() {
    let site = Site::administration(&usual());
    let answer = site.get("/runs", &[]).await;
    assert_eq!((answer.status, answer.kind().as_str()), (StatusCode::UNAUTHORIZED, "token-needed"));
    assert_eq!(answer.header(WWW_AUTHENTICATE.as_str()), "Bearer realm=\"lurelight\"");
    assert!(answer.problem()["hint"].as_str().unwrap().contains("Authorization: Bearer"), "{}", answer.body);
    let answer = site.with_token("/runs", "somebody-else-0123456789").await;
    assert!(answer.header(WWW_AUTHENTICATE.as_str()).contains("invalid_token"));
    let answer = site.get("/runs", &[("authorization", "Basic dTpw")]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);

    let answer = site.get("/runs?all=1", &[("accept", BROWSER)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header(LOCATION.as_str()), "/prod/session?return=%2Fruns%3Fall%3D1");
    let page = site.get("/session?return=%2Fruns%3Fall%3D1", &[("accept", BROWSER)]).await.body;
    assert!(page.contains("name=\"return\" value=\"/runs?all=1\""), "{page}");
    assert!(page.contains("action=\"/prod/session\""), "{page}");
}

#[tokio::test]
async fn a_token_becomes_a_cookie_that_only_this_host_gets() {
    let site = Site::administration(&usual());
    let answer = site.sign_in(BROWSER, &format!("token={ADMINISTRATOR}&return=%2Fruns%2Fa")).await;
    assert_eq!((answer.status, answer.header(LOCATION.as_str())), (StatusCode::SEE_OTHER, "/prod/runs/a"));
    let cookie = answer.header(SET_COOKIE.as_str());
    assert!(cookie.starts_with("__Host-lurelight=administration."), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; Secure; SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains(ADMINISTRATOR));

    let cookie = site.cookie(ADMINISTRATOR).await;
    let answer = site.with_cookie("/runs", &cookie).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.starts_with("session of administration token "), "{}", answer.body);
    let page = site.get("/session", &[("accept", BROWSER), ("cookie", &cookie)]).await.body;
    assert!(
        page.contains("You are signed in") && (page.contains("11&nbsp;h 59") || page.contains("12&nbsp;h 0")),
        "{page}"
    );
    // The other role's session is one of the other role.
    let analyst = site.cookie(ANALYST).await;
    assert_eq!(site.with_cookie("/scores", &analyst).await.status, StatusCode::OK);
    assert_eq!(site.with_cookie("/runs", &analyst).await.kind(), "role");
    let raised = analyst.replace("prediction", "administration");
    assert_eq!(site.with_cookie("/runs", &raised).await.kind(), "session-ended");
}

#[tokio::test]
async fn signing_out_takes_the_cookie_away() {
    let site = Site::administration(&usual());
    let gone = "__Host-lurelight=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict";
    let answer = site.ask(Request::delete("/session").body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status, answer.header(SET_COOKIE.as_str())), (StatusCode::NO_CONTENT, gone));
    let request = Request::post("/session/end").header(ACCEPT, BROWSER).body(Body::empty()).unwrap();
    let answer = site.ask(request).await;
    assert_eq!((answer.status, answer.header(LOCATION.as_str())), (StatusCode::SEE_OTHER, "/prod/session"));
    assert_eq!(answer.header(SET_COOKIE.as_str()), gone);
}

#[tokio::test]
async fn nobody_is_led_to_another_site() {
    let site = Site::administration(&usual());
    for evil in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/%09/evil.example",
        "javascript:alert(1)",
    ] {
        let form = format!("token={ADMINISTRATOR}&return={}", evil.replace('%', "%25").replace('\\', "%5C"));
        let answer = site.sign_in(BROWSER, &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert!(answer.header(LOCATION.as_str()).starts_with("/prod/"), "{evil}: {:?}", answer.headers);
        let page =
            site.get(&format!("/session?return={evil}").replace('\\', "%5C"), &[("accept", BROWSER)]).await;
        assert!(!page.body.contains("evil") && !page.body.contains("alert"), "{evil}");
    }
}

#[tokio::test]
async fn a_wrong_token_at_the_page_is_said_there_and_other_sites_may_not_even_try() {
    let site = Site::administration(&usual());
    let answer = site.sign_in(BROWSER, "token=somebody-else-0123456789&return=%2Fruns").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.body.contains("role=\"alert\"") && answer.body.contains("value=\"/runs\""));
    assert!(!answer.body.contains("somebody-else") && answer.headers.get(SET_COOKIE).is_none());
    assert_eq!(site.sign_in("*/*", "token=somebody-else-0123456789").await.kind(), "token-unknown");
    assert_eq!(site.sign_in("*/*", "tokens=x").await.status, StatusCode::BAD_REQUEST);
    let cookie = site.cookie(ADMINISTRATOR).await;
    for (path, header, value) in [
        ("/session", "sec-fetch-site", "cross-site"),
        ("/runs", "sec-fetch-site", "same-site"),
        ("/runs", "origin", "https://evil.example"),
        ("/session/end", "origin", "null"),
    ] {
        let request =
            Request::post(path).header(header, value).header(COOKIE, &cookie).header("host", "lure.example");
        let answer = site.ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status, answer.kind().as_str()), (StatusCode::FORBIDDEN, "cross-site"), "{path}");
    }
}

#[tokio::test]
async fn without_a_configured_token_nobody_is_let_in_and_is_told_why() {
    let safe = Safe::with(&[("session-key", KEY)]);
    let site = Site::administration(&safe);
    for path in ["/runs", "/session"] {
        for accept in ["*/*", BROWSER] {
            let answer =
                site.get(path, &[("accept", accept), ("authorization", "Bearer 0123456789abcdef")]).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert!(
                answer.body.contains("administration-tokens") && answer.body.contains("openssl rand"),
                "{}",
                answer.body
            );
        }
    }
    assert_eq!(site.sign_in("*/*", "token=0123456789abcdef").await.kind(), "not-configured");
    for (value, words) in [(" \n", "nothing but white space"), ("short", "fewer than 16")] {
        let site = Site::administration(&Safe::with(&[("administration-tokens", value)]));
        let answer = site.with_token("/runs", "short").await;
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "secret-unreadable")
        );
        assert!(answer.body.contains(words) && !answer.body.contains("\"short\""), "{}", answer.body);
    }
    // A token without a key to sign by is good for programs, and begins no session.
    let site = Site::administration(&Safe::with(&[("administration-tokens", ADMINISTRATOR)]));
    assert_eq!(site.with_token("/runs", ADMINISTRATOR).await.status, StatusCode::OK);
    let answer = site.sign_in("*/*", &format!("token={ADMINISTRATOR}")).await;
    assert_eq!(answer.kind(), "not-configured");
    assert!(answer.body.contains("session-key"));
}

#[tokio::test(start_paused = true)]
async fn a_rotated_token_is_known_at_once_and_the_old_one_is_forgotten_in_time() {
    let safe = usual();
    let site = Site::administration(&safe);
    assert_eq!(site.with_token("/runs", ADMINISTRATOR).await.status, StatusCode::OK);
    let cookie = site.cookie(ADMINISTRATOR).await;
    safe.set("administration-tokens", &format!("{SECOND}\n{ADMINISTRATOR}"));
    tokio::time::advance(Duration::from_secs(11)).await;
    for token in [SECOND, ADMINISTRATOR] {
        assert_eq!(site.with_token("/runs", token).await.status, StatusCode::OK);
    }
    safe.set("administration-tokens", SECOND);
    tokio::time::advance(Duration::from_secs(301)).await;
    assert_eq!(site.with_token("/runs", ADMINISTRATOR).await.kind(), "token-unknown");
    // The session of a token that was taken away has ended with it.
    assert_eq!(site.with_cookie("/runs", &cookie).await.kind(), "session-ended");
    assert_eq!(site.with_token("/runs", SECOND).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_session_key_is_rotated_while_nobody_is_signed_out() {
    const NEW_KEY: &str = "fedcba9876543210fedcba9876543210";
    let safe = usual();
    // Two processes of administration and one of prediction, which ask for the key at times of their own.
    let (one, other, prediction) =
        (Site::administration(&safe), Site::administration(&safe), Site::prediction(&safe));
    let old = one.cookie(ADMINISTRATOR).await;
    let mut cookies = vec![old.clone()];
    let both_ways = [format!("{KEY} {NEW_KEY}"), format!("{NEW_KEY} {KEY}")];
    for keys in both_ways {
        // Just before the change each is asked for something that it does not know, so that it may not ask again at once.
        for site in [&one, &other, &prediction] {
            site.with_cookie("/scores", "__Host-lurelight=prediction.9999999999.1f0c93ab.x").await;
        }
        safe.set("session-key", &keys);
        // As the page says: ten seconds between the two changes.
        for seconds in [0, 1, 10] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            for site in [&one, &other] {
                cookies.push(site.cookie(ADMINISTRATOR).await);
            }
            for (site, path) in [(&one, "/runs"), (&other, "/runs"), (&prediction, "/scores")] {
                for cookie in &cookies {
                    assert_eq!(
                        site.with_cookie(path, cookie).await.status,
                        StatusCode::OK,
                        "{keys} {seconds}"
                    );
                }
            }
        }
    }
    safe.set("session-key", NEW_KEY);
    tokio::time::advance(Duration::from_secs(301)).await;
    let new = one.cookie(ADMINISTRATOR).await;
    for (site, path) in [(&one, "/runs"), (&other, "/runs"), (&prediction, "/scores")] {
        assert_eq!(site.with_cookie(path, &old).await.kind(), "session-ended");
        assert_eq!(site.with_cookie(path, &new).await.status, StatusCode::OK);
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_tokens_are_no_flood_of_questions() {
    let safe = usual();
    let site = Site::administration(&safe);
    site.with_token("/runs", ADMINISTRATOR).await;
    let before = safe.reads();
    for i in 0..500 {
        site.with_token("/runs", &format!("wrong-token-0123456789-{i}")).await;
        site.with_cookie("/runs", &format!("__Host-lurelight=administration.9999999999.1f0c93ab.{i}")).await;
    }
    // Within one period each secret is asked for once at most.
    assert!(safe.reads() - before <= 3, "{} reads", safe.reads() - before);
    tokio::time::advance(Duration::from_secs(11)).await;
    let before = safe.reads();
    let at_once = (0..50).map(|i| {
        let (site, token) = (Site(site.0.clone()), format!("wrong-token-0123456789-{i}"));
        tokio::spawn(async move { site.with_token("/runs", &token).await.status })
    });
    for asked in at_once.collect::<Vec<_>>() {
        assert_eq!(asked.await.unwrap(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(safe.reads() - before, 2, "the tokens of two roles, each once");
}

#[tokio::test(start_paused = true)]
async fn what_is_known_stays_good_while_the_secrets_are_out_of_reach() {
    let safe = usual();
    let site = Site::administration(&safe);
    assert_eq!(site.with_token("/runs", ADMINISTRATOR).await.status, StatusCode::OK);
    *safe.broken.lock().unwrap() = true;
    tokio::time::advance(Duration::from_secs(1000)).await;
    assert_eq!(site.with_token("/runs", ADMINISTRATOR).await.status, StatusCode::OK);
    let cold = Site::administration(&safe);
    let answer = cold.with_token("/runs", ADMINISTRATOR).await;
    assert_eq!(
        (answer.status, answer.kind().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "secret-unreadable")
    );
    assert!(answer.body.contains("the safe does not open") && answer.headers.contains_key("retry-after"));
    *safe.broken.lock().unwrap() = false;
    tokio::time::advance(Duration::from_secs(11)).await;
    assert_eq!(cold.with_token("/runs", ADMINISTRATOR).await.status, StatusCode::OK);
}

#[tokio::test]
async fn prediction_takes_its_own_tokens_and_any_session_by_its_signature_alone() {
    let cookie = Site::administration(&usual()).cookie(ADMINISTRATOR).await;
    // It may not even read the tokens of administration.
    let safe = Safe::with(&[("prediction-tokens", ANALYST), ("session-key", KEY)]);
    let site = Site::prediction(&safe);
    assert_eq!(site.with_token("/scores", ANALYST).await.status, StatusCode::OK);
    assert_eq!(site.with_cookie("/scores", &cookie).await.status, StatusCode::OK);
    assert_eq!(site.with_token("/scores", ADMINISTRATOR).await.kind(), "token-unknown");
    let other = Safe::with(&[
        ("prediction-tokens", ANALYST),
        ("session-key", "another-key-of-32-characters-or-more"),
    ]);
    assert_eq!(Site::prediction(&other).with_cookie("/scores", &cookie).await.kind(), "session-ended");
    let none = Site::prediction(&Safe::with(&[("session-key", KEY)]));
    assert_eq!(none.with_token("/scores", ANALYST).await.kind(), "not-configured");
    assert_eq!(none.with_cookie("/scores", &cookie).await.status, StatusCode::OK);
}

#[tokio::test]
async fn where_all_is_open_nothing_is_asked() {
    let site = Site::of(&Access::open());
    let answer = site.get("/runs", &[]).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::OK, "somebody at this machine, without a token")
    );
    assert!(site.get("/session", &[("accept", BROWSER)]).await.body.contains("Nothing to sign in to"));
    let answer = site.sign_in(BROWSER, "token=anything").await;
    assert_eq!((answer.status, answer.headers.get(SET_COOKIE)), (StatusCode::SEE_OTHER, None));
}

#[tokio::test]
async fn a_token_decides_alone_where_a_session_is_sent_beside_it() {
    let site = Site::administration(&usual());
    let cookie = site.cookie(ADMINISTRATOR).await;
    let both =
        [(COOKIE.as_str(), cookie.as_str()), (AUTHORIZATION.as_str(), "Bearer somebody-else-0123456789")];
    assert_eq!(site.get("/runs", &both).await.kind(), "token-unknown");
}

//! Pages and resources that only give.

use serde_json::json;

use crate::Case;
use crate::support::Server;

pub const CASES: &[Case] = &[
    ("home::get", home),
    ("home::head_has_no_body", home_head),
    ("home::works_without_script_or_foreign_parts", home_is_self_contained),
    ("stylesheet::get", stylesheet),
    ("sample::get_and_post_it_back", sample),
    ("healthz::get", healthz),
    ("models_current::get_page", model_page),
    ("models_current::get_json", model_json),
    ("models_current::get_refused", model_not_acceptable),
    ("not_found::page_and_problem", not_found),
    ("methods::refused_with_allow", methods),
    ("methods::options", options),
    ("methods::are_those_that_the_template_lets_through", routes),
    ("predict::get", predict_get),
];

fn home(server: &Server) {
    let page = server.get("/").accept("text/html").send().expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    page.says("<html lang=\"en\">")
        .says("href=\"#main\"")
        .says("enctype=\"multipart/form-data\"")
        .says("action=\"/predict\"")
        .says("name=\"file\"")
        .says("href=\"/sample.csv\"")
        .says("Statistical_report")
        .says(".564")
        .says(".654");
    assert_eq!(page.text().matches("<th scope=\"row\"><code>").count(), 30);
}

fn home_head(server: &Server) {
    let answer = server.request("HEAD", "/").send().expect(200);
    assert_eq!(answer.body, b"");
}

fn home_is_self_contained(server: &Server) {
    for path in ["/", "/models/current"] {
        let page = server.get(path).send().expect(200);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; "), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        for forbidden in ["<script", " style=", "<style", " onclick", "src=\"http", "href=\"http"] {
            assert!(!page.text().contains(forbidden), "{forbidden} in {path}");
        }
    }
}

fn stylesheet(server: &Server) {
    let page = server.get("/").send().expect(200);
    let (_, rest) = page.text().split_once("rel=\"stylesheet\" href=\"").unwrap();
    let path = rest.split('"').next().unwrap();
    let sheet = server.get(path).send().expect(200);
    assert_eq!(sheet.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(sheet.header("cache-control"), Some("public, max-age=31536000, immutable"));
    sheet.says("prefers-color-scheme: dark").says("@media print");
}

fn sample(server: &Server) {
    let sample = server.get("/sample.csv").send().expect(200);
    let name = sample.header("content-disposition").unwrap();
    assert!(name.contains("synthetic"), "{name}");
    let answer = server
        .post("/predict", "text/csv", sample.body.clone())
        .accept("application/json")
        .send()
        .expect(200);
    let answer = answer.json();
    assert_eq!(answer["errors"], json!([]));
    assert_eq!(answer["rows"].as_array().unwrap().len(), sample.text().lines().count() - 1);
}

fn healthz(server: &Server) {
    let health = server.get("/healthz").send().expect(200);
    assert_eq!(health.header("content-type"), Some("application/json"));
    let health = health.json();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(health["model"]["source"], "compiled-in (no champion yet)");
    let [sha256, version] =
        ["sha256", "version"].map(|name| health["model"][name].as_str().unwrap().to_owned());
    assert!(sha256.len() == 64 && sha256.starts_with(&version), "{sha256} {version}");
}

fn model_page(server: &Server) {
    let page = server.get("/models/current").accept("text/html").send().expect(200);
    page.says("Model card").says("aria-current=\"page\"").says(".564");
}

fn model_json(server: &Server) {
    let answer = server.get("/models/current").accept("application/json").send().expect(200).json();
    let health = server.get("/healthz").send().expect(200).json();
    assert_eq!(answer["model"], health["model"]);
    assert!(answer.as_object().unwrap().contains_key("card"));
}

fn model_not_acceptable(server: &Server) {
    let problem = server.get("/models/current").accept("image/png").send().expect(406).json();
    assert_eq!(problem["type"], "urn:problem-type:lurelight:not-acceptable");
}

fn not_found(server: &Server) {
    let problem = server.get("/models/7?x=1").accept("application/json").send().expect(404);
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    assert_eq!(
        problem.json(),
        json!({
            "type": "urn:problem-type:lurelight:not-found",
            "title": "There is nothing here",
            "status": 404,
            "detail": "No page or resource is at /models/7.",
        })
    );
    let page = server.get("/<script>").accept("text/html").send();
    assert!(page.status == 404 || page.status == 400, "{}", page.status);
    assert!(!page.text().contains("<script>"));
    let page = server.get("/nothing").accept("text/html,*/*;q=0.8").send().expect(404);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    page.says("<h1>There is nothing here</h1>");
}

fn methods(server: &Server) {
    for (method, path, allow) in
        [("DELETE", "/predict", "GET,HEAD,POST"), ("PUT", "/", "GET,HEAD"), ("POST", "/healthz", "GET,HEAD")]
    {
        let answer = server.request(method, path).send().expect(405);
        let mut allowed: Vec<&str> = answer.header("allow").unwrap().split(',').collect();
        allowed.sort_unstable();
        assert_eq!(allowed.join(","), allow);
        assert_eq!(answer.json()["type"], "urn:problem-type:lurelight:method-not-allowed");
    }
}

fn options(server: &Server) {
    let answer = server.request("OPTIONS", "/healthz").send().expect(204);
    assert_eq!(answer.header("allow"), Some("GET,HEAD,OPTIONS"));
}

fn predict_get(server: &Server) {
    let answer = server.get("/predict").accept("text/html").send().expect(303);
    assert_eq!(answer.header("location"), Some("/"));
    let answer = server.get("/predict").accept("application/json").send().expect(405);
    assert_eq!(answer.header("allow"), Some("POST"));
}

/// What API Gateway lets through is what the router answers, and the other way round.
fn routes(server: &Server) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = std::fs::read(folder.join("../../infra/routes.json")).unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed).unwrap();
    let listed = listed["predict"].as_object().unwrap();
    for (path, methods) in listed {
        let answer = server.request("OPTIONS", path).send().expect(204);
        let mut allowed: Vec<&str> = answer.header("allow").unwrap().split(',').collect();
        allowed.retain(|method| !matches!(*method, "HEAD" | "OPTIONS"));
        allowed.sort_unstable();
        assert_eq!(
            json!(allowed),
            *methods,
            "{path}: the router (left) and infra/routes.json (right) differ"
        );
    }
    // Nobody can ask a router for all that it answers, so its source is looked into.
    let source = std::fs::read_to_string(folder.join("src/lib.rs")).unwrap();
    let routed: Vec<&str> =
        source.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(routed.len() > 3, "{routed:?}");
    for path in routed.iter().copied().chain([lurelight_web::layout::STYLESHEET_PATH]) {
        assert!(
            listed.contains_key(path),
            "infra/routes.json does not list {path}, so nobody reaches it on AWS"
        );
    }
}

//! Which paths and methods there are: those of infra/routes.json, which the template is held to as well.

use std::collections::BTreeMap;
use std::path::Path;

use crate::Home;
use crate::support::ADMINISTRATOR;

#[test]
fn every_listed_route_answers_and_other_methods_of_its_path_do_not() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/routes.json");
    let all: BTreeMap<String, BTreeMap<String, Vec<String>>> =
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let home = Home::new();
    home.version(1);
    home.put("runs/run-1/report.html", "<p>");
    let server = home.server();
    for (path, methods) in &all["admin"] {
        let asked = path.replace("{run}", "run-1").replace("{version}", "1");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            // A page is asked for, because the form of /train is for people alone.
            let answer = server.request(method, &asked).token(ADMINISTRATOR).browser().send();
            let listed = methods.iter().any(|listed| listed == method);
            assert_eq!(answer.status != 405, listed, "{method} {path}: {}", answer.status);
            assert!(!listed || answer.status != 404, "{method} {path} is not there");
        }
    }
    for path in ["/", "/predict", "/runs/run-1/drift", "/models/1", "/models/1/promote/x", "/sessions"] {
        server.get(path).token(ADMINISTRATOR).send().expect(404);
    }
}

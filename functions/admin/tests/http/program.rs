//! The program itself: its arguments, and where it refuses to start.

use std::process::Command;

use crate::Home;
use crate::support::Server;

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_admin"));
    let output = command.args(arguments).envs(variables.iter().copied()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn open_access_is_for_this_machine_alone() {
    const OPEN: (&str, &str) = ("LURELIGHT_ADMINISTRATION_ACCESS", "open");
    let (code, said) = run(&["--address", "0.0.0.0:0"], &[OPEN]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("LURELIGHT_ADMINISTRATION_ACCESS is \"open\"") && said.contains("127.0.0.1"),
        "{said}"
    );
    let lambda = [
        OPEN,
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9"),
        ("LURELIGHT_HOME", "nowhere"),
        ("AWS_LAMBDA_FUNCTION_NAME", "admin"),
    ];
    let (code, said) = run(&[], &lambda);
    assert_eq!(code, Some(2));
    assert!(said.contains("on Lambda administration always needs a token"), "{said}");
    let (code, said) = run(&[], &[("LURELIGHT_ADMINISTRATION_ACCESS", "sometimes")]);
    assert_eq!(code, Some(2));
    assert!(said.contains("token or open"), "{said}");

    let home = Home::new();
    home.version(1);
    let server: Server = home.server_with(&[OPEN, ("ADMINISTRATION_TOKENS", "")]);
    server.get("/runs").send().expect(200);
    server
        .request("POST", "/models/1/promote")
        .form("reason=first")
        .send()
        .expect(200)
        .says("without a token");
    // Other sites stay out all the same.
    let evil = server.request("POST", "/models/1/promote").header("sec-fetch-site", "cross-site");
    evil.form("reason=evil").send().expect(403);
    // So does a page whose own name leads to this machine.
    let port = server.address.port();
    server.get("/runs").host(&format!("localhost:{port}")).send().expect(200);
    let answer = server.get("/runs").host(&format!("rebound.example:{port}")).send().expect(403);
    assert_eq!(answer.kind(), "other-host");
}

#[test]
fn what_cannot_be_meant_ends_it_with_a_sentence() {
    for (arguments, variables, expected) in [
        (&["--port"][..], &[][..], "see admin --help"),
        (&[], &[("LURELIGHT_SECRETS_PREFIX", "/a/")], "LURELIGHT_SECRETS_PREFIX is wrong"),
        (&[], &[("LURELIGHT_STATE_MACHINE_ARN", "training")], "is no ARN of a state machine"),
        (&[], &[("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9")], "LURELIGHT_BUCKET is not set"),
    ] {
        let region = [("AWS_REGION", "eu-central-1")];
        let (code, said) = run(arguments, &[variables, &region].concat());
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    let (code, said) = run(&["--help"], &[]);
    assert_eq!(code, Some(0));
    assert!(said.contains("ADMINISTRATION_TOKENS") && said.contains("LURELIGHT_STATE_MACHINE_ARN"), "{said}");
}

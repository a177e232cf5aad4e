//! The program itself: its arguments, its greeting, its end.

use std::process::Command;

use crate::Case;
use crate::support::Server;

pub const CASES: &[Case] = &[
    ("program::greets", greets),
    ("program::help_and_version", help_and_version),
    ("program::wrong_usage", wrong_usage),
    ("program::two_registries_are_refused", two_registries),
    ("program::in_lambda_it_tells_the_log_why_it_ends", ends_in_lambda),
    ("program::port_taken", port_taken),
    ("program::stops_on_sigterm", stops_on_sigterm),
];

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_predict"));
    let output = command.args(arguments).envs(variables.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn greets(server: &Server) {
    let url = format!("http://{}/", server.address);
    for part in [url.as_str(), "curl", "predict -H 'accept: text/csv'", "lurelight -- help"] {
        assert!(server.greeting.contains(part), "no {part:?} in {}", server.greeting);
    }
}

fn help_and_version(_: &Server) {
    let (code, help, _) = run(&["--help"], &[]);
    assert_eq!(code, Some(0));
    for part in ["Usage: predict", "--address", "LURELIGHT_ADDRESS", "127.0.0.1:9000", "curl"] {
        assert!(help.contains(part), "no {part:?} in {help}");
    }
    assert_eq!(
        run(&["-V"], &[]),
        (Some(0), format!("predict {}\n", env!("CARGO_PKG_VERSION")), String::new())
    );
}

fn wrong_usage(_: &Server) {
    let (code, _, error) = run(&["--port", "1"], &[]);
    assert_eq!((code, error.as_str()), (Some(2), "predict: invalid option '--port'; see predict --help\n"));
    let (code, _, error) = run(&[], &[("LURELIGHT_BODY_LIMIT_BYTES", "big")]);
    assert_eq!(
        (code, error.as_str()),
        (Some(2), "predict: LURELIGHT_BODY_LIMIT_BYTES is \"big\": a whole number\n")
    );
}

fn two_registries(_: &Server) {
    let (code, _, error) = run(&["--home", "here", "--bucket", "lurelight-dev"], &[]);
    assert_eq!(code, Some(2));
    assert!(error.contains("both --home and --bucket are given"), "{error}");
    let (code, _, error) = run(&[], &[("LURELIGHT_BUCKET", "s3://lurelight-dev")]);
    assert_eq!(code, Some(2));
    assert!(
        error.contains("LURELIGHT_BUCKET is \"s3://lurelight-dev\": the name of a bucket alone"),
        "{error}"
    );
}

fn ends_in_lambda(_: &Server) {
    let api = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1");
    let both = [api, ("LURELIGHT_BUCKET", "lurelight-dev"), ("LURELIGHT_HOME", "here")];
    for (variables, said) in [
        (&both[..], "both LURELIGHT_HOME and LURELIGHT_BUCKET"),
        (&[api, ("LURELIGHT_CHAMPION_SECONDS", "often")], "LURELIGHT_CHAMPION_SECONDS is \"often\""),
        (&[api], "AWS_LAMBDA_FUNCTION_NAME"),
    ] {
        let (code, log, error) = run(&[], variables);
        assert!(code.is_some_and(|code| code > 0), "{log}{error}");
        let line: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        assert_eq!((&line["level"], &line["program"]), (&"ERROR".into(), &"predict".into()));
        assert!(line["error"].as_str().unwrap().contains(said), "{line}");
    }
}

fn port_taken(server: &Server) {
    let address = server.address.to_string();
    let (code, _, error) = run(&["--address", &address], &[]);
    assert_eq!(code, Some(1));
    for part in [address.as_str(), "in use", "--address", "LURELIGHT_ADDRESS"] {
        assert!(error.contains(part), "no {part:?} in {error}");
    }
}

fn stops_on_sigterm(_: &Server) {
    let server = Server::start(&[]);
    let sent = Command::new("kill").args(["-TERM", &server.pid().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(server.wait_code(), Some(0));
}

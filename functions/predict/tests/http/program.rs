//! The program itself: its arguments, its greeting, its end.

use std::process::Command;

use crate::Case;
use crate::support::Server;

pub const CASES: &[Case] = &[
    ("program::greets", greets),
    ("program::help_and_version", help_and_version),
    ("program::wrong_usage", wrong_usage),
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

//! `lurelight healthcheck`: of a server, of none, of a mute one, and of somebody else's.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

#[path = "../../admin/tests/support/mod.rs"]
mod support;

mod home;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use support::Server;

/// Its exit code, and what it prints to standard output and standard error.
fn check(
    folder: &Path,
    address: SocketAddr,
    variables: &[(&str, &str)],
    more: &[&str],
) -> (i32, String, String) {
    let address = address.to_string();
    let arguments = [&["healthcheck", "--address", &address], more].concat();
    let output = home::command(folder, &arguments).envs(variables.iter().copied()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_server_that_answers_is_healthy_below_a_base_path_too() {
    let folder = tempfile::tempdir().unwrap();
    for variables in [&[][..], &[("LURELIGHT_BASE_PATH", "/sites")]] {
        let server = Server::start(env!("CARGO_BIN_EXE_lurelight"), &["serve"], folder.path(), variables);
        let (code, out, err) = check(folder.path(), server.address, variables, &[]);
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        assert!(out.starts_with("healthy (model ") && out.ends_with(")\n"), "{out}");
    }
}

#[test]
fn nobody_a_mute_one_and_a_stranger_are_not_healthy() {
    let folder = tempfile::tempdir().unwrap();
    // The system takes the connection, and nobody reads from it.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = mute.local_addr().unwrap();
    let (code, _, err) = check(folder.path(), address, &[], &["--timeout", "1"]);
    assert_eq!((code, err), (1, format!("lurelight: http://{address}/healthz gave no answer in 1 s\n")));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stranger = |answer: &'static str, expected: &str| {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
                stream.write_all(answer.as_bytes()).unwrap();
            });
            let (code, _, err) = check(folder.path(), address, &[], &["--timeout", "600"]);
            assert_eq!(code, 1);
            assert!(err.contains(expected), "{err}");
        });
    };
    stranger("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", "it answers 503");
    stranger("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "what answers there is not Lurelight");

    drop(listener);
    let (code, _, err) = check(folder.path(), address, &[], &[]);
    assert_eq!(code, 1);
    assert!(err.contains("nobody answers there") && err.contains("LURELIGHT_ADDRESS"), "{err}");
}

//! Servers that are gone, slow, refuse somebody or are not who they should be.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use lurelight_mongo::{MongoRecords, Patience};
use lurelight_store::{Error, ErrorKind, PushOutcome, RecordStore, push};
use mongodb::bson::doc;

use crate::process::{DATABASE, Impostor, Server, user};
use crate::{Vault, assert_said, block, pushed, records, records_by, rows, secret_name};

#[track_caller]
fn assert_unseen(server: &Server, store: &MongoRecords, error: &Error) {
    let shown = format!("{store:?} {error:?} {error}");
    for secret in server.secrets() {
        assert!(!shown.contains(&secret), "the password is shown: {shown}");
    }
    assert!(!shown.contains("mongodb://"), "the connection string is shown: {shown}");
}

pub fn wrong_password(server: &Server) {
    block(async {
        let vault = Arc::new(Vault::of(&server.uri_with("lurelight", "hunter2")));
        let store = records_by(&server.place(), Arc::clone(&vault));
        let error = store.batches().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::PermissionDenied, "{error}");
        assert_said(
            &error,
            &["the secret mongodb-uri in the test's vault", "password", "localhost", "does not help"],
        );
        assert!(!format!("{error:?}").contains("hunter2"), "the password is shown");
        assert_unseen(server, &store, &error);
        assert_eq!(vault.refreshed(), 1, "it was looked for a newer one");
        let store = records(&server.place(), &server.uri("nobody"));
        let error = pushed(&store, &rows(1, 1)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::PermissionDenied, "{error}");
        assert_unseen(server, &store, &error);
    });
}

pub fn reader(server: &Server) {
    block(async {
        let store = records(&server.place(), &server.uri("reader"));
        assert_eq!(store.batches().await.unwrap(), []);
        let error = pushed(&store, &rows(1, 1)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::PermissionDenied, "{error}");
        assert_said(
            &error,
            &["mongodb-uri", "the role readWrite on the database lurelight", "does not help"],
        );
        assert_unseen(server, &store, &error);
    });
}

pub fn tls(server: &Server) {
    let other_authority = server.uri("lurelight").replace("ca.pem", "other.pem");
    let impostor = Impostor::start(server);
    let other_name = server.uri("lurelight").replace(&server.port().to_string(), &impostor.port.to_string());
    let public_authorities = server.uri("lurelight").replace("tlsCAFile", "appName");
    let no_file = server.uri("lurelight").replace("ca.pem", "absent.pem");
    let (port, stop) = speaker_of_something_else();
    let no_tls = server.uri("lurelight").replace(&server.port().to_string(), &port.to_string());
    let table = [
        (other_authority, ErrorKind::PermissionDenied, ["UnknownIssuer", "tlsCAFile"]),
        (public_authorities, ErrorKind::PermissionDenied, ["UnknownIssuer", "tlsCAFile"]),
        (other_name, ErrorKind::PermissionDenied, ["another name", "elsewhere.example"]),
        (no_file, ErrorKind::Invalid, ["absent.pem", "tls options"]),
        (no_tls, ErrorKind::PermissionDenied, ["speaks no TLS", "localhost"]),
    ];
    block(async {
        for (uri, kind, words) in table {
            let store = records(&server.place(), &uri);
            let error = store.batches().await.unwrap_err();
            assert_eq!(error.kind, kind, "{error}");
            assert_said(&error, &["the secret mongodb-uri", "does not help"]);
            assert_said(&error, &words);
            assert_unseen(server, &store, &error);
        }
        // A client without TLS, where the server wants it.
        let uri = server.uri("lurelight").replace("tls=true", "tls=false").replace("tlsCAFile", "appName");
        let error = records(&server.place(), &uri).batches().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert_said(&error, &["localhost"]);
    });
    drop(stop);
}

/// Answers every connection as a web server would.
fn speaker_of_something_else() -> (u16, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let accepting = listener.try_clone().unwrap();
    thread::spawn(move || {
        while let Ok((mut client, _)) = accepting.accept() {
            let _hello = client.read(&mut [0; 1_024]);
            let _gone = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    (listener.local_addr().unwrap().port(), listener)
}

pub fn nobody(server: &Server) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let uri = server.uri("lurelight").replace(&server.port().to_string(), &free.to_string());
    block(async {
        let store = records(&server.place(), &uri);
        let error = store.batches().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert_said(&error, &[&format!("localhost:{free}"), "refused", "do it again"]);
        assert_unseen(server, &store, &error);
        let uri = uri.replace(&format!("localhost:{free}"), "no-such-host.invalid");
        let error = records(&server.place(), &uri).batches().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert_said(&error, &["no-such-host.invalid"]);
    });
}

pub fn no_connection_string(server: &Server) {
    block(async {
        for text in [
            "hunter2",
            "http://hunter2@localhost/",
            "mongodb://u:hunter2/secret@localhost/",
            "mongodb://u:hunter2%@localhost/",
            "mongodb://u:hunter2@/",
            "mongodb://u:p@localhost:hunter2/",
            "mongodb://u:p@localhost/?maxPoolSize=hunter2",
            "mongodb://u:p@localhost/?tls=hunter2",
            "mongodb://u:p@localhost/?readPreference=hunter2",
            "mongodb://localhost/?authMechanism=hunter2",
            "mongodb+srv://u:hunter2@localhost:27017/",
        ] {
            let store = records(&server.place(), text);
            let error = store.batches().await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
            assert_said(
                &error,
                &["the secret mongodb-uri in the test's vault", "mongodb+srv://user", "does not help"],
            );
            assert!(!format!("{error:?} {store:?}").contains("hunter2"), "{text} is shown: {error:?}");
        }
    });
}

pub fn rotated(mut server: Server) {
    server.command(user("rotating", "old", doc! { "role": "readWrite", "db": DATABASE }));
    let vault = Arc::new(Vault::of(&server.uri_with("rotating", "old")));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = records_by(&server.place(), Arc::clone(&vault));
    let batch = runtime.block_on(pushed(&store, &rows(1, 10))).unwrap().batch;
    server.command(doc! { "updateUser": "rotating", "pwd": "new" });
    vault.rotate(&server.uri_with("rotating", "new"));
    // Connections that are open stay; when they are lost, the password that was remembered is no longer right.
    server.stop();
    server.start_again();
    let read = runtime.block_on(async {
        // The first attempt may meet the connection that is gone.
        match store.read(batch, 0..10).await {
            Err(error) if error.kind == ErrorKind::Unavailable => store.read(batch, 0..10).await,
            read => read,
        }
    });
    assert!(read.unwrap() == rows(1, 10));
    assert_eq!(vault.refreshed(), 1, "it was fetched once");
    runtime.block_on(async {
        assert_eq!(store.batches().await.unwrap().len(), 1);
        assert_eq!(pushed(&store, &rows(2, 10)).await.unwrap().outcome, PushOutcome::New);
    });
    assert_eq!(vault.refreshed(), 1, "and used from then on");
}

pub fn replaced(mut server: Server) {
    for name in ["old", "new"] {
        server.command(user(name, name, doc! { "role": "readWrite", "db": DATABASE }));
    }
    let vault = Arc::new(Vault::of(&server.uri_with("old", "old")));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = records_by(&server.place(), Arc::clone(&vault));
    let batch = runtime.block_on(pushed(&store, &rows(1, 10))).unwrap().batch;
    // While both users are there, whoever remembers the old one goes on with it.
    vault.rotate(&server.uri_with("new", "new"));
    assert!(runtime.block_on(store.read(batch, 0..10)).unwrap() == rows(1, 10));
    assert_eq!(vault.refreshed(), 0, "nobody was refused");
    server.command(doc! { "dropUser": "old" });
    server.stop();
    server.start_again();
    let read = runtime.block_on(async {
        match store.read(batch, 0..10).await {
            Err(error) if error.kind == ErrorKind::Unavailable => store.read(batch, 0..10).await,
            read => read,
        }
    });
    assert!(read.unwrap() == rows(1, 10));
    assert_eq!(vault.refreshed(), 1);
    // The secret before the new user, or never changed: the error names the secret.
    let late = records(&server.place(), &server.uri_with("old", "old"));
    let error = runtime.block_on(late.batches()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::PermissionDenied, "{error}");
    assert_said(&error, &["the secret mongodb-uri in the test's vault"]);
}

/// What a server says on a connection that is open, where a user's rights went away meanwhile.
pub fn demoted(server: &Server) {
    block(async {
        let vault = Arc::new(Vault::of(&server.uri("reader")));
        let store = records_by(&server.place(), Arc::clone(&vault));
        assert_eq!(store.batches().await.unwrap(), []);
        vault.rotate(&server.uri("lurelight"));
        assert_eq!(pushed(&store, &rows(1, 10)).await.unwrap().outcome, PushOutcome::New);
        assert_eq!(vault.refreshed(), 1, "it was fetched once, when writing was refused");
        assert_eq!(store.batches().await.unwrap().len(), 1);
    });
}

pub fn stopped(server: Server) {
    let records_pushed = rows(1, 60_000);
    let place = server.place();
    let store = records(&place, &server.uri("lurelight"));
    let server = Mutex::new(server);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stop = |_| server.lock().unwrap().stop();
    let error = runtime
        .block_on(push(&store, &records_pushed, "sites.csv", Timestamp::UNIX_EPOCH, &stop))
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert_said(&error, &["localhost", "rows cannot be added", "again"]);
    server.lock().unwrap().start_again();
    runtime.block_on(async {
        assert_eq!(store.batches().await.unwrap(), [], "a half-pushed batch is not seen");
        let completed = pushed(&store, &records_pushed).await.unwrap();
        assert_eq!(completed.outcome, PushOutcome::Completed);
        assert!(store.read(completed.batch, 0..60_000).await.unwrap() == records_pushed);
    });
}

pub fn paused(server: Server) {
    block(async {
        let place = server.place();
        let vault = Arc::new(Vault::of(&server.uri("lurelight")));
        let patience = Patience { answer: Duration::from_secs(2), ..Patience::default() };
        let store = MongoRecords::new(place.clone(), vault, secret_name()).with_patience(patience);
        let batch = pushed(&store, &rows(1, 10)).await.unwrap().batch;
        server.pause();
        let error = store.read(batch, 0..10).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert_said(&error, &["localhost", "did not answer within 2 s", "do it again"]);
        // And one that has no connection yet.
        let error = records(&place, &server.uri("lurelight")).batches().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert_said(&error, &["no server that takes writes answers at localhost"]);
        server.resume();
        let patient = records(&place, &server.uri("lurelight"));
        assert!(patient.read(batch, 0..10).await.unwrap() == rows(1, 10));
    });
}

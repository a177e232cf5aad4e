//! Secrets Manager: remembered, rotated, failing, and secrets that nobody can use.

use aws_sdk_secretsmanager::Client;
use lurelight_aws::ManagedSecrets;
use lurelight_store::{ErrorKind, SecretName, Secrets};

use crate::aws::{self, Emulator};
use crate::lies::{Lie, Proxy};
use crate::{assert_said, block};

pub fn remembered(emulator: &Emulator) {
    block(async {
        let client = Client::new(&emulator.settings());
        let id = "lurelight/test/mongodb-uri";
        client.create_secret().name(id).secret_string("mongodb://first/").send().await.unwrap();
        let proxy = Proxy::before(emulator.address).await;
        let secrets = ManagedSecrets::new(&aws::settings(proxy.address), "lurelight/test").unwrap();
        let name: SecretName = "mongodb-uri".parse().unwrap();
        assert_eq!(secrets.get(&name).await.unwrap().expose(), "mongodb://first/");
        client
            .put_secret_value()
            .secret_id(id)
            .secret_string(r#"{"uri": "mongodb://second/"}"#)
            .send()
            .await
            .unwrap();
        assert_eq!(secrets.get(&name).await.unwrap().expose(), "mongodb://first/", "it is remembered");
        assert_eq!(secrets.refresh(&name).await.unwrap().expose(), "mongodb://second/");
        proxy.stop();
        assert_eq!(
            secrets.get(&name).await.unwrap().expose(),
            "mongodb://second/",
            "nobody is asked for it again"
        );
        let error = secrets.refresh(&name).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert_said(&error, &["lurelight/test/mongodb-uri"]);
        assert!(!format!("{secrets:?} {error:?}").contains("mongodb://"), "no value is shown");
    });
}

/// Refused, throttled, silent, cut short.
pub fn failing(emulator: &Emulator) {
    block(async {
        let client = Client::new(&emulator.settings());
        let long = "hunter2".repeat(300);
        client.create_secret().name("lurelight/failing/long").secret_string(&long).send().await.unwrap();
        let proxy = Proxy::before(emulator.address).await;
        let secrets = ManagedSecrets::new(&aws::hasty(proxy.address), "lurelight/failing").unwrap();
        let name: SecretName = "long".parse().unwrap();
        for (lie, expected, words) in [
            (Lie::Denied, ErrorKind::PermissionDenied, ["let this role do it", "does not help"]),
            (Lie::SlowDown, ErrorKind::Unavailable, ["ThrottlingException", "later helps"]),
            (Lie::Silence, ErrorKind::Unavailable, ["in time", "may help"]),
            (Lie::BodyCut, ErrorKind::Unavailable, ["secret", "may help"]),
        ] {
            proxy.lie(lie, 100);
            let error = secrets.get(&name).await.unwrap_err();
            assert_eq!(error.kind, expected, "{lie:?}: {error}");
            assert_said(&error, &["lurelight/failing/long"]);
            assert_said(&error, &words);
            assert!(!format!("{error:?}").contains("hunter2"), "the value is shown: {error:?}");
        }
        // Once is no failure.
        for lie in [Lie::SlowDown, Lie::BodyCut] {
            proxy.lie(lie, 1);
            assert_eq!(secrets.refresh(&name).await.unwrap().expose(), long, "{lie:?}");
            assert_eq!(proxy.lies_left(), 0, "{lie:?}");
        }
    });
}

pub fn bad(emulator: &Emulator) {
    block(async {
        let client = Client::new(&emulator.settings());
        let create = async |name: &str, text: &str| {
            client
                .create_secret()
                .name(format!("lurelight/bad/{name}"))
                .secret_string(text)
                .send()
                .await
                .unwrap();
        };
        create("cut", r#"{"uri": "hunter2"#).await;
        create("several", r#"{"a": "hunter2", "b": "hunter2"}"#).await;
        create("deleted", "hunter2").await;
        client.delete_secret().secret_id("lurelight/bad/deleted").send().await.unwrap();
        let secrets = ManagedSecrets::new(&emulator.settings(), "lurelight/bad").unwrap();
        for (name, expected, word) in [
            ("cut", ErrorKind::Invalid, "mend"),
            ("several", ErrorKind::Invalid, "several"),
            ("absent", ErrorKind::NotFound, "create it"),
            ("deleted", ErrorKind::Invalid, "restore-secret --secret-id lurelight/bad/deleted"),
        ] {
            let error = secrets.get(&name.parse().unwrap()).await.unwrap_err();
            assert_eq!(error.kind, expected, "{error}");
            assert_said(&error, &["lurelight/bad", name, word]);
            let stays = expected == ErrorKind::Invalid;
            assert_eq!(error.to_string().contains("does not help"), stays, "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "the value is shown");
        }
        for prefix in ["", "/a", "a/", "a b"] {
            ManagedSecrets::new(&emulator.settings(), prefix).unwrap_err();
        }
    });
}

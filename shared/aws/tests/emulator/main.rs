//! S3 and Secrets Manager as an emulator plays them, and as a network plays with them: the real clients against a
//! real process that is also stopped, paused and lied about.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test reports by panicking")]

mod aws;
mod lies;
mod secrets;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use libtest_mimic::{Arguments, Trial};
use lurelight_aws::{ManagedSecrets, S3Artifacts};
use lurelight_store::{ArtifactStore, Error, ErrorKind, ModelRegistry, Secrets, conformance};

use aws::Emulator;
use lies::{Lie, Proxy};

type Case = (&'static str, fn(&Emulator));

const CASES: &[Case] = &[
    ("s3::keeps_the_contract_of_artifacts", artifacts),
    ("s3::keeps_the_promises_of_the_registry", registry),
    ("s3::a_write_whose_answer_is_lost_is_known_again", lost_answers),
    ("s3::a_body_that_is_cut_short_is_read_again", cut_bodies),
    ("s3::a_body_that_was_changed_is_never_given_out", changed_bodies),
    ("s3::a_body_that_stalls_is_given_up", stalled_bodies),
    ("s3::throttling_is_waited_out_or_said", throttling),
    ("s3::a_server_that_does_not_answer_is_said", silence),
    ("s3::a_server_that_is_gone_or_answers_another_protocol_is_said", gone),
    ("s3::a_bucket_that_is_absent_is_said", no_bucket),
    ("s3::a_refused_role_is_said", denied),
    ("s3::an_unknown_authority_is_said", unknown_authority),
    ("s3::a_failed_upload_leaves_no_parts", no_parts_left),
    ("s3::parts_carry_the_checksums_that_were_announced", checksums),
    ("secrets::are_read_remembered_and_refreshed", secrets::remembered),
    ("secrets::a_service_that_fails_is_said", secrets::failing),
    ("secrets::what_is_wrong_is_said_without_the_value", secrets::bad),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let program = aws::program();
    let emulator =
        program.as_deref().filter(|_| !arguments.list).map(|program| Arc::new(Emulator::start(program)));
    let trials = CASES.iter().map(|&(name, case)| {
        let emulator = emulator.clone();
        Trial::test(name, move || {
            case(&emulator.expect("it was started"));
            Ok(())
        })
        .with_ignored_flag(program.is_none())
        .with_kind(if program.is_none() { "no ministack: run scripts/tools ministack" } else { "" })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    drop(emulator);
    conclusion.exit_code()
}

/// Runs a case's future on threads of its own.
fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(4)
        .build()
        .unwrap()
        .block_on(future)
}

fn artifacts(emulator: &Emulator) {
    block(conformance::artifacts::run("S3", async || emulator.pair().await));
}

fn registry(emulator: &Emulator) {
    block(conformance::registry::run("S3", async || emulator.pair().await));
}

/// The emulator does what it is asked and the answer never arrives; the SDK asks again and is refused.
fn lost_answers(emulator: &Emulator) {
    block(async {
        let bucket = emulator.bucket().await;
        let straight = S3Artifacts::new(&emulator.settings(), &bucket);
        let proxy = Proxy::before(emulator.address).await;
        let store = S3Artifacts::new(&aws::settings(proxy.address), &bucket);
        let (pointer, big) = (key("pointer"), key("big"));
        proxy.lie(Lie::AnswerLost, 1);
        let etag = store.create(&pointer, "1".into()).await.expect("it is there, and it is ours");
        assert_eq!(proxy.lies_left(), 0, "the lie must have been told");
        proxy.lie(Lie::AnswerLost, 1);
        let etag = store.replace(&pointer, "2".into(), &etag).await.expect("it was replaced, by us");
        assert_eq!(straight.get(&pointer).await.unwrap().etag, etag);
        assert_eq!(kind(store.create(&pointer, "3".into()).await), ErrorKind::AlreadyExists);
        // Somebody else's write is not taken for ours, even of the same bytes.
        proxy.lie(Lie::AnswerLost, 0);
        assert_eq!(kind(store.create(&pointer, "2".into()).await), ErrorKind::AlreadyExists);
        // One in parts is there with the last request, and its upload is gone then.
        let last = format!("post /{bucket}/big?uploadid=");
        let [first, second, third] = [1, 2, 3].map(|byte| vec![byte; 9 << 20]);
        proxy.lie_about(&last, Lie::AnswerLost, 1);
        let etag = store.create(&big, first.clone().into()).await.expect("it is there, and it is ours");
        assert_eq!(proxy.lies_left(), 0, "the lie must have been told");
        assert_eq!(straight.get(&big).await.unwrap().bytes, first);
        proxy.lie_about(&last, Lie::AnswerLost, 1);
        store.replace(&big, second.clone().into(), &etag).await.expect("it was replaced, by us");
        assert_eq!(straight.get(&big).await.unwrap().bytes, second);
        proxy.lie_about(&last, Lie::AnswerLost, 1);
        store.put(&big, third.clone().into()).await.expect("it was put there, by us");
        assert_eq!(straight.get(&big).await.unwrap().bytes, third);
        assert_eq!(proxy.lies_left(), 0);
    });
}

fn cut_bodies(emulator: &Emulator) {
    block(async {
        let bucket = emulator.bucket().await;
        let proxy = Proxy::before(emulator.address).await;
        let store = S3Artifacts::new(&aws::settings(proxy.address), &bucket);
        let model = key("models/x/model.lure");
        let bytes = vec![42; 300_000];
        store.create(&model, bytes.clone().into()).await.unwrap();
        proxy.lie(Lie::BodyCut, 1);
        assert_eq!(store.get(&model).await.unwrap().bytes, bytes);
        assert_eq!(proxy.lies_left(), 0);
        proxy.lie(Lie::BodyCut, 100);
        let error = store.get(&model).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert_said(&error, &["models/x/model.lure", &bucket, "may help"]);
    });
}

/// The read time-out ends with the first byte; behind it only this looks.
fn stalled_bodies(emulator: &Emulator) {
    block(async {
        let bucket = emulator.bucket().await;
        let proxy = Proxy::before(emulator.address).await;
        let stalled = StalledStreamProtectionConfig::enabled().grace_period(Duration::from_secs(1)).build();
        let settings = aws::settings(proxy.address).into_builder().stalled_stream_protection(stalled).build();
        let store = S3Artifacts::new(&settings, &bucket);
        let model = key("models/x/model.lure");
        let bytes = vec![42; 300_000];
        store.create(&model, bytes.clone().into()).await.unwrap();
        proxy.lie(Lie::BodyStalled, 1);
        assert_eq!(store.get(&model).await.unwrap().bytes, bytes);
        assert_eq!(proxy.lies_left(), 0);
        proxy.lie(Lie::BodyStalled, 100);
        let error = store.get(&model).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert_said(&error, &["models/x/model.lure", &bucket, "may help"]);
    });
}

fn changed_bodies(emulator: &Emulator) {
    block(async {
        let bucket = emulator.bucket().await;
        let proxy = Proxy::before(emulator.address).await;
        let store: Arc<dyn ArtifactStore> =
            Arc::new(S3Artifacts::new(&aws::settings(proxy.address), &bucket));
        let registry = ModelRegistry::new(Arc::clone(&store));
        let artifact = conformance::fixture::model(1);
        registry.put_model(&artifact, &conformance::fixture::card(&artifact)).await.unwrap();
        proxy.lie(Lie::BodyChanged, 100);
        let error = registry.artifact(artifact.digest()).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Damaged | ErrorKind::Unavailable), "{error:?}");
        assert_said(&error, &["model.lure", &bucket]);
        proxy.lie(Lie::BodyChanged, 0);
        assert_eq!(registry.artifact(artifact.digest()).await.unwrap().to_bytes(), artifact.to_bytes());
    });
}

fn throttling(emulator: &Emulator) {
    block(async {
        let bucket = emulator.bucket().await;
        let proxy = Proxy::before(emulator.address).await;
        let store = S3Artifacts::new(&aws::settings(proxy.address), &bucket);
        proxy.lie(Lie::SlowDown, 1);
        store.put(&key("report"), "x".into()).await.unwrap();
        assert_eq!(proxy.lies_left(), 0);
        proxy.lie(Lie::SlowDown, 100);
        let error = store.get(&key("report")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert_said(&error, &["report", "later helps"]);
        proxy.lie(Lie::Busy, 3);
        store.create(&key("contested"), "x".into()).await.unwrap();
        assert_eq!(proxy.lies_left(), 0, "409 is no 412: it is asked again");
    });
}

fn silence(emulator: &Emulator) {
    block(async {
        let bucket = emulator.bucket().await;
        let proxy = Proxy::before(emulator.address).await;
        let store = S3Artifacts::new(&aws::settings(proxy.address), &bucket);
        store.put(&key("report"), "x".into()).await.unwrap();
        proxy.lie(Lie::Silence, 100);
        let error = store.get(&key("report")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert_said(&error, &["report", "in time"]);
    });
}

fn gone(emulator: &Emulator) {
    block(async {
        let proxy = Proxy::before(emulator.address).await;
        let settings = aws::settings(proxy.address);
        proxy.stop();
        let error = S3Artifacts::new(&settings, "bucket").get(&key("report")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert_said(&error, &["s3://bucket/report", "AWS_ENDPOINT_URL"]);
        // A server that speaks no TLS.
        let settings = settings.into_builder().endpoint_url(format!("https://{}", emulator.address)).build();
        let error = S3Artifacts::new(&settings, "bucket").list("runs/").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{error:?}");
        assert_said(&error, &["s3://bucket/runs/", "no secure connection", "does not help"]);
    });
}

fn unknown_authority(_: &Emulator) {
    let impostor = aws::Impostor::start();
    block(async {
        let store = S3Artifacts::new(&impostor.settings(), "bucket");
        let secrets = ManagedSecrets::new(&impostor.settings(), "lurelight/test").unwrap();
        for (error, what) in [
            (store.get(&key("report")).await.map(drop).unwrap_err(), "s3://bucket/report"),
            (store.put(&key("report"), "x".into()).await.map(drop).unwrap_err(), "s3://bucket/report"),
            (
                secrets.get(&"mongodb-uri".parse().unwrap()).await.map(drop).unwrap_err(),
                "lurelight/test/mongodb-uri",
            ),
        ] {
            assert_eq!(error.kind, ErrorKind::Invalid, "{error:?}");
            assert_said(&error, &[what, "certificate", "SSL_CERT_FILE", "does not help"]);
        }
    });
}

fn no_bucket(emulator: &Emulator) {
    block(async {
        let store = S3Artifacts::new(&emulator.settings(), "there-is-no-such-bucket");
        for error in [
            store.get(&key("report")).await.unwrap_err(),
            store.create(&key("report"), "x".into()).await.unwrap_err(),
            store.put(&key("report"), vec![0; 9 << 20].into()).await.unwrap_err(),
            store.list("").await.unwrap_err(),
        ] {
            assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
            assert_said(&error, &["there-is-no-such-bucket", "no bucket"]);
        }
    });
}

fn denied(emulator: &Emulator) {
    block(async {
        let bucket = emulator.bucket().await;
        let proxy = Proxy::before(emulator.address).await;
        let store = S3Artifacts::new(&aws::settings(proxy.address), &bucket);
        proxy.lie(Lie::Denied, 100);
        let error = store.create(&key("registry/versions/1.json"), "x".into()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::PermissionDenied);
        assert_said(&error, &["registry/versions/1.json", "AccessDenied", "role", "does not help"]);
    });
}

/// The bill of forgotten parts.
fn no_parts_left(emulator: &Emulator) {
    block(async {
        let bucket = emulator.bucket().await;
        let store = S3Artifacts::new(&emulator.settings(), &bucket);
        let bytes = bytes::Bytes::from(vec![1; 9 << 20]);
        store.create(&key("big"), bytes.clone()).await.unwrap();
        assert_eq!(kind(store.create(&key("big"), bytes).await), ErrorKind::AlreadyExists);
        let client = emulator.s3();
        let uploads = client.list_multipart_uploads().bucket(&bucket).send().await.unwrap();
        assert_eq!(uploads.uploads().len(), 0);
    });
}

/// S3 refuses a part with a checksum of a kind that the upload was not begun with; the emulator does not.
fn checksums(emulator: &Emulator) {
    block(async {
        let bucket = emulator.bucket().await;
        let proxy = Proxy::before(emulator.address).await;
        let store = S3Artifacts::new(&aws::settings(proxy.address), &bucket);
        store.create(&key("small"), "x".into()).await.unwrap();
        store.create(&key("big"), vec![1; 9 << 20].into()).await.unwrap();
        let heads = proxy.heads();
        let asked = |method: &str, words: &[&str]| {
            let all =
                |head: &&String| head.starts_with(method) && words.iter().all(|word| head.contains(word));
            heads.iter().filter(all).count()
        };
        assert_eq!(asked("put", &["/small", "\nx-amz-checksum-crc32:"]), 1, "{heads:#?}");
        assert_eq!(asked("post", &["/big?uploads", "\nx-amz-checksum-algorithm: crc32\r"]), 1, "{heads:#?}");
        assert_eq!(asked("put", &["/big?", "partnumber=", "\nx-amz-checksum-crc32:"]), 2, "{heads:#?}");
        assert_eq!(asked("post", &["/big?uploadid=", "\nif-none-match: *\r"]), 1, "{heads:#?}");
    });
}

fn key(text: &str) -> lurelight_store::Key {
    text.parse().unwrap()
}

fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.unwrap_err().kind
}

#[track_caller]
fn assert_said(error: &Error, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not said: {text}");
    }
}

/// Longest wait for the emulator to start; no test passes or fails by how long something takes.
const PATIENCE: Duration = Duration::from_secs(120);

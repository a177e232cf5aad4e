//! A store that takes its time, fails or never answers: here in one process with the server, behind a gate.

use std::fs;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use lurelight_runtime::{Config, Listener};
use lurelight_store::conformance::fixture;
use lurelight_store::{
    ArtifactStore, DirectoryArtifacts, ETag, Entry, Error, ErrorKind, Key, ModelRegistry, Object,
};
use predict::{Context, Serving, Timing};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::Case;
use crate::champions::{promote, put_and_promote, wait};
use crate::support::{PATIENCE, Server, header, post_to, row};

pub const CASES: &[Case] = &[
    ("slow_store::does_not_hold_a_request", does_not_hold),
    ("slow_store::is_waited_for_a_moment", is_waited_for),
    ("slow_store::at_the_start_leaves_the_compiled_in_model", at_the_start),
    ("slow_store::that_never_answers_is_given_up", given_up),
    ("slow_store::that_refuses_leaves_the_last_good_model", refuses),
    ("slow_store::damaged_model_that_was_restored_is_loaded", restored),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Gate {
    Open,
    Shut,
    Refusing,
}

/// A directory behind a gate that reading has to pass.
#[derive(Debug)]
struct Gated {
    inner: DirectoryArtifacts,
    gate: watch::Sender<Gate>,
    /// How often something was read, or was to be.
    asked: AtomicUsize,
}

impl Gated {
    async fn pass(&self, key: &Key) -> Result<(), Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let gate = *self.gate.subscribe().wait_for(|gate| *gate != Gate::Shut).await.unwrap();
        if gate == Gate::Refusing {
            return Err(Error::new(ErrorKind::PermissionDenied, key, "this role may not read it"));
        }
        Ok(())
    }
}

#[async_trait]
impl ArtifactStore for Gated {
    fn place(&self) -> String {
        self.inner.place()
    }

    async fn create(&self, key: &Key, bytes: Bytes) -> Result<ETag, Error> {
        self.inner.create(key, bytes).await
    }

    async fn replace(&self, key: &Key, bytes: Bytes, expected: &ETag) -> Result<ETag, Error> {
        self.inner.replace(key, bytes, expected).await
    }

    async fn put(&self, key: &Key, bytes: Bytes) -> Result<ETag, Error> {
        self.inner.put(key, bytes).await
    }

    async fn get(&self, key: &Key) -> Result<Object, Error> {
        self.pass(key).await?;
        self.inner.get(key).await
    }

    async fn get_if_changed(&self, key: &Key, known: &ETag) -> Result<Option<Object>, Error> {
        self.pass(key).await?;
        self.inner.get_if_changed(key, known).await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, Error> {
        self.inner.get_range(key, range).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Entry>, Error> {
        self.inner.list(prefix).await
    }
}

/// A registry that passes no gate, and a server that follows it through one.
struct Place {
    folder: TempDir,
    registry: ModelRegistry,
    store: Arc<Gated>,
}

/// A look beside each request, and no wait for it.
const AT_ONCE: Timing = Timing {
    every: Duration::ZERO,
    wait: Duration::ZERO,
    start: PATIENCE,
    limit: PATIENCE,
    retry: Duration::ZERO,
};

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let inner = DirectoryArtifacts::open(folder.path());
        let registry = ModelRegistry::new(Arc::new(inner.clone()));
        let store = Gated { inner, gate: watch::Sender::new(Gate::Open), asked: AtomicUsize::new(0) };
        Place { folder, registry, store: Arc::new(store) }
    }

    fn set(&self, gate: Gate) {
        self.store.gate.send_replace(gate);
    }

    fn asked(&self) -> usize {
        self.store.asked.load(Ordering::SeqCst)
    }

    /// Serves until the process ends.
    fn serve(&self, timing: Timing) -> SocketAddr {
        let registry = ModelRegistry::new(Arc::clone(&self.store) as Arc<dyn ArtifactStore>);
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let serving = Serving::following(registry, &Context::compiled_in().unwrap(), timing);
                serving.start().await;
                let address = SocketAddr::from(([127, 0, 0, 1], 0));
                let config = Config {
                    address,
                    base_path: None,
                    limits: lurelight_web::Limits::default(),
                    pages: lurelight_web::Pages::PREDICTION,
                };
                let listener = Listener::bind(&config).await.unwrap();
                sender.send(listener.address()).unwrap();
                listener.serve(predict::router(serving), &config).await.unwrap();
            });
        });
        receiver.recv_timeout(PATIENCE).unwrap()
    }
}

fn asked_for(address: SocketAddr) -> Value {
    let rows = format!("{}\n{}\n", header(&[]), row("1", &[]));
    let request = post_to(address, "/predict", "text/csv", rows).accept("application/json");
    request.send().expect(200).json()
}

fn source(address: SocketAddr) -> String {
    asked_for(address)["model"]["source"].as_str().unwrap().to_owned()
}

/// Asks again and again until this is the answer.
#[track_caller]
fn comes_to(address: SocketAddr, expected: &str) {
    let began = Instant::now();
    loop {
        let seen = source(address);
        if seen == expected {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "it stays {seen:?} and does not come to {expected:?}");
        std::thread::yield_now();
    }
}

fn does_not_hold(_: &Server) {
    let place = Place::new();
    put_and_promote(&place.registry, 1);
    let address = place.serve(AT_ONCE);
    comes_to(address, "champion, version 1");
    // The looks beside those requests may be under way: this one ends behind them.
    put_and_promote(&place.registry, 2);
    comes_to(address, "champion, version 2");
    place.set(Gate::Shut);
    put_and_promote(&place.registry, 3);
    source(address);
    let before = place.asked();
    for _ in 0..20 {
        assert_eq!(source(address), "champion, version 2");
    }
    // The model and the card of version 3, or the pointer: no look begins before the one at the gate has ended.
    assert!(place.asked() <= before + 2, "one look at a time: {before} {}", place.asked());
    place.set(Gate::Open);
    comes_to(address, "champion, version 3");
}

fn is_waited_for(_: &Server) {
    let place = Place::new();
    put_and_promote(&place.registry, 1);
    let address = place.serve(Timing { wait: PATIENCE, ..AT_ONCE });
    assert_eq!(source(address), "champion, version 1");
    place.set(Gate::Shut);
    put_and_promote(&place.registry, 2);
    let before = place.asked();
    let answer = std::thread::spawn(move || source(address));
    while place.asked() == before {
        assert!(!answer.is_finished(), "the request did not wait");
        std::thread::yield_now();
    }
    place.set(Gate::Open);
    assert_eq!(answer.join().unwrap(), "champion, version 2");
}

fn at_the_start(_: &Server) {
    let place = Place::new();
    put_and_promote(&place.registry, 1);
    place.set(Gate::Shut);
    let address = place.serve(Timing { start: Duration::ZERO, ..AT_ONCE });
    assert_eq!(source(address), "compiled-in, while the champion is being loaded");
    place.set(Gate::Open);
    comes_to(address, "champion, version 1");
}

fn given_up(_: &Server) {
    let place = Place::new();
    put_and_promote(&place.registry, 1);
    place.set(Gate::Shut);
    let address = place.serve(Timing { limit: Duration::ZERO, ..AT_ONCE });
    assert_eq!(source(address), "compiled-in, because the champion could not be loaded");
    let before = place.asked();
    // The look has ended, so that there are others.
    while place.asked() == before {
        source(address);
    }
}

fn refuses(_: &Server) {
    let place = Place::new();
    put_and_promote(&place.registry, 1);
    let address = place.serve(Timing { wait: PATIENCE, ..AT_ONCE });
    assert_eq!(source(address), "champion, version 1");
    place.set(Gate::Refusing);
    assert_eq!(source(address), "version 1, because the registry could not be read");
    let answer = asked_for(address).to_string();
    assert!(!answer.contains("this role may not"), "what the store said is for the log: {answer}");
    place.set(Gate::Open);
    assert_eq!(source(address), "champion, version 1");
}

fn restored(_: &Server) {
    let place = Place::new();
    let model = fixture::model(1);
    let version = wait(fixture::put_version(&place.registry, 1));
    let path = place.folder.path().join(Key::model(model.digest()).as_str());
    fs::write(&path, "LURE").unwrap();
    promote(&place.registry, version.number, &model);
    let address = place.serve(Timing { wait: PATIENCE, ..AT_ONCE });
    assert_eq!(source(address), "compiled-in, because the champion could not be loaded");
    fs::write(&path, model.to_bytes()).unwrap();
    assert_eq!(source(address), "champion, version 1");
}

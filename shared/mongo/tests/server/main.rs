//! Records on servers that speak MongoDB's protocol: a process with TLS and passwords that is stopped, paused and lied
//! to, and, where `MONGODB_URI` leads to one, any other server. A pusher that is killed is this program, started again
//! with a task.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test reports by panicking")]

mod contents;
mod failures;
mod process;
mod pushers;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use libtest_mimic::{Arguments, Trial};
use lurelight_mongo::{MongoPlace, MongoRecords, Patience};
use lurelight_schema::{FeatureVector, Label, Record};
use lurelight_store::{
    EnvironmentSecrets, Error, Pushed, RecordStore, Secret, SecretName, Secrets, conformance, push,
};

use process::Server;

type Case<Test> = (&'static str, Test);

/// On a server that all of them share.
const SHARED: &[Case<fn(&Server)>] = &[
    ("contract::is_kept_by_a_user_who_may_only_read_and_write", contract),
    ("contents::a_person_sees_names_words_a_unique_index_and_a_validator", contents::documents),
    ("contents::a_collection_of_another_program_is_left_alone", contents::foreign_rows),
    ("contents::documents_of_another_program_beside_the_rows_are_said", contents::foreign_batches),
    ("contents::rows_that_are_lost_or_changed_by_hand_are_damage", contents::changed_rows),
    ("contents::a_half_deleted_batch_that_is_pushed_again_has_no_old_label", contents::half_deleted),
    ("contents::too_many_labels_for_one_document_are_refused", contents::too_many_labels),
    ("failures::a_wrong_password_names_the_secret", failures::wrong_password),
    ("failures::a_user_who_may_not_write_is_told_the_role", failures::reader),
    ("failures::a_user_who_lost_rights_on_an_open_connection_is_replaced", failures::demoted),
    ("failures::an_unknown_authority_a_wrong_name_and_no_tls_are_told_apart", failures::tls),
    ("failures::nobody_there_is_said_with_the_address", failures::nobody),
    ("failures::text_that_is_no_connection_string_is_refused_unseen", failures::no_connection_string),
    ("pushers::many_rows_are_pushed_and_read_in_little_memory", pushers::memory),
    ("pushers::pushes_that_are_killed_are_completed_by_pushing_again", pushers::killed),
];

/// On a server of their own, which they maltreat.
const ALONE: &[Case<fn(Server)>] = &[
    ("failures::a_rotated_password_is_fetched_and_used", failures::rotated),
    ("failures::a_user_who_was_replaced_and_dropped_is_no_loss", failures::replaced),
    ("failures::a_push_that_lost_its_server_is_completed_when_it_is_back", failures::stopped),
    ("failures::a_server_that_answers_nothing_is_said", failures::paused),
];

fn main() -> ExitCode {
    if let Ok(task) = std::env::var(pushers::TASK) {
        block(pushers::work(&task));
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let missing = if process::program().is_none() {
        "no secantusdb: run scripts/tools secantusdb"
    } else if !process::has_openssl() {
        "no openssl program"
    } else {
        ""
    };
    let program = process::program().filter(|_| missing.is_empty());
    let shared: Arc<OnceLock<Server>> = Arc::default();
    let mut trials = Vec::new();
    for &(name, case) in SHARED {
        let (program, shared) = (program.clone(), Arc::clone(&shared));
        let test = move || {
            case(shared.get_or_init(|| Server::start(&program.unwrap())));
            Ok(())
        };
        trials.push(Trial::test(name, test).with_ignored_flag(!missing.is_empty()).with_kind(missing));
    }
    for &(name, case) in ALONE {
        let program = program.clone();
        let test = move || {
            case(Server::start(&program.unwrap()));
            Ok(())
        };
        trials.push(Trial::test(name, test).with_ignored_flag(!missing.is_empty()).with_kind(missing));
    }
    let uri = std::env::var("MONGODB_URI").ok().filter(|uri| !uri.is_empty());
    let kind = if uri.is_some() { "" } else { "MONGODB_URI is not set" };
    let any_server = || {
        contract_of_any_server();
        Ok(())
    };
    let trial = Trial::test("any_server::keeps_the_contract", any_server);
    trials.push(trial.with_ignored_flag(uri.is_none()).with_kind(kind));
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(shared);
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

fn contract(server: &Server) {
    let uri = server.uri("lurelight");
    block(conformance::records::run("the server", async || {
        let place = server.place();
        [(); 2].map(|()| Arc::new(records(&place, &uri)) as Arc<dyn RecordStore>)
    }));
}

/// In a database of this run, which is dropped whatever happens.
fn contract_of_any_server() {
    let name = format!("lurelight_test_{}_{}", std::process::id(), Timestamp::now().as_millisecond());
    let mut count = 0;
    let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        block(conformance::records::run("the server of MONGODB_URI", async || {
            count += 1;
            let place = MongoPlace::new(&name, format!("records_{count}")).unwrap();
            [(); 2].map(|()| {
                let secrets = Arc::new(EnvironmentSecrets);
                Arc::new(MongoRecords::new(place.clone(), secrets, secret_name())) as Arc<dyn RecordStore>
            })
        }));
    }));
    block(async {
        let client = process::connect(&std::env::var("MONGODB_URI").unwrap()).await;
        client.database(&name).drop().await.unwrap();
    });
    if let Err(panic) = run {
        std::panic::resume_unwind(panic);
    }
}

fn records(place: &MongoPlace, uri: &str) -> MongoRecords {
    records_by(place, Arc::new(Vault::of(uri)))
}

fn records_by(place: &MongoPlace, vault: Arc<Vault>) -> MongoRecords {
    // A machine under load may be slow; no test here is about how slow.
    let patience = Patience { answer: Duration::from_secs(120), ..Patience::default() };
    MongoRecords::new(place.clone(), vault, secret_name()).with_patience(patience)
}

fn secret_name() -> SecretName {
    "mongodb-uri".parse().unwrap()
}

/// Keeps a connection string that can be rotated behind the back of whoever remembers it.
#[derive(Debug)]
struct Vault {
    remembered: Mutex<Secret>,
    now: Mutex<Secret>,
    refreshed: AtomicU64,
}

impl Vault {
    fn of(uri: &str) -> Vault {
        let uri = Secret::new(uri);
        Vault { remembered: Mutex::new(uri.clone()), now: Mutex::new(uri), refreshed: AtomicU64::new(0) }
    }

    fn rotate(&self, uri: &str) {
        *self.now.lock().unwrap() = Secret::new(uri);
    }

    fn refreshed(&self) -> u64 {
        self.refreshed.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Secrets for Vault {
    fn place(&self) -> String {
        "the test's vault".to_owned()
    }

    async fn get(&self, _name: &SecretName) -> Result<Secret, Error> {
        Ok(self.remembered.lock().unwrap().clone())
    }

    async fn refresh(&self, _name: &SecretName) -> Result<Secret, Error> {
        self.refreshed.fetch_add(1, Ordering::SeqCst);
        let now = self.now.lock().unwrap().clone();
        *self.remembered.lock().unwrap() = now.clone();
        Ok(now)
    }
}

/// Records that look random.
fn rows(seed: u64, count: u64) -> Vec<Record> {
    let record = |i: u64| {
        let bits = (seed << 32 | i).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 4;
        let label = if i.is_multiple_of(3) { Label::Phishing } else { Label::Legitimate };
        Record { vector: FeatureVector::from_bits(bits).unwrap(), label }
    };
    (0..count).map(record).collect()
}

fn turned(label: Label) -> Label {
    if label == Label::Phishing { Label::Legitimate } else { Label::Phishing }
}

async fn pushed(store: &dyn RecordStore, records: &[Record]) -> Result<Pushed, Error> {
    push(store, records, "sites.csv", Timestamp::UNIX_EPOCH, &|_| ()).await
}

#[track_caller]
fn assert_said(error: &Error, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not said: {text}");
    }
}

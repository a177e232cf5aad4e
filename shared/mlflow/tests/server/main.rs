//! Runs, versions and the champion as a real MLflow server shows them, read back through its API; and what becomes of
//! them where the server is gone, silent, busy, or a proxy before it lies.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

mod failures;
mod lies;
mod made_up;
mod process;
mod shown;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use lurelight_mlflow::{MlflowSettings, MlflowTracker, Patience};
use lurelight_store::{EnvironmentSecrets, Secrets};

use process::Mlflow;

type Case<Test> = (&'static str, Test);

/// On a server that all of them share.
const SHARED: &[Case<fn(&Mlflow)>] = &[
    ("shown::a_run_is_read_back_with_its_candidates_records_and_files", shown::whole),
    ("shown::recording_again_changes_nothing", shown::twice),
    ("shown::a_failed_run_that_goes_on_is_shown_as_it_is_then", shown::failed),
    ("shown::a_run_that_failed_before_it_read_records_is_shown", shown::failed_early),
    ("shown::a_run_of_the_same_name_in_another_home_is_another_run", shown::another_home),
    ("shown::the_alias_follows_the_champion", shown::champion),
    ("shown::more_than_one_request_may_hold_is_all_there", shown::limits),
    ("failures::lost_answers_make_nothing_twice", failures::lost_answers),
    ("failures::an_answer_that_is_cut_short_is_asked_for_again_or_said", failures::cut_answers),
    ("failures::whatever_request_is_refused_recording_again_completes_it", failures::completed),
    ("failures::a_busy_server_is_waited_for_or_said", failures::busy),
    ("failures::a_silent_server_is_said", failures::silence),
    ("failures::a_server_that_is_gone_is_said", failures::gone),
    ("failures::what_is_no_mlflow_is_said", failures::no_mlflow),
    ("failures::nobody_or_the_wrong_one_is_said_without_the_secret", failures::credentials),
    ("failures::a_rotated_secret_is_fetched_and_used", failures::rotated),
    ("failures::a_deleted_experiment_is_said", failures::deleted),
];

/// On a server of their own, or on none.
const ALONE: &[Case<fn()>] = &[
    ("shown::files_that_a_server_does_not_take_in_are_left_out_and_said", shown::left_out),
    ("failures::an_unknown_authority_is_said", failures::tls),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let program = process::program();
    let missing = if program.is_none() { "no mlflow: run scripts/tools mlflow" } else { "" };
    let shared: Arc<OnceLock<Mlflow>> = Arc::default();
    let mut trials = Vec::new();
    for &(name, case) in SHARED {
        let (program, shared) = (program.clone(), Arc::clone(&shared));
        let test = move || {
            case(shared.get_or_init(|| Mlflow::start(&program.unwrap(), true)));
            Ok(())
        };
        trials.push(Trial::test(name, test).with_ignored_flag(!missing.is_empty()).with_kind(missing));
    }
    for &(name, case) in ALONE {
        let test = move || {
            case();
            Ok(())
        };
        trials.push(Trial::test(name, test).with_ignored_flag(!missing.is_empty()).with_kind(missing));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(shared);
    conclusion.exit_code()
}

/// Runs a case's future on threads of its own.
fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build()
        .unwrap()
        .block_on(future)
}

/// An experiment that no other test has.
fn experiment() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("experiment-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The tracker of this address, with as many attempts as the product's and less patience between them.
fn tracker(uri: &str, experiment: &str) -> MlflowTracker {
    tracker_for(uri, experiment, Arc::new(EnvironmentSecrets))
}

fn tracker_for(uri: &str, experiment: &str, secrets: Arc<dyn Secrets>) -> MlflowTracker {
    let patience = Patience { pause: Duration::from_millis(5), ..Patience::default() };
    let settings = MlflowSettings::new(uri).unwrap().with_experiment(experiment).with_patience(patience);
    MlflowTracker::new(settings, secrets).unwrap()
}

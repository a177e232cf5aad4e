//! What every [`TrainingRunner`] must do.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Map;

use super::{prove_all, refused};
use crate::{ErrorKind, RunId, RunProgress, RunStatus, TrainingRequest, TrainingRunner};

/// How long one waits between two looks at a run.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The runners of one home.
#[derive(Clone, Debug)]
pub struct Runners {
    /// Whatever it starts ends well.
    pub good: Arc<dyn TrainingRunner>,
    /// Whatever it starts ends with an error.
    pub bad: Arc<dyn TrainingRunner>,
}

/// Proves all properties over a home, whose runs last for long enough to be seen.
///
/// # Panics
///
/// At the first property that does not hold.
pub async fn run(home: &str, mut fresh: impl AsyncFnMut() -> Runners) {
    prove_all!(home, fresh:
        an_unknown_run_is_not_found,
        a_run_goes_on_and_ends,
        a_run_without_a_name_gets_one_of_its_own,
        a_name_is_started_once,
        a_run_that_fails_says_why,
    );
}

/// Asking for what was never started.
pub async fn an_unknown_run_is_not_found(runners: Runners) {
    refused(runners.good.state(&name("never")).await, ErrorKind::NotFound, "the state of an unknown run");
}

/// From the start to the end.
pub async fn a_run_goes_on_and_ends(runners: Runners) {
    let before = Timestamp::now();
    let run = runners.good.start(request(Some("first"))).await.unwrap();
    assert_eq!(run, name("first"));
    let ended = ended(&*runners.good, &run).await;
    assert_eq!(ended.status, RunStatus::Succeeded);
    let end = ended.ended_at.unwrap();
    // Another machine's clock may go a little differently.
    let slack = Duration::from_secs(60);
    assert!(ended.started_at + slack >= before && end + slack >= ended.started_at, "{ended:?}");
    assert!(ended.stage.is_some(), "nobody knows which stage it was in last");
}

/// Two of them at once.
pub async fn a_run_without_a_name_gets_one_of_its_own(runners: Runners) {
    let one = runners.good.start(request(None)).await.unwrap();
    let other = runners.good.start(request(None)).await.unwrap();
    assert_ne!(one, other);
    for run in [one, other] {
        assert_eq!(ended(&*runners.good, &run).await.status, RunStatus::Succeeded);
    }
}

/// While it goes on, and after its end.
pub async fn a_name_is_started_once(runners: Runners) {
    let run = runners.good.start(request(Some("once"))).await.unwrap();
    assert_eq!(runners.good.start(request(Some("once"))).await.unwrap(), run);
    let first = ended(&*runners.good, &run).await;
    assert_eq!(runners.good.start(request(Some("once"))).await.unwrap(), run);
    let again = runners.good.state(&run).await.unwrap();
    assert_eq!((again.started_at, again.status), (first.started_at, RunStatus::Succeeded));
}

/// Its state holds the reason.
pub async fn a_run_that_fails_says_why(runners: Runners) {
    let run = runners.bad.start(request(Some("broken"))).await.unwrap();
    let ended = ended(&*runners.bad, &run).await;
    let RunStatus::Failed { reason } = ended.status else { panic!("it did not fail: {ended:?}") };
    assert!(reason.contains(' '), "{reason:?} is no reason in words");
    assert!(ended.ended_at.is_some());
}

/// Waits for a run's end.
async fn ended(runner: &dyn TrainingRunner, run: &RunId) -> RunProgress {
    loop {
        let state = runner.state(run).await.unwrap();
        if state.status != RunStatus::Running {
            return state;
        }
        assert_eq!(state.ended_at, None, "it runs, and has ended");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn request(run: Option<&str>) -> TrainingRequest {
    TrainingRequest {
        run: run.map(name),
        actor: "the suite".to_owned(),
        reason: "to see whether it runs".to_owned(),
        parameters: Map::new(),
    }
}

fn name(text: &str) -> RunId {
    text.parse().unwrap()
}

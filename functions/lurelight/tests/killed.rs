//! The built program is killed at any moment while it pushes, trains and promotes. Done again, it completes what it
//! was at; the registry is whole and the champion is there, each time.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

mod home;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use home::{command, printed, short};
use serde_json::Value;
use tempfile::TempDir;

const PUSHES: u32 = 24;
const TRAININGS: u32 = 20;
const PROMOTIONS: u32 = 24;
/// By then a kill must have met the moment that a test is about.
const KILLS_MAX: u32 = 400;

/// Starts the program and kills it after a share of `whole`, a different one each round. Returns whether it was
/// alive until then.
fn kill(folder: &Path, arguments: &[&str], whole: Duration, round: u32, rounds: u32) -> bool {
    let mut child = command(folder, arguments).spawn().unwrap();
    // Each share once, in an order that jumps about.
    thread::sleep(whole * (round * 7 % rounds) / rounds);
    let alive = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    alive
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

#[test]
fn a_push_that_is_killed_is_completed_by_pushing_again() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    printed(at, &["sample", "60000", "--out", "sites.csv"]);
    let whole = timed(|| drop(printed(at, &["push", "sites.csv"])));
    let batch = printed(at, &["batches", "--json"]);
    let name = serde_json::from_str::<Value>(&batch).unwrap()[0]["batch"].as_str().unwrap().to_owned();
    let (mut killed, mut completed) = (0, 0);
    for round in 0..KILLS_MAX {
        if killed >= PUSHES && completed > 0 {
            break;
        }
        printed(at, &["batches", "delete", &name]);
        killed += u32::from(kill(at, &["push", "sites.csv"], whole, round, PUSHES));
        let seen = printed(at, &["batches", "--json"]);
        let seen: Value = serde_json::from_str(&seen).unwrap();
        let there = seen.as_array().unwrap().len();
        let pushed = printed(at, &["push", "sites.csv"]);
        let expected =
            ["no change", "completed", "pushed"].iter().find(|word| pushed.contains(*word)).unwrap();
        assert_eq!(there == 1, *expected == "no change", "round {round}: {pushed}");
        completed += u32::from(*expected == "completed");
    }
    assert!(killed >= PUSHES && completed > 0, "{killed} pushes were killed, {completed} of them half-way");
    // What is kept are the rows that were pushed: their digest is the batch's name.
    let exported = at.join("all.csv");
    fs::write(&exported, printed(at, &["export", "--part", "records"])).unwrap();
    assert!(printed(at, &["push", "all.csv"]).contains("no change"));
}

#[test]
fn a_training_that_is_killed_goes_on_and_loses_no_champion() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    printed(at, &["sample", "400", "--out", "sites.csv"]);
    printed(at, &["push", "sites.csv"]);
    let whole = timed(|| drop(printed(at, &short(&["--run", "before"]))));
    let (mut killed, mut half_way) = (0, 0);
    for round in 0..KILLS_MAX {
        if killed >= TRAININGS && half_way > 0 {
            break;
        }
        // Every other time it is about the first champion.
        if round % 2 == 0 {
            fs::remove_dir_all(home::home(at).join("artifacts")).unwrap();
        }
        let before = champion(at);
        let (run, rate) = (format!("killed-{round}"), format!("0.{:03}", 100 + round));
        let options = short(&["--run", &run, "--max-false-positive-rate", &rate]);
        killed += u32::from(kill(at, &options, whole, round, TRAININGS));
        verified(at);
        let after = champion(at);
        assert!(before.is_none() || after.is_some(), "round {round}: the champion is lost");

        let reports = home::home(at).join("artifacts/runs").join(&run);
        let begun = reports.join("ingest.json").exists();
        half_way += u32::from(begun && !reports.join("promote.json").exists());
        // What it was asked for stands in its folder, once it has begun.
        let by_name = ["train", "--run", &run];
        printed(at, if begun { &by_name[..] } else { &options });
        verified(at);
        assert!(
            reports.join("promote.json").exists() && reports.join("report.html").exists(),
            "round {round}"
        );
        assert!(champion(at).is_some(), "round {round}");
        let again = printed(at, &short(&["--max-false-positive-rate", &rate]));
        assert!(again.starts_with("No change: "), "round {round}: {again}");
    }
    assert!(
        killed >= TRAININGS && half_way > 0,
        "{killed} trainings were killed, {half_way} of them half-way"
    );
}

#[test]
fn a_promotion_that_is_killed_leaves_one_champion_or_the_other() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    printed(at, &["sample", "400", "--out", "sites.csv"]);
    printed(at, &["push", "sites.csv"]);
    printed(at, &short(&[]));
    printed(at, &short(&["--max-false-positive-rate", "0.2"]));
    let whole = timed(|| drop(printed(at, &["models", "promote", "2"])));
    printed(at, &["models", "promote", "1"]);
    let (mut killed, mut moved) = (0, 0);
    for round in 0..KILLS_MAX {
        if killed >= PROMOTIONS && moved > 0 {
            break;
        }
        let before = champion(at).unwrap();
        let other = if before.0 == 1 { "2" } else { "1" };
        killed += u32::from(kill(at, &["models", "promote", other], whole, round, PROMOTIONS));
        printed(at, &["models", "verify"]);
        let after = champion(at).unwrap();
        assert!(
            after == before || after == (3 - before.0, before.1 + 1),
            "round {round}: {before:?} {after:?}"
        );
        moved += u32::from(after != before);
    }
    assert!(killed >= PROMOTIONS && moved > 0, "{killed} promotions were killed, {moved} moved the pointer");
    let last = champion(at).unwrap();
    printed(at, &["models", "promote", if last.0 == 1 { "2" } else { "1" }]);
    assert_eq!(champion(at), Some((3 - last.0, last.1 + 1)), "and it goes on");
}

/// What is registered is whole, where there is anything.
#[track_caller]
fn verified(folder: &Path) {
    if fs::read_dir(home::home(folder).join("artifacts/registry/versions"))
        .is_ok_and(|mut all| all.next().is_some())
    {
        printed(folder, &["models", "verify"]);
    }
}

/// The version that serves and the number of the event that made it so, from the pointer itself.
fn champion(folder: &Path) -> Option<(u64, u64)> {
    let pointer = fs::read(home::home(folder).join("artifacts/registry/champion.json")).ok()?;
    let event: Value = serde_json::from_slice(&pointer).unwrap();
    Some((event["version"].as_u64().unwrap(), event["sequence"].as_u64().unwrap()))
}

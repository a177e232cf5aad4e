//! The built program: versions, the champion, and what is damaged, on registries in a directory.

#![expect(clippy::unwrap_used, reason = "a test may panic outside its test functions, too")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use lurelight_store::conformance::fixture;
use lurelight_store::{DirectoryArtifacts, EventKind, Key, ModelRegistry};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const PROGRAM: &str = env!("CARGO_BIN_EXE_lurelight");
const KILLS: usize = 120;
const PROMOTERS_AT_ONCE_MAX: usize = 2_000;

struct Home {
    folder: TempDir,
    runtime: Runtime,
}

impl Home {
    /// A home with so many versions, none of which serves.
    fn with(versions: u64) -> Home {
        let home = Home { folder: TempDir::new().unwrap(), runtime: Runtime::new().unwrap() };
        let registry = home.registry();
        home.runtime.block_on(async {
            for number in 1..=versions {
                assert_eq!(fixture::put_version(&registry, number).await.number, number);
            }
        });
        home
    }

    /// A home in which the versions served one after the other.
    fn served(versions: u64) -> Home {
        let home = Home::with(versions);
        for version in 1..=versions {
            home.printed(&["promote", &version.to_string()]);
        }
        home
    }

    fn registry(&self) -> ModelRegistry {
        ModelRegistry::new(Arc::new(DirectoryArtifacts::open(self.path().join("artifacts"))))
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("models").args(arguments).env("LURELIGHT_HOME", self.path()).env("USER", "dora");
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn printed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.printed(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// The exit code and standard error of a command that prints nothing.
    fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        (output.status.code().unwrap(), text(&output.stderr))
    }

    fn started(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn champion(&self) -> Option<u64> {
        let champion = self.runtime.block_on(self.registry().champion()).unwrap();
        champion.map(|champion| champion.event.details.version)
    }

    fn damage(&self, key: &Key) {
        let path = self.path().join("artifacts").join(key.as_str());
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Words without the places where lines end.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn versions_are_listed_and_the_champion_is_marked_in_words() {
    let home = Home::with(3);
    assert!(words(&home.printed(&[])).contains("No version serves yet: `lurelight models promote VERSION`"));
    home.printed(&["promote", "2", "--reason", "it is calmer"]);
    let listed = home.printed(&[]);
    assert_eq!(listed, home.printed(&["list"]));
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with("version") && lines[0].ends_with("AUC"), "{listed}");
    assert!(lines[1].starts_with("1 ") && !lines[1].contains("champion"), "{listed}");
    assert!(lines[2].starts_with("2 champion ") && lines[2].contains(" run-2 "), "{listed}");
    assert!(lines[3].starts_with("3 ") && lines[3].contains("2023-11-14 22:13"), "{listed}");
    assert!(words(&listed).contains("promoted by dora"), "{listed}");
    assert!(words(&listed).ends_with(": it is calmer."), "{listed}");
    let json = home.json(&["list"]);
    assert_eq!(json, home.json(&[]));
    let champions: Vec<bool> =
        json["versions"].as_array().unwrap().iter().map(|version| version["champion"] == true).collect();
    assert_eq!(champions, [false, true, false]);
    assert_eq!((&json["champion"]["version"], &json["versions"][0]["f1"]), (&2.into(), &0.5.into()));
}

#[test]
fn a_home_is_named_by_flag_or_variable_before_or_after_the_command() {
    let home = Home::with(1);
    let place = home.path();
    let place = place.to_str().unwrap();
    let listed = home.printed(&[]);
    let other = Home::with(0);
    for arguments in [&["--home", place, "list"][..], &["list", "--home", place], &["--home", place]] {
        assert_eq!(other.printed(arguments), listed, "{arguments:?}");
    }
    assert!(words(&other.printed(&[])).contains("There is no version in"));
    assert_eq!(other.json(&[])["versions"], Value::Array(Vec::new()));
}

#[test]
fn a_move_is_said_kept_and_shown() {
    let home = Home::with(3);
    let said = home.printed(&["promote", "1"]);
    assert_eq!(said, "Version 1 (logistic regression) serves now, the first champion (event 1).\n");
    let said = home.printed(&["promote", "3", "--reason", "fewer false alarms\u{1b}[2J\n"]);
    assert_eq!(said, "Version 3 (logistic regression) serves now, in place of version 1 (event 2).\n");
    let said = home.printed(&["rollback", "--reason", "too many misses"]);
    assert_eq!(said, "Version 1 (logistic regression) serves again now, in place of version 3 (event 3).\n");
    let log = home.printed(&["log"]);
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[1].trim_start().starts_with("1 ") && lines[1].ends_with("  by hand"), "{log}");
    assert!(lines[1].contains(" none ") && lines[1].contains(" dora"), "{log}");
    assert!(lines[2].ends_with("fewer false alarms [2J"), "{log}");
    assert!(lines[3].contains(" 1 rolled back  3 ") && lines[3].ends_with("too many misses"), "{log}");
    assert!(!log.contains('\u{1b}'));
    let json = home.json(&["log"]);
    assert_eq!(json[2]["kind"], "rolled_back");
    assert_eq!(json[2]["previous"], 3);
    assert_eq!(json[1]["reason"], "fewer false alarms\u{1b}[2J\n");
    assert!(json[1]["actor"].as_str().unwrap().starts_with("dora"));
}

#[test]
fn promoting_what_serves_is_no_change() {
    let home = Home::served(2);
    for arguments in [&["promote", "2"][..], &["roll-back", "2"]] {
        let said = home.printed(arguments);
        assert!(said.starts_with("No change: version 2 serves already, since 20"), "{said}");
        let json = home.json(arguments);
        assert_eq!((&json["changed"], &json["event"]["sequence"]), (&false.into(), &2.into()));
    }
    assert_eq!(home.json(&["log"]).as_array().unwrap().len(), 2);
    assert_eq!(home.json(&["promote", "1"])["changed"], true);
}

#[test]
fn rolling_back_again_goes_further_back_and_never_forth() {
    let home = Home::served(3);
    home.printed(&["roll-back"]);
    assert_eq!(home.champion(), Some(2));
    home.printed(&["roll-back"]);
    assert_eq!(home.champion(), Some(1));
    let (code, said) = home.refused(&["roll-back"]);
    assert!(
        code == 1 && said.contains("before version 1 none served that was not rolled back from"),
        "{said}"
    );
    // What was rolled back from can be named.
    home.printed(&["roll-back", "3"]);
    assert_eq!(home.champion(), Some(3));
    let kinds: Vec<EventKind> = home
        .runtime
        .block_on(home.registry().events())
        .unwrap()
        .iter()
        .map(|event| event.details.kind)
        .collect();
    assert_eq!(kinds[3..], [EventKind::RolledBack; 3]);
}

#[test]
fn what_cannot_be_moved_is_said_with_what_to_do() {
    let home = Home::with(3);
    let (code, said) = home.refused(&["roll-back"]);
    assert!(code == 1 && said.contains("no version ever served in"), "{code} {said}");
    home.printed(&["promote", "1"]);
    let table: [(&[&str], i32, &str); 8] = [
        (&["promote", "7"], 1, "there is no version 7 in "),
        (&["promote", "7"], 1, ": there are 1 to 3; `lurelight models` lists them"),
        (&["promote", "0"], 1, "there is no version 0"),
        (&["promote", "x"], 2, "invalid value 'x'"),
        (&["roll-back", "2"], 1, "version 2 has never served, so nothing can be rolled back to it"),
        (&["roll-back", "9"], 1, "there are 1 to 3"),
        (&["roll-back"], 1, "before version 1 none served"),
        (&["diff", "1", "4"], 1, "there is no version 4"),
    ];
    for (arguments, code, expected) in table {
        let (seen, said) = home.refused(arguments);
        assert!(seen == code && said.contains(expected), "{arguments:?}: {seen} {said}");
    }
    assert_eq!(home.champion(), Some(1));
    let empty = Home::with(0);
    for arguments in [&["promote", "1"][..], &["show"], &["show", "1"], &["verify"], &["verify", "--json"]] {
        let (code, said) = empty.refused(arguments);
        assert!(code == 1 && said.contains("`lurelight push FILE` and `lurelight train` make one"), "{said}");
    }
    assert!(!empty.path().exists(), "looking made a home");
    let (code, said) = Home::with(1).refused(&["show"]);
    assert!(code == 1 && said.contains("`lurelight models show 1`"), "{code} {said}");
}

#[test]
fn a_damaged_version_is_refused_before_the_pointer_moves() {
    let home = Home::served(3);
    let model = |number| fixture::model(number).digest();
    home.damage(&Key::model(model(2)));
    fs::remove_file(home.path().join("artifacts").join(Key::card(model(1)).as_str())).unwrap();
    let table: [(&[&str], &str); 5] = [
        (&["promote", "2"], "version 2 cannot serve, and version 3 still serves: "),
        (&["promote", "2"], "is damaged: its SHA-256 is "),
        (&["roll-back"], "version 2 cannot serve, and version 3 still serves: "),
        (&["roll-back", "1"], "version 1 cannot serve, and version 3 still serves: "),
        (&["roll-back", "1"], "card.json is gone; restore it"),
    ];
    for (arguments, expected) in table {
        let (code, said) = home.refused(arguments);
        assert!(code == 4 && said.contains(expected), "{arguments:?}: {code} {said}");
    }
    assert_eq!((home.champion(), home.json(&["log"]).as_array().unwrap().len()), (Some(3), 3));

    let verified = home.run(&["verify"]);
    assert_eq!(verified.status.code(), Some(4));
    let problems = text(&verified.stdout);
    assert_eq!(problems.lines().count(), 2, "{problems}");
    assert!(problems.contains("is damaged: its SHA-256") && problems.contains("card.json"), "{problems}");
    assert!(text(&verified.stderr).contains("is damaged: 2 problems"), "{}", text(&verified.stderr));
    let verified = home.run(&["verify", "--json"]);
    let json: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!((verified.status.code(), json["problems"].as_array().unwrap().len()), (Some(4), 2));
    // The list still shows what can be read.
    let listed = home.run(&[]);
    assert!(listed.status.success() && text(&listed.stdout).lines().nth(1).unwrap().ends_with("no card"));
    assert!(text(&listed.stderr).contains("version 1: "), "{}", text(&listed.stderr));
    let (code, said) = home.refused(&["export", "2", "--out", "copy.lure"]);
    assert!(code == 4 && said.contains("is damaged"), "{code} {said}");
    assert!(!home.folder.path().join("copy.lure").exists());
}

#[test]
fn a_damaged_pointer_is_named() {
    let home = Home::served(2);
    home.damage(&Key::champion());
    fs::write(home.path().join("artifacts").join(Key::champion().as_str()), "{").unwrap();
    for arguments in [&["list"][..], &["promote", "1"], &["roll-back"], &["log"]] {
        let (code, said) = home.refused(arguments);
        assert!(code == 4 && said.contains("champion.json: is damaged"), "{arguments:?}: {code} {said}");
    }
    assert_eq!(home.run(&["verify"]).status.code(), Some(4));
}

#[test]
fn what_is_whole_is_said_so() {
    let home = Home::served(3);
    home.printed(&["roll-back"]);
    assert_eq!(home.printed(&["verify"]), "3 versions, 4 events: all whole\n");
    let one = Home::with(1);
    assert_eq!(one.printed(&["verify"]), "1 version, 0 events: all whole\n");
}

#[test]
fn a_version_is_shown_with_its_card() {
    let home = Home::served(2);
    let shown = home.printed(&["show"]);
    let model = fixture::model(2).digest().to_string();
    for expected in [
        "Version      2, the champion since 20",
        "by run run-2",
        &model,
        "model.lure",
        "Family       logistic",
    ] {
        assert!(shown.contains(expected), "{expected} is not in\n{shown}");
    }
    assert!(home.printed(&["show", "1"]).starts_with("Version      1, which does not serve\n"));
    let json = home.json(&["show", "1"]);
    assert_eq!((&json["number"], &json["champion"]), (&1.into(), &false.into()));
    assert_eq!(json["model"], json["card"]["model"]);
    assert!(Path::new(json["file"].as_str().unwrap()).is_file());
    assert!(Path::new(json["card_file"].as_str().unwrap()).is_file());
}

#[test]
fn an_exported_version_is_a_model_file_with_its_card() {
    let home = Home::with(2);
    let said = home.printed(&["export", "2", "--out", "copy.lure"]);
    assert_eq!(said, "Version 2 is in copy.lure with copy.card.json beside it.\n");
    let bytes = fs::read(home.folder.path().join("copy.lure")).unwrap();
    assert_eq!(bytes, fixture::model(2).to_bytes());
    let card = Command::new(PROGRAM)
        .args(["card", "copy.lure", "--json"])
        .current_dir(home.folder.path())
        .output()
        .unwrap();
    let card: Value = serde_json::from_slice(&card.stdout).unwrap();
    assert_eq!(card["model"], fixture::model(2).digest().to_string());
    let (code, said) = home.refused(&["export", "2", "--out", "absent/copy.lure"]);
    assert!(code == 1 && said.contains("no file can be made in absent"), "{code} {said}");
}

#[test]
fn of_two_promoters_at_once_the_later_one_is_told_who_moved_it() {
    let home = Home::served(1);
    home.runtime.block_on(async { fixture::put_version(&home.registry(), 2).await });
    home.runtime.block_on(async { fixture::put_version(&home.registry(), 3).await });
    let mut moves = 1;
    for _ in 0..PROMOTERS_AT_ONCE_MAX {
        let both = [home.started(&["promote", "2"]), home.started(&["promote", "3"])];
        let ended = both.map(|child| child.wait_with_output().unwrap());
        let refused: Vec<&Output> = ended.iter().filter(|output| !output.status.success()).collect();
        assert!(refused.len() < 2, "nobody succeeded");
        let events = home.json(&["log"]).as_array().unwrap().len();
        assert!(events > moves && events <= moves + 2 - refused.len(), "{moves} {events} {refused:?}");
        moves = events;
        if let [output] = refused[..] {
            let (said, serving) = (text(&output.stderr), home.champion().unwrap());
            assert_eq!(output.status.code(), Some(1));
            assert!(said.contains("was moved meanwhile") && said.contains("nothing was changed"), "{said}");
            assert!(said.contains(&format!("made version {serving} the champion")), "{said}");
            assert!(said.contains("dora") && said.contains("`lurelight models log`"), "{said}");
            return;
        }
        home.printed(&["promote", "1"]);
        moves += 1;
    }
    panic!("in {PROMOTERS_AT_ONCE_MAX} rounds no two met at the pointer");
}

/// Two promoters at a time, killed by SIGKILL while they work, each after another wait.
#[cfg(unix)]
#[test]
fn promoters_that_are_killed_leave_a_whole_registry() {
    let home = Home::served(3);
    let commands: [&[&str]; 5] =
        [&["promote", "1"], &["roll-back"], &["promote", "2"], &["promote", "3"], &["roll-back", "1"]];
    let (mut kills, mut moves) = (0, 3);
    let mut survived = 0;
    for round in 0.. {
        if kills >= KILLS && moves > 20 {
            break;
        }
        assert!(round < 50 * KILLS, "{kills} kills met a promoter, and {moves} moves were made");
        let mut both = [0, 2].map(|i| home.started(commands[(round + i) % commands.len()]));
        // From before the first read to after the last write.
        thread::sleep(Duration::from_micros(137 * (round as u64 % 80)));
        for child in &mut both {
            child.kill().unwrap();
        }
        for child in both {
            let output = child.wait_with_output().unwrap();
            // No code: the signal ended it.
            match output.status.code() {
                None => kills += 1,
                Some(0) => survived += 1,
                Some(code) => {
                    let said = text(&output.stderr);
                    let expected = ["was moved meanwhile", "nothing to roll back to"];
                    assert!(code == 1 && expected.iter().any(|words| said.contains(words)), "{code} {said}");
                }
            }
        }
        let verified = home.run(&["verify"]);
        assert!(verified.status.success(), "round {round}: {}", text(&verified.stdout));
        let events = home.runtime.block_on(home.registry().events()).unwrap();
        assert!(events.len() >= moves, "round {round}: {moves} moves before, {} after", events.len());
        assert!(events.iter().map(|event| event.sequence).eq(1..=events.len() as u64), "{events:?}");
        for pair in events.windows(2) {
            assert_eq!(pair[1].previous, Some(pair[0].details.version));
        }
        assert!((1..=3).contains(&home.champion().unwrap()));
        moves = events.len();
    }
    // And it goes on.
    let to = if home.champion() == Some(2) { "3" } else { "2" };
    home.printed(&["promote", to]);
    println!("{kills} kills, {survived} ended before, {moves} moves");
    let aside = home.path().join("artifacts/.aside");
    assert_eq!(fs::read_dir(aside).unwrap().count(), 0, "what the dead left is not taken away");
}

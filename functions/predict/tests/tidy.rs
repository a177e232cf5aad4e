//! Holds the repository to the rules of ARCHITECTURE.md that no compiler checks: who may know whom, what the
//! built `predict` contains, how long files are and what they are called, and that the documents name what is there.
#![expect(clippy::expect_used, clippy::panic, reason = "a test reports by panicking")]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each room and the rooms that it may know, itself left out.
///
/// `lurelight` is the whole system in one process, so it may know all.
const ROOMS: &[(&str, &str, &[&str])] = &[
    ("shared/schema", "lurelight-schema", &[]),
    ("shared/model", "lurelight-model", &["lurelight-schema"]),
    ("shared/learn", "lurelight-learn", &["lurelight-model", "lurelight-schema"]),
    ("shared/store", "lurelight-store", &["lurelight-model", "lurelight-schema"]),
    ("shared/aws", "lurelight-aws", &["lurelight-model", "lurelight-schema", "lurelight-store"]),
    (
        "shared/stepfunctions",
        "lurelight-stepfunctions",
        &["lurelight-aws", "lurelight-model", "lurelight-schema", "lurelight-store"],
    ),
    ("shared/mlflow", "lurelight-mlflow", &["lurelight-model", "lurelight-schema", "lurelight-store"]),
    ("shared/mongo", "lurelight-mongo", &["lurelight-model", "lurelight-schema", "lurelight-store"]),
    ("shared/plot", "lurelight-plot", &["lurelight-model", "lurelight-schema"]),
    (
        "shared/pipeline",
        "lurelight-pipeline",
        &["lurelight-learn", "lurelight-model", "lurelight-plot", "lurelight-schema", "lurelight-store"],
    ),
    ("shared/web", "lurelight-web", &[]),
    ("shared/runtime", "lurelight-runtime", &["lurelight-web"]),
    (
        "functions/predict",
        "predict",
        &[
            "lurelight-aws",
            "lurelight-model",
            "lurelight-plot",
            "lurelight-runtime",
            "lurelight-schema",
            "lurelight-store",
            "lurelight-web",
        ],
    ),
    (
        "functions/admin",
        "admin",
        &[
            "lurelight-aws",
            "lurelight-model",
            "lurelight-runtime",
            "lurelight-schema",
            "lurelight-stepfunctions",
            "lurelight-store",
            "lurelight-web",
        ],
    ),
    (
        "functions/train",
        "train",
        &[
            "lurelight-aws",
            "lurelight-learn",
            "lurelight-mlflow",
            "lurelight-model",
            "lurelight-mongo",
            "lurelight-pipeline",
            "lurelight-plot",
            "lurelight-runtime",
            "lurelight-schema",
            "lurelight-store",
            "lurelight-web",
        ],
    ),
    (
        "functions/lurelight",
        "lurelight",
        &[
            "admin",
            "lurelight-aws",
            "lurelight-learn",
            "lurelight-mlflow",
            "lurelight-model",
            "lurelight-mongo",
            "lurelight-pipeline",
            "lurelight-plot",
            "lurelight-runtime",
            "lurelight-schema",
            "lurelight-stepfunctions",
            "lurelight-store",
            "lurelight-web",
            "predict",
        ],
    ),
];

/// Crates of others that a room must not reach, by the start of their names.
const BARRED: &[(&str, &[&str])] = &[
    ("lurelight-schema", &["axum", "hyper", "lambda", "linfa", "tokio"]),
    ("lurelight-model", &["axum", "hyper", "lambda", "linfa", "rand", "tokio"]),
    ("lurelight-learn", &["axum", "hyper", "lambda", "polars", "tokio"]),
    ("lurelight-store", &["axum", "aws", "hyper", "lambda", "linfa", "mongodb", "polars"]),
    ("lurelight-aws", &["axum", "lambda", "linfa", "mongodb", "native-tls", "openssl-sys", "polars", "ring"]),
    (
        "lurelight-stepfunctions",
        &["axum", "lambda", "linfa", "mongodb", "native-tls", "openssl-sys", "polars", "ring"],
    ),
    (
        "lurelight-mlflow",
        &["aws-sdk", "axum", "lambda", "linfa", "mongodb", "native-tls", "openssl-sys", "polars", "ring"],
    ),
    (
        "lurelight-mongo",
        &["aws-sdk", "axum", "lambda", "linfa", "native-tls", "openssl-sys", "polars", "ring"],
    ),
    ("lurelight-plot", &["axum", "hyper", "lambda", "linfa", "polars", "tokio"]),
    ("lurelight-pipeline", &["axum", "aws", "hyper", "lambda", "mongodb"]),
    ("lurelight-web", &["linfa", "ndarray", "polars"]),
    ("lurelight-runtime", &["linfa", "ndarray", "polars"]),
    ("predict", PREDICT_NEVER_LINKS),
    ("admin", &["linfa", "lurelight-learn", "lurelight-pipeline", "mongodb", "ndarray", "polars", "rand"]),
];

/// What would make `predict` slow to start or large to ship. Generic code leaves the names of the crates that
/// drive it, so those stand here too.
const PREDICT_NEVER_LINKS: &[&str] = &[
    "argmin",
    "aws-sdk-sfn",
    "linfa",
    "linfa-logistic",
    "linfa-trees",
    "lurelight-learn",
    "lurelight-mongo",
    "lurelight-pipeline",
    "mongodb",
    "native-tls",
    "ndarray",
    "openssl-sys",
    "polars",
    "polars-core",
];

const MAIN_LINES_MAX: usize = 40;
const FILE_LINES_MAX: usize = 600;
const FILE_LINES_LONG: usize = 400;

#[test]
fn every_room_is_in_the_table() {
    let listed: BTreeSet<&str> = ROOMS.iter().map(|(room, ..)| *room).collect();
    let rooms = rooms();
    let found: BTreeSet<&str> = rooms.iter().map(String::as_str).collect();
    assert_eq!(
        listed, found,
        "the table ROOMS (left) and the rooms that exist (right) differ: say in ROOMS, and in ARCHITECTURE.md, whom \
         a new room may know"
    );
}

#[test]
fn a_room_knows_only_those_below_it() {
    let ours: BTreeSet<&str> = ROOMS.iter().map(|(_, package, _)| *package).collect();
    for (room, package, may_know) in ROOMS {
        for known in linked_by(package) {
            assert!(
                known == *package || !ours.contains(known.as_str()) || may_know.contains(&known.as_str()),
                "{room} depends on {known}, which the dependency rule of ARCHITECTURE.md forbids; see \
                 `cargo tree -p {package} -i {known}`, and move what is shared into a room below both"
            );
        }
    }
}

#[test]
fn a_room_reaches_no_barred_crate() {
    for (package, barred) in BARRED {
        for known in linked_by(package) {
            let hit = barred.iter().find(|bar| is_or_extends(&known, bar));
            assert!(
                hit.is_none(),
                "{package} depends on {known}; see `cargo tree -p {package} -i {known}`, and take it out"
            );
        }
    }
}

/// Looks for the crates in the program that was built, where features of the whole workspace are unified.
#[test]
fn the_built_predict_contains_no_barred_crate() {
    let program = fs::read(env!("CARGO_BIN_EXE_predict")).expect("cargo has built predict for this test");
    for expected in ["aws-sdk-s3", "axum", "lurelight-model", "lurelight-schema"] {
        assert!(
            !traces(&program, expected).is_empty(),
            "no trace of {expected} in the built predict, which certainly contains it: this search finds nothing any \
             more, so mend it before believing the rest"
        );
    }
    for barred in PREDICT_NEVER_LINKS {
        let found = traces(&program, barred);
        assert!(
            found.is_empty(),
            "the built predict contains {barred}: it has the texts {found:?}; see `cargo tree -p predict -i {barred}`"
        );
    }
}

#[test]
fn a_main_only_wires() {
    for path in files().into_iter().filter(|path| path.ends_with("src/main.rs")) {
        let lines = read(&path).lines().count();
        assert!(
            lines <= MAIN_LINES_MAX,
            "{} has {lines} lines and may have {MAIN_LINES_MAX}: a main only wires, so move the rest into a module",
            shown(&path)
        );
    }
}

#[test]
fn no_file_is_too_long() {
    let mut long = Vec::new();
    for path in files().into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        let lines = read(&path).lines().count();
        assert!(
            lines <= FILE_LINES_MAX,
            "{} has {lines} lines and may have {FILE_LINES_MAX}: split it by what its parts are about",
            shown(&path)
        );
        if lines > FILE_LINES_LONG {
            long.push(format!("{} ({lines})", shown(&path)));
        }
    }
    if !long.is_empty() {
        println!("getting long, above {FILE_LINES_LONG} lines: {}", long.join(", "));
    }
}

#[test]
fn names_say_what_is_inside() {
    for path in files() {
        for part in path.strip_prefix(root()).expect("files are below the root").iter() {
            let part = part.to_string_lossy().to_lowercase();
            for word in part.split(|letter: char| !letter.is_alphanumeric()) {
                assert!(
                    !matches!(word, "util" | "utils" | "helper" | "helpers" | "manager" | "managers"),
                    "{}: `{word}` says nothing; name it after what it holds",
                    shown(&path)
                );
            }
        }
    }
}

#[test]
fn versions_stand_in_the_workspace_table_only() {
    for (room, ..) in ROOMS {
        let path = root().join(room).join("Cargo.toml");
        let text = read(&path);
        for (number, line) in dependency_lines(&text) {
            assert!(
                line.contains("workspace = true"),
                "{}:{number}: `{line}` names its own version or path; put that into [workspace.dependencies] of the \
                 root Cargo.toml and write `.workspace = true` here",
                shown(&path)
            );
        }
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{} does not take the lints of the workspace; add `[lints]` with `workspace = true`",
            shown(&path)
        );
    }
}

#[test]
fn no_file_names_a_place_on_one_machine() {
    let places = [["/", "root"].concat(), ["/", "work"].concat(), ["/", "home/"].concat()];
    for path in files() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            assert!(
                !places.iter().any(|place| names_place(line, place)),
                "{}:{}: names a place that exists on one machine only: `{line}`",
                shown(&path),
                number + 1
            );
        }
    }
}

#[test]
fn the_documents_name_every_room() {
    for document in ["README.md", "ARCHITECTURE.md"] {
        let text = read(&root().join(document));
        for room in rooms() {
            assert!(text.contains(&room), "{document} does not name {room}; say there what it is for");
        }
    }
}

/// A path in a document is a promise: `shared/…`, `functions/…`, `scripts/…`, with `path::name` for a test in it.
#[test]
fn what_the_documents_name_is_there() {
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "NOTICE"] {
        for named in quoted_paths(&read(&root().join(document))) {
            let (path, item) =
                named.split_once("::").map_or((named.as_str(), None), |(path, item)| (path, Some(item)));
            let path = root().join(path);
            assert!(path.exists(), "{document} names `{named}`, and there is no {}", shown(&path));
            if let Some(item) = item {
                assert!(
                    read(&path).contains(item),
                    "{document} names `{named}`, and {} has no {item}",
                    shown(&path)
                );
            }
        }
    }
}

/// The packages that are linked into `package`, itself included, as cargo resolves them without development
/// dependencies.
fn linked_by(package: &str) -> BTreeSet<String> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root())
        .args(["tree", "--offline", "--package", package, "--edges", "normal", "--target", "all"])
        .args(["--prefix", "none", "--format", "{p}"])
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8_lossy(&output.stdout);
    let names: BTreeSet<String> =
        tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert!(names.contains(package), "cargo tree printed another form than expected:\n{tree}");
    names
}

/// The texts that a compiled-in crate leaves behind, as far as `program` has them: a mangled path (the name after
/// its length), a module path, and the place of a panic (in the registry's sources, or in our room).
fn traces(program: &[u8], package: &str) -> Vec<String> {
    let name = package.replace('-', "_");
    let mut texts = vec![format!("{}{name}", name.len()), format!("{name}::")];
    texts.extend(
        ROOMS.iter().filter(|(_, known, _)| *known == package).map(|(room, ..)| format!("{room}/src/")),
    );
    texts.retain(|text| follows(program, text, |_| true));
    let sources = format!("/{package}-");
    if follows(program, &sources, |next| next.is_ascii_digit()) {
        texts.push(sources);
    }
    texts
}

/// Whether `text` stands anywhere in `program` before a byte that `next` accepts.
fn follows(program: &[u8], text: &str, next: impl Fn(u8) -> bool) -> bool {
    let text = text.as_bytes();
    let mut rest = program;
    while let Some(start) = rest.iter().position(|byte| *byte == text[0]) {
        rest = &rest[start..];
        if rest.starts_with(text) && rest.get(text.len()).copied().is_some_and(&next) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

fn is_or_extends(package: &str, bar: &str) -> bool {
    package.strip_prefix(bar).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

/// The lines of a manifest that declare a dependency, with their numbers; continued lines are left out.
fn dependency_lines(manifest: &str) -> Vec<(usize, &str)> {
    let mut lines = Vec::new();
    let mut in_table = false;
    let mut depth = 0_i64;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if depth == 0 && line.starts_with('[') {
            in_table = line.contains("dependencies");
            continue;
        }
        if depth == 0 && in_table && !line.is_empty() && !line.starts_with('#') {
            lines.push((index + 1, line));
        }
        let count = |bracket: char| i64::try_from(line.matches(bracket).count()).unwrap_or(0);
        depth += count('[') + count('{') - count(']') - count('}');
    }
    lines
}

/// Whether `line` has `place` as a path of its own, not as the tail of a longer one or the head of a longer word.
fn names_place(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + place.len()..].chars().next();
        let stands_alone =
            before.is_none_or(|letter| !letter.is_alphanumeric() && !"._~}/*-".contains(letter));
        stands_alone && (place.ends_with('/') || after.is_none_or(|letter| !letter.is_alphanumeric()))
    })
}

/// The paths into our own folders that stand between backquotes.
fn quoted_paths(text: &str) -> Vec<String> {
    let folders = ["shared/", "functions/", "scripts/", "docs/", ".ci/"];
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|quoted| quoted.split_whitespace().next())
        .filter(|path| {
            folders.iter().any(|folder| path.starts_with(folder)) && !path.contains(['{', '*', '<', '…'])
        })
        .map(|path| path.trim_end_matches('/').to_owned())
        .collect()
}

fn rooms() -> Vec<String> {
    let mut rooms = Vec::new();
    for floor in ["shared", "functions"] {
        for entry in fs::read_dir(root().join(floor)).expect("the floor can be listed") {
            let path = entry.expect("the floor can be listed").path();
            if path.join("Cargo.toml").exists() {
                rooms.push(shown(&path));
            }
        }
    }
    rooms
}

/// Every file of the project, without what is built or fetched.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let foreign = matches!(name.as_str(), ".git" | ".lurelight" | "data" | "node_modules" | "target");
            if path.is_symlink() || (foreign && path.is_dir()) || path.join("CACHEDIR.TAG").exists() {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if name != ".git" {
                files.push(path);
            }
        }
    }
    assert!(files.len() > 10, "found only {} files below {}", files.len(), root().display());
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", shown(path)))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace is two folders up")
}

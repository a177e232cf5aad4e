//! Records in MongoDB and everything else in a directory: what a team without AWS has. On a real server with TLS and a
//! password, whose connection string is in a file.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

mod home;
#[path = "../../../shared/mongo/tests/server/process.rs"]
#[expect(dead_code, reason = "only a part of it is needed")]
mod process;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Trial};
use mongodb::bson::doc;

use home::short;
use process::Server;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let missing = if process::program().is_none() {
        "no secantusdb: run scripts/tools secantusdb"
    } else if !process::has_openssl() {
        "no openssl program"
    } else {
        ""
    };
    let test = || {
        records_in_mongodb_and_the_rest_in_a_directory(&Server::start(&process::program().unwrap()));
        Ok(())
    };
    let trial = Trial::test("records_in_mongodb_and_the_rest_in_a_directory", test);
    let trial = trial.with_ignored_flag(!missing.is_empty()).with_kind(missing);
    libtest_mimic::run(&arguments, vec![trial]).exit_code()
}

/// The program with the connection string in a file.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = home::command(folder, arguments);
    command.env_remove("MONGODB_URI").env("MONGODB_URI_FILE", folder.join("uri"));
    command
}

/// What it prints where the database is named by a variable.
#[track_caller]
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output =
        command(folder, arguments).env("LURELIGHT_MONGODB_DATABASE", process::DATABASE).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn records_in_mongodb_and_the_rest_in_a_directory(server: &Server) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("uri"), server.uri("lurelight") + "\n").unwrap();
    home::printed(folder, &["sample", "600", "--out", "labelled.csv"]);
    printed(folder, &["push", "labelled.csv"]);
    // One collection of rows and one of closing records, in the database that the variable names.
    let held = block(async {
        let client = server.client().await;
        let records = client.database(process::DATABASE).collection::<mongodb::bson::Document>("records");
        records.count_documents(doc! {}).await.unwrap()
    });
    assert_eq!(held, 600);
    assert!(!home::home(folder).join("records").exists(), "rows lie in the directory as well");

    printed(folder, &short(&[]));
    assert!(home::home(folder).join("artifacts/registry/champion.json").is_file());
    assert!(printed(folder, &["card"]).contains("version 1"));
    // A flag says the same; where nothing names MongoDB the directory has no records.
    let by_flag =
        command(folder, &["batches", "--json", "--mongodb-collection", "records"]).output().unwrap();
    assert!(String::from_utf8(by_flag.stdout).unwrap().contains("600"));
    let without = command(folder, &["train"]).output().unwrap();
    assert_eq!(without.status.code(), Some(3), "{}", String::from_utf8_lossy(&without.stderr));
    // The file is what counts: without it the command says which variable and which file.
    fs::remove_file(folder.join("uri")).unwrap();
    let output = command(folder, &["batches", "--mongodb-database", process::DATABASE]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("MONGODB_URI_FILE=") && said.contains("there is no such file"), "{said}");
}

/// Runs a future on threads of its own.
fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

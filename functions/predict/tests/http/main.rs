//! The built program over HTTP: every resource and verb, and everything that it refuses.
//!
//! No part of it may be absent, but one server answers most tests, and it has to be stopped at the end.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

#[path = "../support/champions.rs"]
mod champions;
#[path = "../support/mod.rs"]
mod support;

mod access;
mod bad_input;
mod champion;
mod edge;
mod pages;
mod predictions;
mod program;
mod slow_store;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use support::Server;

type Case = (&'static str, fn(&Server));

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let server = Arc::new(Server::start(&[]));
    let cases = [
        access::CASES,
        pages::CASES,
        predictions::CASES,
        bad_input::CASES,
        edge::CASES,
        program::CASES,
        champion::CASES,
        slow_store::CASES,
    ];
    let trials = cases.into_iter().flatten().map(|&(name, case)| {
        let server = Arc::clone(&server);
        Trial::test(name, move || {
            case(&server);
            Ok(())
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    drop(server);
    conclusion.exit_code()
}

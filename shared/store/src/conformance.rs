//! What every home of a contract must do, as tests that any home's own tests call.
//!
//! ```
//! use std::sync::Arc;
//!
//! use lurelight_store::{ArtifactStore, DirectoryArtifacts, conformance};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let mut count = 0;
//! let fresh = async || {
//!     count += 1;
//!     let root = folder.path().join(count.to_string());
//!     [(); 2].map(|()| Arc::new(DirectoryArtifacts::open(&root)) as Arc<dyn ArtifactStore>)
//! };
//! conformance::registry::run("a directory", fresh).await;
//! # Ok(())
//! # }
//! ```
//!
//! Each suite is handed **two openings of one fresh, empty place**: what two processes do to each other must
//! also hold for two clients that share nothing in memory. It panics at the first property that does not hold, and
//! names it.
#![expect(clippy::panic, clippy::unwrap_used, reason = "these are tests, which report by panicking")]

pub mod artifacts;
pub mod fixture;
pub mod records;
pub mod registry;
pub mod runner;

use std::any::Any;
use std::fmt::Debug;

use crate::{Error, ErrorKind};

/// Proves properties one after the other, each in a fresh place.
macro_rules! prove_all {
    ($home:ident, $fresh:ident: $($property:ident),+ $(,)?) => {
        $($crate::conformance::prove($home, stringify!($property), $property($fresh().await)).await;)+
    };
}
use prove_all;

/// Runs a proof where it can be moved between threads, as callers do, and says which one failed.
async fn prove(home: &str, property: &str, proof: impl Future<Output = ()> + Send + 'static) {
    if let Err(error) = tokio::spawn(proof).await {
        let reason = error.try_into_panic().map_or_else(|error| error.to_string(), |panic| text(&*panic));
        panic!("{home} does not keep `{property}`: {reason}");
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}

/// Runs two futures at the same time, on two threads where the runtime has them. Where one of them panics, nobody
/// waits for the other.
async fn at_once<A: Send + 'static, B: Send + 'static>(
    a: impl Future<Output = A> + Send + 'static,
    b: impl Future<Output = B> + Send + 'static,
) -> (A, B) {
    tokio::try_join!(tokio::spawn(a), tokio::spawn(b)).unwrap()
}

/// Fails unless `result` is an error of this kind.
#[track_caller]
fn refused<T: Debug>(result: Result<T, Error>, kind: ErrorKind, what: &str) -> Error {
    match result {
        Err(error) if error.kind == kind => error,
        other => panic!("{what}: expected an error of kind {kind:?}, and it was {other:?}"),
    }
}

/// Numbers that look random, the same for the same seed (splitmix64).
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    (1..).map(move |i: u64| {
        let z = seed.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    })
}

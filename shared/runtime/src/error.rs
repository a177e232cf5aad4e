//! What can go wrong before the first request is answered.

use std::io;
use std::net::SocketAddr;

/// An error of configuration or of the server, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A variable holds something that it cannot mean.
    #[error("{variable} is {value:?}: {expected}")]
    Variable {
        /// Name of the variable.
        variable: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        expected: &'static str,
    },
    /// The port cannot be had.
    #[error("cannot listen on {address}: {source}. {advice}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// Why the system refused.
        source: io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// The server failed after it had started.
    #[error("the server failed")]
    Serve(#[source] io::Error),
    /// The program serves Lambda alone, and was started by somebody else.
    #[error(
        "this program answers Lambda alone, and {0} is not set; deploy it, or start it with `cargo lambda watch` and \
         invoke it with `cargo lambda invoke`"
    )]
    NotLambda(&'static str),
    /// Lambda's Runtime API failed.
    #[error("the Lambda runtime failed: {0}")]
    Lambda(String),
}

impl Error {
    pub(crate) fn listen(address: SocketAddr, source: io::Error) -> Self {
        let advice = match source.kind() {
            io::ErrorKind::AddrInUse => {
                "Another program, perhaps another Lurelight, uses this port: stop it, or choose another port with \
                 --address 127.0.0.1:9001 or LURELIGHT_ADDRESS (port 0 takes any free one)."
            }
            io::ErrorKind::PermissionDenied => {
                "Ports below 1024 need privileges: choose a higher one with --address or LURELIGHT_ADDRESS."
            }
            io::ErrorKind::AddrNotAvailable => {
                "This machine has no such address: use 127.0.0.1 for this machine alone, 0.0.0.0 for all of its \
                 addresses."
            }
            _ => "Choose another address with --address or LURELIGHT_ADDRESS.",
        };
        Self::Listen { address, source, advice }
    }
}

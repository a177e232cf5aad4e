//! Who a request is from, as far as anybody knows.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::tokens::TokenName;

/// What somebody may do. Administration includes prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Score rows, and see the model that does it.
    Prediction,
    /// All of it: train, promote, roll back.
    Administration,
}

/// By what somebody was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// A token in the request.
    Token(TokenName),
    /// The cookie of a session.
    Session {
        /// The token with which it began.
        token: TokenName,
        /// When it ends, in seconds since 1970.
        until: u64,
    },
    /// Nothing: everybody may do everything here.
    Open,
}

/// Who a request is from. Handlers behind a gate find it among the request's extensions.
///
/// As text it is what the log of the registry says: `administration token 1f0c93ab`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What they may do.
    pub role: Role,
    /// By what they were recognised.
    pub means: Means,
}

impl Role {
    /// The lower-case word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Prediction => "prediction",
            Role::Administration => "administration",
        }
    }

    /// The role of this name.
    pub(super) fn named(text: &str) -> Option<Role> {
        [Role::Prediction, Role::Administration].into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.means {
            Means::Token(token) => write!(f, "{} token {token}", self.role),
            Means::Session { token, .. } => write!(f, "session of {} token {token}", self.role),
            Means::Open => f.write_str("somebody at this machine, without a token"),
        }
    }
}

//! Why somebody is not let in, and what to do about it.

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{ADMINISTRATION_TOKENS, Role, SESSION_KEY};
use crate::Problem;

/// Why it is not known who asks, or why that is not enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The request shows neither token nor session.
    Nobody,
    /// It shows something else.
    OtherScheme,
    UnknownToken,
    /// The session has ended, or its cookie is none of ours.
    BadSession,
    /// They may do less than that.
    TooLittle(Role),
    /// There is no secret of this name, so that nobody can be let in.
    Unconfigured {
        name: &'static str,
        place: String,
    },
    /// A secret cannot be read.
    Unreadable(String),
    /// Who runs on this machine is let in, and the request names another.
    OtherHost,
}

impl Refusal {
    /// Whether signing in would help.
    pub(super) fn asks_for_sign_in(&self) -> bool {
        matches!(self, Refusal::Nobody | Refusal::BadSession)
    }

    /// What to say to whoever needed this role.
    pub(super) fn problem(&self, needed: Role) -> Problem {
        let title = "A token is needed";
        let by_header = format!(
            "Send `Authorization: Bearer` with one of the tokens of {needed}; at a browser sign in at /session."
        );
        let unauthorized = |name: &str, detail: &str| {
            Problem::new(StatusCode::UNAUTHORIZED, name, title, detail).hint(by_header.clone())
        };
        match self {
            Refusal::Nobody => unauthorized("token-needed", "The request has neither a token nor a session."),
            Refusal::OtherScheme => unauthorized(
                "token-needed",
                "The request's Authorization is no Bearer token, and no other kind is understood.",
            ),
            Refusal::UnknownToken => {
                unauthorized("token-unknown", "The token is not one of those that are known here.")
            }
            Refusal::BadSession => {
                unauthorized("session-ended", "The session has ended, or it is none of this server's.")
            }
            Refusal::TooLittle(role) => Problem::new(
                StatusCode::FORBIDDEN,
                "role",
                format!("This needs the role of {needed}"),
                format!("The token or session is one of {role}."),
            )
            .hint(format!(
                "Use a token of {needed}; at a browser sign out at /session, then sign in with one."
            )),
            Refusal::Unconfigured { name, place } => unconfigured(name, place),
            Refusal::OtherHost => Problem::new(
                StatusCode::FORBIDDEN,
                "other-host",
                "This is for this machine alone",
                "Nobody needs a token here, so only requests to localhost or a loopback address are let in, and this \
                 one names another host.",
            )
            .hint("Open it as http://localhost with its port, or set ADMINISTRATION_TOKENS and take \
                 LURELIGHT_ADMINISTRATION_ACCESS away."),
            Refusal::Unreadable(reason) => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "secret-unreadable",
                "It cannot be checked who may do this",
                format!("A secret cannot be read: {}.", reason.trim_end_matches('.')),
            )
            .hint("Try again in ten seconds; whoever operates this finds the reason in the log as well."),
        }
    }

    pub(super) fn into_response(self, needed: Role) -> Response {
        let mut response = self.problem(needed).into_response();
        let headers = response.headers_mut();
        match self {
            Refusal::Nobody | Refusal::OtherScheme | Refusal::BadSession => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"lurelight\""));
            }
            Refusal::UnknownToken => {
                let value = "Bearer realm=\"lurelight\", error=\"invalid_token\"";
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(value));
            }
            Refusal::Unreadable(_) => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("10"))),
            Refusal::TooLittle(_) | Refusal::Unconfigured { .. } | Refusal::OtherHost => {}
        }
        response
    }
}

fn unconfigured(name: &str, place: &str) -> Problem {
    let variable = name.to_ascii_uppercase().replace('-', "_");
    let detail = match name {
        SESSION_KEY => format!("There is no key to sign sessions by: {place} has no secret {name}."),
        ADMINISTRATION_TOKENS => {
            format!("Administration always needs a token, and there is none: {place} has no secret {name}.")
        }
        _ => format!("A token is needed here, and there is none: {place} has no secret {name}."),
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-configured", "Nobody can be let in yet", detail).hint(format!(
        "Whoever operates this sets it to what `openssl rand -hex 32` prints: on AWS by `aws secretsmanager \
         create-secret --name PREFIX/{name} --secret-string …`, where PREFIX is LURELIGHT_SECRETS_PREFIX; on one's own \
         machine by the variable {variable} or a file that {variable}_FILE names, or for an address of this machine \
         alone by LURELIGHT_ADMINISTRATION_ACCESS=open. A new secret is seen within ten seconds."
    ))
}

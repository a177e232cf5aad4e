//! `/session`: signing in and out.

use askama::Template;
use axum::extract::{Query, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use super::session::{end_cookie, set_cookie};
use super::{Access, Identity, Means, Role, Rule, now_seconds, return_path};
use crate::layout::Page;
use crate::{BasePath, Fields, Problem, negotiate};

#[derive(Deserialize)]
struct Asked {
    #[serde(default, rename = "return")]
    back: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    token: String,
    /// What password managers ask for beside a password; it says nothing here.
    #[serde(default, rename = "user")]
    _user: String,
    #[serde(default, rename = "return")]
    back: String,
}

/// The answer to a program.
#[derive(Serialize)]
struct SignedIn {
    role: Role,
    /// Seconds since 1970; none where everybody may do everything.
    until: Option<u64>,
}

#[derive(Template)]
#[template(path = "session.html")]
struct SignInPage<'a> {
    base_path: &'a BasePath,
    identity: Option<Identity>,
    back: Option<&'a str>,
    refused: Option<&'a str>,
}

impl SignInPage<'_> {
    fn is_open(&self) -> bool {
        self.identity.is_some_and(|identity| identity.means == Means::Open)
    }

    fn minutes_left(&self) -> Option<u64> {
        match self.identity?.means {
            Means::Session { until, .. } => Some(until.saturating_sub(now_seconds()) / 60),
            _ => None,
        }
    }
}

impl Access {
    /// The page to sign in at, and what it sends: `GET`, `POST` and `DELETE /session`, `POST /session/end`.
    pub fn session_routes(&self) -> Router {
        Router::new()
            .route("/session", get(page).post(begin).delete(end))
            .route("/session/end", post(end))
            .with_state(self.clone())
    }
}

async fn page(
    State(access): State<Access>,
    base_path: BasePath,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let asked = asked.map_or_else(|_| String::new(), |Query(asked)| asked.back);
    let identity = match access.identify(&headers, Role::Prediction).await {
        Ok(identity) => Some(identity),
        // With nothing to sign in with, a form would only mislead.
        Err(refusal @ (Refusal::Unconfigured { .. } | Refusal::Unreadable(_))) => {
            return refusal.into_response(Role::Administration);
        }
        Err(_) => None,
    };
    let back = return_path::safe(&asked);
    let content = SignInPage { base_path: &base_path, identity, back, refused: None };
    Page::new(&base_path, "Sign in").section("/session").render(&content).into_response()
}

async fn begin(State(access): State<Access>, base_path: BasePath, request: Request) -> Response {
    let wants_page = negotiate::wants_page(request.headers());
    let asked = match Fields::read(request).await.and_then(|fields| fields.parse::<SignIn>()) {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    let back = return_path::safe(&asked.back);
    let begun = match &access.rule {
        Rule::Open | Rule::ThisMachine => Ok(None),
        Rule::Guarded(guarded) => match guarded.begin_session(asked.token.trim(), now_seconds()).await {
            Ok(begun) => Ok(Some(begun)),
            Err(refusal) => Err(guarded.unless_unconfigured(refusal, Role::Prediction).await),
        },
    };
    let (signed_in, cookie) = match begun {
        Ok(None) => (SignedIn { role: Role::Administration, until: None }, None),
        Ok(Some((session, cookie))) => {
            tracing::info!(role = %session.role, token = %session.token, "signed in");
            (SignedIn { role: session.role, until: Some(session.until) }, Some(set_cookie(&cookie)))
        }
        Err(Refusal::UnknownToken) if wants_page => {
            tracing::warn!("a sign-in was refused: the token is not known");
            let refused = "This token is not known here. Was all of it copied?";
            let content = SignInPage { base_path: &base_path, identity: None, back, refused: Some(refused) };
            let page = Page::new(&base_path, "Sign in").section("/session").render(&content);
            return (StatusCode::UNAUTHORIZED, page).into_response();
        }
        Err(refusal) => {
            tracing::warn!(?refusal, "a sign-in was refused");
            return refusal.into_response(Role::Administration);
        }
    };
    let mut response = if wants_page {
        let home = if signed_in.role == Role::Administration { "/runs" } else { "/" };
        Redirect::to(&format!("{base_path}{}", back.unwrap_or(home))).into_response()
    } else {
        Json(signed_in).into_response()
    };
    give(&mut response, cookie);
    response
}

async fn end(base_path: BasePath, request: Request) -> Response {
    let wants_page = negotiate::wants_page(request.headers());
    let mut response = if wants_page {
        Redirect::to(&format!("{base_path}/session")).into_response()
    } else {
        StatusCode::NO_CONTENT.into_response()
    };
    give(&mut response, Some(end_cookie()));
    response
}

fn give(response: &mut Response, cookie: Option<String>) {
    match cookie.map(HeaderValue::try_from) {
        None => {}
        Some(Ok(mut value)) => {
            value.set_sensitive(true);
            response.headers_mut().append(SET_COOKIE, value);
        }
        Some(Err(_)) => {
            let detail = "The cookie of the session cannot be written.";
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            *response = Problem::new(status, "internal", "Something went wrong here", detail).into_response();
        }
    }
}

//! Who may do what: two roles, tokens for programs, sessions for people at a browser.
//!
//! A token is a secret that somebody was given; the tokens of a role are one text, separated by white space, so that a
//! new one can be handed out before the old one is taken away. `Authorization: Bearer` carries a token. `POST /session`
//! turns one into a signed cookie that carries the role for twelve hours. Where a token is not known the secret is read
//! anew, so that a rotation needs no restart; that happens once in ten seconds at most, however many tokens are tried.
//!
//! This room knows no store: what it needs of one is a [`SecretSource`].

mod credentials;
mod gate;
mod host;
mod identity;
mod refusal;
mod remembered;
mod return_path;
mod session;
mod sign_in;
mod source;
mod tokens;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;

pub use identity::{Identity, Means, Role};
pub use session::{COOKIE, SESSION_SECONDS, SessionKeys};
pub use source::{FreshKey, SecretSource};
pub use tokens::{TOKEN_BYTES_MIN, TokenName, Tokens};

use credentials::Credentials;
use refusal::Refusal;
use remembered::{ASK_AGAIN, FRESH, Remembered};
use session::Session;
use tokens::TOKEN_BYTES_MAX;

/// The tokens of administration, in whatever keeps secrets.
pub const ADMINISTRATION_TOKENS: &str = "administration-tokens";
/// The tokens of prediction.
pub const PREDICTION_TOKENS: &str = "prediction-tokens";
/// The key by which sessions are signed, or several with white space between: the first signs, and what any of them
/// signed is believed.
pub const SESSION_KEY: &str = "session-key";

/// Decides who a request is from. Clones share what they remember.
#[derive(Clone, Debug)]
pub struct Access {
    rule: Rule,
}

#[derive(Clone, Debug)]
enum Rule {
    /// Everybody may do everything.
    Open,
    /// So may whoever names this machine as the one that is asked.
    ThisMachine,
    Guarded(Arc<Guarded>),
}

#[derive(Debug)]
struct Guarded {
    place: String,
    /// `None` where tokens of administration are none of its business: sessions are then taken by their signature alone.
    administration: Option<Remembered<Tokens>>,
    prediction: Remembered<Tokens>,
    keys: Remembered<SessionKeys>,
}

impl Access {
    /// Everybody may do everything.
    #[must_use]
    pub fn open() -> Access {
        Access { rule: Rule::Open }
    }

    /// Whoever reaches this address may do everything: for a loopback address. A request must name `localhost` or a
    /// loopback address as its host, so that no page elsewhere reaches it under a name that it made lead here (DNS
    /// rebinding).
    #[must_use]
    pub fn this_machine() -> Access {
        Access { rule: Rule::ThisMachine }
    }

    /// Knows the tokens of both roles, and can begin sessions.
    #[must_use]
    pub fn administration(source: &Arc<dyn SecretSource>) -> Access {
        Access::guarded(source, Some(Remembered::new(ADMINISTRATION_TOKENS, source, Tokens::parse)))
    }

    /// Knows the tokens of prediction, and takes sessions of either role by their signature.
    #[must_use]
    pub fn prediction(source: &Arc<dyn SecretSource>) -> Access {
        Access::guarded(source, None)
    }

    fn guarded(source: &Arc<dyn SecretSource>, administration: Option<Remembered<Tokens>>) -> Access {
        let guarded = Guarded {
            place: source.place(),
            administration,
            prediction: Remembered::new(PREDICTION_TOKENS, source, Tokens::parse),
            keys: Remembered::new(SESSION_KEY, source, SessionKeys::parse),
        };
        Access { rule: Rule::Guarded(Arc::new(guarded)) }
    }

    /// Who sent these headers.
    async fn identify(&self, headers: &HeaderMap, needed: Role) -> Result<Identity, Refusal> {
        let everybody = Identity { role: Role::Administration, means: Means::Open };
        let guarded = match &self.rule {
            Rule::Open => return Ok(everybody),
            Rule::ThisMachine if host::is_this_machine(headers) => return Ok(everybody),
            Rule::ThisMachine => return Err(Refusal::OtherHost),
            Rule::Guarded(guarded) => guarded,
        };
        let identified = match Credentials::of(headers) {
            Credentials::None => Err(Refusal::Nobody),
            Credentials::OtherScheme => Err(Refusal::OtherScheme),
            Credentials::Token(token) => guarded.by_token(token).await,
            Credentials::Session(cookie) => guarded.by_session(cookie, now_seconds()).await,
        };
        match identified {
            Ok(identity) => Ok(identity),
            Err(refusal) => Err(guarded.unless_unconfigured(refusal, needed).await),
        }
    }
}

impl Guarded {
    async fn by_token(&self, token: &str) -> Result<Identity, Refusal> {
        let (role, name) = self.role_of(token).await?;
        Ok(Identity { role, means: Means::Token(name) })
    }

    /// The role that a token stands for.
    async fn role_of(&self, token: &str) -> Result<(Role, TokenName), Refusal> {
        if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
            return Err(Refusal::UnknownToken);
        }
        self.find(|tokens| tokens.knows(token)).await?.ok_or(Refusal::UnknownToken)
    }

    /// The first role whose tokens fit, in what is remembered, and else in what the secrets say now.
    async fn find<T>(&self, fits: impl Fn(&Tokens) -> Option<T>) -> Result<Option<(Role, T)>, Refusal> {
        let mut unreadable = None;
        for age in [FRESH, ASK_AGAIN] {
            unreadable = None;
            for (role, tokens) in [
                (Role::Administration, self.administration.as_ref()),
                (Role::Prediction, Some(&self.prediction)),
            ] {
                let Some(tokens) = tokens else { continue };
                match tokens.get(age).await {
                    Ok(tokens) => {
                        if let Some(found) = tokens.and_then(|tokens| fits(&tokens)) {
                            return Ok(Some((role, found)));
                        }
                    }
                    Err(reason) => unreadable = Some(reason),
                }
            }
        }
        // Perhaps it is in the one that cannot be read.
        unreadable.map_or(Ok(None), |reason| Err(Refusal::Unreadable(reason)))
    }

    async fn by_session(&self, cookie: &str, now: u64) -> Result<Identity, Refusal> {
        let session = self.session(cookie, now).await?;
        if self.administration.is_some() {
            // Whose token was taken away has no session either.
            let (role, ()) = self
                .find(|tokens| tokens.has(session.token).then_some(()))
                .await?
                .ok_or(Refusal::BadSession)?;
            if role < session.role {
                return Err(Refusal::BadSession);
            }
        }
        let Session { role, token, until } = session;
        Ok(Identity { role, means: Means::Session { token, until } })
    }

    async fn session(&self, cookie: &str, now: u64) -> Result<Session, Refusal> {
        for age in [FRESH, ASK_AGAIN] {
            let keys = self.keys.get(age).await.map_err(Refusal::Unreadable)?.ok_or_else(|| self.no_key())?;
            if let Some(session) = keys.verify(cookie, now) {
                return Ok(session);
            }
        }
        Err(Refusal::BadSession)
    }

    /// A cookie for whoever has this token.
    async fn begin_session(&self, token: &str, now: u64) -> Result<(Session, String), Refusal> {
        let (role, name) = self.role_of(token).await?;
        let keys = self.keys.get(FRESH).await.map_err(Refusal::Unreadable)?.ok_or_else(|| self.no_key())?;
        let session = Session { role, token: name, until: now + SESSION_SECONDS };
        let cookie = keys.sign(&session);
        Ok((session, cookie))
    }

    /// Where nobody can have a token of the role that is needed, that is what to say.
    async fn unless_unconfigured(&self, refusal: Refusal, needed: Role) -> Refusal {
        if matches!(refusal, Refusal::Unreadable(_) | Refusal::Unconfigured { .. }) {
            return refusal;
        }
        let prediction = (needed == Role::Prediction).then_some(&self.prediction);
        for tokens in self.administration.iter().chain(prediction) {
            match tokens.get(FRESH).await {
                Ok(Some(_)) => return refusal,
                Ok(None) => {}
                Err(reason) => return Refusal::Unreadable(reason),
            }
        }
        let name = if self.administration.is_some() { ADMINISTRATION_TOKENS } else { PREDICTION_TOKENS };
        Refusal::Unconfigured { name, place: self.place.clone() }
    }

    fn no_key(&self) -> Refusal {
        Refusal::Unconfigured { name: SESSION_KEY, place: self.place.clone() }
    }
}

/// Seconds since 1970.
fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

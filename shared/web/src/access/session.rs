//! Sessions: a cookie that says a role and when it ends, signed by HMAC-SHA-256.
//!
//! `administration.1795478400.1f0c93ab.` and the signature in base64: role, end in seconds since 1970, name of the token
//! with which it began. Nothing is kept on the server; whoever has the key can verify.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::identity::Role;
use super::tokens::TokenName;

/// The cookie's name. Browsers take one of this prefix only if it is `Secure`, for the whole host and from no other one.
pub const COOKIE: &str = "__Host-lurelight";
/// How long a session lasts: twelve hours.
pub const SESSION_SECONDS: u64 = 12 * 60 * 60;

/// Fewest bytes of a key.
const KEY_BYTES_MIN: usize = 32;
/// Most bytes of a cookie that are looked at.
const COOKIE_BYTES_MAX: usize = 256;
/// What a signature is of beside the session, so that it is good for nothing else.
const DOMAIN: &[u8] = b"lurelight/session/1\0";

/// The key by which sessions are signed.
#[derive(Clone)]
pub struct SessionKey(Vec<u8>);

/// What a cookie says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) role: Role,
    pub(super) token: TokenName,
    /// In seconds since 1970.
    pub(super) until: u64,
}

impl SessionKey {
    /// Takes the text of a secret.
    ///
    /// # Errors
    ///
    /// A sentence that shows nothing of it, where it is too short.
    pub fn parse(text: &str) -> Result<SessionKey, &'static str> {
        let key = text.trim();
        if key.len() < KEY_BYTES_MIN {
            return Err(
                "holds fewer than 32 characters, which are too few to sign sessions by: set it to what `openssl rand -hex 32` prints",
            );
        }
        Ok(SessionKey(key.into()))
    }

    /// The cookie's value for a session.
    pub(super) fn sign(&self, session: &Session) -> String {
        let said = format!("{}.{}.{}", session.role, session.until, session.token);
        let signature = self.mac(&said).map(|mac| BASE64.encode(mac.finalize().into_bytes()));
        // A key of any length is taken by HMAC; without a signature the session would be refused.
        format!("{said}.{}", signature.unwrap_or_default())
    }

    /// The session that a cookie says, if it was signed by this key and has not ended.
    pub(super) fn verify(&self, cookie: &str, now: u64) -> Option<Session> {
        if cookie.len() > COOKIE_BYTES_MAX {
            return None;
        }
        let (said, signature) = cookie.rsplit_once('.')?;
        // Compared in constant time, and before anything that it signs is believed.
        self.mac(said)?.verify_slice(&BASE64.decode(signature).ok()?).ok()?;
        let mut parts = said.split('.');
        let session = Session {
            role: Role::named(parts.next()?)?,
            until: parts.next()?.parse().ok()?,
            token: TokenName::parse(parts.next()?)?,
        };
        (parts.next().is_none() && now < session.until).then_some(session)
    }

    fn mac(&self, said: &str) -> Option<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        Some(mac.chain_update(DOMAIN).chain_update(said))
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(hidden)")
    }
}

/// The header that gives a browser the cookie.
pub(super) fn set_cookie(value: &str) -> String {
    format!("{COOKIE}={value}; Path=/; Max-Age={SESSION_SECONDS}; HttpOnly; Secure; SameSite=Strict")
}

/// The header that takes it away.
pub(super) fn end_cookie() -> String {
    format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_435_200;

    fn key(text: &str) -> SessionKey {
        SessionKey::parse(text).unwrap()
    }

    fn ours() -> SessionKey {
        key("0123456789abcdef0123456789abcdef")
    }

    fn session(role: Role) -> Session {
        Session { role, token: TokenName::parse("1f0c93ab").unwrap(), until: NOW + SESSION_SECONDS }
    }

    #[test]
    fn what_was_signed_is_verified_until_it_ends() {
        for role in [Role::Prediction, Role::Administration] {
            let cookie = ours().sign(&session(role));
            assert_eq!(ours().verify(&cookie, NOW), Some(session(role)));
            assert_eq!(ours().verify(&cookie, NOW + SESSION_SECONDS - 1), Some(session(role)));
            assert_eq!(ours().verify(&cookie, NOW + SESSION_SECONDS), None);
            // RFC 6265: none of these needs quotes.
            assert!(
                cookie.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)),
                "{cookie}"
            );
        }
    }

    /// The signature of a fixed session, computed by Python 3.11's `hmac` and `base64`.
    #[test]
    fn the_signature_is_hmac_sha_256_over_the_documented_bytes() {
        assert_eq!(
            ours().sign(&session(Role::Administration)),
            "administration.1795478400.1f0c93ab.4jf8kBNAqy7Wzznuz66qQMQWXrxbcTX7tSe6lp2fQM0"
        );
    }

    #[test]
    fn whatever_is_forged_is_refused() {
        let good = ours().sign(&session(Role::Prediction));
        let (said, signature) = good.rsplit_once('.').unwrap();
        let table = [
            // Another role, another end, another token, more of anything.
            good.replace("prediction", "administration"),
            good.replace("1795478400", "9795478400"),
            good.replace("1f0c93ab", "1f0c93ac"),
            format!("{said}.{signature}A"),
            format!("{said}.{}", &signature[..signature.len() - 1]),
            format!("{said}.."),
            format!("{said}."),
            format!("x.{good}"),
            format!("{said}.more.{signature}"),
            said.to_owned(),
            signature.to_owned(),
            String::new(),
            ".".repeat(1000),
            key("another-key-of-32-characters-or-more").sign(&session(Role::Prediction)),
        ];
        assert!(ours().verify(&good, NOW).is_some());
        for cookie in table {
            assert_eq!(ours().verify(&cookie, NOW), None, "{cookie}");
        }
        // Each single letter counts.
        for at in 0..good.len() {
            let mut other = good.clone().into_bytes();
            other[at] ^= 1;
            let Ok(other) = String::from_utf8(other) else { continue };
            assert_eq!(ours().verify(&other, NOW), None, "{other}");
        }
    }

    #[test]
    fn even_a_right_signature_makes_no_session_of_nonsense() {
        for said in [
            "",
            "administration",
            "root.1795478400.1f0c93ab",
            "administration.-1.1f0c93ab",
            "administration.1795478400.x",
            "administration.1795478400.1f0c93ab.more",
        ] {
            let signature = BASE64.encode(ours().mac(said).unwrap().finalize().into_bytes());
            assert_eq!(ours().verify(&format!("{said}.{signature}"), NOW), None, "{said}");
        }
    }

    #[test]
    fn a_short_key_is_refused_and_none_is_shown() {
        let error = SessionKey::parse("hunter2").unwrap_err();
        assert!(error.contains("fewer than 32") && !error.contains("hunter2"));
        assert_eq!(format!("{:?}", ours()), "SessionKey(hidden)");
    }
}

//! Sessions: a cookie that says a role and when it ends, signed by HMAC-SHA-256.
//!
//! `administration.1795478400.1f0c93ab.` and the signature in base64: role, end in seconds since 1970, name of the token
//! with which it began. Nothing is kept on the server; whoever has the key can verify. There may be several keys, so that
//! a new one can be brought in before the old one is taken away.

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

/// The keys of sessions: the first signs, and what any of them signed is believed.
#[derive(Clone)]
pub struct SessionKeys {
    signing: Vec<u8>,
    earlier: Vec<Vec<u8>>,
}

/// What a cookie says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) role: Role,
    pub(super) token: TokenName,
    /// In seconds since 1970.
    pub(super) until: u64,
}

impl SessionKeys {
    /// Reads keys that are separated by white space.
    ///
    /// # Errors
    ///
    /// A sentence that shows nothing of them, where there is none or one is too short.
    pub fn parse(text: &str) -> Result<SessionKeys, &'static str> {
        let mut keys = text.split_whitespace().map(|key| key.as_bytes().to_vec());
        let signing = keys.next().unwrap_or_default();
        let earlier: Vec<Vec<u8>> = keys.collect();
        if earlier.iter().chain([&signing]).any(|key| key.len() < KEY_BYTES_MIN) {
            return Err(
                "holds a key of fewer than 32 characters, which are too few to sign sessions by: set it to what `openssl rand -hex 32` prints",
            );
        }
        Ok(SessionKeys { signing, earlier })
    }

    /// The cookie's value for a session.
    pub(super) fn sign(&self, session: &Session) -> String {
        let said = format!("{}.{}.{}", session.role, session.until, session.token);
        let signature = mac(&self.signing, &said).map(|mac| BASE64.encode(mac.finalize().into_bytes()));
        // A key of any length is taken by HMAC; without a signature the session would be refused.
        format!("{said}.{}", signature.unwrap_or_default())
    }

    /// The session that a cookie says, if it was signed by one of these keys and has not ended.
    pub(super) fn verify(&self, cookie: &str, now: u64) -> Option<Session> {
        if cookie.len() > COOKIE_BYTES_MAX {
            return None;
        }
        let (said, signature) = cookie.rsplit_once('.')?;
        let signature = BASE64.decode(signature).ok()?;
        // Compared in constant time, and before anything that it signs is believed.
        let signed_by =
            |key: &Vec<u8>| mac(key, said).is_some_and(|mac| mac.verify_slice(&signature).is_ok());
        if !signed_by(&self.signing) && !self.earlier.iter().any(signed_by) {
            return None;
        }
        let mut parts = said.split('.');
        let session = Session {
            role: Role::named(parts.next()?)?,
            until: parts.next()?.parse().ok()?,
            token: TokenName::parse(parts.next()?)?,
        };
        (parts.next().is_none() && now < session.until).then_some(session)
    }
}

fn mac(key: &[u8], said: &str) -> Option<Hmac<Sha256>> {
    let mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    Some(mac.chain_update(DOMAIN).chain_update(said))
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKeys({} hidden)", 1 + self.earlier.len())
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

    const OURS: &str = "0123456789abcdef0123456789abcdef";
    const OTHER: &str = "another-key-of-32-characters-or-more";

    fn key(text: &str) -> SessionKeys {
        SessionKeys::parse(text).unwrap()
    }

    fn ours() -> SessionKeys {
        key(OURS)
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
            key(OTHER).sign(&session(Role::Prediction)),
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
            let signature = BASE64.encode(mac(OURS.as_bytes(), said).unwrap().finalize().into_bytes());
            assert_eq!(ours().verify(&format!("{said}.{signature}"), NOW), None, "{said}");
        }
    }

    #[test]
    fn what_any_of_several_keys_signed_is_believed_and_the_first_signs() {
        let both = key(&format!(" {OTHER}\n{OURS}\n"));
        let session = session(Role::Prediction);
        assert_eq!(both.sign(&session), key(OTHER).sign(&session));
        for cookie in [key(OTHER).sign(&session), ours().sign(&session)] {
            assert_eq!(both.verify(&cookie, NOW), Some(session));
        }
        let third = key("a-third-key-of-32-characters-or-more").sign(&session);
        assert_eq!(both.verify(&third, NOW), None);
    }

    #[test]
    fn a_short_key_is_refused_and_none_is_shown() {
        for text in ["", " \n", "hunter2", &format!("{OURS} hunter2"), &format!("hunter2 {OURS}")] {
            let error = SessionKeys::parse(text).unwrap_err();
            assert!(error.contains("fewer than 32") && !error.contains("hunter2"), "{error}");
        }
        assert_eq!(format!("{:?}", key(&format!("{OURS} {OTHER}"))), "SessionKeys(2 hidden)");
    }
}

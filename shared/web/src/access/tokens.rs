//! Tokens, kept as hashes and compared in constant time.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Fewest bytes of a token: less can be guessed.
pub const TOKEN_BYTES_MIN: usize = 16;
/// Most bytes of a token that are looked at.
pub(super) const TOKEN_BYTES_MAX: usize = 1024;

/// What the name of a token is hashed with, so that it is no part of the hash that tokens are compared by.
const NAME_DOMAIN: &[u8] = b"lurelight/token-name/1\0";

/// The tokens of one role.
#[derive(Clone, Default)]
pub struct Tokens(Vec<Token>);

#[derive(Clone, Copy)]
struct Token {
    hash: [u8; 32],
    name: TokenName,
}

/// What a token is called where it must not be shown: the beginning of a hash of it, in hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenName([u8; 4]);

impl Tokens {
    /// Reads tokens that are separated by white space.
    ///
    /// # Errors
    ///
    /// A sentence that shows no token, where there is none or one is too short or too long.
    pub fn parse(text: &str) -> Result<Tokens, &'static str> {
        let tokens: Vec<&str> = text.split_whitespace().collect();
        if tokens.is_empty() {
            return Err(
                "holds nothing but white space: set it to a token, such as `openssl rand -hex 32` prints",
            );
        }
        if tokens.iter().any(|token| token.len() < TOKEN_BYTES_MIN) {
            return Err(
                "holds a token of fewer than 16 characters, which can be guessed: set it to one such as `openssl rand -hex 32` prints",
            );
        }
        if tokens.iter().any(|token| token.len() > TOKEN_BYTES_MAX) {
            return Err(
                "holds a token of more than 1,024 characters: set it to one such as `openssl rand -hex 32` prints",
            );
        }
        Ok(Tokens(
            tokens.into_iter().map(|token| Token { hash: hash(token), name: TokenName::of(token) }).collect(),
        ))
    }

    /// The name of the token that this is, if it is one of them.
    ///
    /// Hashes are compared, all of them and whole, so that the time that it takes tells neither how much of a token was
    /// right, nor how long one is, nor which one it was.
    #[must_use]
    pub fn knows(&self, candidate: &str) -> Option<TokenName> {
        let candidate = hash(candidate);
        let mut found = Choice::from(0);
        let mut name = [0; 4];
        for token in &self.0 {
            let same = token.hash.ct_eq(&candidate);
            for (byte, own) in name.iter_mut().zip(token.name.0) {
                byte.conditional_assign(&own, same);
            }
            found |= same;
        }
        bool::from(found).then_some(TokenName(name))
    }

    /// Whether there is a token of this name.
    #[must_use]
    pub fn has(&self, name: TokenName) -> bool {
        self.0.iter().any(|token| token.name == name)
    }
}

impl TokenName {
    fn of(token: &str) -> TokenName {
        let hash = Sha256::new().chain_update(NAME_DOMAIN).chain_update(token).finalize();
        TokenName([hash[0], hash[1], hash[2], hash[3]])
    }

    /// Reads a name as it is displayed.
    pub(super) fn parse(text: &str) -> Option<TokenName> {
        let lower = text.len() == 8
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        lower.then(|| u32::from_str_radix(text, 16).ok()).flatten().map(|name| TokenName(name.to_be_bytes()))
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({} hidden)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "0123456789abcdef-old";
    const NEW: &str = "0123456789abcdef-new";

    #[test]
    fn each_of_several_tokens_is_known_and_nothing_else() {
        let long = "x".repeat(100_000);
        let table = [
            (OLD, true),
            (NEW, true),
            ("0123456789abcdef-ol", false),
            ("0123456789abcdef-old2", false),
            ("0123456789ABCDEF-OLD", false),
            (" 0123456789abcdef-old", false),
            ("0123456789abcdef-old 0123456789abcdef-new", false),
            ("", false),
            (long.as_str(), false),
        ];
        let tokens = Tokens::parse(&format!("  {OLD}\n\t{NEW}\r\n")).unwrap();
        for (candidate, expected) in table {
            assert_eq!(tokens.knows(candidate).is_some(), expected, "{candidate:.40}");
        }
        assert_eq!(tokens.knows(OLD), Tokens::parse(OLD).unwrap().knows(OLD));
        assert_ne!(tokens.knows(OLD), tokens.knows(NEW));
    }

    #[test]
    fn secrets_that_hold_no_good_token_are_refused_without_being_shown() {
        for (text, reason) in [
            ("", "nothing but white space"),
            (" \n\t", "nothing but white space"),
            ("hunter2", "fewer than 16"),
            ("0123456789abcdef short", "fewer than 16"),
            (&"x".repeat(1025), "more than 1,024"),
        ] {
            let error = Tokens::parse(text).unwrap_err();
            assert!(error.contains(reason) && !error.contains("hunter2"), "{error}");
        }
        assert_eq!(format!("{:?}", Tokens::parse(OLD).unwrap()), "Tokens(1 hidden)");
    }

    #[test]
    fn a_name_is_read_as_it_is_displayed_and_is_no_part_of_the_compared_hash() {
        let name = TokenName::of(OLD);
        assert_eq!(TokenName::parse(&name.to_string()), Some(name));
        assert_ne!(name.0[..], hash(OLD)[..4]);
        for text in ["", "+1234567", "0123ABCD", "0123456", "012345678", "0123 567"] {
            assert_eq!(TokenName::parse(text), None, "{text:?}");
        }
    }
}

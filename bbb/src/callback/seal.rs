//! Tokens that say where a callback is to go, which only B3LB can make and read.

use super::Kind;
use crate::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Tells these tokens from anything else that could be made of the same secret.
const PURPOSE: &[u8] = b"b3lb callback 1";

/// The most bytes of a token: frontends' urls have a few hundred.
const TOKEN_MAX: usize = 8192;

/// Makes and reads tokens. Everybody who knows the same secret reads them.
#[derive(Clone)]
pub struct Seal(Arc<LessSafeKey>);

/// Where a callback comes from and where it is to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// What is told.
    #[serde(rename = "k")]
    pub kind: Kind,
    /// The tenant's host.
    #[serde(rename = "t")]
    pub tenant: String,
    /// The url of the instance that tells it.
    #[serde(rename = "i")]
    pub instance: String,
    /// Where the tenant wants to be told.
    #[serde(rename = "u")]
    pub url: String,
    /// The id of the hook, for events.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<u64>,
    /// What stood before the token in the url that the instance was given, for events, which sign it.
    #[serde(rename = "b", default, skip_serializing_if = "String::is_empty")]
    pub base: String,
}

impl Seal {
    /// A seal that everybody has who knows the secret.
    pub fn new(secret: &Secret) -> Self {
        let derived = Salt::new(HKDF_SHA256, PURPOSE).extract(secret.reveal().as_bytes());
        let purpose = [PURPOSE];
        let key = derived.expand(&purpose, &CHACHA20_POLY1305).map(UnboundKey::from);
        let key = key.expect("a key of this algorithm is shorter than all that the derivation can give");
        Self(Arc::new(LessSafeKey::new(key)))
    }

    /// The token for a destination. No two tokens may be made with the same nonce; one at random will do.
    pub fn seal(&self, destination: &Destination, nonce: [u8; NONCE_LEN]) -> String {
        let mut sealed = serde_json::to_vec(destination).unwrap_or_default();
        let unique = Nonce::assume_unique_for_key(nonce);
        let sealing = self.0.seal_in_place_append_tag(unique, Aad::empty(), &mut sealed);
        debug_assert!(sealing.is_ok(), "only a text of gigabytes cannot be sealed");
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// What a token says; `None` if it is none of ours.
    pub fn open(&self, token: &str) -> Option<Destination> {
        if token.len() > TOKEN_MAX {
            return None;
        }
        let mut sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
        let nonce = Nonce::try_assume_unique_for_key(sealed.get(..NONCE_LEN)?).ok()?;
        let opened = self.0.open_within(nonce, Aad::empty(), &mut sealed, NONCE_LEN..).ok()?;
        serde_json::from_slice(opened).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination() -> Destination {
        Destination {
            kind: Kind::Recording,
            tenant: "school.example.org".to_owned(),
            instance: "https://bbb1.example.org/bigbluebutton".to_owned(),
            url: "https://moodle.example.org/callback?id=1&x=%2f".to_owned(),
            hook: None,
            base: String::new(),
        }
    }

    #[test]
    fn a_token_says_what_was_sealed_to_those_who_know_the_secret() {
        let seal = Seal::new(&Secret::new("proxy-token"));
        let token = seal.seal(&destination(), [7; NONCE_LEN]);
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{token}");
        assert_eq!(Seal::new(&Secret::new("proxy-token")).open(&token), Some(destination()));
        assert_eq!(Seal::new(&Secret::new("another")).open(&token), None);
    }

    #[test]
    fn a_token_that_was_touched_says_nothing() {
        let seal = Seal::new(&Secret::new("proxy-token"));
        let token = seal.seal(&destination(), [7; NONCE_LEN]);
        for at in 0..token.len() {
            let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
            let mut touched = token.clone();
            touched.replace_range(at..=at, other);
            assert_eq!(seal.open(&touched), None, "{at}");
            assert_eq!(seal.open(&token[..at]), None, "{at}");
        }
        assert_eq!(seal.open(&"A".repeat(TOKEN_MAX + 1)), None);
    }
}

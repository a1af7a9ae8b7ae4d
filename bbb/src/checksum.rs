//! Checksums: how a call proves that its sender knows the shared secret.
//!
//! A checksum is the hash of the call's name, the query without the checksum, and the secret. The query is hashed in the bytes it came
//! in, in parts, so that nothing is copied on the way.

use crate::{Query, Secret};
use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::sync::LazyLock;
use subtle::ConstantTimeEq;

/// The hash functions that BigBlueButton signs with; the length of a checksum tells which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// 40 hexadecimal digits; the only one before 2.4, and refused by some sites since 2.5.7.
    Sha1,
    /// 64 digits; every release since 2.4 takes it unless configured otherwise.
    #[default]
    Sha256,
    /// 96 digits, since about 2.5.8.
    Sha384,
    /// 128 digits, since about 2.5.8.
    Sha512,
}

/// A call's checksum as its sender wrote it, and the query around it.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    raw: &'a str,
    /// Where the checksum's value stands in `raw`; `None`: it came in the body.
    value: Option<(usize, usize)>,
    /// The checksum's value.
    shown: &'a str,
    /// What is hashed of the query: the bytes before the parameter and those after it.
    parts: [&'a str; 2],
    algorithm: Algorithm,
}

/// Why a call cannot be checked at all. Whatever it is, BigBlueButton answers `checksumError`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumError {
    /// There is none, or it is empty.
    #[error("the call has no checksum")]
    Missing,
    /// It is no hash of a length that BigBlueButton knows.
    #[error("the checksum is not 40, 64, 96 or 128 hexadecimal digits")]
    Malformed,
    /// There is more than one, or another parameter would be cut out of the query together with it.
    #[error("the call has two checksums")]
    Doubled,
}

/// A checksum in hexadecimal digits.
#[derive(Clone, Copy)]
pub struct Checksum {
    digits: [u8; LONGEST],
    length: usize,
}

/// The parameter as BigBlueButton looks for it.
static PARAMETER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("checksum="));

/// The digits of a sha512.
const LONGEST: usize = 128;

impl Algorithm {
    /// The one whose checksums have so many hexadecimal digits.
    pub fn by_length(digits: usize) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.length() == digits)
    }

    /// How many hexadecimal digits its checksums have.
    pub fn length(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }

    /// The checksum of a call. `query` is the query without its checksum, in parts that follow each other.
    pub fn sign(self, call: &str, query: &[&str], secret: &Secret) -> Checksum {
        match self {
            Self::Sha1 => hash::<Sha1>(call, query, secret),
            Self::Sha256 => hash::<Sha256>(call, query, secret),
            Self::Sha384 => hash::<Sha384>(call, query, secret),
            Self::Sha512 => hash::<Sha512>(call, query, secret),
        }
    }

    /// A query with its checksum appended, for a call of one's own.
    pub fn sign_query(self, call: &str, query: &str, secret: &Secret) -> String {
        let checksum = self.sign(call, &[query], secret);
        let separator = if query.is_empty() { "" } else { "&" };
        format!("{query}{separator}checksum={}", checksum.as_str())
    }
}

impl<'a> Signed<'a> {
    /// Finds the checksum in a query, as BigBlueButton does: anywhere, by its literal name, cut out together with the `&` before it,
    /// or the one after it if it stands first.
    ///
    /// # Errors
    /// If there is no checksum, or what BigBlueButton would make of it is in doubt.
    pub fn find(query: Query<'a>) -> Result<Self, ChecksumError> {
        let raw = query.as_str();
        let mut checksums = query.pairs().filter(|pair| pair.name == "checksum");
        let pair = checksums.next().ok_or(ChecksumError::Missing)?;
        if checksums.next().is_some() {
            return Err(ChecksumError::Doubled);
        }
        let (start, end) = (pair.start, pair.end);
        let value = (end - pair.value.len(), end);
        let algorithm = checked(raw, pair.value, Some(value.0))?;
        let parts = match start.checked_sub(1) {
            Some(separator) => [&raw[..separator], &raw[end..]],
            None => ["", raw[end..].strip_prefix('&').unwrap_or_default()],
        };
        Ok(Self { raw, value: Some(value), shown: pair.value, parts, algorithm })
    }

    /// A call whose checksum came in its body: all of the query is signed, which may be empty.
    ///
    /// # Errors
    /// If the query has a checksum too, or what BigBlueButton would make of it is in doubt.
    pub fn in_body(query: Query<'a>, shown: &'a str) -> Result<Self, ChecksumError> {
        let raw = query.as_str();
        if query.pairs().any(|pair| pair.name == "checksum") {
            return Err(ChecksumError::Doubled);
        }
        let algorithm = checked(raw, shown, None)?;
        Ok(Self { raw, value: None, shown, parts: [raw, ""], algorithm })
    }

    /// One of the secrets signed this call. Takes the same time wherever the checksums differ.
    pub fn verify<'s>(&self, call: &str, secrets: impl IntoIterator<Item = &'s Secret>) -> bool {
        self.verify_over(&self.parts, call, secrets)
    }

    /// The same, over another text than the query.
    pub fn verify_over<'s>(&self, signed: &[&str], call: &str, secrets: impl IntoIterator<Item = &'s Secret>) -> bool {
        let mut lower = [0; LONGEST];
        let lower = &mut lower[..self.shown.len()];
        lower.copy_from_slice(self.shown.as_bytes());
        lower.make_ascii_lowercase();
        secrets.into_iter().any(|secret| {
            let expected = self.algorithm.sign(call, signed, secret);
            !secret.reveal().is_empty() && bool::from(expected.as_str().as_bytes().ct_eq(lower))
        })
    }

    /// Appends the query to `out` as it came, with the checksum's value alone replaced by that of another secret and algorithm, if it
    /// has one.
    pub fn resign(&self, call: &str, secret: &Secret, algorithm: Algorithm, out: &mut String) {
        let Some((start, end)) = self.value else { return out.push_str(self.raw) };
        let checksum = algorithm.sign(call, &self.parts, secret);
        out.push_str(&self.raw[..start]);
        out.push_str(checksum.as_str());
        out.push_str(&self.raw[end..]);
    }

    /// The checksum came in the body.
    pub fn is_in_body(&self) -> bool {
        self.value.is_none()
    }

    /// The query without the checksum.
    pub fn query(&self) -> [&'a str; 2] {
        self.parts
    }

    /// The checksum as the sender wrote it.
    pub fn shown(&self) -> &'a str {
        self.shown
    }

    /// The hash function that the sender chose.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Checksum {
    /// The digits, in lower case.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.digits[..self.length]).unwrap_or_default()
    }
}

/// The algorithm of a checksum that stands in a query at `at`, or elsewhere.
fn checked(raw: &str, value: &str, at: Option<usize>) -> Result<Algorithm, ChecksumError> {
    if value.is_empty() {
        return Err(ChecksumError::Missing);
    }
    let algorithm = Algorithm::by_length(value.len()).ok_or(ChecksumError::Malformed)?;
    if !value.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(ChecksumError::Malformed);
    }
    // BigBlueButton cuts by text: it would take the same value out of a parameter whose name merely ends in `checksum`.
    let twin = PARAMETER
        .find_iter(raw.as_bytes())
        .map(|found| found + PARAMETER.needle().len())
        .any(|found| Some(found) != at && raw.as_bytes()[found..].starts_with(value.as_bytes()));
    if twin { Err(ChecksumError::Doubled) } else { Ok(algorithm) }
}

fn hash<D: Digest>(call: &str, query: &[&str], secret: &Secret) -> Checksum {
    let mut hasher = D::new();
    hasher.update(call);
    for part in query {
        hasher.update(part);
    }
    hasher.update(secret.reveal());
    let hash = hasher.finalize();
    let mut checksum = Checksum { digits: [0; LONGEST], length: 2 * hash.len() };
    let written = hex::encode_to_slice(&hash, &mut checksum.digits[..checksum.length]);
    debug_assert!(written.is_ok(), "the buffer has exactly the length of the digits");
    checksum
}

#[cfg(test)]
mod tests;

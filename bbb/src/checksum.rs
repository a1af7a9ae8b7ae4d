//! Checksums: how a call proves that its sender knows the shared secret.

use serde::{Deserialize, Serialize};

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

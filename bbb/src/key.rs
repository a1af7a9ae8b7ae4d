//! The identity of a meeting within a tenant.

use sha1::{Digest, Sha1};
use std::fmt;
use std::str::FromStr;

/// sha1 over the percent-decoded bytes of a meetingID.
///
/// BigBlueButton's own internal meeting ids and record ids are `sha1hex(meetingID)-createTime`, so each of them carries the key of its
/// meeting. Breakout rooms are the exception: BigBlueButton makes up their internal ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeetingKey([u8; MeetingKey::LEN]);

/// A text that is no meeting key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a meeting key is 40 hexadecimal digits, not {0:?}")]
pub struct InvalidKey(String);

impl MeetingKey {
    /// Bytes in a key.
    pub const LEN: usize = 20;

    /// The key of a meetingID that is already percent-decoded.
    ///
    /// An id of the form `<40 hex digits>-<13 digits>` is taken for an internal id, which BigBlueButton accepts wherever it accepts a
    /// meetingID, and yields the key of the meeting it belongs to.
    pub fn of(meeting_id: &[u8]) -> Self {
        Self::of_internal(meeting_id).unwrap_or_else(|| Self(Sha1::digest(meeting_id).into()))
    }

    /// The key carried by an internal meeting id or a record id, if this is one.
    pub fn of_internal(id: &[u8]) -> Option<Self> {
        let (digits, time) = (id.get(..40)?, id.get(40..)?);
        let time = time.strip_prefix(b"-")?;
        let lower_hex = digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !lower_hex || time.len() != 13 || !time.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// The id may be the beginning of an internal one. BigBlueButton takes it for that before it takes it for a meetingID, so that it
    /// may mean any meeting of an instance. A whole internal id means one.
    pub fn begins_internal(id: &[u8]) -> bool {
        // Instances leave these out before they look.
        let id: Vec<u8> = id.iter().copied().filter(|b| !b.is_ascii_control()).collect();
        let id = id.trim_ascii();
        let (digits, time) = id.split_at(id.len().min(40));
        let hexadecimal = !digits.is_empty() && digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let timed =
            || time.strip_prefix(b"-").is_some_and(|time| time.len() < 13 && time.iter().all(u8::is_ascii_digit));
        hexadecimal && (time.is_empty() || timed())
    }

    /// The key as bytes, as it travels between the planes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl From<[u8; MeetingKey::LEN]> for MeetingKey {
    fn from(bytes: [u8; MeetingKey::LEN]) -> Self {
        Self(bytes)
    }
}

impl FromStr for MeetingKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let mut bytes = [0; Self::LEN];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidKey(text.to_owned()))?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for MeetingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for MeetingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for MeetingKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for MeetingKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_id_carries_the_key_of_its_meeting() {
        let key = MeetingKey::of(b"test01");
        assert_eq!(key.to_string(), "c25a79c57906ba7027b36d380230db92bbc0fd64");
        assert_eq!(MeetingKey::of(b"c25a79c57906ba7027b36d380230db92bbc0fd64-1531155809613"), key);
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn what_may_begin_an_internal_id_is_told_from_what_cannot() {
        let whole = "c25a79c57906ba7027b36d380230db92bbc0fd64-1531155809613";
        for length in 1..whole.len() {
            assert!(MeetingKey::begins_internal(&whole.as_bytes()[..length]), "{length}");
        }
        for id in ["42", " c2\u{1}5a "] {
            assert!(MeetingKey::begins_internal(id.as_bytes()), "{id}");
        }
        for id in ["", whole, "C25A", "room", "c25a-1", "c25a79c57906ba7027b36d380230db92bbc0fd64-12-3"] {
            assert!(!MeetingKey::begins_internal(id.as_bytes()), "{id}");
        }
    }

    #[test]
    fn what_only_looks_like_an_internal_id_is_hashed() {
        for id in [
            "c25a79c57906ba7027b36d380230db92bbc0fd64",
            "C25A79C57906BA7027B36D380230DB92BBC0FD64-1531155809613",
            "",
            "é",
        ] {
            assert_eq!(MeetingKey::of_internal(id.as_bytes()), None, "{id}");
        }
    }
}

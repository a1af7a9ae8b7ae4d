//! Checksums, as BigBlueButton makes and checks them.
//!
//! Written from BigBlueButton's rules and not taken from the `bbb` crate, so that what stands between simulated frontends and
//! simulated instances is held to a second reading of those rules.

use bbb::Secret;
use bbb::checksum::Algorithm;
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha384, Sha512};

/// The checksum of `call` with `query`, which has no checksum yet, in lower-case hexadecimal digits.
pub fn sign(algorithm: Algorithm, call: &str, query: &str, secret: &Secret) -> String {
    let text = [call, query, secret.reveal()].concat();
    match algorithm {
        Algorithm::Sha1 => hex::encode(Sha1::digest(text)),
        Algorithm::Sha256 => hex::encode(Sha256::digest(text)),
        Algorithm::Sha384 => hex::encode(Sha384::digest(text)),
        Algorithm::Sha512 => hex::encode(Sha512::digest(text)),
    }
}

/// Whether `given` signs `call` with this raw query, wherever in it the checksum stands, by one of the `accepted` algorithms.
pub(crate) fn holds(given: &str, call: &str, raw_query: &str, secret: &Secret, accepted: &[Algorithm]) -> bool {
    let Some(algorithm) = of_length(given.len()).filter(|algorithm| accepted.contains(algorithm)) else {
        return false;
    };
    sign(algorithm, call, &without(raw_query, given), secret).eq_ignore_ascii_case(given)
}

fn of_length(digits: usize) -> Option<Algorithm> {
    match digits {
        40 => Some(Algorithm::Sha1),
        64 => Some(Algorithm::Sha256),
        96 => Some(Algorithm::Sha384),
        128 => Some(Algorithm::Sha512),
        _ => None,
    }
}

/// The query as the sender signed it. BigBlueButton replaces text and does not parse, so that a parameter whose name only ends in
/// `checksum` is cut as well.
fn without(raw_query: &str, checksum: &str) -> String {
    let printable: String = raw_query.chars().filter(|c| !c.is_control()).collect();
    printable
        .trim()
        .replace(&format!("&checksum={checksum}"), "")
        .replace(&format!("checksum={checksum}&"), "")
        .replace(&format!("checksum={checksum}"), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Algorithm; 4] = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512];
    const QUERY: &str = "name=Test+Meeting&meetingID=abc123&attendeePW=111222&moderatorPW=333444";

    fn secret() -> Secret {
        Secret::new("639259d4-9dd8-4b25-bf01-95f9567eaf4b")
    }

    #[test]
    fn signs_as_the_documented_examples() {
        let signed = |algorithm| sign(algorithm, "create", QUERY, &secret());
        assert_eq!(signed(Algorithm::Sha1), "1fcbb0c4fc1f039f73aa6d697d2db9ba7f803f17");
        assert_eq!(signed(Algorithm::Sha256), "da9185f7f333cfdfcd6eeac32dca3777510c4c436020d8b887ba5515bd1d189e");
        assert_eq!(
            signed(Algorithm::Sha384),
            "891ac633df39d0a1b4f8d597f3e190833216c4b29c4fb51ea3ca72757eeb958d6e7b49a845cf29f5c6019c7d29d029d1"
        );
        assert_eq!(
            signed(Algorithm::Sha512),
            "de73ad61d11a5c801b68d4bd6ec5248546085cefb0b25c85f3c46249ea93a3a4\
             b120f92c0a8a58d7512cb77821884951a3b01245f3435dbbef49fff3cc3988b4"
        );
        let empty = sign(Algorithm::Sha1, "getMeetings", "", &secret());
        assert_eq!(empty, "2027baa7771026e9e93392f55031535d1444c41f");
    }

    #[test]
    fn the_checksum_may_stand_anywhere_and_in_upper_case() {
        for algorithm in ALL {
            let sum = sign(algorithm, "create", QUERY, &secret());
            let middle = QUERY.replacen('&', &format!("&checksum={sum}&"), 1);
            for query in [format!("checksum={sum}&{QUERY}"), middle, format!("{QUERY}&checksum={sum}")] {
                assert!(holds(&sum, "create", &query, &secret(), &ALL), "{query}");
                let upper = sum.to_uppercase();
                assert!(holds(&upper, "create", &query.replace(&sum, &upper), &secret(), &ALL), "{query}");
            }
        }
    }

    #[test]
    fn what_is_not_signed_so_does_not_hold() {
        let sum = sign(Algorithm::Sha256, "create", QUERY, &secret());
        let query = format!("{QUERY}&checksum={sum}");
        assert!(!holds(&sum, "end", &query, &secret(), &ALL), "another call");
        assert!(!holds(&sum, "create", &query.replace("abc123", "abc124"), &secret(), &ALL), "another meeting");
        assert!(!holds(&sum, "create", &query, &Secret::new("other"), &ALL), "another secret");
        assert!(!holds(&sum, "create", &query, &secret(), &[Algorithm::Sha1]), "an algorithm that is not accepted");
        assert!(!holds(&sum[1..], "create", &query, &secret(), &ALL), "an odd length");
        assert!(!holds("", "create", QUERY, &secret(), &ALL), "none");
    }
}

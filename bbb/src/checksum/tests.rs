//! Checksums against BigBlueButton's own vectors, and the property that re-signing changes nothing but the checksum.

use super::*;
use proptest::prelude::*;

const CREATE: &str = "name=Test+Meeting&meetingID=abc123&attendeePW=111222&moderatorPW=333444";

fn secret() -> Secret {
    Secret::new("639259d4-9dd8-4b25-bf01-95f9567eaf4b")
}

#[test]
fn the_documented_calls_have_their_documented_checksums() {
    use Algorithm::*;
    let sha384 = "891ac633df39d0a1b4f8d597f3e190833216c4b29c4fb51ea3ca72757eeb958d6e7b49a845cf29f5c6019c7d29d029d1";
    let sha512 = "de73ad61d11a5c801b68d4bd6ec5248546085cefb0b25c85f3c46249ea93a3a4\
                  b120f92c0a8a58d7512cb77821884951a3b01245f3435dbbef49fff3cc3988b4";
    for (algorithm, call, query, expected) in [
        (Sha1, "create", CREATE, "1fcbb0c4fc1f039f73aa6d697d2db9ba7f803f17"),
        (Sha256, "create", CREATE, "da9185f7f333cfdfcd6eeac32dca3777510c4c436020d8b887ba5515bd1d189e"),
        (Sha384, "create", CREATE, sha384),
        (Sha512, "create", CREATE, sha512),
        (Sha1, "getMeetings", "", "2027baa7771026e9e93392f55031535d1444c41f"),
        (Sha256, "getMeetings", "", "a5370c5f3d97d56d53b435684cdbc429c2898a3bf9f435518b4279e1e0dbfc8c"),
        (
            Sha256,
            "hooks/create",
            "callbackURL=https%3A%2F%2Fx.example%2Fcb",
            "dc3cebf94b137ec9de249daba3883a439e30cb38396f07ec125bff3c3e3f4329",
        ),
    ] {
        assert_eq!(algorithm.sign(call, &[query], &secret()).as_str(), expected, "{algorithm:?} {call}");
    }
}

#[test]
fn the_checksum_may_stand_anywhere() {
    let checksum = Algorithm::Sha1.sign("create", &["a=1&b=2"], &secret());
    let checksum = checksum.as_str();
    for query in [
        format!("a=1&b=2&checksum={checksum}"),
        format!("a=1&checksum={checksum}&b=2"),
        format!("checksum={checksum}&a=1&b=2"),
        format!("a=1&b=2&checksum={}", checksum.to_uppercase()),
    ] {
        assert!(Signed::find(Query::new(&query)).unwrap().verify("create", [&secret()]), "{query}");
    }
    let alone = format!("&checksum={}", Algorithm::Sha1.sign("getMeetings", &[], &secret()).as_str());
    assert!(Signed::find(Query::new(&alone)).unwrap().verify("getMeetings", [&secret()]));
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let sha1 = "1fcbb0c4fc1f039f73aa6d697d2db9ba7f803f17";
    for (query, expected) in [
        (String::new(), ChecksumError::Missing),
        ("a=1&Checksum=x".to_owned(), ChecksumError::Missing),
        ("a=1&checksum=".to_owned(), ChecksumError::Missing),
        ("a=1&checksum".to_owned(), ChecksumError::Missing),
        ("checksum=abc".to_owned(), ChecksumError::Malformed),
        (format!("checksum={}g", &sha1[1..]), ChecksumError::Malformed),
        (format!("checksum={sha1}&checksum={sha1}"), ChecksumError::Doubled),
        (format!("checksum={sha1}&a=1&checksum=x"), ChecksumError::Doubled),
        (format!("xchecksum={sha1}&checksum={sha1}"), ChecksumError::Doubled),
    ] {
        assert_eq!(Signed::find(Query::new(&query)).err(), Some(expected), "{query}");
    }
}

#[test]
fn no_secret_is_no_secret_at_all() {
    let query = Algorithm::Sha256.sign_query("end", "meetingID=x", &Secret::new(""));
    assert!(!Signed::find(Query::new(&query)).unwrap().verify("end", [&Secret::new("")]));
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    prop::sample::select(vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512])
}

proptest! {
    #[test]
    fn signing_anew_changes_the_checksum_alone(
        before in "[a-zA-Z0-9+%=.~-]{0,30}(&[a-z]{0,5}=[a-z+%0-9]{0,9}){0,4}",
        after in "(&[a-z]{0,5}=[a-z+%0-9]{0,9}){0,4}",
        own in algorithm(),
        instance in algorithm(),
    ) {
        prop_assume!(!before.contains("checksum") && !after.contains("checksum"));
        let (client, instance_secret) = (secret(), Secret::new("instance"));
        let query = |checksum: &str| if before.is_empty() {
            format!("checksum={checksum}{after}")
        } else {
            format!("{before}&checksum={checksum}{after}")
        };
        let stripped = if before.is_empty() { after.strip_prefix('&').unwrap_or("").to_owned() } else { format!("{before}{after}") };
        let raw = query(own.sign("join", &[&stripped], &client).as_str());
        let signed = Signed::find(Query::new(&raw)).unwrap();
        prop_assert!(signed.verify("join", [&instance_secret, &client]));
        prop_assert!(!signed.verify("end", [&client]));
        prop_assert!(!signed.verify("join", [&instance_secret]));
        let mut resigned = String::new();
        signed.resign("join", &instance_secret, instance, &mut resigned);
        prop_assert_eq!(&resigned, &query(instance.sign("join", &[&stripped], &instance_secret).as_str()));
        prop_assert!(Signed::find(Query::new(&resigned)).unwrap().verify("join", [&instance_secret]));
    }

    #[test]
    fn no_query_is_too_strange_to_be_read(raw in any::<String>()) {
        let query = Query::new(&raw);
        let found = Signed::find(query);
        prop_assert!(found.is_err() || raw.contains("checksum="));
        let all: Vec<_> = query.pairs().collect();
        prop_assert!(all.iter().all(|pair| raw[pair.start..pair.end].starts_with(pair.name)));
    }
}

//! Any path and query: nothing panics, and what is signed anew verifies.
#![no_main]

use bbb::checksum::{Algorithm, Signed};
use bbb::{Call, MeetingKey, Query, Secret};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (path, raw) = input;
    let call = Call::parse(path).unwrap_or(Call::Create);
    let query = Query::new(raw);
    let _ = query.get_one("meetingID").map(|id| id.map(|id| MeetingKey::of(&id)));
    let Ok(signed) = Signed::find(query) else { return };
    let secret = Secret::new("secret");
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        let mut out = String::new();
        signed.resign(call.name(), &secret, algorithm, &mut out);
        let again = Signed::find(Query::new(&out)).expect("the checksum alone was replaced");
        assert!(again.verify(call.name(), [&secret]));
    }
});

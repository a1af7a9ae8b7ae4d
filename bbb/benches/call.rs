//! What one call costs in this crate: its checksum in each algorithm, and the whole way from the query to the query signed anew.
#![allow(missing_docs, reason = "criterion's macros write functions without documentation")]

use bbb::checksum::{Algorithm, Signed};
use bbb::{Call, MeetingKey, Query, Secret};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

const QUERY: &str = "meetingID=8f14e45fceea167a5a36dedd4bea2543&fullName=Ada+Lovelace&password=mp&userID=gl-0f6b7f0c&role=Moderator&\
    redirect=true&createTime=1531155809613&avatarURL=https%3A%2F%2Fgl.example.org%2Favatar%2F1.png&logoutURL=https%3A%2F%2Fgl.example.org%2F";

fn checksums(c: &mut Criterion) {
    let secret = Secret::new("639259d4-9dd8-4b25-bf01-95f9567eaf4b");
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        c.bench_function(&format!("checksum {algorithm:?}"), |b| {
            b.iter(|| algorithm.sign("join", &[black_box(QUERY)], &secret));
        });
    }
}

fn rewrite(c: &mut Criterion) {
    let (client, instance) = (Secret::new("639259d4-9dd8-4b25-bf01-95f9567eaf4b"), Secret::new("instance-secret"));
    let raw = Algorithm::Sha1.sign_query("join", QUERY, &client);
    let mut out = String::with_capacity(1024);
    c.bench_function("parse, verify sha1, key, sign sha256", |b| {
        b.iter(|| {
            let call = Call::parse(black_box("/bigbluebutton/api/join")).expect("a call of the API");
            let query = Query::new(black_box(&raw));
            let signed = Signed::find(query).expect("the query is signed");
            assert!(signed.verify(call.name(), [&client]));
            let id = query.get_one("meetingID").expect("there is one").expect("there is one");
            out.clear();
            signed.resign(call.name(), &instance, Algorithm::Sha256, &mut out);
            black_box((MeetingKey::of(&id), &out));
        });
    });
}

criterion_group!(benches, checksums, rewrite);
criterion_main!(benches);

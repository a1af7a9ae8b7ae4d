//! Recordings as BigBlueButton lists them, and pages of them.

use super::*;
use crate::{MeetingKey, Query};
use proptest::prelude::*;
use std::cmp::Reverse;

fn recording(id: &str, start_time: u64, more: &str) -> String {
    format!("<recording><recordID>{id}</recordID><startTime>{start_time}</startTime>{more}</recording>")
}

fn list(recordings: &[String], paging: &str) -> String {
    let recordings = recordings.concat();
    format!(
        "<response>\n          <returncode>SUCCESS</returncode>\n          <recordings>{recordings}</recordings>{paging}\n        </response>"
    )
}

/// The items of a document that arrives in chunks of `size` bytes, what it says of paging, and how it ended.
fn split(document: &str, size: usize) -> (Vec<String>, Option<Paging>, Result<(), ListingError>) {
    let mut splitter = Splitter::recordings();
    let mut items = Vec::new();
    for chunk in document.as_bytes().chunks(size) {
        if let Err(error) = splitter.push(chunk, |item| items.push(String::from_utf8(item.to_vec()).unwrap())) {
            return (items, None, Err(error));
        }
    }
    (items, splitter.paging(), splitter.finish())
}

const PAGINATION: &str = "<pagination><pageable><offset>0</offset><limit>2</limit><paged>true</paged><unpaged>false</unpaged>\
    </pageable><totalElements>7</totalElements><empty>false</empty></pagination>";

#[test]
fn both_ways_to_tell_how_many_there_are_are_read_in_chunks_of_every_size() {
    let recordings =
        [recording("a", 1, ""), recording("b", 2, "<metadata><totalElements>9</totalElements></metadata>")];
    for (paging, told) in [
        ("", None),
        ("\n<totalElements>12</totalElements>", Some(Paging { shape: Shape::Total, total: 12 })),
        (PAGINATION, Some(Paging { shape: Shape::Pagination, total: 7 })),
    ] {
        let document = list(&recordings, paging);
        let front = document.replace(paging, "").replace("<recordings>", &format!("{paging}<recordings>"));
        for size in 1..60 {
            assert_eq!(split(&document, size), (recordings.to_vec(), told, Ok(())), "{paging} in chunks of {size}");
            assert_eq!(split(&front, size), (recordings.to_vec(), told, Ok(())), "{paging} in chunks of {size}");
        }
    }
}

#[test]
fn a_list_that_is_left_out_says_nothing_of_what_is_absent() {
    let left_out = "<response><returncode>SUCCESS</returncode><messageKey>noRecordings</messageKey>\
        <message>No recordings found. This may occur if you attempt to retrieve all recordings.</message></response>";
    assert_eq!(split(left_out, 9), (vec![], None, Err(ListingError::LeftOut)));
    assert_eq!(split(&document::no_recordings(), 9), (vec![], None, Ok(())));
    assert_eq!(split(&document::failed("x", "y"), 9), (vec![], None, Err(ListingError::Failed)));
    assert_eq!(split(&document::no_meetings(), 9), (vec![], None, Err(ListingError::NotAListing)));
}

#[test]
fn a_recording_is_read_with_its_tenant_and_its_meetings() {
    let id = "640ab2bae07bedc4c163f679a746f7ab7fb5d1fa-1531155809613";
    let element = recording(
        id,
        1_531_155_809_700,
        "<meetingID>a &amp; b</meetingID><state>published</state><metadata><B3lb-Tenant>a.example.org</B3lb-Tenant>\
         <bigblueswarm-tenant>b</bigblueswarm-tenant></metadata><playback><format><recordID>x</recordID></format></playback>",
    );
    let read = Recording::read(element.as_bytes()).unwrap();
    let expected = Recording {
        id: id.to_owned(),
        meeting_id: "a & b".to_owned(),
        tenant: Some("a.example.org".to_owned()),
        start_time: 1_531_155_809_700,
        ..Recording::default()
    };
    assert_eq!(read, expected);
    let key = MeetingKey::of(id.as_bytes());
    assert_eq!(read.meetings().collect::<Vec<_>>(), [key]);
    let breakout = Recording { meeting_id: "room".to_owned(), parent: Some(id.to_owned()), ..read };
    assert_eq!(breakout.meetings().collect::<Vec<_>>(), [MeetingKey::of(b"room"), key]);
    assert_eq!(Recording::read(b"<recording><recordID></recordID></recording>"), None);
    assert!(Recording::read(recording("r", 0, "<state>deleted</state>").as_bytes()).unwrap().deleted);
}

#[test]
fn paging_that_makes_no_sense_is_none() {
    let page = |query| Page::of(Query::new(query));
    assert_eq!(page("limit=10"), Some(Page { offset: 0, limit: 10 }));
    assert_eq!(page("offset=7&limit=100&limit=3"), Some(Page { offset: 7, limit: 100 }));
    assert_eq!(page("offset=-1&limit=5"), Some(Page { offset: 0, limit: 5 }));
    for none in ["", "offset=3", "limit=", "limit=0", "limit=101", "limit=-5", "limit=ten", "Limit=5"] {
        assert_eq!(page(none), None, "{none}");
    }
    let without = Page::remove_from(Query::new("&meetingID=a%2cb&limit=5&&off%73et=3&x"));
    assert_eq!(without, "&meetingID=a%2cb&&x");
    assert_eq!(Page { offset: 5, limit: 9 }.add_to(without), "&meetingID=a%2cb&&x&offset=5&limit=9");
}

#[test]
fn an_empty_page_says_so() {
    let page = Page { offset: 3, limit: 2 };
    let mut sorted = Sorted::new(page);
    sorted.add(&Recording { id: "a".to_owned(), ..Recording::default() }, b"<recording/>").unwrap();
    let document = String::from_utf8(sorted.document(Shape::Pagination)).unwrap();
    let (items, paging, end) = split(&document, 10);
    assert_eq!((items, paging, end), (vec![], Some(Paging { shape: Shape::Pagination, total: 1 }), Ok(())));
    assert!(document.contains("<empty>true</empty>") && document.contains("<messageKey>noRecordings</messageKey>"));
}

#[test]
fn a_page_that_is_too_far_is_refused() {
    let element = vec![b'x'; 1 << 20];
    let mut near = Sorted::new(Page { offset: 0, limit: 10 });
    let mut far = Sorted::new(Page { offset: usize::MAX, limit: 10 });
    let added = |sorted: &mut Sorted| (0..30).all(|_| sorted.add(&Recording::default(), &element).is_ok());
    assert_eq!((added(&mut near), added(&mut far)), (true, false));
}

proptest! {
    #[test]
    fn a_page_is_cut_out_of_the_newest_recordings(
        starts in prop::collection::vec(0u64..20, 0..40),
        offset in 0usize..30,
        limit in 1usize..10,
    ) {
        let page = Page { offset, limit };
        let mut sorted = Sorted::new(page);
        let mut all = Vec::new();
        for (number, start_time) in starts.into_iter().enumerate() {
            let element = recording(&format!("{number:02}"), start_time, "");
            sorted.add(&Recording::read(element.as_bytes()).unwrap(), element.as_bytes()).unwrap();
            all.push((Reverse(start_time), number, element));
        }
        all.sort();
        let total = all.len();
        let expected: Vec<String> = all.into_iter().skip(offset).take(limit).map(|(_, _, element)| element).collect();
        let document = String::from_utf8(sorted.document(Shape::Total)).unwrap();
        let told = Some(Paging { shape: Shape::Total, total });
        prop_assert_eq!(split(&document, 50), (expected, told, Ok(())));
    }

    #[test]
    fn merging_keeps_every_recording_as_it_came(names in prop::collection::vec("[a-z]{1,8}", 0..6), size in 1usize..100) {
        let recordings: Vec<String> = names.iter().map(|name| recording(name, 1, "<name> &amp; </name>")).collect();
        let mut merger = Merger::of(List::Recordings);
        let mut merged = Vec::new();
        for recording in &recordings {
            merger.add(recording.as_bytes(), &mut merged);
        }
        merger.finish(&mut merged);
        prop_assert_eq!(split(&String::from_utf8(merged).unwrap(), size), (recordings, None, Ok(())));
    }
}

//! Lists as BigBlueButton writes them, whole and damaged, in chunks of every size.

use super::*;
use crate::MeetingKey;
use proptest::prelude::*;

const ONE: &str = include_str!("../../tests/responses/meetings-1x1.xml");
const EMPTY: &str = include_str!("../../tests/responses/meetings-empty.xml");
const REFUSED: &str = include_str!("../../tests/responses/checksum.xml");

/// The items of a document that arrives in chunks of `size` bytes, and how it ended.
fn split(document: &str, size: usize) -> (Vec<String>, Result<(), ListingError>) {
    let mut splitter = Splitter::meetings();
    let mut items = Vec::new();
    for chunk in document.as_bytes().chunks(size) {
        if let Err(error) = splitter.push(chunk, |item| items.push(String::from_utf8(item.to_vec()).unwrap())) {
            return (items, Err(error));
        }
    }
    (items, splitter.finish())
}

fn meeting(inner: &str) -> String {
    format!("<meeting>\n<meetingID>a</meetingID>\n{inner}\n</meeting>")
}

fn list(meetings: &[String]) -> String {
    format!(
        "<response>\n<returncode>SUCCESS</returncode>\n<meetings>\n{}\n</meetings>\n</response>",
        meetings.join("\n")
    )
}

#[test]
fn a_recorded_list_yields_its_meeting_untouched() {
    let (items, end) = split(ONE, ONE.len());
    assert_eq!(end, Ok(()));
    let start = ONE.find("<meeting>").unwrap();
    let end = ONE.rfind("</meeting>").unwrap() + "</meeting>".len();
    assert_eq!(items, [&ONE[start..end]]);
    let read = Meeting::read(items[0].as_bytes()).unwrap();
    let expected = Meeting {
        id: "test01".to_owned(),
        internal_id: "640ab2bae07bedc4c163f679a746f7ab7fb5d1fa-1531155809613".to_owned(),
        tenant: None,
        parent: None,
        running: true,
        ended: false,
        users: read.users,
        webcams: read.webcams,
        created_at: 1_531_155_809_613,
    };
    assert_eq!(read, expected);
}

#[test]
fn an_empty_list_is_complete_and_a_refusal_is_none() {
    assert_eq!(split(EMPTY, 7), (Vec::new(), Ok(())));
    assert_eq!(split(REFUSED, 7), (Vec::new(), Err(ListingError::Failed)));
    for page in
        ["<html><body>502 Bad Gateway</body></html>", "<!DOCTYPE x []><response/>", "<response/>", "</response>", "<>"]
    {
        assert_eq!(split(page, 3), (Vec::new(), Err(ListingError::NotAListing)), "{page}");
    }
    // What the root of the API answers is no evidence that there are no meetings.
    assert_eq!(split(&document::version(), 7), (Vec::new(), Err(ListingError::NotAListing)));
    let bare = EMPTY.replace("<meetings/>\n", "");
    assert_eq!(split(&bare, 7), (Vec::new(), Ok(())));
    assert_eq!(split("just text", 3), (Vec::new(), Err(ListingError::CutOff)));
    assert_eq!(split("", 1), (Vec::new(), Err(ListingError::CutOff)));
}

#[test]
fn what_looks_like_the_end_of_a_meeting_inside_of_it_is_not() {
    let tricky = [
        "<metadata><meeting>nested</meeting><meetings/></metadata>",
        "<metadata><x><![CDATA[</meeting></meetings></response>]]></x></metadata>",
        "<!-- </meeting> --><meetingName>a &lt;/meeting&gt;</meetingName>",
        "<image alt='>' title=\"</meeting>\"/>",
    ];
    let meetings: Vec<String> = tricky.iter().map(|inner| meeting(inner)).collect();
    let document = format!("<?xml version=\"1.0\"?>\n{}\n", list(&meetings));
    for size in 1..40 {
        assert_eq!(split(&document, size), (meetings.clone(), Ok(())), "chunks of {size}");
    }
}

#[test]
fn an_item_that_never_ends_is_given_up() {
    let mut splitter = Splitter::meetings();
    let endless = list(&[meeting("")]).replace("</meeting>", "");
    splitter.push(&endless.as_bytes()[..80], |_| ()).unwrap();
    let chunk = vec![b'x'; 1 << 20];
    let given_up = (0..6).map(|_| splitter.push(&chunk, |_| ())).find(Result::is_err);
    assert_eq!(given_up, Some(Err(ListingError::TooLarge)));
}

/// Would take minutes if each chunk were searched from the start of the token.
#[test]
fn large_tokens_may_come_byte_by_byte() {
    let long = "x".repeat(1 << 20);
    for inner in [format!("<!--{long}-->"), format!("<![CDATA[{long}]]>"), format!("<image alt='{long}'/>")] {
        let meetings = [meeting(&inner)];
        assert!(split(&list(&meetings), 1) == (meetings.to_vec(), Ok(())), "{}", &inner[..9]);
    }
}

#[test]
fn a_meeting_is_read_with_its_tenant_and_its_parent() {
    let element = "<meeting><meetingID>R&amp;D &#233;</meetingID><parentMeetingID>p-1</parentMeetingID>\
        <participantCount>1,234</participantCount><videoCount>56</videoCount><createTime>1531155809613</createTime><hasBeenForciblyEnded>true</hasBeenForciblyEnded>\
        <attendees><attendee><meetingID>not me</meetingID></attendee></attendees>\
        <metadata><b3lb-tenant>a.example.org</b3lb-tenant><bigblueswarm-tenant>b</bigblueswarm-tenant></metadata></meeting>";
    let expected = Meeting {
        id: "R&D é".to_owned(),
        internal_id: String::new(),
        tenant: Some("a.example.org".to_owned()),
        parent: Some("p-1".to_owned()),
        running: false,
        ended: true,
        users: 1234,
        webcams: 56,
        created_at: 1_531_155_809_613,
    };
    assert_eq!(Meeting::read(element.as_bytes()), Some(expected));
    assert_eq!(Meeting::read(b"<meeting><meetingID></meetingID></meeting>"), None);
    assert_eq!(Meeting::read(b"<meeting><meetingID>a</meetingID>"), None);
}

#[test]
fn the_key_of_a_meeting_survives_how_white_space_is_listed() {
    let key = |id: &str, more: &str| {
        Meeting::read(format!("<meeting><meetingID>{id}</meetingID>{more}</meeting>").as_bytes()).unwrap().key()
    };
    for (created, listed) in [("a b", "a b"), (" a", " a"), ("a  b ", "a b "), ("a\t\nb", "a\nb")] {
        let internal =
            format!("<internalMeetingID>{}-1531155809613</internalMeetingID>", MeetingKey::of(created.as_bytes()));
        assert_eq!(key(listed, &internal), MeetingKey::of(created.as_bytes()), "{created:?}");
    }
    let made_up = "<internalMeetingID>c25a79c57906ba7027b36d380230db92bbc0fd64-1531155809613</internalMeetingID>";
    assert_eq!(key("plain", made_up), MeetingKey::of(b"plain"));
    let breakout = format!("{made_up}<parentMeetingID>p-1</parentMeetingID>");
    assert_eq!(key("room 1", &breakout), MeetingKey::of(b"room 1"));
}

proptest! {
    #[test]
    fn chunks_do_not_matter(count in 0usize..5, size in 1usize..200, cut in 0.0..1.0) {
        let meetings: Vec<String> = (0..count).map(|i| meeting(&format!("<meetingName>{i} &amp; é</meetingName>"))).collect();
        let document = list(&meetings);
        prop_assert_eq!(split(&document, size), (meetings, Ok(())));
        let cut = (document.len() as f64 * cut) as usize;
        if document.is_char_boundary(cut) {
            prop_assert!(split(&document[..cut], size).1.is_err());
        }
    }

    #[test]
    fn merging_keeps_every_meeting_as_it_came(names in prop::collection::vec("[a-z]{1,8}", 0..6), size in 1usize..100) {
        let meetings: Vec<String> = names.iter().map(|name| meeting(&format!("<meetingName>{name}</meetingName>"))).collect();
        let mut merger = Merger::default();
        let mut merged = Vec::new();
        for meeting in &meetings {
            merger.add(meeting.as_bytes(), &mut merged);
        }
        merger.finish(&mut merged);
        let merged = String::from_utf8(merged).unwrap();
        prop_assert_eq!(split(&merged, size), (meetings, Ok(())));
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1usize..50) {
        let mut splitter = Splitter::meetings();
        for chunk in bytes.chunks(size) {
            if splitter.push(chunk, |item| drop(Meeting::read(item))).is_err() {
                return Ok(());
            }
        }
        let _ = splitter.finish();
    }
}

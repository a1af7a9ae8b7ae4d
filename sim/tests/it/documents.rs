//! What the simulator writes is what BigBlueButton's own templates wrote, byte for byte.

use b3lb_sim::documents::{self, Attendee, Breakout, Entry, Role, Ticket};

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../responses/", $name, ".xml"))
    };
}

/// The meeting of the recorded documents, with `users` in it. Its counts are what the templates were given, not what was true.
fn meeting(users: usize) -> Entry {
    let metadata = [
        ("bbb-origin", "greenlight"),
        ("bbb-origin-server-name", "gl.example.org"),
        ("bbb-origin-version", "v3"),
        ("bbb-recording-ready-url", "https://gl.example.org/recording_ready"),
        ("endcallbackurl", "https://gl.example.org/meeting_ended"),
        ("bbb-context-name", "Test Room"),
        ("bbb-context-id", "abc-def-ghi-jkl"),
    ];
    Entry {
        name: "Test & <Demo>".to_owned(),
        meeting_id: "test01".to_owned(),
        internal_id: "640ab2bae07bedc4c163f679a746f7ab7fb5d1fa-1531155809613".to_owned(),
        create_time: 1_531_155_809_613,
        voice_bridge: "70757".to_owned(),
        dial_number: "613-555-1234".to_owned(),
        attendee_pw: Some("ap".to_owned()),
        moderator_pw: Some("mp".to_owned()),
        running: users > 0,
        has_user_joined: users > 0,
        recording: true,
        start_time: 1_531_155_809_700,
        participant_count: users,
        voice_participant_count: users,
        moderator_count: 1,
        attendees: (0..users).map(attendee).collect(),
        metadata: metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        ..Entry::default()
    }
}

fn attendee(number: usize) -> Attendee {
    Attendee {
        user_id: format!("gl-0f6b7f0c-5b1e-4e0a-9b0c-1d2e3f4a5b{number:02}"),
        full_name: format!("Participant Number {number}"),
        role: if number == 0 { Role::Moderator } else { Role::Viewer },
        is_presenter: number == 0,
        is_listening_only: false,
        has_joined_voice: true,
        has_video: number.is_multiple_of(3),
    }
}

#[test]
fn meetings_are_written_as_recorded() {
    assert_eq!(documents::meetings([]), recorded!("meetings-empty"));
    assert_eq!(documents::meetings([&meeting(0)]), recorded!("meetings-1x0"));
    assert_eq!(documents::meetings([&meeting(1)]), recorded!("meetings-1x1"));
    assert_eq!(documents::meetings([&meeting(30)]), recorded!("meetings-1x30"));
    assert_eq!(documents::info(&meeting(2)), recorded!("info"));
}

#[test]
fn breakout_rooms_and_their_parents_are_written_as_recorded() {
    let breakout = Breakout { parent: "bbb-none".to_owned(), sequence: 1, free_join: false };
    let child = Entry { breakout: Some(breakout), metadata: vec![], ..meeting(0) };
    assert_eq!(documents::info(&child), recorded!("info-breakout"));
    let rooms = vec!["breakout-1".to_owned(), "breakout-2".to_owned()];
    let parent = Entry { breakout_rooms: rooms, metadata: vec![], ..meeting(1) };
    assert_eq!(documents::info(&parent), recorded!("info-parent"));
}

#[test]
fn answers_to_create_and_join_are_written_as_recorded() {
    assert_eq!(documents::created(&meeting(0), false), recorded!("create"));
    assert_eq!(documents::created(&meeting(0), true), recorded!("create-dup"));
    let ticket = Ticket {
        internal_id: "640ab2bae07bedc4c163f679a746f7ab7fb5d1fa-1531155809613".to_owned(),
        user_id: "w_euxnssffnsbs".to_owned(),
        auth_token: "14mm5y3eurjw".to_owned(),
        session_token: "ai1wqj8wb6s7rnk0".to_owned(),
        url: "https://bbb1.example.org/html5client/join?sessionToken=ai1wqj8wb6s7rnk0".to_owned(),
    };
    assert_eq!(documents::joined(&ticket), recorded!("join"));
}

#[test]
fn other_answers_are_written_as_recorded() {
    assert_eq!(documents::version(), recorded!("version"));
    assert_eq!(documents::running(true), recorded!("running"));
    assert_eq!(documents::ended(), recorded!("end"));
    assert_eq!(documents::inserted(), recorded!("insert"));
    assert_eq!(documents::sessions([]), recorded!("sessions-empty"));
    assert_eq!(documents::failure("checksumError", "Checksums do not match"), recorded!("checksum"));
    // The template has two blanks before the second sentence.
    let taken = "A meeting already exists with that meeting ID.  Please use a different meeting ID.";
    assert_eq!(documents::failure("idNotUnique", taken), recorded!("error"));
    let bridge = ("nonUniqueVoiceBridge", "The selected voice bridge is already in use.");
    assert_eq!(documents::failures(&[bridge]), recorded!("errors"));
}

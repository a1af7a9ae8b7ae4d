//! What an instance answers over HTTP.

use b3lb_sim::documents;
use b3lb_sim::frontend::query;
use b3lb_sim::options::Rules;
use b3lb_sim::{Frontend, Instance, Options};
use bbb::MeetingKey;
use bbb::checksum::Algorithm;
use bytes::Bytes;
use http::{Method, StatusCode};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

type Query<'a> = &'a [(&'a str, &'a str)];

async fn started(options: Options) -> (Instance, Frontend) {
    let instance = Instance::local(options).await.unwrap();
    let frontend = Frontend::new(&instance.url(), instance.secret().clone()).unwrap();
    (instance, frontend)
}

#[tokio::test]
async fn the_root_needs_no_checksum() {
    let (_instance, frontend) = started(Options::default()).await;
    for target in ["/bigbluebutton/api", "/bigbluebutton/api/", "/bigbluebutton/", "/bigbluebutton/api?&checksum=x"] {
        let answer = frontend.get(target).await.unwrap();
        assert_eq!(answer.text(), documents::version(), "{target}");
        assert_eq!(answer.headers["content-type"], "text/xml;charset=utf-8");
    }
}

#[tokio::test]
async fn a_meeting_lives_from_create_to_end() {
    let (instance, frontend) = started(Options::default()).await;
    assert_eq!(frontend.info("weekly").await.unwrap().element("messageKey"), Some("notFound"));

    let created = frontend.create("weekly").await.unwrap();
    assert!(created.succeeded(), "{}", created.text());
    let [meeting] = instance.meetings().try_into().unwrap();
    assert_eq!(created.text(), documents::created(&meeting, false));
    assert_eq!(meeting.internal_id, format!("{}-{}", MeetingKey::of(b"weekly"), meeting.create_time));
    assert_eq!(frontend.create("weekly").await.unwrap().text(), documents::created(&meeting, true));

    assert_eq!(frontend.running("weekly").await.unwrap().text(), documents::running(false));
    let joined = frontend.join("weekly", "Ada").await.unwrap();
    assert_eq!(joined.element("messageKey"), Some("successfullyJoined"));
    assert_eq!(frontend.running("weekly").await.unwrap().text(), documents::running(true));
    for id in ["weekly", meeting.internal_id.as_str(), &meeting.internal_id[..40]] {
        let info = frontend.info(id).await.unwrap();
        assert_eq!(info.text(), documents::info(&instance.meetings()[0]), "{id}");
        assert_eq!(info.elements("fullName"), ["Ada"]);
    }

    assert_eq!(frontend.end("weekly").await.unwrap().text(), documents::ended());
    let listed = frontend.meetings().await.unwrap();
    assert_eq!(listed.elements("hasBeenForciblyEnded"), ["true"]);
    assert_eq!(listed.elements("running"), ["false"]);

    let again = frontend.create("weekly").await.unwrap();
    assert_eq!(again.element("messageKey"), Some(""));
    assert_eq!(frontend.meetings().await.unwrap().elements("meetingID"), ["weekly", "weekly"]);
    assert_eq!(instance.creates()["weekly"], 3);
}

#[tokio::test]
async fn a_meeting_is_created_again_only_by_those_who_know_its_passwords() {
    let (_instance, frontend) = started(Options::default()).await;
    let create = async |extra: &[(&'static str, &'static str)]| {
        let params = [&[("meetingID", "m1"), ("name", "M1")], extra].concat();
        frontend.call("create", &params).await.unwrap().element("messageKey").map(str::to_owned).unwrap()
    };
    let (attendee, moderator) = (("attendeePW", "ap"), ("moderatorPW", "mp"));
    assert_eq!(create(&[attendee, moderator]).await, "");
    assert_eq!(create(&[moderator, attendee, ("name", "other")]).await, "duplicateWarning");
    assert_eq!(create(&[]).await, "idNotUnique");
    assert_eq!(create(&[attendee]).await, "idNotUnique");
    assert_eq!(create(&[attendee, ("moderatorPW", "other")]).await, "idNotUnique");
}

#[tokio::test]
async fn calls_are_checked_in_every_algorithm() {
    let (instance, mut frontend) = started(Options::default()).await;
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        frontend.algorithm = algorithm;
        assert!(frontend.meetings().await.unwrap().succeeded(), "{algorithm:?}");
    }
    let strict = Options { algorithms: vec![Algorithm::Sha256], ..Options::default() };
    let (_strict, mut frontend) = started(strict).await;
    assert!(frontend.meetings().await.unwrap().succeeded());
    frontend.algorithm = Algorithm::Sha1;
    assert_eq!(frontend.meetings().await.unwrap().element("messageKey"), Some("checksumError"));
    assert_eq!(instance.received("getMeetings"), 4);
}

#[tokio::test]
async fn calls_that_are_not_signed_are_refused() {
    let (instance, frontend) = started(Options::default()).await;
    let signed = frontend.target("create", "name=M1&meetingID=m1");
    let (query, sum) = signed.rsplit_once("checksum=").unwrap();
    let wrong = documents::failure("checksumError", "Checksums do not match");
    let missing = documents::failure("checksumError", "You must provide the checksum");
    for (target, refusal) in [
        ("/bigbluebutton/api/create?name=M1&meetingID=m1".to_owned(), &missing),
        ("/bigbluebutton/api/create?name=M1&meetingID=m1&checksum=".to_owned(), &missing),
        (format!("{query}checksum={}", sum.replace(&sum[..1], "x")), &wrong),
        (format!("{query}checksum={}", &sum[1..]), &wrong),
        (format!("{query}checksum={sum}&checksum={sum}"), &wrong),
        (format!("{query}Checksum={sum}"), &missing),
        (signed.replace("meetingID=m1", "meetingID=m2"), &wrong),
        (signed.replace("/create", "/isMeetingRunning"), &wrong),
    ] {
        assert_eq!(frontend.get(&target).await.unwrap().text(), *refusal, "{target}");
    }
    assert_eq!(instance.meetings(), []);
    assert!(frontend.get(&signed).await.unwrap().succeeded());
}

#[tokio::test]
async fn the_failure_that_bigbluebutton_would_report_is_reported() {
    let (_instance, frontend) = started(Options::default()).await;
    let long = "x".repeat(257);
    let cases: [(&str, Query<'_>, &str, &str); 14] = [
        ("create", &[("name", "M1")], "validationError", "Invalid meeting ID"),
        (
            "create",
            &[("meetingID", ""), ("name", "M1")],
            "sizeError",
            "Meeting ID must be between 2 and 256 characters",
        ),
        (
            "create",
            &[("meetingID", &long), ("name", "M1")],
            "sizeError",
            "Meeting ID must be between 2 and 256 characters",
        ),
        ("create", &[("meetingID", "a,b"), ("name", "M1")], "validationError", "Meeting ID cannot contain ','"),
        ("create", &[("meetingID", " m1"), ("name", "M1")], "validationError", "Invalid meeting ID"),
        ("create", &[("meetingID", "m1")], "nullError", "You must provide a meeting name"),
        ("create", &[("meetingID", "m1"), ("name", "")], "emptyError", "You must provide a meeting name"),
        ("create", &[("meetingID", "m"), ("name", "M1"), ("attendeePW", "x")], "invalidPassword", "Invalid password"),
        (
            "create",
            &[("meetingID", "m1"), ("name", "M1"), ("voiceBridge", "x")],
            "validationError",
            "Voice bridge must be an integral value",
        ),
        (
            "create",
            &[("meetingID", "m1"), ("name", "M1"), ("record", "x")],
            "validationError",
            "Record must be a boolean value (true or false)",
        ),
        (
            "create",
            &[("meetingID", "m1"), ("name", "M1"), ("isBreakout", "true")],
            "parentMeetingIdMissing",
            "No parent meeting ID was provided for the breakout room",
        ),
        ("getMeetingInfo", &[], "notFound", "A meeting with that ID does not exist"),
        ("end", &[("meetingID", "nope")], "notFound", "A meeting with that ID does not exist"),
        ("end", &[("meetingID", "")], "notFound", "A meeting with that ID does not exist"),
    ];
    for (action, params, key, message) in cases {
        let answer = frontend.call(action, params).await.unwrap();
        assert_eq!(answer.text(), documents::failure(key, message), "{action} {params:?}");
    }
    let twice = frontend.call("end", &[("meetingID", "a1"), ("meetingID", "a2")]).await.unwrap();
    assert_eq!(twice.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(frontend.call("nonsense", &[]).await.unwrap().status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn browsers_are_sent_into_a_meeting_or_away() {
    let (instance, frontend) = started(Options::default()).await;
    frontend.create("weekly").await.unwrap();
    let join = async |extra: &[(&str, &str)]| {
        let params = [&[("meetingID", "weekly"), ("fullName", "Ada Lovelace")], extra].concat();
        frontend.call("join", &params).await.unwrap()
    };
    let admitted = join(&[("role", "MODERATOR"), ("userID", "gl-1"), ("password", "")]).await;
    assert_eq!(admitted.status, StatusCode::FOUND);
    let location = admitted.headers["location"].to_str().unwrap();
    assert!(
        location.starts_with(&format!("http://{}/html5client/join?sessionToken=", instance.address())),
        "{location}"
    );
    let cookie = admitted.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("JSESSIONID=") && cookie.ends_with("; Path=/; Secure; HttpOnly"), "{cookie}");
    assert_eq!(instance.meetings()[0].moderator_count, 1);

    let unsure = documents::failure(
        "Params required",
        "You must send the 'role' parameter, since this meeting doesn't have any password.",
    );
    assert_eq!(join(&[]).await.text(), unsure);
    let late = join(&[("role", "VIEWER"), ("createTime", "1"), ("logoutURL", "https://gl.example.org/?a=b")]).await;
    assert_eq!(
        late.headers["location"],
        "https://gl.example.org/?a=b&errors=[%7B%22message%22:%22The%20createTime%20parameter%20submitted%20mismatches%20with%20\
         the%20current%20meeting.%22,%22key%22:%22mismatchCreateTimeParam%22%7D]"
    );
    let unknown = frontend.join("nope", "Ada").await.unwrap();
    assert_eq!(unknown.status, StatusCode::FOUND, "even if no redirect is asked for");
    let location = unknown.headers["location"].to_str().unwrap();
    assert!(location.ends_with("%22key%22:%22meetingForciblyEnded%22%7D]"), "{location}");
}

#[tokio::test]
async fn posts_are_taken_with_the_content_types_that_the_call_has() {
    let (_instance, frontend) = started(Options::default()).await;
    let modules = Bytes::from_static(b"<modules><module name=\"presentation\"/></modules>");
    let target = frontend.target("create", &query(&[("meetingID", "m1"), ("name", "M1")]));
    let post = async |target: &str, body| frontend.send(Method::POST, target, Some(body)).await.unwrap();
    assert!(post(&target, ("application/xml; charset=utf-8", modules.clone())).await.succeeded());
    let refused = post(&target, ("application/json", modules.clone())).await;
    assert_eq!(refused.element("messageKey"), Some("unsupportedContentType"));
    // All parameters in the body: the signature covers the empty query, and may stand in the body as well.
    let sum = b3lb_sim::checksum::sign(Algorithm::Sha256, "getMeetingInfo", "", &frontend.secret);
    let form = Bytes::from(format!("meetingID=m1&checksum={sum}"));
    let info = post("/bigbluebutton/api/getMeetingInfo", ("application/x-www-form-urlencoded", form)).await;
    assert_eq!(info.element("meetingID"), Some("m1"));
    let joined = frontend.send(Method::POST, &frontend.target("join", "meetingID=m1"), None).await.unwrap();
    assert_eq!(joined.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_nobody_is_in_ends_by_itself_and_leaves_its_recording() {
    let none = Duration::ZERO;
    let rules = Rules { unjoined: none, listed: Duration::from_secs(60), processing: none, ..Rules::default() };
    let (_instance, frontend) = started(Options { rules, ..Options::default() }).await;
    let params = [("meetingID", "talk"), ("name", "A & B"), ("record", "true"), ("meta_Origin", "x")];
    let created = frontend.call("create", &params).await.unwrap();
    let record_id = created.element("internalMeetingID").unwrap();
    assert_eq!(frontend.info("talk").await.unwrap().element("hasBeenForciblyEnded"), Some("true"));

    let found = frontend.call("getRecordings", &[("meetingID", "talk,other")]).await.unwrap();
    assert_eq!(found.element("recordID"), Some(record_id));
    assert_eq!(found.element("metadata"), Some("<origin>x</origin>"));
    let unpublished =
        frontend.call("publishRecordings", &[("recordID", record_id), ("publish", "false")]).await.unwrap();
    assert_eq!(unpublished.text(), "<response><returncode>SUCCESS</returncode><published>false</published></response>");
    let published = frontend.call("getRecordings", &[("state", "published")]).await.unwrap();
    assert_eq!(
        published.text(),
        "<response>\n          <returncode>SUCCESS</returncode>\n          <recordings></recordings>\n          \
         <messageKey>noRecordings</messageKey>\n          <message>There are no recordings for the meeting(s).</message>\n        \
         </response>"
    );
    assert!(frontend.call("deleteRecordings", &[("recordID", record_id)]).await.unwrap().succeeded());
    let deleted = frontend.call("deleteRecordings", &[("recordID", record_id)]).await.unwrap();
    assert_eq!(deleted.text(), documents::failure("notFound", "We could not find recordings"));
    let unsigned = frontend.get("/bigbluebutton/api/getRecordings").await.unwrap();
    assert_eq!(unsigned.element("message"), Some("You did not pass the checksum security check"));
}

#[tokio::test]
async fn an_instance_may_speak_https() {
    let instance = Instance::local(Options { https: true, ..Options::default() }).await.unwrap();
    let certificate = CertificateDer::from_pem_slice(instance.certificate().unwrap().as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(instance.address()).await.unwrap();
    let name = ServerName::from(instance.address().ip());
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.write_all(b"GET /bigbluebutton/api HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(&documents::version()), "{answer}");
    assert_eq!(instance.url(), format!("https://{}/bigbluebutton", instance.address()));
}

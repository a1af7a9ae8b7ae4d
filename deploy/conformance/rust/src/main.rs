//! Walks through the API with the crate `bigbluebutton`, which signs with sha256, and prints what each step returns, a line for each.
//!
//!     walk URL SECRET

use bigbluebutton::administration::{CreateMeetingRequest, EndMeetingRequest, JoinMeetingRequest};
use bigbluebutton::error::BBBError;
use bigbluebutton::monitoring::{GetMeetingInfoRequest, GetMeetingsRequest, IsMeetingRunningRequest};
use bigbluebutton::{Bigbluebutton, Execute};
use std::fmt::Debug;
use std::time::Duration;

/// How often, and with how much time in between, a recording is looked for.
const TRIES: usize = 60;
const PAUSE: Duration = Duration::from_millis(250);

const MEETING: &str = "walk-rs-1";

type Failure = Box<dyn std::error::Error>;

/// A client of one server.
struct Walk {
    library: Bigbluebutton,
    http: reqwest::Client,
}

impl Walk {
    /// Shows what the library makes of an answer. It panics on documents that it does not know, which ends the walk.
    async fn ask<R, A: Debug>(&self, step: &str, request: R)
    where
        Bigbluebutton: Execute<R, A>,
    {
        let answer: Result<A, BBBError> = self.library.execute(&request).await;
        show(step, &format!("{answer:?}"));
    }

    /// Shows the document that a call is answered with, of which the library shows a part or nothing.
    async fn fetch(&self, step: &str, call: &str, params: &[(&str, &str)]) -> Result<String, Failure> {
        let text = self.get(call, params).await?;
        show(step, &text);
        Ok(text)
    }

    async fn get(&self, call: &str, params: &[(&str, &str)]) -> Result<String, Failure> {
        let url = self.library.generate_url(call, params.to_vec());
        Ok(self.http.get(&url).send().await?.text().await?)
    }

    /// Shows what a browser is answered in the end, before it leaves the API.
    async fn visit(&self, step: &str, params: &[(&str, &str)]) -> Result<(), Failure> {
        let mut url = self.library.generate_url("join", params.to_vec());
        let mut status = 0;
        for _ in 0..2 {
            let answer = self.http.get(&url).send().await?;
            status = answer.status().as_u16();
            url = answer.headers().get("location").map_or("", |url| url.to_str().unwrap_or_default()).to_owned();
            if !url.contains("/bigbluebutton/api/") {
                break;
            }
        }
        show(step, &format!("{status} {url}"));
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, secret] = arguments.as_slice() else { return Err("needs a url and a secret".into()) };
    let library = Bigbluebutton::new(&format!("{url}/"), secret);
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PAUSE * 120).build()?;
    let walk = Walk { library, http };
    let meeting = [("meetingID", MEETING)];

    walk.ask("running before", running()).await;
    walk.ask("end before", end()).await;
    walk.ask("create", create()).await;
    walk.ask("create again", create()).await;
    walk.ask("join, redirected", join()).await;
    walk.visit("join", &[meeting[0], ("password", "mpw"), ("fullName", "Ada"), ("userID", "u-1")]).await?;
    walk.ask("running", running()).await;
    walk.ask("info", info()).await;
    walk.fetch("info, whole", "getMeetingInfo", &meeting).await?;
    walk.ask("meetings", GetMeetingsRequest::new()).await;
    walk.fetch("meetings, whole", "getMeetings", &[]).await?;
    walk.ask("end", end()).await;
    walk.fetch("info after the end", "getMeetingInfo", &meeting).await?;

    for _ in 0..TRIES {
        if walk.get("getRecordings", &meeting).await?.contains("<recordID>") {
            break;
        }
        tokio::time::delay_for(PAUSE).await;
    }
    let recordings = walk.fetch("recordings", "getRecordings", &meeting).await?;
    let after = recordings.split("<recordID>").nth(1).ok_or("there is no recording")?;
    let record = ("recordID", after.split('<').next().unwrap_or_default());
    walk.fetch("unpublish", "publishRecordings", &[record, ("publish", "false")]).await?;
    walk.fetch("update", "updateRecordings", &[record, ("meta_course", "geometry")]).await?;
    walk.fetch("recording", "getRecordings", &[record]).await?;
    walk.fetch("text tracks", "getRecordingTextTracks", &[record]).await?;
    walk.fetch("delete", "deleteRecordings", &[record]).await?;
    walk.fetch("delete again", "deleteRecordings", &[record]).await?;
    walk.fetch("recordings after", "getRecordings", &meeting).await?;
    walk.fetch("text tracks after", "getRecordingTextTracks", &[record]).await?;
    Ok(())
}

fn create() -> CreateMeetingRequest {
    let text = |text: &str| Some(text.to_owned());
    let mut request = CreateMeetingRequest::new();
    request.name = text("Algebra & more");
    request.meeting_id = text(MEETING);
    request.attandee_pw = text("apw");
    request.moderator_pw = text("mpw");
    request.welcome = text("Grüß Gott +1 %");
    request.record = Some(true);
    request
}

fn join() -> JoinMeetingRequest {
    let mut request = JoinMeetingRequest::new();
    request.full_name = Some("Jörg O'Hara".to_owned());
    request.meeting_id = Some(MEETING.to_owned());
    request.password = Some("apw".to_owned());
    request
}

fn running() -> IsMeetingRunningRequest {
    let mut request = IsMeetingRunningRequest::new();
    request.meeting_id = Some(MEETING.to_owned());
    request
}

fn info() -> GetMeetingInfoRequest {
    let mut request = GetMeetingInfoRequest::new();
    request.meeting_id = Some(MEETING.to_owned());
    request
}

fn end() -> EndMeetingRequest {
    let mut request = EndMeetingRequest::new();
    request.meeting_id = Some(MEETING.to_owned());
    request.password = Some("mpw".to_owned());
    request
}

fn show(step: &str, answer: &str) {
    println!("{}", format!("{step}: {answer}").replace('\n', " "));
}

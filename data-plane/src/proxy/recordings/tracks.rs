//! Text tracks of one recording. Calls and answers pass through the proxy as they are; failures are told in JSON.

use super::super::{Proxy, Served};
use crate::body::Body;
use crate::call::{Load, Received};
use crate::failure::{Failure, json_response};
use crate::tally::Outcome;
use crate::upstream::Repeat;
use bbb::{Call, document};

impl Proxy {
    /// Answers `getRecordingTextTracks` and `putRecordingTextTrack`, whose body is not read here.
    pub(super) async fn text_track(&self, received: &Received<'_>, load: Load) -> Result<Served, Failure> {
        let puts = received.call == Call::PutRecordingTextTrack;
        let id = received.value("recordID").map_err(|_| Failure::AmbiguousRecordId)?.unwrap_or_default();
        let id = String::from_utf8_lossy(&id).trim().to_owned();
        if id.is_empty() {
            return Err(if puts { Failure::MissingRecordParam } else { Failure::MissingRecordId });
        }
        let known = self.whereabouts(received, std::slice::from_ref(&id)).await?;
        let Some((instance, _)) = known.first() else {
            let failure = Failure::UnknownRecordings;
            // BigBlueButton's own words, which differ.
            let words = if puts { "No recording was found for" } else { "No recording found for" };
            let message = document::failed_json("noRecordings", &format!("{words} {id}"));
            return Ok((json_response(message), Outcome::Failed(failure)));
        };
        let repeat = if puts { Repeat::Unsent } else { Repeat::Always };
        let response = self.forward(received, instance, load, repeat).await?;
        Ok((response.map(Body::Answer), Outcome::Answered))
    }
}

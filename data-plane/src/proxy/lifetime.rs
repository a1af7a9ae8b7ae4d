//! Calls that begin and end a meeting.

use super::Proxy;
use crate::body::Body;
use crate::call::{About, Load, Received};
use crate::control::{AskError, Hint, Meeting, Place, PlacedAlone, Report};
use crate::failure::Failure;
use crate::table::Instance;
use crate::upstream::{Answer, Repeat, Unanswered};
use bbb::document::Outcome;
use bbb::parameters::Edit;
use http::Response;
use std::sync::Arc;
use tokio::time::timeout_at;

/// Instances that a create is taken to after the first one could not be connected. If three of a pool are gone, it has other troubles.
const OTHERS_MAX: usize = 2;

/// Bytes of an answer in which its return code stands.
const RETURN_CODE_WITHIN: usize = 1024;

impl Proxy {
    /// Takes a create to the instance of its meeting, or to the one that the control plane chooses. It is taken to another one only
    /// while not a byte of it has reached any: two instances with one meeting could never be told apart again.
    pub(super) async fn create(&self, received: &Received<'_>, mut load: Load) -> Result<Response<Body>, Failure> {
        let about = received.about()?;
        let parent = received.parent()?;
        let edits = self.edits_of_create(received);
        let base = load.public_url().unwrap_or_default();
        self.add_slides(received, &mut load);
        let hint = self.hint(received);
        let meeting = Meeting { tenant: &received.caller.tenant, key: about.key, id: &about.id };
        let mut known = self.known(received, &about);
        let mut said = None;
        if known.is_none() && parent.is_none() && self.control.may_lack_placements() {
            let asked = Box::pin(self.ask_candidates(received, &about, &[])).await;
            known = self.holder(received, &about, &asked);
            said = Some(asked);
        }
        // It may well run where it cannot be connected at the moment.
        let is_there = known.as_ref().is_some_and(|instance| instance.online);
        let mut unreachable: Vec<Arc<Instance>> = Vec::new();
        loop {
            let place = match known.take() {
                Some(instance) if received.caller.tenant.numbers_bridges => {
                    // It may have ended, and would begin anew with another number.
                    let asked = self.control.place(meeting, &unreachable, parent, hint).await;
                    asked.or_else(|error| match error {
                        AskError::Away => Ok(Place { instance, existing: true, voice_bridge: None, alone: false }),
                        error => Err(error),
                    })?
                }
                Some(instance) => Place { instance, existing: true, voice_bridge: None, alone: false },
                None => match self.control.place(meeting, &unreachable, parent, hint).await {
                    Err(AskError::Away) if is_there => return Err(Failure::Unreachable),
                    Err(AskError::Away) => {
                        Box::pin(self.place_alone(received, &about, &unreachable, parent, said.take())).await?
                    }
                    placed => placed?,
                },
            };
            let Place { instance, existing, voice_bridge, alone } = place;
            if unreachable.iter().any(|other| other.url == instance.url) {
                // The control plane does not give the meeting up where it is.
                return Err(Failure::Unreachable);
            }
            let mut edits = edits.clone();
            edits.extend(voice_bridge.map(dialled_by));
            edits.extend(self.callbacks(received, &instance, &base));
            let edited = received.edited(&edits);
            let received = received.over(&edited)?;
            match self.forward(&received, &instance, load, Repeat::Unsent).await {
                Ok(response) => {
                    let (response, outcome) = begun(response, &received).await?;
                    let (tenant, instance) = names(&received, &instance);
                    match outcome {
                        Some(Outcome::Success) if alone => {
                            let meeting_id = String::from_utf8_lossy(&about.id).into_owned();
                            self.alone.keep(PlacedAlone { tenant, key: about.key, instance, meeting_id });
                        }
                        Some(Outcome::Success) => {
                            self.reports.tell(Report::Created { tenant, key: about.key, instance });
                        }
                        Some(Outcome::Failed) if !existing => {
                            self.reports.tell(Report::Refused { tenant, key: about.key, instance });
                        }
                        _ => {}
                    }
                    return Ok(response);
                }
                Err(Unanswered { failure: Failure::Unreachable, unsent: Some(request) })
                    if unreachable.len() < OTHERS_MAX =>
                {
                    load = Load::regained(*request);
                    unreachable.push(instance);
                }
                Err(Unanswered { failure, .. }) => return Err(failure),
            }
        }
    }

    /// What the frontend says of the size of the meeting; what is no number says nothing.
    fn hint(&self, received: &Received<'_>) -> Hint {
        let number = |text: &str| text.trim().parse().unwrap_or_default();
        let settings = self.settings();
        let expected = settings.balancer.size_hint.as_deref().and_then(|name| received.metadata(name));
        let limit = received.value("maxParticipants").unwrap_or_default();
        Hint {
            expected: expected.as_deref().map(number).unwrap_or_default(),
            limit: limit.map(|limit| number(&String::from_utf8_lossy(&limit))).unwrap_or_default(),
        }
    }

    /// Ends a meeting. Where it was is remembered until the control plane sees that it is gone.
    pub(super) async fn end(
        &self,
        received: &Received<'_>,
        about: &About<'_>,
        instance: &Instance,
        load: Load,
    ) -> Result<Response<Body>, Failure> {
        let response = self.forward(received, instance, load, Repeat::Unsent).await?;
        let (response, outcome) = begun(response, received).await?;
        if outcome == Some(Outcome::Success) {
            let (tenant, instance) = names(received, instance);
            self.reports.tell(Report::Ended { tenant, key: about.key, instance });
        }
        Ok(response)
    }
}

/// Reads how a call went before its answer is passed on.
async fn begun(
    response: Response<Answer>,
    received: &Received<'_>,
) -> Result<(Response<Body>, Option<Outcome>), Failure> {
    let (head, mut answer) = response.into_parts();
    let beginning = timeout_at(received.deadline, answer.begin(RETURN_CODE_WITHIN)).await;
    let beginning = beginning.map_err(|_| Failure::Timeout)?.map_err(|_| Failure::Broken)?;
    let outcome = if head.status.is_success() { Outcome::of(&beginning) } else { None };
    Ok((Response::from_parts(head, Body::Begun(beginning, answer)), outcome))
}

/// The number to dial becomes part of the create.
fn dialled_by(number: u32) -> Edit {
    Edit { name: "voiceBridge".to_owned(), value: Some(number.to_string()) }
}

fn names(received: &Received<'_>, instance: &Instance) -> (Arc<str>, Arc<str>) {
    (Arc::clone(&received.caller.tenant.host), Arc::clone(&instance.url))
}

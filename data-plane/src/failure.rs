//! Everything that can go wrong with a call, and what its sender is told: one table.

use crate::body::Body;
use crate::control::AskError;
use bbb::document::{self, CONTENT_TYPE};
use bbb::{Call, Route};
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE as CONTENT_TYPE_HEADER};
use http::{HeaderValue, Response, StatusCode};

/// Why a call was not answered by an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The path is none of the API's.
    NoCall,
    /// The call is not made with this method.
    WrongMethod,
    /// The body is larger than any frontend's.
    BodyTooLarge,
    /// Nothing is known yet that could be routed by.
    NotReady,
    /// More calls are under way than can be.
    Busy,
    /// No tenant has this host.
    UnknownTenant,
    /// None of the tenant's secrets signed the call.
    Checksum,
    /// No instance could be asked alone, or not yet.
    Unsupported,
    /// There is no meetingID.
    MissingMeetingId,
    /// There are several meetingIDs.
    AmbiguousMeetingId,
    /// The tenant has no such meeting.
    NotFound,
    /// The meeting is not known here, and no control plane can be asked.
    Away,
    /// No instance takes a new meeting.
    NoInstance,
    /// The instance cannot be connected.
    Unreachable,
    /// The instance did not answer in time.
    Timeout,
    /// None of the tenant's instances could be asked for its list.
    NoList,
    /// The instance broke off, or what it answered is no answer of BigBlueButton.
    Broken,
    /// The call does not come with a body of this kind.
    ContentType,
    /// The frontend broke off in the middle of the body.
    BrokenUpload,
    /// The tenant has no meeting that could be the parent of a breakout room.
    NoParent,
    /// There is no recordID.
    MissingRecordId,
    /// The same, told as the upload of a text track tells it.
    MissingRecordParam,
    /// There are several lists of recordIDs.
    AmbiguousRecordId,
    /// It is not said whether recordings are to be published or not.
    MissingPublish,
    /// The tenant has none of the recordings.
    UnknownRecordings,
    /// A recording is not known here, and nobody can find out where it is.
    RecordingAway,
    /// Too many recordings stand before the page.
    PageTooFar,
    /// The tenant has as many meetings as it may.
    MeetingPool,
    /// The tenant has as many users as it may.
    UserPool,
    /// A callback that no instance signed.
    Unsigned,
    /// A callback of an instance or for a tenant that is not there any more.
    Gone,
    /// A callback to where none may go.
    Forbidden,
    /// A callback that the frontend did not take.
    Undelivered,
    /// A hook needs somewhere to tell its events.
    MissingCallbackUrl,
    /// It is not said which hook is meant.
    MissingHookId,
    /// The tenant has no such hook.
    UnknownHook,
    /// There can be no such hook.
    HookRefused,
    /// No control plane can be asked for hooks.
    HooksAway,
}

/// What a failure looks like to a frontend.
enum Look {
    /// Not a call: a status and a line of text.
    Text(StatusCode, &'static str),
    /// A call: BigBlueButton's own way to refuse, with status 200. Frontends break on anything else.
    Failed(&'static str, &'static str),
}

impl Failure {
    /// All of them, in the order of their discriminants.
    pub(crate) const ALL: [Self; 38] = [
        Self::NoCall,
        Self::WrongMethod,
        Self::BodyTooLarge,
        Self::NotReady,
        Self::Busy,
        Self::UnknownTenant,
        Self::Checksum,
        Self::Unsupported,
        Self::MissingMeetingId,
        Self::AmbiguousMeetingId,
        Self::NotFound,
        Self::Away,
        Self::NoInstance,
        Self::Unreachable,
        Self::Timeout,
        Self::NoList,
        Self::Broken,
        Self::ContentType,
        Self::BrokenUpload,
        Self::NoParent,
        Self::MissingRecordId,
        Self::MissingRecordParam,
        Self::AmbiguousRecordId,
        Self::MissingPublish,
        Self::UnknownRecordings,
        Self::RecordingAway,
        Self::PageTooFar,
        Self::MeetingPool,
        Self::UserPool,
        Self::Unsigned,
        Self::Gone,
        Self::Forbidden,
        Self::Undelivered,
        Self::MissingCallbackUrl,
        Self::MissingHookId,
        Self::UnknownHook,
        Self::HookRefused,
        Self::HooksAway,
    ];

    fn look(self, call: Call) -> Look {
        use Look::{Failed, Text};
        match self {
            Self::NoCall => {
                Text(StatusCode::NOT_FOUND, "There is nothing here; calls are below /bigbluebutton/api/.\n")
            }
            Self::WrongMethod => Text(StatusCode::METHOD_NOT_ALLOWED, "This call is not made with this method.\n"),
            Self::BodyTooLarge => Text(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.\n"),
            Self::NotReady => Failed(INTERNAL_ERROR, "The load balancer has just started and knows no servers yet."),
            Self::Busy => Failed(INTERNAL_ERROR, "The load balancer has too many calls under way."),
            Self::UnknownTenant => Failed("tenantNotFound", "The load balancer serves nobody under this host name."),
            Self::Checksum if is_about_hooks(call) => {
                Failed("checksumError", "You did not pass the checksum security check.")
            }
            Self::Checksum if is_about_recordings(call) => {
                Failed("checksumError", "You did not pass the checksum security check")
            }
            Self::Checksum => Failed("checksumError", "Checksums do not match"),
            Self::Unsupported => Failed("unsupportedRequest", "This request is not supported."),
            Self::MissingMeetingId => Failed("missingParamMeetingID", "You must provide a meeting ID"),
            Self::AmbiguousMeetingId => Failed("validationError", "You must provide one meeting ID only"),
            // For join, BigBlueButton would redirect with an `invalidMeetingIdentifier` to a page that anybody could name in the
            // call. Other balancers answer this document, and frontends look for this key: a meeting to be created first.
            Self::NotFound => Failed("notFound", "A meeting with that ID does not exist"),
            Self::Away => {
                Failed(INTERNAL_ERROR, "The load balancer cannot find out where this meeting is at the moment.")
            }
            Self::NoInstance => Failed("noInstanceFound", "There is no server that takes new meetings at the moment."),
            Self::Unreachable if is_about_recordings(call) => {
                Failed(INTERNAL_ERROR, "The server of this recording cannot be reached.")
            }
            Self::Timeout if is_about_recordings(call) => {
                Failed(INTERNAL_ERROR, "The server of this recording took too long to answer.")
            }
            Self::Broken if is_about_recordings(call) => {
                Failed(INTERNAL_ERROR, "The server of this recording failed to answer.")
            }
            Self::Unreachable => Failed(INTERNAL_ERROR, "The server of this meeting cannot be reached."),
            Self::Timeout => Failed(INTERNAL_ERROR, "The server of this meeting took too long to answer."),
            Self::NoList => Failed(INTERNAL_ERROR, "None of the servers answers at the moment."),
            Self::Broken => Failed(INTERNAL_ERROR, "The server of this meeting failed to answer."),
            Self::ContentType => {
                Failed("unsupportedContentType", "POST request Content-Type is missing or unsupported")
            }
            Self::NoParent => Failed("parentMeetingDoesNotExist", "No parent meeting exists for the breakout room"),
            Self::MeetingPool => {
                Failed("meetingPoolReached", "Your tenant reached the meeting pool limit and can't create a new one.")
            }
            Self::UserPool => Failed("userPoolReached", "Your tenant reached the user pool limit."),
            Self::MissingCallbackUrl => {
                Failed("missingParamCallbackURL", "You must specify a callbackURL in the parameters.")
            }
            Self::MissingHookId => Failed("missingParamHookID", "You must specify a hookID in the parameters."),
            Self::UnknownHook => Failed("destroyMissingHook", "The hook informed was not found."),
            Self::HookRefused => Failed("createHookError", "There can be no such hook."),
            Self::HooksAway => Failed(INTERNAL_ERROR, "The load balancer cannot look after hooks at the moment."),
            Self::Unsigned => Text(StatusCode::UNAUTHORIZED, "The instance has not signed this.\n"),
            Self::Gone => Text(StatusCode::GONE, "Nobody waits for this any more.\n"),
            Self::Forbidden => Text(StatusCode::FORBIDDEN, "Nothing may be sent there.\n"),
            Self::Undelivered => Text(StatusCode::BAD_GATEWAY, "The frontend did not take it.\n"),
            Self::BrokenUpload => Failed(INTERNAL_ERROR, "The body of the call broke off."),
            Self::MissingRecordId => Failed("missingParamRecordID", "You must specify a recordID."),
            Self::MissingRecordParam => Failed("paramError", "Missing param recordID."),
            Self::AmbiguousRecordId => Failed("validationError", "You must provide one recordID parameter only"),
            Self::MissingPublish => Failed("missingParamPublish", "You must specify a publish value true or false."),
            Self::UnknownRecordings => Failed("notFound", "We could not find recordings"),
            Self::RecordingAway => {
                Failed(INTERNAL_ERROR, "The load balancer cannot find out where this recording is at the moment.")
            }
            Self::PageTooFar => Failed(INTERNAL_ERROR, "Too many recordings stand before this page."),
        }
    }

    /// Neither the frontend nor the tenant could have done better.
    pub(crate) fn is_ours(self) -> bool {
        matches!(
            self,
            Self::NotReady
                | Self::Busy
                | Self::Away
                | Self::NoInstance
                | Self::Unreachable
                | Self::Timeout
                | Self::NoList
                | Self::Broken
                | Self::RecordingAway
                | Self::HooksAway
                | Self::Undelivered
        )
    }

    /// How it is counted.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::NoCall => "no_call",
            Self::WrongMethod => "wrong_method",
            Self::BodyTooLarge => "body_too_large",
            Self::NotReady => "not_ready",
            Self::Busy => "busy",
            Self::UnknownTenant => "unknown_tenant",
            Self::Checksum => "wrong_checksum",
            Self::Unsupported => "unsupported",
            Self::MissingMeetingId => "missing_meeting_id",
            Self::AmbiguousMeetingId => "ambiguous_meeting_id",
            Self::NotFound => "not_found",
            Self::Away => "control_plane_away",
            Self::NoInstance => "no_instance",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::NoList => "no_list",
            Self::Broken => "broken",
            Self::ContentType => "content_type",
            Self::BrokenUpload => "broken_upload",
            Self::NoParent => "no_parent",
            Self::MissingRecordId => "missing_record_id",
            Self::MissingRecordParam => "missing_record_param",
            Self::AmbiguousRecordId => "ambiguous_record_id",
            Self::MissingPublish => "missing_publish",
            Self::UnknownRecordings => "unknown_recordings",
            Self::RecordingAway => "recording_away",
            Self::PageTooFar => "page_too_far",
            Self::MeetingPool => "meeting_pool",
            Self::UserPool => "user_pool",
            Self::Unsigned => "callback_unsigned",
            Self::Gone => "callback_gone",
            Self::Forbidden => "callback_forbidden",
            Self::Undelivered => "callback_undelivered",
            Self::MissingCallbackUrl => "missing_callback_url",
            Self::MissingHookId => "missing_hook_id",
            Self::UnknownHook => "unknown_hook",
            Self::HookRefused => "hook_refused",
            Self::HooksAway => "hooks_away",
        }
    }

    /// What is answered to this call.
    pub(crate) fn response(self, call: Call) -> Response<Body> {
        let mut response = match self.look(call) {
            Look::Text(status, text) => text_response(status, text),
            Look::Failed(key, message) if is_about_text_tracks(call) => {
                json_response(document::failed_json(key, message))
            }
            Look::Failed(key, message) => document_response(document::failed(key, message)),
        };
        if self == Self::WrongMethod {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(call.methods().allow()));
        }
        response
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Away | AskError::Contended => Self::Away,
            AskError::NoInstance => Self::NoInstance,
            AskError::StillThere => Self::Unreachable,
            AskError::NoParent => Self::NoParent,
            AskError::Limited => Self::MeetingPool,
        }
    }
}

/// The key of whatever is not the frontend's fault.
const INTERNAL_ERROR: &str = "internalError";

/// A document of our own.
pub(crate) fn document_response(document: String) -> Response<Body> {
    let mut response = Response::new(Body::Whole(document.into()));
    response.headers_mut().insert(CONTENT_TYPE_HEADER, HeaderValue::from_static(CONTENT_TYPE));
    response
}

/// A document of our own, for the calls that are answered with JSON.
pub(crate) fn json_response(document: String) -> Response<Body> {
    let mut response = Response::new(Body::Whole(document.into()));
    response.headers_mut().insert(CONTENT_TYPE_HEADER, HeaderValue::from_static(document::JSON));
    response
}

/// The calls that BigBlueButton answers from another place than all others, in words of its own.
fn is_about_recordings(call: Call) -> bool {
    call == Call::GetRecordings || call.route() == Route::Record
}

fn is_about_text_tracks(call: Call) -> bool {
    matches!(call, Call::GetRecordingTextTracks | Call::PutRecordingTextTrack)
}

/// bbb-webhooks answers these, in words of its own.
fn is_about_hooks(call: Call) -> bool {
    matches!(call, Call::HooksCreate | Call::HooksDestroy | Call::HooksList)
}

pub(crate) fn text_response(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE_HEADER, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_explains_every_failure() {
        let reference = include_str!("../../deploy/docs/errors.md");
        for failure in Failure::ALL {
            assert!(reference.contains(&format!("`{}`", failure.label())), "{}", failure.label());
            if let Look::Failed(key, _) = failure.look(Call::Create) {
                assert!(reference.contains(&format!("| `{key}` |")), "{key}");
            }
        }
    }
}

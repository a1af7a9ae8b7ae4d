//! What is to come of each call in each condition. A call or a condition that is new has no line yet, which does not compile.

use Condition::*;
use Look::{Fails, FailsInJson, Garbled, Lists, Passes, Redirects, Says, Succeeds};
use Reaches::{All, Holder, Nobody, One, Well};
use bbb::Call;

/// What a call meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Nothing special: a signed call about what is there.
    Good,
    /// There is no checksum.
    Unsigned,
    /// The checksum is not that of the call.
    Missigned,
    /// The checksum is made with an instance's secret.
    SignedAsInstance,
    /// It names nothing.
    NoId,
    /// What it names is not there.
    UnknownId,
    /// What it names is another tenant's.
    OthersId,
    /// Nobody listens at the instance of what it names, and the control plane knows.
    Down,
    /// That instance takes longer than a call may.
    Slow,
    /// What that instance answers is no document.
    Garbage,
}

/// What is to come of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) look: Look,
    pub(super) reaches: Reaches,
}

/// What an answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// 200 and a FAILED document with this key and a message.
    Fails(&'static str),
    /// The same in JSON.
    FailsInJson(&'static str),
    /// 200 and a SUCCESS document with this key; `""`: with an empty one, or none.
    Succeeds(&'static str),
    /// The answer that the instance gives to whoever asks it itself.
    Passes,
    /// A list of the one recording that is asked for.
    Lists,
    /// A redirect to the instance of the meeting, signed for it.
    Redirects,
    /// 200 and this text.
    Says(&'static str),
    /// What the instance answered, which is no document.
    Garbled,
}

/// Who hears of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reaches {
    /// No instance.
    Nobody,
    /// The instance of what it names.
    Holder,
    /// Any one instance of the tenant.
    One,
    /// Those instances of the tenant that are well.
    Well,
    /// Every instance of the tenant.
    All,
}

impl Condition {
    /// Those while all instances are well.
    pub(super) const WELL: [Self; 7] = [Good, Unsigned, Missigned, SignedAsInstance, NoId, UnknownId, OthersId];

    /// Those of an instance that fails.
    pub(super) const ILL: [Self; 3] = [Down, Slow, Garbage];
}

/// What is to come of this call in this condition.
pub(super) fn expected(call: Call, condition: Condition) -> Expected {
    match call {
        Call::Root => to(Nobody, Succeeds("")),
        Call::Create => match condition {
            Good => to(One, Succeeds("")),
            Unsigned => to(Nobody, Fails("checksumError")),
            Missigned => to(Nobody, Fails("checksumError")),
            SignedAsInstance => to(Nobody, Fails("checksumError")),
            NoId => to(Nobody, Fails("missingParamMeetingID")),
            UnknownId => to(One, Succeeds("")),
            // The id is free for this tenant.
            OthersId => to(One, Succeeds("")),
            // It begins again elsewhere.
            Down => to(Well, Succeeds("")),
            Slow => to(Holder, Fails("internalError")),
            Garbage => to(Holder, Garbled),
        },
        Call::Join => match condition {
            Good => to(Nobody, Redirects),
            Unsigned => to(Nobody, Fails("checksumError")),
            Missigned => to(Nobody, Fails("checksumError")),
            SignedAsInstance => to(Nobody, Fails("checksumError")),
            NoId => to(Nobody, Fails("missingParamMeetingID")),
            UnknownId => to(Nobody, Fails("notFound")),
            OthersId => to(Nobody, Fails("notFound")),
            // The browser goes there itself.
            Down => to(Nobody, Redirects),
            Slow => to(Nobody, Redirects),
            Garbage => to(Nobody, Redirects),
        },
        Call::IsMeetingRunning => match condition {
            Good => to(Holder, Passes),
            Unsigned => to(Nobody, Fails("checksumError")),
            Missigned => to(Nobody, Fails("checksumError")),
            SignedAsInstance => to(Nobody, Fails("checksumError")),
            NoId => to(Nobody, Fails("missingParamMeetingID")),
            // What is not there does not run either.
            UnknownId => to(Nobody, Succeeds("")),
            OthersId => to(Nobody, Succeeds("")),
            Down => to(Nobody, Fails("internalError")),
            Slow => to(Holder, Fails("internalError")),
            Garbage => to(Holder, Garbled),
        },
        Call::End | Call::GetMeetingInfo | Call::InsertDocument | Call::SendChatMessage => match condition {
            Good => to(Holder, Passes),
            Unsigned => to(Nobody, Fails("checksumError")),
            Missigned => to(Nobody, Fails("checksumError")),
            SignedAsInstance => to(Nobody, Fails("checksumError")),
            NoId => to(Nobody, Fails("missingParamMeetingID")),
            UnknownId => to(Nobody, Fails("notFound")),
            OthersId => to(Nobody, Fails("notFound")),
            Down => to(Nobody, Fails("internalError")),
            Slow => to(Holder, Fails("internalError")),
            Garbage => to(Holder, Garbled),
        },
        Call::GetMeetings => match condition {
            Good => to(All, Succeeds("")),
            Unsigned => to(Nobody, Fails("checksumError")),
            Missigned => to(Nobody, Fails("checksumError")),
            SignedAsInstance => to(Nobody, Fails("checksumError")),
            // It takes no id.
            NoId | UnknownId | OthersId => to(All, Succeeds("")),
            Down => to(Well, Succeeds("")),
            Slow => to(All, Succeeds("")),
            Garbage => to(All, Succeeds("")),
        },
        Call::GetSessions => match condition {
            // Nobody has joined.
            Good => to(All, Succeeds("noSessions")),
            Unsigned => to(Nobody, Fails("checksumError")),
            Missigned => to(Nobody, Fails("checksumError")),
            SignedAsInstance => to(Nobody, Fails("checksumError")),
            // It takes no id.
            NoId | UnknownId | OthersId => to(All, Succeeds("noSessions")),
            Down => to(Well, Succeeds("noSessions")),
            Slow => to(All, Succeeds("noSessions")),
            Garbage => to(All, Succeeds("noSessions")),
        },
        Call::GetRecordings => match condition {
            Good => to(Holder, Lists),
            Unsigned => to(Nobody, Fails("checksumError")),
            Missigned => to(Nobody, Fails("checksumError")),
            SignedAsInstance => to(Nobody, Fails("checksumError")),
            // It asks for all.
            NoId => to(All, Succeeds("")),
            UnknownId => to(All, Succeeds("noRecordings")),
            OthersId => to(Nobody, Succeeds("noRecordings")),
            Down => to(Nobody, Fails("internalError")),
            Slow => to(Holder, Fails("internalError")),
            Garbage => to(Holder, Fails("internalError")),
        },
        Call::PublishRecordings | Call::UpdateRecordings => match condition {
            Good => to(Holder, Passes),
            Unsigned => to(Nobody, Fails("checksumError")),
            Missigned => to(Nobody, Fails("checksumError")),
            SignedAsInstance => to(Nobody, Fails("checksumError")),
            NoId => to(Nobody, Fails("missingParamRecordID")),
            UnknownId => to(Nobody, Fails("notFound")),
            OthersId => to(Nobody, Fails("notFound")),
            Down => to(Nobody, Fails("internalError")),
            Slow => to(Holder, Fails("internalError")),
            Garbage => to(Holder, Fails("internalError")),
        },
        Call::DeleteRecordings => match condition {
            Good => to(Holder, Succeeds("")),
            Unsigned => to(Nobody, Fails("checksumError")),
            Missigned => to(Nobody, Fails("checksumError")),
            SignedAsInstance => to(Nobody, Fails("checksumError")),
            NoId => to(Nobody, Fails("missingParamRecordID")),
            UnknownId => to(Nobody, Fails("notFound")),
            OthersId => to(Nobody, Fails("notFound")),
            Down => to(Nobody, Fails("internalError")),
            Slow => to(Holder, Fails("internalError")),
            Garbage => to(Holder, Fails("internalError")),
        },
        Call::GetRecordingTextTracks => match condition {
            Good => to(Holder, Passes),
            Unsigned => to(Nobody, FailsInJson("checksumError")),
            Missigned => to(Nobody, FailsInJson("checksumError")),
            SignedAsInstance => to(Nobody, FailsInJson("checksumError")),
            NoId => to(Nobody, FailsInJson("missingParamRecordID")),
            UnknownId => to(Nobody, FailsInJson("noRecordings")),
            OthersId => to(Nobody, FailsInJson("noRecordings")),
            Down => to(Nobody, FailsInJson("internalError")),
            Slow => to(Holder, FailsInJson("internalError")),
            Garbage => to(Holder, Garbled),
        },
        Call::PutRecordingTextTrack => match condition {
            Good => to(Holder, Passes),
            Unsigned => to(Nobody, FailsInJson("checksumError")),
            Missigned => to(Nobody, FailsInJson("checksumError")),
            SignedAsInstance => to(Nobody, FailsInJson("checksumError")),
            NoId => to(Nobody, FailsInJson("paramError")),
            UnknownId => to(Nobody, FailsInJson("noRecordings")),
            OthersId => to(Nobody, FailsInJson("noRecordings")),
            Down => to(Nobody, FailsInJson("internalError")),
            Slow => to(Holder, FailsInJson("internalError")),
            Garbage => to(Holder, Garbled),
        },
        // Control planes keep hooks, and put them to the instances: no call is passed on.
        Call::HooksCreate => match condition {
            Good | UnknownId | OthersId => to(Nobody, Succeeds("")),
            Unsigned => to(Nobody, Fails("checksumError")),
            Missigned => to(Nobody, Fails("checksumError")),
            SignedAsInstance => to(Nobody, Fails("checksumError")),
            NoId => to(Nobody, Fails("missingParamCallbackURL")),
            Down | Slow | Garbage => to(Nobody, Succeeds("")),
        },
        Call::HooksDestroy => match condition {
            Good => to(Nobody, Succeeds("")),
            Unsigned => to(Nobody, Fails("checksumError")),
            Missigned => to(Nobody, Fails("checksumError")),
            SignedAsInstance => to(Nobody, Fails("checksumError")),
            NoId => to(Nobody, Fails("missingParamHookID")),
            UnknownId => to(Nobody, Fails("destroyMissingHook")),
            OthersId => to(Nobody, Fails("destroyMissingHook")),
            Down | Slow | Garbage => to(Nobody, Succeeds("")),
        },
        Call::HooksList => match condition {
            Good | NoId | UnknownId | OthersId => to(Nobody, Succeeds("")),
            Unsigned => to(Nobody, Fails("checksumError")),
            Missigned => to(Nobody, Fails("checksumError")),
            SignedAsInstance => to(Nobody, Fails("checksumError")),
            Down | Slow | Garbage => to(Nobody, Succeeds("")),
        },
        Call::HooksPing => to(Nobody, Says("bbb-webhooks API up!")),
        // Browsers call these at the instance itself.
        Call::Other => to(Nobody, Fails("unsupportedRequest")),
    }
}

fn to(reaches: Reaches, look: Look) -> Expected {
    Expected { look, reaches }
}

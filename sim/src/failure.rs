//! Why a call is refused, in BigBlueButton's words, and which of several reasons it names.

/// A reason to refuse a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    ChecksumMissing,
    ChecksumWrong,
    /// What the calls about recordings say, for a checksum that is missing or wrong.
    ChecksumInsecure,
    ContentType,
    FullNameMissing,
    Ended,
    Password,
    NotFound,
    NotFoundToJoin,
    MeetingIdSize,
    MeetingIdComma,
    MeetingIdInvalid,
    NameMissing,
    NameEmpty,
    NameSize,
    VoiceBridge,
    Record,
    IdNotUnique,
    ParentMissing,
    ParentUnknown,
    CreateTime,
    Full,
    RoleMissing,
    PasswordToJoin,
    RecordIdMissing,
    PublishMissing,
    RecordingsNotFound,
    MeetingNotFound,
    ChecksumOfHook,
    CallbackUrlMissing,
    HookIdMissing,
    HookMissing,
}

impl Failure {
    /// `messageKey` and `message`.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::ChecksumMissing => ("checksumError", "You must provide the checksum"),
            Self::ChecksumWrong => ("checksumError", "Checksums do not match"),
            Self::ChecksumInsecure => ("checksumError", "You did not pass the checksum security check"),
            Self::ContentType => ("unsupportedContentType", "POST request Content-Type is missing or unsupported"),
            Self::FullNameMissing => ("missingParamFullName", "You must provide your name"),
            Self::Ended => ("meetingForciblyEnded", "You can not join a meeting that has already been forcibly ended"),
            Self::Password => ("invalidPassword", "Invalid password"),
            Self::NotFound => ("notFound", "A meeting with that ID does not exist"),
            Self::NotFoundToJoin => ("invalidMeetingIdentifier", "A meeting with that ID does not exist"),
            Self::MeetingIdSize => ("sizeError", "Meeting ID must be between 2 and 256 characters"),
            Self::MeetingIdComma => ("validationError", "Meeting ID cannot contain ','"),
            Self::MeetingIdInvalid => ("validationError", "Invalid meeting ID"),
            Self::NameMissing => ("nullError", "You must provide a meeting name"),
            Self::NameEmpty => ("emptyError", "You must provide a meeting name"),
            Self::NameSize => ("sizeError", "Meeting name must be between 2 and 256 characters"),
            Self::VoiceBridge => ("validationError", "Voice bridge must be an integral value"),
            Self::Record => ("validationError", "Record must be a boolean value (true or false)"),
            Self::IdNotUnique => {
                ("idNotUnique", "A meeting already exists with that meeting ID. Please use a different meeting ID.")
            }
            Self::ParentMissing => {
                ("parentMeetingIdMissing", "No parent meeting ID was provided for the breakout room")
            }
            Self::ParentUnknown => ("parentMeetingDoesNotExist", "No parent meeting exists for the breakout room"),
            Self::CreateTime => {
                ("mismatchCreateTimeParam", "The createTime parameter submitted mismatches with the current meeting.")
            }
            Self::Full => {
                ("maxParticipantsReached", "The number of participants allowed for this meeting has been reached.")
            }
            Self::RoleMissing => {
                ("Params required", "You must send the 'role' parameter, since this meeting doesn't have any password.")
            }
            Self::PasswordToJoin => ("Params required", "You must enter a valid password"),
            Self::RecordIdMissing => ("missingParamRecordID", "You must specify a recordID."),
            Self::PublishMissing => ("missingParamPublish", "You must specify a publish value true or false."),
            Self::RecordingsNotFound => ("notFound", "We could not find recordings"),
            Self::MeetingNotFound => ("meetingNotFound", "Meeting not found"),
            Self::ChecksumOfHook => ("checksumError", "You did not pass the checksum security check."),
            Self::CallbackUrlMissing => {
                ("missingParamCallbackURL", "You must specify a callbackURL in the parameters.")
            }
            Self::HookIdMissing => ("missingParamHookID", "You must specify a hookID in the parameters."),
            Self::HookMissing => ("destroyMissingHook", "The hook informed was not found."),
        }
    }

    /// Where BigBlueButton's hash table of violations, which it reads from the front, would hold the key of this one.
    fn bucket(self) -> u8 {
        match self.words().0 {
            "checksumError" | "unsupportedContentType" => 1,
            "emptyError" => 4,
            "missingParamFullName" => 6,
            "meetingForciblyEnded" => 7,
            "invalidPassword" => 8,
            "notFound" | "invalidMeetingIdentifier" => 10,
            "sizeError" => 11,
            "validationError" | "nullError" => 14,
            _ => 15,
        }
    }

    /// The one of several failures that BigBlueButton reports.
    pub(crate) fn reported(failures: impl IntoIterator<Item = Self>) -> Option<Self> {
        failures.into_iter().min_by_key(|failure| failure.bucket())
    }
}

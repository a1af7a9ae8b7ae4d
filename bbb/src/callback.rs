//! Callbacks: what BigBlueButton tells frontends by itself, signed with the secret of the instance.
//!
//! A frontend knows another secret, and would refuse them. So instances are given urls of our own, which carry where the callback is to
//! go in a sealed token; it comes by here, is checked with the one secret and signed anew with the other.
//!
//! - [`seal`]: the tokens;
//! - [`jwt`]: how recordings and analytics are signed;
//! - [`event`]: how webhooks are signed, and whose meeting they tell of.

pub mod event;
pub mod jwt;
pub mod seal;

use serde::{Deserialize, Serialize};

/// What is told, which decides how it is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A recording is ready: a form with `signed_parameters`.
    Recording,
    /// What went on in a meeting that has ended: a document, with a bearer token.
    Analytics,
    /// An event that somebody has a hook for: a form, with a checksum in the url.
    Hook,
}

/// The parameters of a create that are the urls of signed callbacks. Those that are not here (`meta_endCallbackUrl`, `meetingEndedURL`)
/// are not signed.
pub const PARAMETERS: [(&str, Kind); 4] = [
    ("meta_bbb-recording-ready-url", Kind::Recording),
    ("meta_bn-recording-ready-url", Kind::Recording),
    ("meta_canvas-recording-ready-url", Kind::Recording),
    ("meta_analytics-callback-url", Kind::Analytics),
];

/// What stands before the token in the path of a url of our own.
pub const PATH: &str = "/bigbluebutton/b3lb/callback/";

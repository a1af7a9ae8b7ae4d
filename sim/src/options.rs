//! What a simulated instance is told when it starts.

use crate::telegraf::Telegraf;
use crate::users::Crowd;
use bbb::Secret;
use bbb::checksum::Algorithm;
use std::time::Duration;

/// How a simulated instance behaves. Faults are not here: they are switched while it runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its shared secret.
    pub secret: Secret,
    /// The checksums it accepts (`supportedChecksumAlgorithms`).
    pub algorithms: Vec<Algorithm>,
    /// A form that comes without a query is checked over its fields, as before 2.6.18 and 2.7.8.
    pub signs_forms: bool,
    /// When things happen by themselves.
    pub rules: Rules,
    /// Who comes to its meetings besides those who join; `None`: nobody.
    pub crowd: Option<Crowd>,
    /// Decides everything that looks random.
    pub seed: u64,
    /// Where others reach it, without a path; `None`: where it listens.
    pub origin: Option<String>,
    /// Whether it speaks HTTPS, with a certificate that it signs itself.
    pub https: bool,
    /// Where its load is written; `None`: nowhere.
    pub telegraf: Option<Telegraf>,
    /// How it tells of how many recordings a page is one.
    pub paging: Paging,
    /// It lists all recordings at once, and not pages only (`allowFetchAllRecordings`).
    pub lists_all: bool,
}

/// How pages of recordings are told from all there is, which releases do differently.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Paging {
    /// There are none, as before 2.6.
    None,
    /// By `pagination`.
    Pagination,
    /// By `totalElements`.
    #[default]
    Total,
}

/// When things happen by themselves on an instance.
#[derive(Debug, Clone)]
pub struct Rules {
    /// A meeting that nobody joins ends after this (`meetingExpireIfNoUserJoinedInMinutes`).
    pub unjoined: Duration,
    /// A meeting ends this long after the last user left (`meetingExpireWhenLastUserLeftInMinutes`).
    pub deserted: Duration,
    /// An ended meeting stays listed for this long.
    pub listed: Duration,
    /// A recording is listed this long after its meeting ended.
    pub processing: Duration,
    /// Somebody who joins by a call stays for this long: there is no browser that could leave.
    pub joined: Duration,
}

impl Default for Options {
    /// An instance as BigBlueButton ships it, with nobody who comes by himself, and with a secret that is none.
    fn default() -> Self {
        Self {
            secret: Secret::new("instance-secret"),
            algorithms: vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512],
            signs_forms: false,
            rules: Rules::default(),
            crowd: None,
            seed: 0,
            origin: None,
            https: false,
            telegraf: None,
            paging: Paging::default(),
            lists_all: true,
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            unjoined: Duration::from_secs(5 * 60),
            deserted: Duration::from_secs(60),
            listed: Duration::from_secs(60),
            processing: Duration::from_secs(30),
            joined: Duration::from_secs(60 * 60),
        }
    }
}

//! Asks one instance what runs on it.

use crate::lists::{ListError, Lists};
use crate::state::Instance;
use bbb::listing::{List, Meeting};
use rustls::ClientConfig;
use std::time::Duration;

/// How long an instance may take to list its meetings. One that needs longer is no place for new meetings.
pub(super) const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks instances for their meetings.
#[derive(Clone)]
pub(super) struct Checker {
    lists: Lists,
}

impl Checker {
    pub(super) fn new(tls: ClientConfig) -> Self {
        Self { lists: Lists::new(tls) }
    }

    /// All meetings of the instance. Only a complete list is one.
    pub(super) async fn meetings(&self, instance: &Instance) -> Result<Vec<Meeting>, ListError> {
        let asked = self.lists.ask(instance, List::Meetings, "", Meeting::read);
        match tokio::time::timeout(CHECK_TIMEOUT, asked).await {
            Ok(listed) => Ok(listed?.items),
            Err(_) => Err(ListError::Timeout(CHECK_TIMEOUT)),
        }
    }
}

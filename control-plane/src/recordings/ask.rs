//! Asks one instance for its recordings.

use crate::lists::{ListError, Listed, Lists};
use crate::state::Instance;
use bbb::listing::{List, ListingError, Page, Recording};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::timeout;

/// How long an instance may take to list all its recordings: it reads a file for each of them.
const ALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Recordings asked for in one call. Each takes 57 bytes of a url, of which an instance takes 8 kB.
const IDS_MAX: usize = 50;

/// Everything, in every state.
const ANY: &str = "state=any";

/// All recordings of the instance. Only a complete list is one.
pub(super) async fn all(lists: &Lists, instance: &Instance) -> Result<Vec<Recording>, ListError> {
    let asked = async {
        match recordings(lists, instance, ANY).await {
            Ok(listed) => Ok(listed.items),
            Err(ListError::Listing(ListingError::LeftOut)) => by_pages(lists, instance).await,
            Err(error) => Err(error),
        }
    };
    timeout(ALL_TIMEOUT, asked).await.unwrap_or(Err(ListError::Timeout(ALL_TIMEOUT)))
}

/// Those of the recordings that the instance has, and others whose ids begin alike. The caller sets the deadline.
pub(super) async fn some(lists: &Lists, instance: &Instance, ids: &[&str]) -> Result<Vec<Recording>, ListError> {
    let mut found = Vec::new();
    for ids in ids.chunks(IDS_MAX) {
        let encoded: Vec<String> =
            ids.iter().map(|id| url::form_urlencoded::byte_serialize(id.as_bytes()).collect()).collect();
        let listed = recordings(lists, instance, &format!("recordID={}&{ANY}", encoded.join(","))).await;
        match listed {
            Ok(listed) => found.extend(listed.items),
            // With ids, it says that there is none of them.
            Err(ListError::Listing(ListingError::LeftOut)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// An instance that does not list everything at once still lists pages. They are a whole only if nothing moved between them.
async fn by_pages(lists: &Lists, instance: &Instance) -> Result<Vec<Recording>, ListError> {
    let (mut all, mut ids) = (Vec::new(), HashSet::new());
    let mut page = Page { offset: 0, limit: Page::LIMIT_MAX };
    let mut total = None;
    loop {
        let listed = match recordings(lists, instance, &page.add_to(ANY.to_owned())).await {
            Err(ListError::Listing(ListingError::LeftOut)) => return Err(ListError::Changing),
            listed => listed?,
        };
        let told = listed.paging.map_or(listed.items.len(), |paging| paging.total);
        let complete = listed.items.is_empty() || page.offset + listed.items.len() >= told;
        page.offset += listed.items.len();
        for recording in listed.items {
            ids.insert(recording.id.clone());
            all.push(recording);
        }
        if *total.get_or_insert(told) != told {
            return Err(ListError::Changing);
        }
        if complete {
            return if ids.len() == told { Ok(all) } else { Err(ListError::Changing) };
        }
    }
}

async fn recordings(lists: &Lists, instance: &Instance, query: &str) -> Result<Listed<Recording>, ListError> {
    lists.ask(instance, List::Recordings, query, Recording::read).await
}

//! Takes over what an original B3LB or BigBlueSwarm knows, while it runs.
//!
//! - [`original`]: what its Redis holds; [`configuration`]: what its configuration file says.

mod configuration;
mod original;

use super::init::create;
use super::timed;
use crate::args::Import;
use crate::client::Client;
use crate::output::{Column, Format, Listing};
use crate::terminal::say;
use b3lb_proto::v1::{ImportRequest, ImportedItem};
use original::Original;
use serde_json::json;
use std::collections::BTreeMap;

/// Bytes of meetings, or of recordings, in one request: half of what a control plane takes, beside instances and tenants. An original
/// never forgets a meeting, so that there may be any number.
const BYTES_TOGETHER: usize = 2 * 1024 * 1024;

/// Bytes that one of them has beside its texts, and more.
const BYTES_AROUND: usize = 32;

const ITEMS: &[Column] = &[
    Column::text("kind", "KIND"),
    Column::text("name", "NAME"),
    Column::text("outcome", "OUTCOME"),
    Column::text("detail", "DETAIL"),
];

/// Reads the original and has the control plane take it over.
///
/// # Errors
/// The original cannot be read, there is nothing in it, or an instance or a tenant of it cannot be taken over.
pub(super) async fn import(client: &mut Client, import: &Import, format: Format) -> anyhow::Result<()> {
    let original = Original::read(&configuration::redis(&import.source)?).await?;
    say(format_args!("{} were read from {}", original.summary(), original.address));
    let items = take_over(client, original, import.dry_run).await?;
    say(format_args!("{}", counted(&items, import.dry_run)));
    let lost = items.iter().filter(|item| item.outcome == "skipped" && matches!(&*item.kind, "instance" | "tenant"));
    let lost = lost.count();
    let mut listing = Listing::new(ITEMS);
    for item in items {
        // What stays as it is would hide what does not.
        if format != Format::Table || item.outcome != "unchanged" {
            listing.push([json!(item.kind), json!(item.name), json!(item.outcome), json!(item.detail)]);
        }
    }
    listing.print(format)?;
    anyhow::ensure!(lost == 0, "{lost} instances or tenants are not taken over");
    Ok(())
}

/// Writes its configuration file anew.
///
/// # Errors
/// It cannot be read, or there is such a file already.
pub(super) fn convert(import: &Import) -> anyhow::Result<()> {
    let Some(path) = &import.write_config else { return Ok(()) };
    create(path, &configuration::converted(&import.source)?)?;
    say(format_args!("{} is written", path.display()));
    Ok(())
}

async fn take_over(client: &mut Client, original: Original, dry_run: bool) -> anyhow::Result<Vec<ImportedItem>> {
    let Original { instances, tenants, meetings, recordings, .. } = original;
    let pool = ImportRequest { instances, tenants, dry_run, ..ImportRequest::default() };
    let mut meetings = batches(meetings, |meeting| meeting.meeting_id.len() + meeting.instance.len()).into_iter();
    let first = ImportRequest { meetings: meetings.next().unwrap_or_default(), ..pool.clone() };
    let mut items = client.import(timed(first)).await?.into_inner().items;
    // What a dry run has not added must be named again.
    let known = if dry_run { pool } else { ImportRequest::default() };
    let recordings = batches(recordings, |recording| recording.record_id.len() + recording.instance.len());
    let meetings = meetings.map(|meetings| ImportRequest { meetings, ..known.clone() });
    let recordings = recordings.into_iter().map(|recordings| ImportRequest { recordings, ..known.clone() });
    for request in meetings.chain(recordings) {
        let more = client.import(timed(request)).await?.into_inner().items;
        items.extend(more.into_iter().filter(|item| matches!(&*item.kind, "meeting" | "recording")));
    }
    Ok(items)
}

/// The same in their order, in parts that fit into one request each.
fn batches<T>(all: Vec<T>, bytes: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut batches: Vec<Vec<T>> = Vec::new();
    let mut room = 0;
    for one in all {
        let bytes = bytes(&one) + BYTES_AROUND;
        match batches.last_mut().filter(|_| bytes <= room) {
            Some(batch) => {
                room -= bytes;
                batch.push(one);
            }
            None => {
                room = BYTES_TOGETHER.saturating_sub(bytes);
                batches.push(vec![one]);
            }
        }
    }
    batches
}

fn counted(items: &[ImportedItem], dry_run: bool) -> String {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for item in items {
        *counts.entry((&item.kind, &item.outcome)).or_default() += 1;
    }
    let counts: Vec<String> =
        counts.into_iter().map(|((kind, outcome), count)| format!("{count} {kind}s {outcome}")).collect();
    let counts = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
    if dry_run { format!("would be: {counts}; nothing was changed") } else { counts }
}

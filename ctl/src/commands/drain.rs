//! Emptying an instance.

use super::{askable, begun, confirm, timed};
use crate::args::Drain;
use crate::client::Client;
use crate::terminal::say;
use b3lb_proto::v1::{DrainInstanceRequest, DrainProgress, EndMeetingRequest, ListMeetingsRequest, Meeting};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tonic::Code;

/// Somebody who gives no deadline waits until it is empty, but for no more than a week.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Somebody who does not want to wait at all wants to know how it is.
const SHORTEST: Duration = Duration::from_secs(1);

/// Cordons an instance, ends what runs on it if that is wanted, and waits until it is empty if that is.
///
/// # Errors
/// It is not empty in time, or is opened again meanwhile. It stays cordoned then.
pub(super) async fn drain(client: &mut Client, drain: Drain) -> anyhow::Result<()> {
    let Drain { url, wait, timeout, end_meetings, yes } = drain;
    let deadline = Instant::now() + timeout.unwrap_or(LONGEST);
    if end_meetings {
        askable(yes)?;
    }
    let beginning = async {
        let mut stream = client.drain_instance(DrainInstanceRequest { url: url.clone() }).await?.into_inner();
        let first = stream.message().await?;
        Ok((stream, first))
    };
    let (mut stream, first) = begun(beginning, timeout.unwrap_or(LONGEST).max(SHORTEST)).await?;
    let Some(first) = first else { anyhow::bail!("the control plane ended the stream") };
    if first.drained {
        say(format_args!("{url} takes no new meetings and is empty"));
        return Ok(());
    }
    say(format_args!("{url} takes no new meetings; {}", left(&first)));
    if end_meetings {
        let question = format!("End {} meetings with {} users on {url}?", first.meetings, first.users);
        confirm(&question, yes).map_err(|refusal| anyhow::anyhow!("{refusal}; {url} stays cordoned"))?;
        let refused = end_all(client, &url).await?;
        anyhow::ensure!(wait || refused == 0, "{refused} meetings could not be ended; {url} stays cordoned");
    }
    if !wait {
        return Ok(());
    }
    if end_meetings {
        say("instances list a meeting for about a minute after its end; it counts until then");
    }
    let bar = Bar::new(&first);
    let mut last = first;
    loop {
        let message = match timeout_at(deadline, stream.message()).await {
            Ok(message) => message?,
            Err(_) => anyhow::bail!("{url} is not empty in time, and stays cordoned: {}", left(&last)),
        };
        match message {
            Some(DrainProgress { drained: true, .. }) => {
                bar.end();
                say(format_args!("{url} is empty"));
                return Ok(());
            }
            Some(progress) => {
                bar.show(&progress, &last, &url);
                last = progress;
            }
            None => anyhow::bail!("the control plane ended the stream; {url} stays cordoned"),
        }
    }
}

fn left(progress: &DrainProgress) -> String {
    format!("{} meetings with {} users are left", progress.meetings, progress.users)
}

/// Ends every meeting there is on the instance, and says how many of them could not be. One that is over meanwhile needs no end.
async fn end_all(client: &mut Client, url: &str) -> anyhow::Result<usize> {
    let mut refused = 0;
    let mut meetings: Vec<Meeting> = Vec::new();
    let mut request = ListMeetingsRequest { instance: url.to_owned(), ..ListMeetingsRequest::default() };
    loop {
        let page = client.list_meetings(timed(request.clone())).await?.into_inner();
        meetings.extend(page.meetings);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    for Meeting { tenant, meeting_id, .. } in meetings {
        let request = EndMeetingRequest { tenant: tenant.clone(), meeting_id: meeting_id.clone() };
        match client.end_meeting(timed(request)).await {
            Ok(_) => say(format_args!("the meeting {meeting_id} of {tenant} is ended")),
            Err(status) if status.code() == Code::NotFound => {}
            Err(status) if matches!(status.code(), Code::FailedPrecondition | Code::InvalidArgument) => {
                refused += 1;
                say(format_args!("the meeting {meeting_id} of {tenant} cannot be ended: {}", status.message()));
            }
            Err(status) => return Err(status.into()),
        }
    }
    Ok(refused)
}

/// How far it is: a bar on a terminal, lines elsewhere.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new(first: &DrainProgress) -> Self {
        if !stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new(first.meetings);
        let style = ProgressStyle::with_template("{bar:30} {pos} of {len} meetings have ended, {msg} [{elapsed}]");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(format!("{} users are left", first.users));
        bar.enable_steady_tick(Duration::from_secs(1));
        Self(Some(bar))
    }

    fn show(&self, progress: &DrainProgress, last: &DrainProgress, url: &str) {
        match &self.0 {
            Some(bar) => {
                let total = bar.length().unwrap_or_default().max(progress.meetings);
                bar.set_length(total);
                bar.set_position(total - progress.meetings);
                bar.set_message(format!("{} users are left", progress.users));
            }
            None if progress != last => say(format_args!("{url}: {}", left(progress))),
            None => {}
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

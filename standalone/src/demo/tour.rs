//! The tour: what a frontend and an operator see of a pool, each step checked against the simulated instances themselves.

use crate::demo::pool::Pool;
use crate::demo::steps::{Outcome, Steps};
use anyhow::{Context, Result, bail, ensure};
use b3lb_proto::v1::{ExplainResponse, Explanation};
use b3lb_sim::frontend::{Answer, query};
use b3lb_sim::{Fault, Frontend};
use futures::future::try_join_all;
use std::time::Duration;
use tokio::time::Instant;

/// The meeting that most steps are about.
const MEETING: &str = "algebra";
/// Meetings that are created at the same moment.
const BURST: usize = 30;
/// The most of them that one of three instances may get; the ideal is a third.
const BURST_MOST: usize = 14;
/// What is listed once all of them have been created, with [`MEETING`] and the one that was there before.
const LISTED: usize = BURST + 2;
/// Meetings that are created while an instance takes none.
const FEW: usize = 6;
/// A dead instance must not make a listing wait longer than this.
const LISTING_DEADLINE: Duration = Duration::from_secs(10);

pub(crate) struct Tour<'a> {
    pub(crate) pool: &'a Pool,
}

impl Tour<'_> {
    /// Takes every step.
    ///
    /// # Errors
    /// The first step that did not hold.
    pub(crate) async fn take(&self) -> Result<usize> {
        let mut steps = Steps::default();
        steps.take("The pool looks like one BigBlueButton.", self.version()).await?;
        steps.take("A meeting is created through proxy 1: the best score gets it.", self.place()).await?;
        steps.take("Proxy 2 knows at once where it is.", self.follow()).await?;
        steps.take("The same create once more, through proxy 2: it stays where it is.", self.repeat()).await?;
        steps.take("A user joins: the browser is sent to the instance itself.", self.join()).await?;
        steps
            .take(&format!("{BURST} meetings at the same moment, through both proxies: they spread."), self.burst())
            .await?;
        steps.take("getMeetings lists the meetings of all instances, through either proxy.", self.list()).await?;
        steps.take("A cordoned instance gets no new meetings and keeps its own.", self.cordon()).await?;
        steps.take("A call with a wrong checksum reaches no instance.", self.forge()).await?;
        steps.take("An instance dies: the others get its share, and lists do not wait for it.", self.die()).await?;
        steps.take("The meeting is ended through proxy 2, and proxy 1 says so too.", self.end()).await?;
        Ok(steps.taken)
    }

    async fn version(&self) -> Result<Outcome> {
        let answer = self.pool.frontends[0].get("/bigbluebutton/api").await?;
        succeeded(&answer)?;
        let version = answer.element("version").context("the answer has no version")?;
        Ok(Outcome::told(format!("it answers as version {version} of the API"))
            .paste(format!("curl 'http://{}/bigbluebutton/api'", self.pool.frontends[0].authority)))
    }

    async fn place(&self) -> Result<Outcome> {
        let tenant = self.pool.frontends[0].authority.clone();
        let explained = self.pool.operator.explain(tenant.clone(), MEETING.to_owned()).await?;
        let answer = self.pool.frontends[0].create(MEETING).await?;
        succeeded(&answer)?;
        let instance = self.only_holder(MEETING)?;
        let chosen = explained.instances.iter().find(|explanation| explanation.instance == self.pool.url(instance));
        ensure!(chosen.is_some_and(|chosen| chosen.candidate), "it went to {}, which was no candidate", name(instance));
        let mut outcome =
            Outcome::told(format!("{MEETING} is on {}; policy {} said before:", name(instance), explained.policy));
        outcome.told.extend(self.scores(&explained));
        Ok(outcome.paste(self.pool.curl(0, "create", &[("meetingID", MEETING), ("name", MEETING)])).paste(
            self.pool.operator.grpcurl("Explain", &format!(r#"{{"tenant":"{tenant}","meeting_id":"biology"}}"#)),
        ))
    }

    async fn follow(&self) -> Result<Outcome> {
        let answer = self.pool.frontends[1].info(MEETING).await?;
        succeeded(&answer)?;
        let id = answer.element("internalMeetingID").context("the answer has no internalMeetingID")?;
        Ok(Outcome::told(format!("the instance calls it {id}")).paste(self.pool.curl(
            1,
            "getMeetingInfo",
            &[("meetingID", MEETING)],
        )))
    }

    async fn repeat(&self) -> Result<Outcome> {
        let before = self.pool.frontends[0].info(MEETING).await?;
        let again = self.pool.frontends[1].create(MEETING).await?;
        succeeded(&again)?;
        let instance = self.only_holder(MEETING)?;
        ensure!(again.element("createTime") == before.element("createTime"), "it has another createTime now");
        let key = again.element("messageKey").unwrap_or_default();
        Ok(Outcome::told(format!(
            "{} answers {key}, as BigBlueButton does; no other instance was asked",
            name(instance)
        )))
    }

    async fn join(&self) -> Result<Outcome> {
        let instance = self.only_holder(MEETING)?;
        let params = [("meetingID", MEETING), ("fullName", "Ada"), ("role", "MODERATOR")];
        let answer = self.pool.frontends[0].call("join", &params).await?;
        let location = answer.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let at_instance = format!("{}/api/join?", self.pool.url(instance));
        ensure!(answer.status == 302 && location.starts_with(&at_instance), "{} {location:?}", answer.status);
        let browser = Frontend::new(&self.pool.url(instance), self.pool.instances[instance].secret().clone())?;
        let (_, target) = location.split_once(&browser.authority).context("the location is no url")?;
        let entered = browser.get(target).await?;
        ensure!(entered.status == 302, "the instance did not let the browser in: {}", entered.text());
        Ok(Outcome::told(format!("302 to {}, signed with its own secret; it lets the browser in", name(instance)))
            .paste(self.pool.curl(0, "join", &params)))
    }

    async fn burst(&self) -> Result<Outcome> {
        let before = Instant::now();
        let ids: Vec<String> = (1..=BURST).map(|number| format!("class-{number}")).collect();
        self.create_all(&ids).await?;
        let took = before.elapsed().as_millis();
        let counts = self.counts(&ids)?;
        ensure!(counts.iter().all(|count| *count <= BURST_MOST), "they are uneven: {}", spread(&counts));
        Ok(Outcome::told(format!("{} in {took} ms", spread(&counts))))
    }

    async fn list(&self) -> Result<Outcome> {
        for frontend in &self.pool.frontends {
            let answer = frontend.meetings().await?;
            succeeded(&answer)?;
            let listed = answer.elements("meetingID").len();
            ensure!(listed == LISTED, "{listed} meetings are listed by {}", frontend.authority);
        }
        Ok(Outcome::told(format!("{LISTED} meetings in one document; instance 1's own is among them"))
            .paste(self.pool.curl(0, "getMeetings", &[])))
    }

    async fn cordon(&self) -> Result<Outcome> {
        let cordoned = 0;
        let url = self.pool.url(cordoned);
        let line = self.pool.operator.grpcurl("CordonInstance", &format!(r#"{{"url":"{url}"}}"#));
        self.pool.operator.cordon(url.clone()).await?;
        let counts = self.create_few("cordoned").await?;
        ensure!(counts[cordoned] == 0, "it got new ones: {}", spread(&counts));
        let old = self.pool.frontends[0].meetings().await?;
        ensure!(old.elements("meetingID").len() == LISTED + FEW, "its own are not listed any more");
        self.pool.operator.uncordon(url).await?;
        Ok(Outcome::told(format!("{FEW} more: {}", spread(&counts))).paste(line))
    }

    async fn forge(&self) -> Result<Outcome> {
        let received =
            || self.pool.instances.iter().map(|instance| instance.received("isMeetingRunning")).sum::<usize>();
        let before = received();
        let query = query(&[("meetingID", MEETING)]);
        let target = self.pool.frontends[0].target("isMeetingRunning", &format!("{query}&forged=true"));
        let answer = self.pool.frontends[0].get(&target.replace("&forged=true", "")).await?;
        ensure!(answer.element("messageKey") == Some("checksumError"), "it got {}", answer.text());
        ensure!(received() == before, "an instance was asked");
        Ok(Outcome::told("checksumError, as from BigBlueButton"))
    }

    async fn die(&self) -> Result<Outcome> {
        let dead = 2;
        let url = self.pool.url(dead);
        let before = Instant::now();
        self.pool.instances[dead].fail(Some(Fault::Down)).await;
        self.pool.operator.until_online(&url, false).await?;
        let noticed = before.elapsed().as_secs_f64();
        let counts = self.create_few("outage").await?;
        ensure!(counts[dead] == 0, "it got new ones: {}", spread(&counts));
        let before = Instant::now();
        let answer = self.pool.frontends[1].meetings().await?;
        let listing = before.elapsed();
        succeeded(&answer)?;
        ensure!(listing < LISTING_DEADLINE, "getMeetings took {} s", listing.as_secs());
        let listed = answer.elements("meetingID").len();
        self.pool.instances[dead].fail(None).await;
        self.pool.operator.until_online(&url, true).await?;
        let mut outcome = Outcome::told(format!("noticed after {noticed:.1} s; {FEW} more: {}", spread(&counts)));
        outcome.told.push(format!(
            "getMeetings: {listed} meetings in {} ms; the instance came back and is online again",
            listing.as_millis()
        ));
        Ok(outcome.paste(self.pool.operator.grpcurl("Status", "")))
    }

    async fn end(&self) -> Result<Outcome> {
        succeeded(&self.pool.frontends[1].end(MEETING).await?)?;
        let after = self.pool.frontends[0].info(MEETING).await?;
        let ended = (after.element("running"), after.element("hasBeenForciblyEnded"));
        // BigBlueButton goes on to list a meeting for a while when it has ended.
        ensure!(ended == (Some("false"), Some("true")), "getMeetingInfo answers {}", after.text());
        Ok(Outcome::told("running false, hasBeenForciblyEnded true"))
    }

    /// Creates some meetings and counts where they are.
    async fn create_few(&self, prefix: &str) -> Result<Vec<usize>> {
        let ids: Vec<String> = (1..=FEW).map(|number| format!("{prefix}-{number}")).collect();
        self.create_all(&ids).await?;
        self.counts(&ids)
    }

    /// Creates the meetings at the same moment, through the proxies in turn.
    async fn create_all(&self, ids: &[String]) -> Result<()> {
        try_join_all(ids.iter().enumerate().map(async |(index, id)| {
            let answer = self.pool.frontends[index % self.pool.frontends.len()].create(id).await?;
            succeeded(&answer).with_context(|| format!("create of {id}"))
        }))
        .await?;
        Ok(())
    }

    /// How many of these meetings each instance has.
    fn counts(&self, ids: &[String]) -> Result<Vec<usize>> {
        let mut counts = vec![0; self.pool.instances.len()];
        for id in ids {
            counts[self.only_holder(id)?] += 1;
        }
        Ok(counts)
    }

    /// The one instance that was told to create the meeting.
    fn only_holder(&self, meeting_id: &str) -> Result<usize> {
        let asked = |index: &usize| self.pool.instances[*index].creates().contains_key(meeting_id);
        let holders: Vec<usize> = (0..self.pool.instances.len()).filter(asked).collect();
        match holders[..] {
            [holder] => Ok(holder),
            _ => bail!("{} instances were told to create {meeting_id}", holders.len()),
        }
    }

    /// One line for each instance: its score and what that is made of.
    fn scores(&self, explained: &ExplainResponse) -> Vec<String> {
        explained.instances.iter().map(|explanation| self.score(explanation)).collect()
    }

    fn score(&self, explanation: &Explanation) -> String {
        let index = (0..self.pool.instances.len()).find(|index| self.pool.url(*index) == explanation.instance);
        let instance = index.map_or_else(|| explanation.instance.clone(), name);
        let Some(score) = explanation.score else {
            return format!("  {instance}: not eligible, {}", explanation.ineligible);
        };
        let terms: Vec<_> = explanation.terms.iter().map(|term| format!("{} {:.2}", term.name, term.value)).collect();
        format!("  {instance}: {score:.2} = {}", terms.join(" + "))
    }
}

fn succeeded(answer: &Answer) -> Result<()> {
    ensure!(answer.succeeded(), "{} {}", answer.status, answer.text());
    Ok(())
}

fn name(instance: usize) -> String {
    format!("instance {}", instance + 1)
}

fn spread(counts: &[usize]) -> String {
    let counts: Vec<_> =
        counts.iter().enumerate().map(|(index, count)| format!("{count} on {}", name(index))).collect();
    counts.join(", ")
}

//! Where a meeting goes.

use super::Ledger;
use super::account::Slot;
use crate::policy::expectation::Hint;
use crate::policy::{self, Ineligible, Score, Verdict, classic, ledger};
use crate::state::{Admission, Chosen, Instance, Meeting, Tenant};
use b3lb_config::settings::{Balancer, Policy};
use rand::Rng;
use std::sync::Arc;

/// The wish to have a meeting placed, as the policy sees it.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Whose it is.
    pub tenant: &'a Tenant,
    /// Which one.
    pub meeting: &'a Meeting,
    /// What its frontend says of its size.
    pub hint: Hint,
    /// Instances that do not take this meeting, by url, and why.
    pub against: &'a [(Arc<str>, Ineligible)],
}

/// The instance that was chosen, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its url.
    pub instance: Arc<str>,
    /// What the policy knew.
    pub chosen: Chosen,
}

impl Ledger {
    /// Chooses an instance for the meeting of the question and books it, in one step, so that nobody else decides in between. Callers that
    /// ask for the same meeting at once get the same instance. `None`: no instance is eligible.
    pub fn choose(
        &mut self,
        balancer: &Balancer,
        question: &Question<'_>,
        now: u64,
        rng: &mut impl Rng,
    ) -> Option<Choice> {
        let (expected, source) = self.expect(question.meeting, question.hint);
        let verdicts = self.judge(balancer, question, now);
        let margin = policy::margin(balancer.policy, expected);
        let booked = self.bookings.get(question.meeting).and_then(|booking| self.accounts.position(&booking.instance));
        let picked = match booked.filter(|position| verdicts[*position].is_ok()) {
            Some(position) => position,
            None if balancer.policy == Policy::Ledger && self.is_cold(&verdicts) => {
                policy::pick_of_two(&verdicts, rng)?
            }
            None => policy::pick(&verdicts, margin, rng)?,
        };
        let score = *verdicts[picked].as_ref().ok()?;
        let (eligible, candidates) = policy::candidates(&verdicts, margin);
        let instance = self.accounts.at(picked).instance.url.clone();
        self.book(question.meeting, &instance, expected);
        Some(Choice { instance, chosen: Chosen { expected, source, score, eligible, candidates } })
    }

    /// Judges every instance for the meeting of the question, in the order of [`Ledger::instances`].
    pub fn judge(&self, balancer: &Balancer, question: &Question<'_>, now: u64) -> Vec<Verdict> {
        let (expected, _) = self.expect(question.meeting, question.hint);
        let allowed = self.allowed(question.tenant);
        let any_measured = balancer.policy == Policy::Classic
            && self.accounts.iter().any(|slot| classic::is_measured(balancer, &slot.sample, now));
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(self.accounts.len());
        for (position, slot) in self.accounts.iter().enumerate() {
            let allowed = allowed.as_ref().is_none_or(|allowed| allowed[position]);
            verdicts.push(slot.eligible(allowed).and_then(|()| match balancer.policy {
                Policy::Ledger => ledger::judge(balancer, &slot.candidate(), expected, now),
                Policy::Classic => classic::judge(balancer, &slot.candidate(), any_measured, now),
            }));
        }
        for (url, reason) in self.held_for_others(question.meeting).chain(question.against.iter().cloned()) {
            if let Some(position) = self.accounts.position(&url)
                && verdicts[position].is_ok()
            {
                verdicts[position] = Err(reason);
            }
        }
        self.warm_up(&mut verdicts, now);
        verdicts
    }

    /// All instances, in the order of their urls.
    pub fn instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.accounts.iter().map(|slot| &slot.instance)
    }

    /// Where the tenant may have meetings; `None`: everywhere.
    fn allowed(&self, tenant: &Tenant) -> Option<Vec<bool>> {
        if tenant.instances.is_empty() && tenant.tags.is_empty() {
            return None;
        }
        let has_tag = |slot: &Slot| slot.instance.tags.iter().any(|tag| tenant.tags.contains(tag));
        let mut allowed: Vec<bool> = self.accounts.iter().map(has_tag).collect();
        for position in tenant.instances.iter().filter_map(|url| self.accounts.position(url)) {
            allowed[position] = true;
        }
        Some(allowed)
    }

    /// Instances that hold the same meetingID for another tenant.
    fn held_for_others(&self, meeting: &Meeting) -> impl Iterator<Item = (Arc<str>, Ineligible)> {
        let held = self.known.placements_of(meeting.key).filter(|(other, _)| other.tenant != meeting.tenant);
        held.map(|(_, placement)| (placement.instance.clone(), Ineligible::HeldForAnotherTenant))
    }

    fn warm_up(&self, verdicts: &mut [Verdict], now: u64) {
        let warming = |position: usize| ledger::warming(self.accounts.at(position).account.returned_at, now);
        let (mut count, mut sum, mut any) = (0.0, 0.0, false);
        for (position, verdict) in verdicts.iter().enumerate() {
            let Ok(Score::Ledger(terms)) = verdict else { continue };
            if warming(position) > 0.0 {
                any = true;
            } else {
                count += 1.0;
                sum += terms.users + terms.background;
            }
        }
        if !any || count == 0.0 {
            return;
        }
        for (position, verdict) in verdicts.iter_mut().enumerate() {
            if let Ok(Score::Ledger(terms)) = verdict {
                ledger::warm_up(terms, warming(position), sum / count);
            }
        }
    }

    /// Most instances were not asked yet what runs on them.
    fn is_cold(&self, verdicts: &[Verdict]) -> bool {
        let eligible = self.accounts.iter().zip(verdicts).filter(|(_, verdict)| verdict.is_ok());
        let (mut all, mut unknown) = (0, 0);
        for (slot, _) in eligible {
            all += 1;
            unknown += usize::from(slot.account.checked_at == 0);
        }
        unknown * 2 > all
    }
}

impl Slot {
    /// Whether it takes new meetings at all.
    fn eligible(&self, allowed: bool) -> Result<(), Ineligible> {
        match self.instance.admission {
            Admission::Cordoned => return Err(Ineligible::Cordoned),
            Admission::Disabled => return Err(Ineligible::Disabled),
            Admission::Open => {}
        }
        if !self.instance.online {
            Err(Ineligible::Offline)
        } else if self.account.unreachable_at.is_some() {
            Err(Ineligible::Unreachable)
        } else if !allowed {
            Err(Ineligible::NotTheTenants)
        } else {
            Ok(())
        }
    }
}

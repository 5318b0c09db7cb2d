//! What must be as approved before a plant counts as recovered, watched once a second.

use crate::bridge::Bridges;
use crate::controllers::Controllers;
use crate::directory::Directory;
use crate::journal::Journal;
use crate::network::Firewalls;
use sim_net::Fabric;
use sim_record::{PrincipalId, RecordKind, StateHasher, Team};
use sim_scenario::model::{RecoveryCheck, RecoveryRule};

/// Watches the conditions of a scenario.
pub(crate) struct Recovery {
    checks: Vec<(RecoveryCheck, Option<bool>)>,
}

/// What the conditions are about.
pub(crate) struct Watched<'a> {
    pub controllers: &'a Controllers,
    pub bridges: &'a Bridges,
    pub firewalls: &'a Firewalls,
    pub fabric: &'a Fabric,
    pub directory: &'a Directory,
}

impl Recovery {
    /// Nothing known yet.
    pub fn new(checks: &[RecoveryCheck]) -> Self {
        Self {
            checks: checks.iter().map(|c| (c.clone(), None)).collect(),
        }
    }

    /// Records every condition that changed since the last look.
    pub fn watch(&mut self, journal: &mut Journal, watched: &Watched) {
        for (check, last) in &mut self.checks {
            let ok = watched.holds(&check.rule, journal);
            if *last != Some(ok) {
                *last = Some(ok);
                let by = watched.cause(&check.rule);
                journal.record(RecordKind::Condition {
                    id: check.id.clone(),
                    title: check.title.clone(),
                    ok,
                    by,
                });
            }
        }
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        for (_, last) in &self.checks {
            hasher.value(last);
        }
    }
}

impl Watched<'_> {
    fn holds(&self, rule: &RecoveryRule, journal: &Journal) -> bool {
        let controller = |id: &str| self.controllers.get(id);
        match rule {
            RecoveryRule::TagIs(tag, value, tolerance) => self
                .tag_value(tag)
                .is_some_and(|v| (v - value).abs() <= *tolerance),
            RecoveryRule::KeyIs(id, position) => {
                controller(id).is_some_and(|c| c.key() == *position)
            }
            RecoveryRule::NoBypass(id) => controller(id).is_some_and(|c| !c.is_bypassed()),
            RecoveryRule::NotTripped(id) => controller(id).is_some_and(|c| !c.is_tripped()),
            RecoveryRule::RuleGone(router, name) => {
                let id = self.directory.router(router);
                id.is_none_or(|id| !self.firewalls.is_active(journal.now, self.fabric, id, name))
            }
            RecoveryRule::ProgramApproved(id) => controller(id).is_some_and(|c| c.is_approved()),
            RecoveryRule::NoRedSession(id) => controller(id)
                .map(|c| &c.sessions)
                .or_else(|| self.bridges.get(id).map(|b| &b.sessions))
                .is_some_and(|s| !s.any_by(&|by| journal.who(by).team == Team::Red)),
        }
    }

    /// The true value behind a tag.
    fn tag_value(&self, name: &str) -> Option<f64> {
        let tag = self.directory.tag(name)?;
        let raw = match self.controllers.get(&tag.controller) {
            Some(controller) => controller.raw(tag.table, tag.address)?,
            None => self
                .bridges
                .get(&tag.controller)?
                .mirror
                .raw(tag.table, tag.address)?,
        };
        Some(f64::from(raw) / tag.scale)
    }

    fn cause(&self, rule: &RecoveryRule) -> PrincipalId {
        let controller = match rule {
            RecoveryRule::TagIs(tag, ..) => self.directory.tag(tag).map(|t| t.controller.as_str()),
            RecoveryRule::KeyIs(id, _)
            | RecoveryRule::NoBypass(id)
            | RecoveryRule::NotTripped(id)
            | RecoveryRule::ProgramApproved(id) => Some(id.as_str()),
            RecoveryRule::RuleGone(..) | RecoveryRule::NoRedSession(_) => None,
        };
        let writer = |id: &str| match self.controllers.get(id) {
            Some(controller) => Some(controller.last_writer),
            None => self.bridges.get(id).map(|bridge| bridge.last_writer),
        };
        controller.and_then(writer).unwrap_or(PrincipalId::RANGE)
    }
}

//! Which detections fire, how often, and what is shown of them.

use crate::journal::Journal;
use serde::Serialize;
use sim_record::{RecordKind, SimDuration, SimTime};
use sim_scenario::model::Detection;
use sim_view::{AlertView, Citation};
use std::collections::BTreeMap;

/// Alerts shown; older ones go.
const SHOWN_MAX: usize = 256;
/// (rule, asset, source) that wait to be armed again.
const FIRED_MAX: usize = 1024;
/// Alerts of one rule in [`RATE_WINDOW`]: forged source addresses shall not flood the analyst.
const RATE_MAX: u32 = 30;
/// Time over which [`RATE_MAX`] holds.
const RATE_WINDOW: SimDuration = SimDuration::from_secs(60);

/// What a detection found.
pub(super) struct Finding {
    pub asset: String,
    /// Who caused it, as far as the wire tells; 0 where it does not.
    pub source: u64,
    pub text: String,
    pub frame: u64,
}

/// Alerts of one rule since `begin`.
#[derive(Clone, Copy, Default, Serialize)]
struct Rate {
    begin: SimTime,
    fired: u32,
}

/// Fired detections.
#[derive(Serialize)]
pub(super) struct Alerts {
    shown: Vec<AlertView>,
    /// Record of each shown alert, in the same order: numbers of records are not for players.
    records: Vec<u64>,
    next_id: u64,
    fired: BTreeMap<(usize, String, u64), SimTime>,
    rates: Vec<Rate>,
}

impl Alerts {
    pub fn new(rules: usize) -> Self {
        Self {
            shown: Vec::new(),
            records: Vec::new(),
            next_id: 1,
            fired: BTreeMap::new(),
            rates: vec![Rate::default(); rules],
        }
    }

    pub fn shown(&self) -> &[AlertView] {
        &self.shown
    }

    /// The record behind a citation in a report about `asset`, where it names something that was shown.
    pub fn cited(&self, citation: &Citation, asset: &str) -> Option<u64> {
        let index = match citation {
            Citation::Alert(id) => self.shown.iter().position(|alert| alert.id == *id),
            Citation::Detection(rule) => {
                let of_rule = |alert: &AlertView| alert.rule == *rule;
                let on_asset = |alert: &AlertView| of_rule(alert) && alert.asset == asset;
                let newest = self.shown.iter().rposition(on_asset);
                newest.or_else(|| self.shown.iter().rposition(of_rule))
            }
        };
        self.records.get(index?).copied()
    }

    /// Records a finding of the rule at `index`, unless it was told lately.
    pub fn fire(
        &mut self,
        journal: &mut Journal,
        (index, detection): (usize, &Detection),
        finding: Finding,
    ) {
        let now = journal.now;
        let Finding {
            asset,
            source,
            text,
            frame,
        } = finding;
        let key = (index, asset, source);
        if self
            .fired
            .get(&key)
            .is_some_and(|t| now.since(*t) < detection.rearm)
            || !self.within_rate(index, now)
        {
            return;
        }
        if self.fired.len() >= FIRED_MAX && !self.fired.contains_key(&key) {
            let oldest = self
                .fired
                .iter()
                .min_by_key(|(_, t)| **t)
                .map(|(k, _)| k.clone());
            oldest.and_then(|k| self.fired.remove(&k));
        }
        self.fired.insert(key.clone(), now);
        let (rule, technique, asset) = (detection.id.clone(), detection.technique.clone(), key.1);
        if self.shown.len() >= SHOWN_MAX {
            self.shown.remove(0);
            self.records.remove(0);
        }
        self.shown.push(AlertView {
            id: self.next_id,
            time: now,
            rule: rule.clone(),
            asset: asset.clone(),
            technique: technique.clone(),
            text: text.clone(),
            frame,
        });
        self.next_id += 1;
        self.records.push(journal.record(RecordKind::Detection {
            rule,
            asset,
            technique,
            text,
            frame,
        }));
    }

    fn within_rate(&mut self, index: usize, now: SimTime) -> bool {
        let Some(rate) = self.rates.get_mut(index) else {
            return false;
        };
        if now.since(rate.begin) >= RATE_WINDOW {
            *rate = Rate {
                begin: now,
                fired: 0,
            };
        }
        rate.fired = rate.fired.saturating_add(1);
        rate.fired <= RATE_MAX
    }
}

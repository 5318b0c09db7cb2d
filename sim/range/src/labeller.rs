//! Ground truth, derived from records: which attacks began, had effect and were refused, and which objectives of red
//! were met. Scripted and live red are labelled by the same rules; nobody declares anything.
//!
//! Adding a rule: a row in [`rules::RULES`] and the function that it names.

mod declared;
mod facts;
mod refusals;
mod rules;
#[cfg(test)]
mod tests;

use facts::{Facts, News};
use refusals::Refusal;
use rules::{Context, Hit, RULES};
use serde::Serialize;
use sim_record::{
    PlantEvent, PrincipalId, Record, RecordKind, SafetyEvent, SimDuration, SimTime, StateHasher,
};
use sim_scenario::model::{Objective, ObjectiveRule, Scenario};
use std::collections::BTreeMap;

/// Attack instances told apart; grading keeps as many.
const ATTACKS_MAX: usize = 512;
/// Shortest time between two records of the same kind about one instance.
const QUIET: SimDuration = SimDuration::from_secs(1);

/// One technique of one principal against one asset.
#[derive(Serialize)]
struct Instance {
    number: u32,
    /// An act of it had effect, so that it counts for an objective.
    effective: bool,
    told: SimTime,
    refused: Option<SimTime>,
}

/// Turns records into ground truth.
pub(crate) struct Labeller {
    facts: Facts,
    instances: BTreeMap<(&'static str, String, PrincipalId), Instance>,
    /// Technique of the newest act of a principal on an asset.
    newest: BTreeMap<(String, PrincipalId), &'static str>,
    objectives: Vec<(Objective, bool)>,
}

impl Labeller {
    /// A labeller that has seen nothing.
    pub fn new(scenario: &Scenario) -> Self {
        Self {
            facts: Facts::new(scenario),
            instances: BTreeMap::new(),
            newest: BTreeMap::new(),
            objectives: scenario
                .objectives
                .iter()
                .map(|o| (o.clone(), false))
                .collect(),
        }
    }

    /// What follows from one record; records must come in order and without gaps.
    pub fn observe(&mut self, record: &Record) -> Vec<RecordKind> {
        let news = self.facts.learn(record);
        let mut found = Vec::new();
        for rule in RULES {
            let context = Context {
                facts: &self.facts,
                news: &news,
                record,
            };
            for hit in (rule.hits)(&context) {
                self.note(rule.technique, hit, record, &mut found);
            }
        }
        self.note_refusal(record, &mut found);
        self.note_objectives(record, &news, &mut found);
        found
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        hasher.value(&self.facts);
        for ((technique, asset, by), instance) in &self.instances {
            hasher.bytes(technique.as_bytes());
            hasher.bytes(asset.as_bytes());
            hasher.value(&(by, instance));
        }
        for ((asset, by), technique) in &self.newest {
            hasher.value(&(asset, by, technique));
        }
        for (_, met) in &self.objectives {
            hasher.value(met);
        }
    }

    /// Begins an instance or says that it went on.
    fn note(
        &mut self,
        technique: &'static str,
        hit: Hit,
        record: &Record,
        found: &mut Vec<RecordKind>,
    ) {
        let Hit {
            asset,
            by,
            effective,
        } = hit;
        let key = (technique, asset, by);
        let attacks = self.instances.len();
        if let Some(instance) = self.instances.get_mut(&key) {
            instance.effective |= effective;
            if effective && record.time.since(instance.told) >= QUIET {
                instance.told = record.time;
                found.push(RecordKind::AttackWent {
                    attack: instance.number,
                    record: record.seq,
                });
            }
        } else {
            let Some(number) = u32::try_from(attacks + 1)
                .ok()
                .filter(|_| attacks < ATTACKS_MAX)
            else {
                return;
            };
            let instance = Instance {
                number,
                effective,
                told: record.time,
                refused: None,
            };
            self.instances.insert(key.clone(), instance);
            found.push(RecordKind::AttackBegan {
                attack: number,
                technique: technique.to_owned(),
                asset: key.1.clone(),
                by,
                record: record.seq,
                visible: visible(&record.kind),
            });
        }
        self.newest.insert((key.1, by), technique);
    }

    fn note_refusal(&mut self, record: &Record, found: &mut Vec<RecordKind>) {
        let Some(refusal) = refusals::refusal(&self.facts, record) else {
            return;
        };
        let Some(key) = self.continued(&refusal) else {
            return;
        };
        let Some(instance) = self.instances.get_mut(&key) else {
            return;
        };
        if instance
            .refused
            .is_some_and(|t| record.time.since(t) < QUIET)
        {
            return;
        }
        instance.refused = Some(record.time);
        found.push(RecordKind::AttackRefused {
            attack: instance.number,
            cause: refusal.cause,
            command: refusal.command,
            record: record.seq,
        });
    }

    /// The instance that a refused attempt would have continued: of its own technique, or else the newest one against
    /// that asset, or else against its zone.
    fn continued(&self, refusal: &Refusal) -> Option<(&'static str, String, PrincipalId)> {
        let own = refusal
            .technique
            .map(|technique| (technique, refusal.asset.clone(), refusal.by))
            .filter(|key| self.instances.contains_key(key));
        let newest = |asset: &String| {
            let technique = self.newest.get(&(asset.clone(), refusal.by))?;
            Some((*technique, asset.clone(), refusal.by))
        };
        own.or_else(|| newest(&refusal.asset))
            .or_else(|| refusal.zone.as_ref().and_then(newest))
    }

    fn note_objectives(&mut self, record: &Record, news: &News, found: &mut Vec<RecordKind>) {
        let (facts, instances) = (&self.facts, &self.instances);
        for (objective, met) in self.objectives.iter_mut().filter(|(_, met)| !met) {
            let by = match &objective.rule {
                ObjectiveRule::Attack(asset) => attacker(instances, &objective.technique, asset),
                ObjectiveRule::DemandWhileBypassed(asset) => match &record.kind {
                    RecordKind::Safety {
                        asset: demanded,
                        event: SafetyEvent::DemandWhileBypassed,
                        ..
                    } if demanded == asset => facts.bypassed_by(asset),
                    _ => None,
                },
                ObjectiveRule::OutOfBand(plant, seconds) => news
                    .excursion
                    .as_ref()
                    .filter(|e| {
                        e.plant == *plant && e.length >= SimDuration::from_secs(u64::from(*seconds))
                    })
                    .and_then(|_| facts.pushers(plant, record.time).first().map(|p| p.by)),
                ObjectiveRule::Destroyed(plant) => match &record.kind {
                    RecordKind::PlantEvent(PlantEvent::Ruptured)
                        if facts.worst_plant() == Some(plant.as_str()) =>
                    {
                        facts.pushers(plant, record.time).first().map(|p| p.by)
                    }
                    _ => None,
                },
            };
            if let Some(by) = by {
                *met = true;
                found.push(RecordKind::ObjectiveMet {
                    id: objective.id.clone(),
                    record: record.seq,
                    by,
                });
            }
        }
    }
}

/// Who attacked `asset` with effect by `technique`, the lowest number first.
fn attacker(
    instances: &BTreeMap<(&'static str, String, PrincipalId), Instance>,
    technique: &str,
    asset: &str,
) -> Option<PrincipalId> {
    let matching = instances
        .iter()
        .filter(|((t, a, _), i)| *t == technique && a == asset && i.effective);
    matching
        .min_by_key(|(_, i)| i.number)
        .map(|((_, _, by), _)| *by)
}

/// Whether the defenders could see the event at once: at a tap, on a panel, or in the process.
fn visible(kind: &RecordKind) -> bool {
    match kind {
        RecordKind::Modbus(m) => m.frame != 0,
        RecordKind::S7(r) => r.frame != 0,
        RecordKind::Connection { frame, .. }
        | RecordKind::ArpClaim { frame, .. }
        | RecordKind::Tampered { frame, .. }
        | RecordKind::Flood { frame, .. } => *frame != 0,
        // A firewall logs what it refuses.
        RecordKind::Blocked { .. } | RecordKind::Sample(_) => true,
        other => other.visibility() == sim_record::Visibility::Blue,
    }
}

//! Containment: a repeated attempt of the same attacker is refused by a defender's command.
//!
//! An attacker who simply stops is not contained; the case is censored.

use super::{Metric, MetricKind, MetricResult, Side, decay};
use crate::describe::{clip, clock, duration, plural};
use crate::{Context, Evidence, Point, Rubric, Visibility, attack};
use sim_record::{PrincipalId, Record, RecordKind, SimTime, Team};
use std::collections::BTreeMap;

/// Most attackers that are followed.
const ATTACKERS_MAX: usize = 256;

/// Containment.
pub struct Containment;

impl MetricKind for Containment {
    fn id(&self) -> &'static str {
        "containment"
    }
    fn title(&self) -> &'static str {
        "Containment"
    }
    fn summary(&self) -> &'static str {
        "Attackers whose repeated attempts are refused, where the records name the defender's command that did it."
    }
    fn unit(&self) -> &'static str {
        "attackers contained"
    }
    fn side(&self) -> Side {
        Side::Blue
    }
    fn visibility(&self) -> Visibility {
        Visibility::Debrief
    }
    fn default_points(&self) -> f64 {
        10.0
    }
    fn start(&self, rubric: &Rubric) -> Box<dyn Metric> {
        Box::new(Running {
            max: self.weight(rubric),
            attackers: Attackers::default(),
        })
    }
}

struct Running {
    max: f64,
    attackers: Attackers,
}

/// Attackers by principal, and when each was contained.
#[derive(Default)]
pub(super) struct Attackers {
    pub(super) list: BTreeMap<PrincipalId, Attacker>,
}

/// One attacker.
pub(super) struct Attacker {
    began: SimTime,
    last_act: SimTime,
    acts: Evidence,
    /// First refusal by a defender's command after the last effective act.
    contained: Option<Containing>,
    reopened: u64,
    refused: u64,
}

struct Containing {
    time: SimTime,
    cause: String,
    records: [u64; 3],
}

impl Attackers {
    pub(super) fn observe(&mut self, record: &Record, context: &Context) {
        match &record.kind {
            RecordKind::AttackBegan { attack, .. } | RecordKind::AttackWent { attack, .. } => {
                // What a process does later is a consequence of an act, not an act.
                let known = context.attacks.get(attack);
                if let Some(known) = known.filter(|known| !attack::is_impact(&known.technique)) {
                    self.act(known.by, record);
                }
            }
            RecordKind::AttackRefused {
                attack,
                cause,
                command,
                record: shown,
            } => {
                let by = context.attacks.get(attack).map(|known| known.by);
                let Some(attacker) = by.and_then(|by| self.list.get_mut(&by)) else {
                    return;
                };
                attacker.refused = attacker.refused.saturating_add(1);
                let command =
                    command.filter(|seq| context.team_of_record(*seq) == Some(Team::Blue));
                if let (Some(command), None) = (command, &attacker.contained) {
                    attacker.contained = Some(Containing {
                        time: record.time,
                        cause: clip(cause),
                        records: [command, *shown, record.seq],
                    });
                }
            }
            _ => {}
        }
    }

    /// When an attacker was contained for good so far, from his first visible act; none while he is not.
    pub(super) fn contained_after_s(&self, id: PrincipalId, context: &Context) -> Option<f64> {
        let attacker = self.list.get(&id)?;
        let containing = attacker.contained.as_ref()?;
        Some(
            containing
                .time
                .since(attacker.visible(id, context))
                .as_secs_f64(),
        )
    }

    fn act(&mut self, by: PrincipalId, record: &Record) {
        if self.list.len() >= ATTACKERS_MAX && !self.list.contains_key(&by) {
            return;
        }
        let attacker = self.list.entry(by).or_insert_with(|| Attacker {
            began: record.time,
            last_act: record.time,
            acts: Evidence::at(record.time),
            contained: None,
            reopened: 0,
            refused: 0,
        });
        attacker.last_act = record.time;
        attacker.acts.to = record.time;
        attacker.acts.cite(record.seq);
        if attacker.contained.take().is_some() {
            attacker.reopened = attacker.reopened.saturating_add(1);
        }
    }
}

impl Attacker {
    /// First act of this attacker that could be seen; his first act where none was.
    pub(super) fn visible(&self, id: PrincipalId, context: &Context) -> SimTime {
        let own = context.attacks.values().filter(|known| known.by == id);
        own.filter_map(|known| known.visible)
            .min()
            .unwrap_or(self.began)
    }
}

impl Metric for Running {
    fn observe(&mut self, record: &Record, context: &Context) {
        self.attackers.observe(record, context);
    }

    fn result(&self, rubric: &Rubric, context: &Context) -> MetricResult {
        let list = &self.attackers.list;
        if list.is_empty() {
            return MetricResult::none("There was no attacker to contain.");
        }
        #[allow(clippy::cast_precision_loss, reason = "at most 256")]
        let share = self.max / list.len() as f64;
        let rules = &rubric.containment;
        let mut contained = 0_u32;
        let mut details = Vec::new();
        for (id, attacker) in list {
            let name = context.name(*id);
            let (points, reason, evidence) = match &attacker.contained {
                Some(containing) => {
                    contained = contained.saturating_add(1);
                    let after_s = containing
                        .time
                        .since(attacker.visible(*id, context))
                        .as_secs_f64();
                    let mut evidence = Evidence::between(attacker.last_act, containing.time);
                    containing
                        .records
                        .iter()
                        .for_each(|seq| evidence.cite(*seq));
                    let reason = format!(
                        "{name} was refused at {}, {} after the first visible act: {}.",
                        clock(containing.time),
                        duration(after_s),
                        containing.cause
                    );
                    (
                        share * decay(after_s, rules.slow_s, rules.late_share),
                        reason,
                        evidence,
                    )
                }
                None => (0.0, attacker.why_not(name, context), attacker.acts.clone()),
            };
            details.push(Point {
                points,
                max: share,
                reason: clip(&reason),
                visibility: Visibility::Debrief,
                evidence,
            });
        }
        MetricResult {
            value: Some(f64::from(contained)),
            max: self.max,
            reason: format!(
                "{contained} of {} contained.",
                plural(list.len() as u64, "attacker")
            ),
            details,
        }
    }
}

impl Attacker {
    fn why_not(&self, name: &str, context: &Context) -> String {
        if self.reopened > 0 {
            return format!(
                "{name} was refused, but went on by another way; last effective act at {}.",
                clock(self.last_act)
            );
        }
        if self.refused > 0 {
            return format!("{name} was refused, but by no command of a defender.");
        }
        if context.end.is_some() {
            return format!(
                "{name} was never refused; last effective act at {}. Stopping by itself contains nothing.",
                clock(self.last_act)
            );
        }
        format!("{name} has not been refused yet.")
    }
}

//! Recovery: in band, as approved and reported, for long enough.

use super::{Metric, MetricKind, MetricResult, Side, decay};
use crate::context::IncidentReport;
use crate::describe::{clip, clock, duration};
use crate::rubric::seconds;
use crate::{Context, Evidence, Point, Rubric, Visibility};
use sim_record::{Record, RecordKind, SimDuration, SimTime};
use std::collections::BTreeSet;

/// Recovery.
pub struct Recovery;

impl MetricKind for Recovery {
    fn id(&self) -> &'static str {
        "recovery"
    }
    fn title(&self) -> &'static str {
        "Recovery"
    }
    fn summary(&self) -> &'static str {
        "Quality in band for the hold time, no trip and no inhibited safety function, every condition as approved, views good, and a report closed."
    }
    fn unit(&self) -> &'static str {
        "s from the first loss"
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
            state: Recovering::new(rubric),
        })
    }
}

struct Running {
    max: f64,
    state: Recovering,
}

/// Follows loss and recovery.
pub(super) struct Recovering {
    in_band_share: f64,
    hold: SimDuration,
    /// Conditions that did not hold before the first attack: no loss, though they must be put right too.
    latent: Option<BTreeSet<String>>,
    /// First moment after the first attack at which something else was not right, and its record.
    lost: Option<(SimTime, u64)>,
    /// Since when everything is right.
    right_since: Option<(SimTime, u64)>,
}

impl Recovering {
    pub(super) fn new(rubric: &Rubric) -> Self {
        Self {
            in_band_share: rubric.service.in_band_share,
            hold: seconds(rubric.recovery.t_hold_s),
            latent: None,
            lost: None,
            right_since: None,
        }
    }

    pub(super) fn observe(&mut self, record: &Record, context: &Context) {
        // Only these change what is right; the many records of the network do not.
        let changes = matches!(
            record.kind,
            RecordKind::Sample(_)
                | RecordKind::Condition { .. }
                | RecordKind::Communication { .. }
                | RecordKind::PlantEvent(_)
                | RecordKind::AttackBegan { .. }
        );
        if context.attacks.is_empty() || !changes {
            return;
        }
        let wrong = self.wrong(context);
        if wrong.is_empty() {
            self.right_since.get_or_insert((record.time, record.seq));
        } else {
            self.right_since = None;
        }
        let latent = self
            .latent
            .get_or_insert_with(|| not_as_approved(context).collect());
        if !wrong.is_subset(latent) {
            self.lost.get_or_insert((record.time, record.seq));
        }
    }

    /// When it was lost and when everything was right again and reported; none while it is not.
    pub(super) fn recovered(&self, context: &Context) -> Option<(SimTime, SimTime)> {
        let (lost, _) = self.lost?;
        let (right, _) = self.right_since?;
        let closed = closed_report(context)?;
        (context.now >= right + self.hold).then_some((lost, right.max(closed)))
    }

    /// When something was lost first.
    pub(super) fn lost(&self) -> Option<SimTime> {
        self.lost.map(|(time, _)| time)
    }

    /// What is not right now.
    fn wrong(&self, context: &Context) -> BTreeSet<String> {
        let faults = self.faults(context).into_iter();
        let faults = faults.filter(|(wrong, _)| *wrong);
        let faults = faults.map(|(_, text)| text.to_owned());
        faults.chain(not_as_approved(context)).collect()
    }

    /// The same in words, faults first.
    fn wrong_in_words(&self, context: &Context) -> Vec<String> {
        let faults = self.faults(context).into_iter();
        let faults = faults.filter(|(wrong, _)| *wrong);
        let mut words: Vec<String> = faults.map(|(_, text)| text.to_owned()).collect();
        let conditions: Vec<String> = not_as_approved(context).collect();
        if !conditions.is_empty() {
            words.push(format!("not so: {}", conditions.join(", ")));
        }
        words
    }

    fn faults(&self, context: &Context) -> [(bool, &'static str); 5] {
        let share = self.in_band_share;
        let tripped = context.any_plant(|plant| plant.tripped);
        let inhibited = context.any_plant(|plant| plant.inhibited);
        let out_of_band = context.any_plant(|plant| plant.q < plant.q0 * share);
        [
            (context.ruptured.is_some(), "the plant is destroyed"),
            (tripped, "the plant is tripped or shut down"),
            (inhibited, "a safety function is inhibited"),
            (out_of_band, "quality is out of band"),
            (context.views_lost() > 0, "a view is lost"),
        ]
    }
}

/// Titles of the conditions that do not hold.
fn not_as_approved(context: &Context) -> impl Iterator<Item = String> {
    let conditions = context.conditions.values().filter(|known| !known.ok);
    conditions.map(|known| known.title.clone())
}

/// When the first incident report was closed that is no dismissal, has evidence, and is about an asset that was under attack.
fn closed_report(context: &Context) -> Option<SimTime> {
    let is_about = |report: &IncidentReport| {
        let mut attacks = context.attacks.values();
        attacks.any(|attack| attack.asset == report.asset && attack.began <= report.claimed)
    };
    let reports = context
        .reports
        .values()
        .filter(|report| !report.closed_as_benign && report.own_evidence && is_about(report));
    reports.filter_map(|report| report.closed).min()
}

impl Metric for Running {
    fn observe(&mut self, record: &Record, context: &Context) {
        self.state.observe(record, context);
    }

    fn result(&self, rubric: &Rubric, context: &Context) -> MetricResult {
        if context.attacks.is_empty() {
            return MetricResult::none("There was no attack to recover from.");
        }
        let rules = &rubric.recovery;
        let Some((lost, lost_record)) = self.state.lost else {
            let evidence = Evidence::between(SimTime::ZERO, context.now);
            let left = self.state.wrong_in_words(context);
            if !left.is_empty() {
                let reason = format!(
                    "Nothing was lost, but it is not as approved: {}.",
                    left.join("; ")
                );
                return self.of(0.0, None, reason, evidence);
            }
            let reason = "Nothing was lost, so nothing had to be recovered.".to_owned();
            return self.of(1.0, None, reason, evidence);
        };
        let mut evidence = Evidence::between(lost, context.now).citing(lost_record);
        if let Some((_, at)) = self.state.recovered(context) {
            let after_s = at.since(lost).as_secs_f64();
            evidence.to = at;
            if let Some((_, record)) = self.state.right_since {
                evidence.cite(record);
            }
            let reason = format!(
                "Recovered at {}, {} after the first loss at {}.",
                clock(at),
                duration(after_s),
                clock(lost)
            );
            let share = decay(after_s, rules.slow_s, rules.late_share);
            return self.of(share, Some(after_s), reason, evidence);
        }
        let mut missing: Vec<String> = Vec::new();
        if closed_report(context).is_none() {
            missing.push("no incident report is closed".into());
        }
        missing.extend(self.state.wrong_in_words(context));
        if missing.is_empty() {
            missing.push(format!(
                "it has not held for {} yet",
                duration(rules.t_hold_s)
            ));
        }
        let reason = format!(
            "Not recovered up to {}: {}.",
            clock(context.now),
            missing.join("; ")
        );
        self.of(0.0, None, reason, evidence)
    }
}

impl Running {
    fn of(
        &self,
        share: f64,
        value: Option<f64>,
        reason: String,
        evidence: Evidence,
    ) -> MetricResult {
        let reason = clip(&reason);
        let point = Point {
            points: self.max * share,
            max: self.max,
            reason: reason.clone(),
            visibility: Visibility::Debrief,
            evidence,
        };
        MetricResult {
            value,
            max: self.max,
            reason,
            details: vec![point],
        }
    }
}

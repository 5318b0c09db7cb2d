//! The attackers' points: objectives by control, precision and stealth.

use super::detection;
use super::{Metric, MetricKind, MetricResult, Side, decay};
use crate::describe::{clip, clock, plural};
use crate::{Context, Evidence, Point, Rubric, Visibility};
use sim_record::{Record, RecordKind, SimTime};

macro_rules! red_metric {
    ($kind:ident, $running:ident, $id:literal, $title:literal, $summary:literal, $unit:literal, $points:literal) => {
        #[doc = $summary]
        pub struct $kind;

        impl MetricKind for $kind {
            fn id(&self) -> &'static str {
                $id
            }
            fn title(&self) -> &'static str {
                $title
            }
            fn summary(&self) -> &'static str {
                $summary
            }
            fn unit(&self) -> &'static str {
                $unit
            }
            fn side(&self) -> Side {
                Side::Red
            }
            fn visibility(&self) -> Visibility {
                Visibility::Debrief
            }
            fn default_points(&self) -> f64 {
                $points
            }
            fn start(&self, rubric: &Rubric) -> Box<dyn Metric> {
                Box::new($running::new(self.weight(rubric)))
            }
        }
    };
}

red_metric!(
    Objectives,
    RunningObjectives,
    "red-objectives",
    "Objectives",
    "Objectives met, worth less the later; uncontrolled damage pays once.",
    "objectives met",
    60.0
);
red_metric!(
    Precision,
    RunningPrecision,
    "red-precision",
    "Precision",
    "What refused attempts have left, in proportion to the objectives met; further acts earn nothing.",
    "share",
    20.0
);
red_metric!(
    Stealth,
    RunningStealth,
    "red-stealth",
    "Stealth",
    "Share of the attack's time that went unreported, less noise, in proportion to the objectives met.",
    "share",
    20.0
);

struct RunningObjectives {
    max: f64,
}

struct RunningPrecision {
    max: f64,
}

struct RunningStealth {
    max: f64,
    detections: u64,
    refused: u64,
    noise: Evidence,
}

impl RunningObjectives {
    fn new(max: f64) -> Self {
        Self { max }
    }
}

impl RunningPrecision {
    fn new(max: f64) -> Self {
        Self { max }
    }
}

impl RunningStealth {
    fn new(max: f64) -> Self {
        Self {
            max,
            detections: 0,
            refused: 0,
            noise: Evidence::default(),
        }
    }
}

/// No occasion: nobody attacked.
fn idle(context: &Context) -> Option<MetricResult> {
    context
        .attacks
        .is_empty()
        .then(|| MetricResult::none("There was no attack."))
}

fn point(points: f64, max: f64, reason: &str, evidence: Evidence) -> Point {
    Point {
        points,
        max,
        reason: clip(reason),
        visibility: Visibility::Debrief,
        evidence,
    }
}

/// Share of the objectives' points of one objective.
fn objective_share(id: &str, rubric: &Rubric, context: &Context) -> f64 {
    let named = |id: &str| rubric.objectives.get(id).copied().unwrap_or(1.0);
    let sum: f64 = context.objectives.keys().map(|id| named(id)).sum();
    if sum > 0.0 { named(id) / sum } else { 0.0 }
}

/// Part of an objective that was under control when it was met: before any rupture.
fn controlled(met: SimTime, context: &Context) -> bool {
    context.ruptured.is_none_or(|(ruptured, _)| met < ruptured)
}

/// Share of the objectives' points earned before the plant was destroyed, without decay.
fn met_share(rubric: &Rubric, context: &Context) -> f64 {
    let met = context.objectives.iter().filter(|(_, objective)| {
        objective
            .met
            .as_ref()
            .is_some_and(|(time, _)| controlled(*time, context))
    });
    met.map(|(id, _)| objective_share(id, rubric, context))
        .sum()
}

impl Metric for RunningObjectives {
    fn observe(&mut self, _record: &Record, _context: &Context) {}

    fn result(&self, rubric: &Rubric, context: &Context) -> MetricResult {
        if let Some(result) = idle(context) {
            return result;
        }
        let window = context
            .info
            .as_ref()
            .map_or((SimTime::ZERO, context.now), |i| i.red_window);
        let length_s = window.1.since(window.0).as_secs_f64();
        let mut details = Vec::new();
        let mut met_count = 0_u32;
        for (id, objective) in &context.objectives {
            let full = self.max * objective_share(id, rubric, context);
            let Some((time, records)) = &objective.met else {
                let evidence = Evidence::between(window.0, context.now);
                details.push(point(
                    0.0,
                    full,
                    &format!("{}: not met.", objective.title),
                    evidence,
                ));
                continue;
            };
            met_count = met_count.saturating_add(1);
            let mut evidence = Evidence::at(*time);
            records.iter().for_each(|seq| evidence.cite(*seq));
            let evidence = evidence.with_effect(context.effect(*time, *time));
            if !controlled(*time, context) {
                let reason = format!("{}: with or after the destruction.", objective.title);
                details.push(point(0.0, full, &reason, evidence));
                continue;
            }
            let elapsed_s = time.since(window.0).as_secs_f64();
            let value = full * decay(elapsed_s, length_s, rubric.red.late_share);
            let reason = format!("{}: met at {}.", objective.title, clock(*time));
            details.push(point(value, full, &reason, evidence));
        }
        if let Some((time, seq)) = context.ruptured {
            let earned: f64 = details.iter().map(|point| point.points).sum();
            let once = (self.max * rubric.red.uncontrolled_share).min(self.max - earned);
            let evidence = Evidence::at(time).citing(seq);
            details.push(point(
                once,
                once,
                "Uncontrolled damage, paid once.",
                evidence,
            ));
        }
        MetricResult {
            value: Some(f64::from(met_count)),
            max: self.max,
            reason: format!(
                "{met_count} of {} objectives met.",
                context.objectives.len()
            ),
            details,
        }
    }
}

impl Metric for RunningPrecision {
    fn observe(&mut self, _record: &Record, _context: &Context) {}

    fn result(&self, rubric: &Rubric, context: &Context) -> MetricResult {
        if let Some(result) = idle(context) {
            return result;
        }
        let refused = sum(context.attacks.values().map(|known| known.refused));
        let share = (1.0 - float(refused) * rubric.red.refused_cost_share).max(0.0);
        let reason = format!("{}.", plural(refused, "refused attempt"));
        let evidence = Evidence::between(SimTime::ZERO, context.now);
        let points = self.max * share * met_share(rubric, context);
        let details = vec![point(points, self.max, &reason, evidence)];
        MetricResult {
            value: Some(share),
            max: self.max,
            reason,
            details,
        }
    }
}

impl Metric for RunningStealth {
    fn observe(&mut self, record: &Record, _context: &Context) {
        let noisy = match record.kind {
            RecordKind::Detection { .. } => &mut self.detections,
            RecordKind::AttackRefused { .. } => &mut self.refused,
            _ => return,
        };
        *noisy = noisy.saturating_add(1);
        if self.noise.record_count == 0 {
            self.noise.from = record.time;
        }
        self.noise.to = record.time;
        self.noise.cite(record.seq);
    }

    fn result(&self, rubric: &Rubric, context: &Context) -> MetricResult {
        if let Some(result) = idle(context) {
            return result;
        }
        let outcome = detection::outcome(rubric, context);
        let hidden = outcome.incidents.iter().map(|incident| {
            let whole_s = context.now.since(incident.began).as_secs_f64();
            let reported = incident
                .credit
                .as_ref()
                .map_or(context.now, |credit| credit.time);
            let hidden_s = reported.since(incident.began).as_secs_f64();
            if whole_s > 0.0 {
                (hidden_s / whole_s).min(1.0)
            } else {
                1.0
            }
        });
        let hidden = hidden.sum::<f64>() / float(outcome.incidents.len() as u64).max(1.0);
        let events = float(self.detections.saturating_add(self.refused));
        let noisy = (events - rubric.red.free_detections).max(0.0);
        let quiet = (1.0 - noisy * rubric.red.noise_cost_share).max(0.0);
        let share = hidden * quiet;
        let reason = format!(
            "{:.0} % of the attack's time unreported; {} and {} made noise.",
            hidden * 100.0,
            plural(self.detections, "detection"),
            plural(self.refused, "refused attempt")
        );
        let points = self.max * share * met_share(rubric, context);
        let details = vec![point(points, self.max, &reason, self.noise.clone())];
        MetricResult {
            value: Some(share),
            max: self.max,
            reason,
            details,
        }
    }
}

fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn float(number: u64) -> f64 {
    number as f64
}

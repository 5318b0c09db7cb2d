//! Damage to equipment and loss to the environment.

use super::{Metric, MetricKind, MetricResult, Side};
use crate::describe::{clip, plural};
use crate::{Context, Evidence, Point, Rubric, Visibility};
use sim_record::{PlantEvent, Record, RecordKind, SimTime};

/// Most events that are listed one by one; further ones still cost.
const LISTED_MAX: usize = 32;

/// Largest loss that is counted: far above what any plant holds, so that sums stay finite.
const LOSS_MAX_KMOL: f64 = 1e9;

/// Damage.
pub struct Damage;

impl MetricKind for Damage {
    fn id(&self) -> &'static str {
        "damage"
    }
    fn title(&self) -> &'static str {
        "Damage and environment"
    }
    fn summary(&self) -> &'static str {
        "Rupture, damaged equipment, openings of relief valves and what was lost to the environment."
    }
    fn unit(&self) -> &'static str {
        "kmol lost"
    }
    fn side(&self) -> Side {
        Side::Blue
    }
    fn visibility(&self) -> Visibility {
        Visibility::Live
    }
    fn default_points(&self) -> f64 {
        10.0
    }
    fn start(&self, rubric: &Rubric) -> Box<dyn Metric> {
        Box::new(Running {
            max: self.weight(rubric),
            rules: rubric.damage,
            costs: Vec::new(),
            unlisted_cost: 0.0,
            loss_kmol: 0.0,
        })
    }
}

struct Running {
    max: f64,
    rules: crate::Damage,
    costs: Vec<(SimTime, u64, f64, String)>,
    unlisted_cost: f64,
    loss_kmol: f64,
}

impl Metric for Running {
    fn observe(&mut self, record: &Record, _context: &Context) {
        let RecordKind::PlantEvent(event) = &record.kind else {
            return;
        };
        let (cost, reason) = match event {
            PlantEvent::Ruptured => (self.max, "The vessel burst.".to_owned()),
            PlantEvent::Damaged { what } => {
                (self.rules.damaged_cost, clip(&format!("Damaged: {what}.")))
            }
            PlantEvent::ReliefOpened => (
                self.rules.relief_cost,
                "A relief valve opened to the environment.".to_owned(),
            ),
            PlantEvent::ReliefClosed { loss_kmol } => {
                // The record carries the loss so far.
                let more = (loss_kmol.min(LOSS_MAX_KMOL) - self.loss_kmol).max(0.0);
                let more = if more.is_finite() { more } else { 0.0 };
                self.loss_kmol += more;
                let reason = format!("{more:.1} kmol were lost to the environment.");
                (more * self.rules.loss_cost_per_kmol, reason)
            }
        };
        if self.costs.len() < LISTED_MAX {
            self.costs.push((record.time, record.seq, cost, reason));
        } else {
            self.unlisted_cost += cost;
        }
    }

    fn result(&self, _rubric: &Rubric, context: &Context) -> MetricResult {
        if context.plants.iter().all(Option::is_none) {
            return MetricResult::none("No plant was running yet.");
        }
        let point = |points: f64, max: f64, reason: &str, evidence: Evidence| Point {
            points,
            max,
            reason: reason.to_owned(),
            visibility: Visibility::Live,
            evidence,
        };
        let whole = Evidence::between(SimTime::ZERO, context.now);
        let mut details = vec![point(
            self.max,
            self.max,
            "Full points, before damage.",
            whole,
        )];
        let mut left = self.max;
        for (time, seq, cost, reason) in &self.costs {
            let cost = cost.min(left);
            left -= cost;
            let evidence = Evidence::at(*time).citing(*seq);
            details.push(point(
                -cost,
                0.0,
                reason,
                evidence.with_effect(context.effect(*time, *time)),
            ));
        }
        if self.unlisted_cost > 0.0 {
            let cost = self.unlisted_cost.min(left);
            details.push(point(
                -cost,
                0.0,
                "Further events.",
                Evidence::at(context.now),
            ));
        }
        let reason = if self.costs.is_empty() {
            "Nothing was damaged and nothing was lost to the environment.".to_owned()
        } else {
            format!(
                "{}; {:.1} kmol lost to the environment.",
                plural(self.costs.len() as u64, "event"),
                self.loss_kmol
            )
        };
        MetricResult {
            value: Some(self.loss_kmol),
            max: self.max,
            reason,
            details,
        }
    }
}

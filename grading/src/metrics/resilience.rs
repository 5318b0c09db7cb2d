//! Resilience R = 1 - integral of (Q0 - Q) / (Q0 T), from the first attack on.
//!
//! Integral of lost performance: Bruneau 2003; surveyed in Cledel et al. 2020, 10.20517/jsss.2020.08.

use super::service::{evidence_of, lost_tail_s};
use super::{Metric, MetricKind, MetricResult, Side};
use crate::{Context, Point, Rubric, Spans, Visibility};
use sim_record::{Record, RecordKind, SimTime};

/// Resilience.
pub struct Resilience;

impl MetricKind for Resilience {
    fn id(&self) -> &'static str {
        "resilience"
    }
    fn title(&self) -> &'static str {
        "Resilience"
    }
    fn summary(&self) -> &'static str {
        "R = 1 - lost performance over the baseline, from the first attack to the end."
    }
    fn unit(&self) -> &'static str {
        "R"
    }
    fn side(&self) -> Side {
        Side::Blue
    }
    fn visibility(&self) -> Visibility {
        // It starts at the first attack, which is ground truth.
        Visibility::Debrief
    }
    fn default_points(&self) -> f64 {
        5.0
    }
    fn start(&self, rubric: &Rubric) -> Box<dyn Metric> {
        Box::new(Running {
            max: self.weight(rubric),
            ..Running::default()
        })
    }
}

#[derive(Default)]
struct Running {
    max: f64,
    attacked: bool,
    /// Lost performance, Q-seconds.
    lost: f64,
    /// Baseline, Q-seconds.
    baseline: f64,
    q0: f64,
    last: Option<(SimTime, f64)>,
    below: Spans,
}

impl Metric for Running {
    fn observe(&mut self, record: &Record, context: &Context) {
        match record.kind {
            RecordKind::AttackBegan { .. } if !self.attacked => {
                self.attacked = true;
                self.last = self.last.map(|(_, loss)| (record.time, loss));
            }
            RecordKind::Sample(_) => {
                let (q, q0) = context.q_and_q0();
                let loss = (q0 - q).max(0.0);
                if let (true, Some((since, loss_before))) = (self.attacked, self.last) {
                    let elapsed_s = record.time.since(since).as_secs_f64();
                    self.lost += loss_before * elapsed_s;
                    self.baseline += q0 * elapsed_s;
                    self.below.set(loss > q0 * 0.05, record.time, record.seq);
                }
                self.q0 = q0;
                self.last = Some((record.time, loss));
            }
            _ => {}
        }
    }

    fn result(&self, _rubric: &Rubric, context: &Context) -> MetricResult {
        if !self.attacked {
            return MetricResult::none("There was no attack to withstand.");
        }
        let tail = self.q0 * lost_tail_s(context);
        let (lost, baseline) = (self.lost + tail, self.baseline + tail);
        let r = if baseline > 0.0 {
            (1.0 - lost / baseline).clamp(0.0, 1.0)
        } else {
            1.0
        };
        let reason = format!(
            "R = {r:.3}: {:.1} % of the service was lost after the first attack.",
            (1.0 - r) * 100.0
        );
        let longest = self.below.longest(context.now);
        let point = Point {
            points: self.max * r,
            max: self.max,
            reason: reason.clone(),
            visibility: Visibility::Debrief,
            evidence: evidence_of(longest.as_ref(), context),
        };
        MetricResult {
            value: Some(r),
            max: self.max,
            reason,
            details: vec![point],
        }
    }
}

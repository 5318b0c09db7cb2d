//! Legitimate connections that a firewall refused.
//!
//! Whose a connection is belongs to ground truth, so this is kept for the debrief: shown live, it
//! would tell a team which traffic is the attackers'.

use super::{Metric, MetricKind, MetricResult, Side};
use crate::describe::plural;
use crate::{Context, Evidence, Point, Rubric, Visibility};
use sim_record::{Record, RecordKind, SimTime, Team};

/// Conduits.
pub struct Conduits;

impl MetricKind for Conduits {
    fn id(&self) -> &'static str {
        "conduits"
    }
    fn title(&self) -> &'static str {
        "Legitimate traffic"
    }
    fn summary(&self) -> &'static str {
        "Legitimate connections that a firewall refused."
    }
    fn unit(&self) -> &'static str {
        "connections refused"
    }
    fn side(&self) -> Side {
        Side::Blue
    }
    fn visibility(&self) -> Visibility {
        Visibility::Debrief
    }
    fn default_points(&self) -> f64 {
        4.0
    }
    fn start(&self, rubric: &Rubric) -> Box<dyn Metric> {
        Box::new(Running {
            max: self.weight(rubric),
            blocked: 0,
            evidence: Evidence::default(),
        })
    }
}

struct Running {
    max: f64,
    blocked: u64,
    evidence: Evidence,
}

impl Metric for Running {
    fn observe(&mut self, record: &Record, context: &Context) {
        let RecordKind::Blocked { by, .. } = &record.kind else {
            return;
        };
        if context.team(*by) == Team::Red {
            return;
        }
        if self.blocked == 0 {
            self.evidence.from = record.time;
        }
        self.blocked = self.blocked.saturating_add(1);
        self.evidence.to = record.time;
        self.evidence.cite(record.seq);
    }

    fn result(&self, rubric: &Rubric, context: &Context) -> MetricResult {
        if context.info.is_none() {
            return MetricResult::none("The match has not begun.");
        }
        #[allow(clippy::cast_precision_loss, reason = "a count far below 2^52")]
        let blocked = self.blocked as f64;
        let cost = (blocked * rubric.view.blocked_cost).min(self.max);
        let point = |points: f64, max: f64, reason: &str, evidence: Evidence| Point {
            points,
            max,
            reason: reason.to_owned(),
            visibility: Visibility::Debrief,
            evidence,
        };
        let whole = Evidence::between(SimTime::ZERO, context.now);
        let start = "Full points, before what refused connections cost.";
        let mut details = vec![point(self.max, self.max, start, whole)];
        let reason = if self.blocked > 0 {
            let refused = plural(self.blocked, "connection");
            format!("Refused by a firewall, though not the attackers': {refused}.")
        } else {
            "No legitimate connection was refused.".to_owned()
        };
        if self.blocked > 0 {
            details.push(point(-cost, 0.0, &reason, self.evidence.clone()));
        }
        MetricResult {
            value: Some(blocked),
            max: self.max,
            reason,
            details,
        }
    }
}

//! Costs of drastic responses: constant restoring, and restoring without saving evidence.

use super::{Metric, MetricKind, MetricResult, Side};
use crate::{Context, Evidence, Point, Rubric, Visibility};
use sim_record::{ProgramChange, Record, RecordKind, Team};
use std::collections::BTreeSet;

/// Most controllers whose saved evidence is remembered.
const SAVED_MAX: usize = 256;

/// Response.
pub struct Response;

impl MetricKind for Response {
    fn id(&self) -> &'static str {
        "response"
    }
    fn title(&self) -> &'static str {
        "Costs of the response"
    }
    fn summary(&self) -> &'static str {
        "Restores beyond the budget, and restores that destroyed evidence because it was not saved first."
    }
    fn unit(&self) -> &'static str {
        "restores"
    }
    fn side(&self) -> Side {
        Side::Blue
    }
    fn visibility(&self) -> Visibility {
        Visibility::Live
    }
    fn default_points(&self) -> f64 {
        0.0
    }
    fn floor(&self, rubric: &Rubric) -> f64 {
        -rubric.response.cost_max
    }
    fn start(&self, _rubric: &Rubric) -> Box<dyn Metric> {
        Box::new(Running::default())
    }
}

#[derive(Default)]
struct Running {
    /// Controllers whose evidence was saved since their last restore.
    saved: BTreeSet<String>,
    restores: u32,
    without_evidence: u32,
    evidence: Evidence,
}

impl Metric for Running {
    fn observe(&mut self, record: &Record, context: &Context) {
        let RecordKind::Program {
            asset, change, by, ..
        } = &record.kind
        else {
            return;
        };
        if context.team(*by) != Team::Blue {
            return;
        }
        match change {
            ProgramChange::EvidenceSaved if self.saved.len() < SAVED_MAX => {
                self.saved.insert(asset.clone());
            }
            ProgramChange::Restored | ProgramChange::Downloaded => {
                if self.restores == 0 {
                    self.evidence.from = record.time;
                }
                self.restores = self.restores.saturating_add(1);
                self.evidence.to = record.time;
                self.evidence.cite(record.seq);
                if !self.saved.remove(asset) {
                    self.without_evidence = self.without_evidence.saturating_add(1);
                }
            }
            _ => {}
        }
    }

    fn result(&self, rubric: &Rubric, _context: &Context) -> MetricResult {
        if self.restores == 0 {
            return MetricResult::none("No program was restored.");
        }
        let rules = &rubric.response;
        let beyond = (f64::from(self.restores) - rules.restore_budget).max(0.0);
        let point = |points: f64, reason: String| Point {
            points,
            max: 0.0,
            reason,
            visibility: Visibility::Live,
            evidence: self.evidence.clone(),
        };
        let details = vec![
            point(
                -beyond * rules.restore_cost,
                format!("{} restores, {beyond:.0} beyond the budget.", self.restores),
            ),
            point(
                -f64::from(self.without_evidence) * rules.evidence_cost,
                format!(
                    "{} restores without saving evidence first.",
                    self.without_evidence
                ),
            ),
        ];
        MetricResult {
            value: Some(f64::from(self.restores)),
            max: 0.0,
            reason: format!(
                "{} restores, {} of them without saving evidence first.",
                self.restores, self.without_evidence
            ),
            details,
        }
    }
}

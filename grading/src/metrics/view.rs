//! Loss of view and historian gaps.

use super::{Metric, MetricKind, MetricResult, Side};
use crate::describe::{clip, duration};
use crate::{Context, Evidence, Point, Rubric, Spans, Visibility};
use sim_record::{Record, RecordKind, SimTime};
use std::collections::BTreeMap;

/// Most pairs of station and controller that are followed.
const PAIRS_MAX: usize = 256;

/// View.
pub struct View;

impl MetricKind for View {
    fn id(&self) -> &'static str {
        "view"
    }
    fn title(&self) -> &'static str {
        "View"
    }
    fn summary(&self) -> &'static str {
        "Seconds in which an HMI or historian has lost a controller (T0829)."
    }
    fn unit(&self) -> &'static str {
        "s lost"
    }
    fn side(&self) -> Side {
        Side::Blue
    }
    fn visibility(&self) -> Visibility {
        Visibility::Live
    }
    fn default_points(&self) -> f64 {
        6.0
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
    any_lost: Spans,
    pairs: BTreeMap<(String, String), Spans>,
}

impl Metric for Running {
    fn observe(&mut self, record: &Record, context: &Context) {
        let RecordKind::Communication {
            station,
            asset,
            good,
        } = &record.kind
        else {
            return;
        };
        self.any_lost
            .set(context.views_lost() > 0, record.time, record.seq);
        let key = (station.clone(), asset.clone());
        if self.pairs.len() < PAIRS_MAX || self.pairs.contains_key(&key) {
            let spans = self.pairs.entry(key).or_default();
            spans.set(!good, record.time, record.seq);
        }
    }

    fn result(&self, rubric: &Rubric, context: &Context) -> MetricResult {
        if context.info.is_none() {
            return MetricResult::none("The match has not begun.");
        }
        let rules = &rubric.view;
        let lost_s = self.any_lost.total_s(context.now);
        let lost_cost = (lost_s * rules.lost_cost_per_s).min(self.max);
        let point = |points: f64, max: f64, reason: String, evidence: Evidence| Point {
            points,
            max,
            reason,
            visibility: Visibility::Live,
            evidence,
        };
        let mut details = vec![point(
            self.max,
            self.max,
            "Full points, before what lost views cost.".into(),
            Evidence::between(SimTime::ZERO, context.now),
        )];
        if lost_s > 0.0 {
            let evidence = self.any_lost.longest(context.now);
            let evidence = evidence.map_or_else(Evidence::default, |span| Evidence::of(&span));
            details.push(point(-lost_cost, 0.0, self.lost_reason(context), evidence));
        }
        let reason = if lost_s > 0.0 {
            format!("Views were lost for {}.", duration(lost_s))
        } else {
            "Every station kept its view.".to_owned()
        };
        MetricResult {
            value: Some(lost_s),
            max: self.max,
            reason,
            details,
        }
    }
}

impl Running {
    fn lost_reason(&self, context: &Context) -> String {
        let lost = self.pairs.iter().filter(|(_, spans)| spans.count() > 0);
        let parts: Vec<String> = lost
            .map(|((station, asset), spans)| {
                format!(
                    "{station} had lost {asset} for {}",
                    duration(spans.total_s(context.now))
                )
            })
            .collect();
        clip(&format!("{}.", parts.join(", ")))
    }
}

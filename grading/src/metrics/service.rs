//! Production and quality against the undisturbed baseline Q0.

use super::{Metric, MetricKind, MetricResult, Side};
use crate::describe::{duration, plural};
use crate::{Context, Evidence, Interval, Point, Rubric, Spans, Visibility};
use sim_record::{EndReason, Record, RecordKind, SimTime};

/// Longest time between two samples that earns production; a longer gap earns nothing.
pub(super) const SAMPLE_GAP_MAX_US: u64 = 2_500_000;

/// Service.
pub struct Service;

impl MetricKind for Service {
    fn id(&self) -> &'static str {
        "service"
    }
    fn title(&self) -> &'static str {
        "Service"
    }
    fn summary(&self) -> &'static str {
        "Production and time in specification against the undisturbed baseline; production that operators cannot see does not count."
    }
    fn unit(&self) -> &'static str {
        "share of the baseline"
    }
    fn side(&self) -> Side {
        Side::Blue
    }
    fn visibility(&self) -> Visibility {
        Visibility::Live
    }
    fn default_points(&self) -> f64 {
        20.0
    }
    fn start(&self, rubric: &Rubric) -> Box<dyn Metric> {
        Box::new(Running {
            in_band_share: rubric.service.in_band_share,
            blind_share: rubric.service.blind_share,
            max: self.weight(rubric),
            produced: 0.0,
            baseline: 0.0,
            blind_loss: 0.0,
            q0: 0.0,
            last: None,
            off_spec: Spans::default(),
        })
    }
}

struct Running {
    in_band_share: f64,
    blind_share: f64,
    max: f64,
    /// Integral of Q that counts, Q-seconds.
    produced: f64,
    /// Integral of Q0, Q-seconds.
    baseline: f64,
    /// Production that nobody could see, Q-seconds.
    blind_loss: f64,
    q0: f64,
    /// Time, Q and blindness of the latest instant.
    last: Option<(SimTime, f64, bool)>,
    off_spec: Spans,
}

impl Metric for Running {
    fn observe(&mut self, record: &Record, context: &Context) {
        let RecordKind::Sample(_) = record.kind else {
            return;
        };
        let (q, q0) = context.q_and_q0();
        if let Some((since, q_before, blind)) = self.last {
            let elapsed_us = record.time.since(since).0;
            let elapsed_s = SimTime(elapsed_us).as_secs_f64();
            self.baseline += q0 * elapsed_s;
            if elapsed_us <= SAMPLE_GAP_MAX_US {
                let share = if blind { self.blind_share } else { 1.0 };
                self.produced += q_before * share * elapsed_s;
                self.blind_loss += q_before * (1.0 - share) * elapsed_s;
            }
        }
        self.q0 = q0;
        self.off_spec
            .set(q < q0 * self.in_band_share, record.time, record.seq);
        self.last = Some((record.time, q, context.blind()));
    }

    fn result(&self, rubric: &Rubric, context: &Context) -> MetricResult {
        if self.baseline <= 0.0 {
            return MetricResult::none("No production was due yet.");
        }
        let lost_tail_s = lost_tail_s(context);
        let due = self.baseline + self.q0 * lost_tail_s;
        let share = (self.produced / due).clamp(0.0, 1.0);
        let off_spec_s = self.off_spec.total_s(context.now) + lost_tail_s;
        let total_s = context.now.as_secs_f64() + lost_tail_s;
        let good = (1.0 - off_spec_s / total_s.max(1.0)).clamp(0.0, 1.0);
        let max_production = self.max * rubric.service.production_share;
        let max_quality = self.max - max_production;
        let worst = self.off_spec.longest(context.now);
        let details = vec![
            Point {
                points: max_production * share,
                max: max_production,
                reason: production_reason(share, self.blind_loss, lost_tail_s),
                visibility: Visibility::Live,
                evidence: evidence_of(worst.as_ref(), context),
            },
            Point {
                points: max_quality * good,
                max: max_quality,
                reason: format!(
                    "Off specification for {} in {}.",
                    duration(off_spec_s),
                    plural(self.off_spec.count(), "period")
                ),
                visibility: Visibility::Live,
                evidence: evidence_of(worst.as_ref(), context),
            },
        ];
        MetricResult {
            value: Some(share),
            max: self.max,
            reason: format!(
                "{:.1} % of the undisturbed production, off specification for {}.",
                share * 100.0,
                duration(off_spec_s)
            ),
            details,
        }
    }
}

fn production_reason(share: f64, blind_loss: f64, lost_tail_s: f64) -> String {
    let mut reason = format!("{:.1} % of the undisturbed production.", share * 100.0);
    if blind_loss > 0.5 {
        reason.push_str(&format!(
            " The equivalent of {} ran without a view of the plant and does not count.",
            duration(blind_loss)
        ));
    }
    if lost_tail_s > 0.0 {
        let rest = duration(lost_tail_s);
        reason.push_str(&format!(
            " The remaining {rest} of the order were lost with the plant."
        ));
    }
    reason
}

/// What is left of the match when the plant is destroyed: it produces nothing any more.
pub(super) fn lost_tail_s(context: &Context) -> f64 {
    if context.end == Some(EndReason::Destroyed) {
        context.ends().since(context.now).as_secs_f64()
    } else {
        0.0
    }
}

/// Evidence of a stretch with what the plant did in it; the whole match where there is none.
pub(super) fn evidence_of(stretch: Option<&Interval>, context: &Context) -> Evidence {
    match stretch {
        Some(stretch) => {
            Evidence::of(stretch).with_effect(context.effect(stretch.from, stretch.to))
        }
        None => Evidence::between(SimTime::ZERO, context.now),
    }
}

//! Mean times to detect, contain and recover: restricted means with the number of censored cases.
//!
//! A case without an end counts with the time until now, never with zero, and is counted as censored.

use super::containment::Attackers;
use super::detection;
use super::recovery::Recovering;
use super::{Metric, MetricKind, MetricResult, Side};
use crate::describe::{duration, plural};
use crate::{Context, Rubric, Visibility};
use sim_record::Record;

macro_rules! time_metric {
    ($kind:ident, $id:literal, $title:literal, $summary:literal, $start:expr) => {
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
                "s"
            }
            fn side(&self) -> Side {
                Side::Info
            }
            fn visibility(&self) -> Visibility {
                Visibility::Debrief
            }
            fn default_points(&self) -> f64 {
                0.0
            }
            fn start(&self, rubric: &Rubric) -> Box<dyn Metric> {
                let start: fn(&Rubric) -> Box<dyn Metric> = $start;
                start(rubric)
            }
        }
    };
}

time_metric!(
    TimeToDetect,
    "mttd",
    "Mean time to detect",
    "From the begin of each incident to its first valid report, or to the end.",
    |_| Box::new(Detecting)
);
time_metric!(
    TimeToContain,
    "mttc",
    "Mean time to contain",
    "From each attacker's first visible act to the refusal by a defender's command, or to the end.",
    |_| Box::new(Containing(Attackers::default()))
);
time_metric!(
    TimeToRecover,
    "mttr",
    "Mean time to recover",
    "From the first loss to recovery, or to the end.",
    |rubric| Box::new(RecoveringTime(Recovering::new(rubric)))
);

struct Detecting;
struct Containing(Attackers);
struct RecoveringTime(Recovering);

/// Restricted mean of times, each with whether it is censored.
fn mean(cases: &[(f64, bool)], nothing: &str) -> MetricResult {
    if cases.is_empty() {
        return MetricResult::none(nothing);
    }
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let mean_s = cases.iter().map(|(time_s, _)| time_s).sum::<f64>() / cases.len() as f64;
    let censored = cases.iter().filter(|(_, censored)| *censored).count();
    let reason = format!(
        "{} over {}, {censored} censored.",
        duration(mean_s),
        plural(cases.len() as u64, "case")
    );
    MetricResult::info(Some(mean_s), reason)
}

impl Metric for Detecting {
    fn observe(&mut self, _record: &Record, _context: &Context) {}

    fn result(&self, rubric: &Rubric, context: &Context) -> MetricResult {
        let outcome = detection::outcome(rubric, context);
        let cases: Vec<(f64, bool)> = outcome
            .incidents
            .iter()
            .map(|incident| {
                let credit = incident.credit.as_ref();
                let until = credit.map_or(context.now, |credit| credit.time);
                (until.since(incident.began).as_secs_f64(), credit.is_none())
            })
            .collect();
        mean(&cases, "There was no attack.")
    }
}

impl Metric for Containing {
    fn observe(&mut self, record: &Record, context: &Context) {
        self.0.observe(record, context);
    }

    fn result(&self, _rubric: &Rubric, context: &Context) -> MetricResult {
        let cases: Vec<(f64, bool)> = self
            .0
            .list
            .iter()
            .map(
                |(id, attacker)| match self.0.contained_after_s(*id, context) {
                    Some(after_s) => (after_s, false),
                    None => (
                        context
                            .now
                            .since(attacker.visible(*id, context))
                            .as_secs_f64(),
                        true,
                    ),
                },
            )
            .collect();
        mean(&cases, "There was no attacker.")
    }
}

impl Metric for RecoveringTime {
    fn observe(&mut self, record: &Record, context: &Context) {
        self.0.observe(record, context);
    }

    fn result(&self, _rubric: &Rubric, context: &Context) -> MetricResult {
        let recovered = self.0.recovered(context);
        let case = match (recovered, self.0.lost()) {
            (Some((lost, at)), _) => Some((at.since(lost).as_secs_f64(), false)),
            (None, Some(lost)) => Some((context.now.since(lost).as_secs_f64(), true)),
            (None, None) => None,
        };
        mean(case.as_slice(), "Nothing was lost.")
    }
}

//! The registry of metrics. A new metric is one file here and one line in [`METRICS`].

pub mod detection;
mod etapr;

mod alarms;
mod batadal;
mod conduits;
mod containment;
mod damage;
mod recovery;
mod red;
mod resilience;
mod response;
mod safety;
mod service;
mod times;
mod view;

use crate::{Context, Point, Rubric, Visibility};
use serde::Serialize;
use sim_record::Record;

/// Every metric, in the order of reports.
pub static METRICS: &[&dyn MetricKind] = &[
    &service::Service,
    &resilience::Resilience,
    &safety::Safety,
    &damage::Damage,
    &view::View,
    &conduits::Conduits,
    &detection::Detection,
    &containment::Containment,
    &recovery::Recovery,
    &response::Response,
    &red::Objectives,
    &red::Precision,
    &red::Stealth,
    &times::TimeToDetect,
    &times::TimeToContain,
    &times::TimeToRecover,
    &alarms::AlarmFlood,
    &batadal::Batadal,
    &etapr::Etapr,
];

/// Whose points a metric gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Defenders.
    Blue,
    /// Attackers.
    Red,
    /// Nobody's: for information.
    Info,
}

/// A kind of metric: its name, its place in the score and how to start it.
pub trait MetricKind: Sync {
    /// Id in the registry, the rubric and reports.
    fn id(&self) -> &'static str;

    /// Title for people.
    fn title(&self) -> &'static str;

    /// What it measures and how, in a sentence.
    fn summary(&self) -> &'static str;

    /// Unit of its value.
    fn unit(&self) -> &'static str;

    /// Whose points it gives.
    fn side(&self) -> Side;

    /// Who may see it before the debrief.
    fn visibility(&self) -> Visibility;

    /// Points of the match that it is worth unless the rubric says otherwise.
    fn default_points(&self) -> f64;

    /// Lowest number of points, for metrics that can cost more than they earn.
    fn floor(&self, _rubric: &Rubric) -> f64 {
        0.0
    }

    /// Points of the match that it is worth.
    fn weight(&self, rubric: &Rubric) -> f64 {
        rubric.weight(self.id(), self.default_points())
    }

    /// A metric that has seen nothing.
    fn start(&self, rubric: &Rubric) -> Box<dyn Metric>;
}

/// A metric at work.
pub trait Metric: Send {
    /// Takes in a record that `context` already knows.
    fn observe(&mut self, record: &Record, context: &Context);

    /// The result after the records so far.
    fn result(&self, rubric: &Rubric, context: &Context) -> MetricResult;
}

/// What a metric says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricResult {
    /// Measured value, where there is one.
    pub value: Option<f64>,
    /// Points that could be earned; 0 when there was no occasion.
    pub max: f64,
    /// Why, in a sentence for a student.
    pub reason: String,
    /// Parts, whose sum is the points.
    pub details: Vec<Point>,
}

impl MetricResult {
    /// A metric for which there was no occasion.
    #[must_use]
    pub fn none(reason: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            ..Self::default()
        }
    }

    /// A value for information.
    #[must_use]
    pub fn info(value: Option<f64>, reason: String) -> Self {
        Self {
            value,
            reason,
            ..Self::default()
        }
    }

    /// Sum of the parts, between `floor` and the maximum.
    #[must_use]
    pub fn points(&self, floor: f64) -> f64 {
        let sum: f64 = self.details.iter().map(|point| point.points).sum();
        sum.clamp(floor.min(self.max), self.max)
    }
}

/// What is left of a credit after `elapsed_s`: 1 at once, `late_share` from `slow_s` on.
#[must_use]
pub(crate) fn decay(elapsed_s: f64, slow_s: f64, late_share: f64) -> f64 {
    let progress = if slow_s > 0.0 {
        (elapsed_s / slow_s).clamp(0.0, 1.0)
    } else {
        1.0
    };
    1.0 - (1.0 - late_share) * progress
}

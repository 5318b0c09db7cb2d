//! Grading: who did how well in a match, why, and by which evidence.
//!
//! A [`Grader`] observes the records of a match one by one and can give its [`Report`] after any of
//! them; [`grade`] is the fold of the same grader over a recording, so live and offline results are
//! equal at every prefix. Grading reads records and a [`Rubric`], and nothing else: no range, no
//! clock, no file.
//!
//! A metric is one file under `metrics/` and one line in [`METRICS`]; its weight stands in the
//! rubric under its id.

pub mod attack;
pub mod metrics;

mod attacks;
mod context;
mod course;
mod curve;
mod describe;
mod evidence;
mod grader;
mod matching;
mod missed;
mod render;
mod report;
mod rubric;
mod spans;

pub use attacks::{AttackInstance, Refusal};
pub use context::Context;
pub use curve::{Curve, CurvePoint};
pub use evidence::{Evidence, Interval, PlantEffect, Point, Register, Visibility};
pub use grader::{Grader, grade};
pub use matching::maximum_weight_matching;
pub use metrics::{METRICS, Metric, MetricKind, MetricResult, Side};
pub use render::{render_html, render_text};
pub use report::{
    AttackSummary, Cap, Flag, MatchSummary, MetricScore, MissedChance, PlantCurve, RecordLine,
    Report, RubricStamp, TimelineEvent, TimelineLane, Total,
};
pub use rubric::{
    Containment, Damage, Debrief, Detection, Recovery, Red, Response, Rubric, Safety, Service, View,
};
pub use spans::Spans;

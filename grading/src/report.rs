//! The report of a match: the same facts as JSON, text and HTML. No path, duration or speed of the run.

use crate::{Curve, CurvePoint, Evidence, Point, Refusal, Side, Visibility, attack};
use serde::Serialize;
use sim_record::{EndReason, SimTime};
use std::collections::BTreeMap;

/// Everything about a match that its players, teachers and managers should know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Version of the records that were graded.
    pub record_version: u16,
    /// By which rubric.
    pub rubric: RubricStamp,
    /// "practice" unless an instructor's server ran the match.
    pub practice: bool,
    /// Which match.
    pub summary: MatchSummary,
    /// The verdict in one sentence.
    pub headline: String,
    /// Defenders.
    pub blue: Total,
    /// Attackers.
    pub red: Total,
    /// Every metric in the order of the registry.
    pub metrics: Vec<MetricScore>,
    /// Attack instances: ground truth.
    pub attacks: Vec<AttackSummary>,
    /// Moments at which a defender could have stopped it.
    pub missed: Vec<MissedChance>,
    /// What an instructor should look at; never punished by machine beyond what the metrics say.
    pub flags: Vec<Flag>,
    /// Events in order of time.
    pub timeline: Vec<TimelineEvent>,
    /// Events that the timeline had no room for.
    pub timeline_left_out: u64,
    /// Curves of the plants.
    pub curves: Vec<PlantCurve>,
    /// Every record that evidence cites, in words.
    pub records: BTreeMap<u64, RecordLine>,
    /// Where the technique names come from.
    pub attack_notice: String,
}

/// Which rubric graded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RubricStamp {
    /// Title.
    pub title: String,
    /// BLAKE3 of all its numbers, hexadecimal.
    pub digest: String,
}

/// Which match, how far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MatchSummary {
    /// Scenario id.
    pub scenario: String,
    /// Scenario title.
    pub title: String,
    /// Cast.
    pub cast: String,
    /// Pace.
    pub pace: String,
    /// Seed; disclosed only after the end.
    pub seed: Option<u64>,
    /// UTC of virtual time 0, microseconds since 1970.
    pub start_utc_us: i64,
    /// Red's window opens, microseconds since the start.
    pub red_window_from_us: SimTime,
    /// Red's window closes, microseconds since the start.
    pub red_window_to_us: SimTime,
    /// Graded up to here, microseconds since the start.
    pub graded_until_us: SimTime,
    /// Declared end, microseconds since the start.
    pub ends_us: SimTime,
    /// Why it ended; none while it runs.
    pub ended: Option<EndReason>,
}

/// Points of a team.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Total {
    /// 0 to 100, after caps.
    pub score: f64,
    /// Points earned.
    pub points: f64,
    /// Points that could be earned; metrics without an occasion do not count.
    pub max: f64,
    /// What capped the score.
    pub caps: Vec<Cap>,
}

/// A limit on a score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cap {
    /// Highest score.
    pub limit: f64,
    /// Why.
    pub reason: String,
}

/// Result of one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricScore {
    /// Id in the registry.
    pub id: String,
    /// Title for people.
    pub title: String,
    /// Whose points.
    pub side: Side,
    /// Measured value in `unit`, where there is one.
    pub value: Option<f64>,
    /// Unit of `value`.
    pub unit: String,
    /// Points earned.
    pub points: f64,
    /// Points that could be earned; 0 when there was no occasion or it is for information.
    pub max: f64,
    /// Why, in a sentence for a student.
    pub reason: String,
    /// Who may see it before the debrief.
    pub visibility: Visibility,
    /// Parts with evidence.
    pub details: Vec<Point>,
}

/// One attack instance and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttackSummary {
    /// Number in the match.
    pub number: u32,
    /// ATT&CK for ICS id, in force.
    pub technique: String,
    /// Its name.
    pub technique_name: String,
    /// Asset attacked.
    pub asset: String,
    /// Who.
    pub by: String,
    /// First moment at which the defenders could see it.
    pub visible_us: Option<SimTime>,
    /// Report that was credited for it.
    pub report: Option<u32>,
    /// When it was reported; none is a censored time, never zero.
    pub reported_us: Option<SimTime>,
    /// Effective acts.
    pub acts: u64,
    /// Refused attempts.
    pub refused: u64,
    /// The first refused attempts.
    pub refusals: Vec<Refusal>,
    /// Begin, end, records, frames, register, effect.
    pub evidence: Evidence,
}

/// A moment at which a defender could have stopped or shortened it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MissedChance {
    /// What was missed.
    pub title: String,
    /// What could be seen.
    pub visible: String,
    /// What could have been done.
    pub could: String,
    /// What it rests on.
    pub evidence: Evidence,
}

/// Something an instructor should look at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flag {
    /// What.
    pub text: String,
    /// What it rests on.
    pub evidence: Evidence,
}

/// Row of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TimelineLane {
    /// Attack instances and objectives.
    Attack,
    /// Shipped detections.
    Detection,
    /// Alarms.
    Alarm,
    /// Incident reports.
    Report,
    /// What defenders did.
    Response,
    /// Plant and controllers.
    Plant,
    /// Course of the match.
    Match,
}

/// One event of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimelineEvent {
    /// Begin, microseconds since the start.
    #[serde(rename = "time_us")]
    pub time: SimTime,
    /// End, for what lasts.
    #[serde(rename = "until_us", skip_serializing_if = "Option::is_none")]
    pub until: Option<SimTime>,
    /// Row.
    pub lane: TimelineLane,
    /// In words.
    pub text: String,
    /// Record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// Who may see it before the debrief.
    pub visibility: Visibility,
}

/// A record in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordLine {
    /// Time, microseconds since the start.
    #[serde(rename = "time_us")]
    pub time: SimTime,
    /// In words.
    pub text: String,
    /// Frame of the capture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// Who may see it before the debrief.
    pub visibility: Visibility,
}

/// Curve of one plant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlantCurve {
    /// Plant.
    pub plant: String,
    /// Key signal.
    pub signal: String,
    /// Its unit.
    pub unit: String,
    /// Low limit of normal operation.
    pub low: f64,
    /// High limit of normal operation.
    pub high: f64,
    /// Limit of damage.
    pub damage: f64,
    /// Undisturbed quality of service.
    pub q0: f64,
    /// Samples.
    pub points: Vec<CurvePoint>,
}

impl PlantCurve {
    pub(crate) fn of(curve: &Curve) -> Self {
        let (signal, low, high, damage) = curve.info.key_signal.clone();
        Self {
            plant: curve.info.id.clone(),
            signal,
            unit: curve.unit().to_owned(),
            low,
            high,
            damage,
            q0: curve.info.q0,
            points: curve.points.clone(),
        }
    }
}

impl Report {
    /// Metrics of one side.
    pub fn side(&self, side: Side) -> impl Iterator<Item = &MetricScore> {
        self.metrics
            .iter()
            .filter(move |metric| metric.side == side)
    }

    /// What the defenders may see while the match runs: nothing from ground truth, nothing of red.
    #[must_use]
    pub fn live(&self) -> Self {
        let mut live = self.clone();
        let shown = |visibility: Visibility| visibility == Visibility::Live;
        live.metrics.retain(|metric| shown(metric.visibility));
        live.timeline.retain(|event| shown(event.visibility));
        live.records.retain(|_, line| shown(line.visibility));
        live.attacks.clear();
        live.missed.clear();
        live.flags.clear();
        live.summary.seed = None;
        live.red = Total::of(&[], Side::Red, Vec::new());
        for metric in &mut live.metrics {
            metric.details.retain(|point| shown(point.visibility));
            for point in &mut metric.details {
                let records = &live.records;
                point
                    .evidence
                    .records
                    .retain(|seq| records.contains_key(seq));
                point.evidence.frames.clear();
            }
        }
        live.blue = Total::of(&live.metrics, Side::Blue, self.blue.caps.clone());
        live.headline = format!(
            "Own service and safety so far: {:.0} of 100. The rest follows at the debrief.",
            live.blue.score
        );
        live
    }
}

impl Total {
    /// Adds up one side's metrics and applies the caps.
    pub(crate) fn of(metrics: &[MetricScore], side: Side, caps: Vec<Cap>) -> Self {
        let mine = metrics.iter().filter(|metric| metric.side == side);
        let (points, max) = mine.fold((0.0, 0.0), |(points, max), metric| {
            (points + metric.points, max + metric.max)
        });
        let share = if max > 0.0 {
            (points / max).clamp(0.0, 1.0)
        } else {
            0.0
        };
        let limit = caps
            .iter()
            .fold(100.0, |limit: f64, cap| limit.min(cap.limit));
        let hundredth = |value| crate::curve::round(value, 100.0);
        Self {
            score: hundredth((share * 100.0).min(limit)),
            points: hundredth(points),
            max: hundredth(max),
            caps,
        }
    }
}

impl AttackSummary {
    /// `T0836 Modify Parameter`.
    #[must_use]
    pub fn label(&self) -> String {
        attack::label(&self.technique)
    }
}

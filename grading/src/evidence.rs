//! What a point rests on: time span, records, frames, register and effect on the plant.

use crate::curve::round;
use serde::Serialize;
use sim_record::SimTime;

/// Most records that one piece of evidence lists; the number of all is stated.
pub const EVIDENCE_RECORDS_MAX: usize = 12;

/// Who may see a point before the debrief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// The team itself, while the match runs.
    Live,
    /// Computed from ground truth or the other team's actions.
    Debrief,
}

/// A stretch of time and the records that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Begin.
    pub from: SimTime,
    /// End.
    pub to: SimTime,
    /// Records that show begin and end.
    pub records: Vec<u64>,
}

impl Interval {
    /// Length in seconds.
    #[must_use]
    pub fn length_s(&self) -> f64 {
        self.to.since(self.from).as_secs_f64()
    }
}

/// A register of a controller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Register {
    /// Controller.
    pub asset: String,
    /// Area of an S7 CPU, such as `DB1`, where addresses count bytes; none for Modbus registers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// Address as on the wire.
    pub address: u32,
    /// Items.
    pub count: u32,
}

/// What it did to the plant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlantEffect {
    /// Signal.
    pub signal: String,
    /// Unit.
    pub unit: String,
    /// Value before.
    pub before: f64,
    /// Value farthest from it, in the time span and two minutes after.
    pub after: f64,
}

/// What a point, an attack or a missed chance rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Evidence {
    /// Begin, microseconds since the start.
    #[serde(rename = "from_us")]
    pub from: SimTime,
    /// End, microseconds since the start.
    #[serde(rename = "to_us")]
    pub to: SimTime,
    /// Records by their number, at most [`EVIDENCE_RECORDS_MAX`].
    pub records: Vec<u64>,
    /// Number of all records that belong to it.
    pub record_count: u64,
    /// Frames of the capture that the listed records name.
    pub frames: Vec<u64>,
    /// Register concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register: Option<Register>,
    /// Effect on the plant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plant_effect: Option<PlantEffect>,
}

impl PlantEffect {
    /// `PT-101 from 2700 to 2812.4 kPa`, or that it stayed.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Self {
            signal,
            unit,
            before,
            after,
        } = self;
        let (before, after) = (round(*before, 10.0), round(*after, 10.0));
        if (before - after).abs() < f64::EPSILON {
            format!("{signal} stayed at {before} {unit}")
        } else {
            format!("{signal} from {before} to {after} {unit}")
        }
    }
}

impl Evidence {
    /// Evidence of one instant without records yet.
    #[must_use]
    pub fn at(time: SimTime) -> Self {
        Self {
            from: time,
            to: time,
            ..Self::default()
        }
    }

    /// Evidence of a stretch of time.
    #[must_use]
    pub fn of(interval: &Interval) -> Self {
        let mut evidence = Self {
            from: interval.from,
            to: interval.to,
            ..Self::default()
        };
        for seq in &interval.records {
            evidence.cite(*seq);
        }
        evidence
    }

    /// Evidence of a stretch of time that no record shows by itself.
    #[must_use]
    pub fn between(from: SimTime, to: SimTime) -> Self {
        Self {
            from,
            to: to.max(from),
            ..Self::default()
        }
    }

    /// Adds a record; beyond the limit the newest takes the last place.
    pub fn cite(&mut self, seq: u64) {
        if self.records.last() == Some(&seq) {
            return;
        }
        self.record_count = self.record_count.saturating_add(1);
        if self.records.len() < EVIDENCE_RECORDS_MAX {
            self.records.push(seq);
        } else if let Some(last) = self.records.last_mut() {
            *last = seq;
        }
    }

    /// The same with a record added.
    #[must_use]
    pub fn citing(mut self, seq: u64) -> Self {
        self.cite(seq);
        self
    }

    /// The same with the effect on the plant.
    #[must_use]
    pub fn with_effect(mut self, effect: Option<PlantEffect>) -> Self {
        self.plant_effect = effect;
        self
    }
}

/// A part of a metric's points with its reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Points earned; negative for a cost.
    pub points: f64,
    /// Most points it could have been.
    pub max: f64,
    /// Why, in a sentence for a student.
    pub reason: String,
    /// Who may see it before the debrief.
    pub visibility: Visibility,
    /// What it rests on.
    pub evidence: Evidence,
}

//! The curves of a plant as a report shows them.

use crate::PlantEffect;
use serde::Serialize;
use sim_record::{PlantInfo, PlantSample, SimDuration, SimTime};

/// Most samples of a curve; beyond it every other one is dropped, again and again.
pub const CURVE_POINTS_MAX: usize = 7_200;

/// How long after its cause an effect is looked for.
const EFFECT_AFTER: SimDuration = SimDuration::from_secs(120);

/// State of a plant at one instant, as charts need it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Time, microseconds since the start.
    #[serde(rename = "time_us")]
    pub time: SimTime,
    /// Record.
    pub record: u64,
    /// Key signal in its unit.
    pub key: f64,
    /// Quality of service, 0 to 1.
    pub q: f64,
    /// Tripped or shut down.
    pub tripped: bool,
    /// A safety function is inhibited.
    pub inhibited: bool,
}

/// Key signal and quality of service of one plant over the match.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Plant.
    pub info: PlantInfo,
    /// Samples in order of time.
    pub points: Vec<CurvePoint>,
    key_index: Option<usize>,
    stride: u64,
    seen: u64,
}

impl Curve {
    pub(crate) fn new(info: PlantInfo) -> Self {
        let key_index = info
            .signals
            .iter()
            .position(|signal| *signal == info.key_signal.0);
        Self {
            info,
            points: Vec::new(),
            key_index,
            stride: 1,
            seen: 0,
        }
    }

    pub(crate) fn observe(&mut self, time: SimTime, record: u64, sample: &PlantSample) {
        let due = self.seen.checked_rem(self.stride) == Some(0);
        self.seen = self.seen.saturating_add(1);
        if !due {
            return;
        }
        if self.points.len() >= CURVE_POINTS_MAX {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride = self.stride.saturating_mul(2);
        }
        let key = self
            .key_index
            .and_then(|index| sample.values.get(index))
            .copied();
        self.points.push(CurvePoint {
            time,
            record,
            key: key.unwrap_or_default(),
            q: sample.q,
            tripped: sample.tripped,
            inhibited: sample.inhibited,
        });
    }

    /// Unit of the key signal.
    #[must_use]
    pub fn unit(&self) -> &str {
        self.key_index
            .and_then(|index| self.info.units.get(index))
            .map_or("", String::as_str)
    }

    /// Samples from `from` to `to`.
    #[must_use]
    pub fn between(&self, from: SimTime, to: SimTime) -> &[CurvePoint] {
        let start = self.points.partition_point(|point| point.time < from);
        let end = self.points.partition_point(|point| point.time <= to);
        self.points.get(start..end).unwrap_or_default()
    }

    /// How far the key signal moved in a stretch of time and two minutes after.
    #[must_use]
    pub fn effect(&self, from: SimTime, to: SimTime) -> Option<PlantEffect> {
        let window = self.between(from, to + EFFECT_AFTER);
        let before = window.first()?.key;
        let mut after = before;
        for point in window {
            if (point.key - before).abs() > (after - before).abs() {
                after = point.key;
            }
        }
        Some(PlantEffect {
            signal: self.info.key_signal.0.clone(),
            unit: self.unit().to_owned(),
            before: round(before, 10.0),
            after: round(after, 10.0),
        })
    }
}

/// Rounds to `1 / parts`, so that reports are short.
pub(crate) fn round(value: f64, parts: f64) -> f64 {
    let rounded = libm::round(value * parts) / parts;
    // Minus zero prints as "-0".
    if rounded == 0.0 { 0.0 } else { rounded }
}

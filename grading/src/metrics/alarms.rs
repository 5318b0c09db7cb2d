//! Alarm floods as ISA-18.2 counts them: more than 10 alarms in 10 minutes.

use super::{Metric, MetricKind, MetricResult, Side};
use crate::{Context, Rubric, Visibility};
use sim_record::{AlarmState, Record, RecordKind, SimDuration, SimTime};
use std::collections::VecDeque;

/// Length of the window.
const WINDOW: SimDuration = SimDuration::from_secs(600);

/// Alarms in the window above which it is a flood.
const FLOOD_ABOVE: usize = 10;

/// Most alarms that are remembered within one window.
const REMEMBERED_MAX: usize = 4_096;

/// Alarm flood.
pub struct AlarmFlood;

impl MetricKind for AlarmFlood {
    fn id(&self) -> &'static str {
        "alarm-flood"
    }
    fn title(&self) -> &'static str {
        "Alarm flood"
    }
    fn summary(&self) -> &'static str {
        "Most alarms within 10 minutes; more than 10 is a flood (ISA-18.2)."
    }
    fn unit(&self) -> &'static str {
        "alarms in 10 min"
    }
    fn side(&self) -> Side {
        Side::Info
    }
    fn visibility(&self) -> Visibility {
        Visibility::Live
    }
    fn default_points(&self) -> f64 {
        0.0
    }
    fn start(&self, _rubric: &Rubric) -> Box<dyn Metric> {
        Box::new(Running::default())
    }
}

#[derive(Default)]
struct Running {
    window: VecDeque<SimTime>,
    most: usize,
    all: u64,
}

impl Metric for Running {
    fn observe(&mut self, record: &Record, _context: &Context) {
        let RecordKind::Alarm {
            state: AlarmState::Unacknowledged,
            ..
        } = &record.kind
        else {
            return;
        };
        self.all = self.all.saturating_add(1);
        while self
            .window
            .front()
            .is_some_and(|first| *first + WINDOW <= record.time)
        {
            self.window.pop_front();
        }
        if self.window.len() < REMEMBERED_MAX {
            self.window.push_back(record.time);
        }
        self.most = self.most.max(self.window.len());
    }

    fn result(&self, _rubric: &Rubric, _context: &Context) -> MetricResult {
        #[allow(clippy::cast_precision_loss, reason = "at most 4,096")]
        let most = self.most as f64;
        let verdict = if self.most > FLOOD_ABOVE {
            "a flood"
        } else {
            "no flood"
        };
        let reason = format!(
            "{} alarms, at most {} in 10 minutes: {verdict}.",
            self.all, self.most
        );
        MetricResult::info(Some(most), reason)
    }
}

//! The timeline of a match: what a debrief walks through.

use crate::describe::{clip, describe};
use crate::{Context, TimelineEvent, TimelineLane, Visibility, attack};
use sim_record::{AlarmState, FieldStage, PrincipalId, Record, RecordKind, SimTime, Team};
use std::collections::BTreeMap;

/// Most events of a timeline, without attacks; further ones are counted.
pub const EVENTS_MAX: usize = 2_000;

/// Collects the events of the timeline.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course {
    events: Vec<TimelineEvent>,
    /// Index of the event of each alarm that is active.
    active_alarms: BTreeMap<String, usize>,
    /// Alarms by the instant they were raised, with priority and record.
    pub(crate) raised: Vec<(SimTime, String, u8, u64)>,
    /// Instants at which the defenders did something, in order.
    pub(crate) responses: Vec<SimTime>,
    dropped: u64,
}

impl Course {
    pub(crate) fn observe(&mut self, record: &Record, context: &Context) {
        if let RecordKind::Alarm {
            alarm,
            priority,
            state,
            ..
        } = &record.kind
        {
            self.alarm(record, alarm, *priority, *state);
            return;
        }
        let Some(lane) = lane_of(&record.kind, context) else {
            return;
        };
        let blue = lane == TimelineLane::Response || lane == TimelineLane::Report;
        if blue && self.responses.len() < EVENTS_MAX {
            self.responses.push(record.time);
        }
        // A command in words says what the record of its effect at the same instant says again.
        let last = self.events.last();
        let told = last.is_some_and(|last| last.lane == lane && last.time == record.time);
        let command = matches!(record.kind, RecordKind::Command { .. });
        if lane == TimelineLane::Response && told && !command {
            return;
        }
        let text = describe(&record.kind, context);
        self.push(record, lane, text, Visibility::Live);
    }

    /// All events up to now in order of time, attacks and objectives included, and how many were left out.
    pub(crate) fn events(&self, context: &Context) -> (Vec<TimelineEvent>, u64) {
        let mut events = self.events.clone();
        for index in self.active_alarms.values() {
            if let Some(event) = events.get_mut(*index) {
                event.until = Some(context.now);
            }
        }
        for known in context.attacks.values() {
            let technique = attack::label(&known.technique);
            events.push(TimelineEvent {
                time: known.began,
                until: Some(known.last),
                lane: TimelineLane::Attack,
                text: clip(&format!("{technique} on {}", known.asset)),
                record: known.evidence.records.first().copied(),
                visibility: Visibility::Debrief,
            });
        }
        for objective in context.objectives.values() {
            let Some((time, records)) = &objective.met else {
                continue;
            };
            events.push(TimelineEvent {
                time: *time,
                until: None,
                lane: TimelineLane::Attack,
                text: clip(&format!("Objective met: {}", objective.title)),
                record: records.first().copied(),
                visibility: Visibility::Debrief,
            });
        }
        let filed: Vec<SimTime> = events
            .iter()
            .filter(|event| event.lane == TimelineLane::Report)
            .map(|event| event.time)
            .collect();
        // The command to report stands in the lane of reports already.
        events.retain(|event| {
            event.lane != TimelineLane::Response
                || !event.text.contains("report")
                || filed.binary_search(&event.time).is_err()
        });
        events.sort_by_key(|event| (event.time, event.lane, event.record));
        (events, self.dropped)
    }

    fn alarm(&mut self, record: &Record, alarm: &str, priority: u8, state: AlarmState) {
        let active = matches!(
            state,
            AlarmState::Unacknowledged | AlarmState::Acknowledged | AlarmState::Latched
        );
        match (active, self.active_alarms.get(alarm).copied()) {
            (true, None) => {
                if self.raised.len() < EVENTS_MAX {
                    self.raised
                        .push((record.time, alarm.to_owned(), priority, record.seq));
                }
                let text = clip(&format!("{alarm} (priority {priority})"));
                let index = self.events.len();
                if self.push(record, TimelineLane::Alarm, text, Visibility::Live) {
                    self.active_alarms.insert(alarm.to_owned(), index);
                }
            }
            (false, Some(index)) => {
                self.active_alarms.remove(alarm);
                if let Some(event) = self.events.get_mut(index) {
                    event.until = Some(record.time);
                }
            }
            _ => {}
        }
    }

    fn push(
        &mut self,
        record: &Record,
        lane: TimelineLane,
        text: String,
        visibility: Visibility,
    ) -> bool {
        if self.events.len() >= EVENTS_MAX {
            self.dropped = self.dropped.saturating_add(1);
            return false;
        }
        self.events.push(TimelineEvent {
            time: record.time,
            until: None,
            lane,
            text,
            record: Some(record.seq),
            visibility,
        });
        true
    }
}

fn lane_of(kind: &RecordKind, context: &Context) -> Option<TimelineLane> {
    let blue =
        |by: &PrincipalId| (context.team(*by) == Team::Blue).then_some(TimelineLane::Response);
    match kind {
        RecordKind::Detection { .. } => Some(TimelineLane::Detection),
        RecordKind::Report(report) => {
            (context.team(report.by) == Team::Blue).then_some(TimelineLane::Report)
        }
        RecordKind::Command {
            by, refused: None, ..
        }
        | RecordKind::OperatorAction { by, .. }
        | RecordKind::Field {
            by,
            stage: FieldStage::Done(_) | FieldStage::Failed(_),
            ..
        }
        | RecordKind::Firewall { by, .. }
        | RecordKind::Key { by, .. }
        | RecordKind::Program { by, .. } => blue(by),
        RecordKind::PlantEvent(_)
        | RecordKind::Safety { .. }
        | RecordKind::Mode { .. }
        | RecordKind::Communication { .. } => Some(TimelineLane::Plant),
        RecordKind::Inject { .. } | RecordKind::Resumed | RecordKind::End { .. } => {
            Some(TimelineLane::Match)
        }
        _ => None,
    }
}

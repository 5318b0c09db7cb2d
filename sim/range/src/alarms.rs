//! Alarms of an HMI by ISA-18.2: delays, deadband, acknowledgement, shelving.

use crate::journal::Journal;
use crate::poller::Poller;
use sim_record::{AlarmState, PrincipalId, RecordKind, SimTime, StateHasher};
use sim_scenario::model::{Alarm, AlarmRule};
use sim_view::{AlarmView, Quality};

/// Longest time an alarm can be shelved, seconds.
const SHELVE_MAX_S: u32 = 3600;

struct Slot {
    alarm: Alarm,
    state: AlarmState,
    since: SimTime,
    active: bool,
    /// When the condition began to differ from `active`.
    differs_since: Option<SimTime>,
    shelved_until: SimTime,
}

/// All alarms of a range.
pub(crate) struct Alarms {
    slots: Vec<Slot>,
}

impl Alarms {
    /// Alarms at time 0; those that stand from the start are active and acknowledged.
    pub fn new(alarms: &[Alarm]) -> Self {
        let slots = alarms.iter().map(|alarm| Slot {
            alarm: alarm.clone(),
            state: if alarm.acknowledged_at_start {
                AlarmState::Acknowledged
            } else {
                AlarmState::Normal
            },
            since: SimTime::ZERO,
            active: alarm.acknowledged_at_start,
            differs_since: None,
            shelved_until: SimTime::ZERO,
        });
        Self {
            slots: slots.collect(),
        }
    }

    /// Records the alarms that stand at time 0.
    pub fn declare(&self, journal: &mut Journal) {
        for slot in self.slots.iter().filter(|s| s.active) {
            slot.record(journal, PrincipalId::RANGE);
        }
    }

    /// Evaluates every alarm on what the station shows.
    pub fn evaluate(&mut self, journal: &mut Journal, poller: &Poller) {
        let now = journal.now;
        for slot in &mut self.slots {
            if slot.state == AlarmState::Shelved && now >= slot.shelved_until {
                let back = if slot.active {
                    AlarmState::Unacknowledged
                } else {
                    AlarmState::Normal
                };
                slot.enter(journal, back, PrincipalId::RANGE);
            }
            // A value that is not good proves nothing either way.
            let Some(condition) = condition(&slot.alarm, slot.active, poller, now) else {
                continue;
            };
            if condition == slot.active {
                slot.differs_since = None;
                continue;
            }
            let since = *slot.differs_since.get_or_insert(now);
            let delay = if condition {
                slot.alarm.on_delay
            } else {
                slot.alarm.off_delay
            };
            if now.since(since) >= delay {
                slot.active = condition;
                slot.differs_since = None;
                slot.change(journal, condition);
            }
        }
    }

    /// Acknowledges an alarm.
    pub fn acknowledge(
        &mut self,
        journal: &mut Journal,
        id: &str,
        by: PrincipalId,
    ) -> Result<(), String> {
        let slot = self.slot(id)?;
        match slot.state {
            AlarmState::Unacknowledged => slot.enter(journal, AlarmState::Acknowledged, by),
            AlarmState::ReturnedUnacknowledged => slot.enter(journal, AlarmState::Normal, by),
            _ => return Err(format!("`{id}` needs no acknowledgement")),
        }
        Ok(())
    }

    /// Shelves an alarm for a time.
    pub fn shelve(
        &mut self,
        journal: &mut Journal,
        id: &str,
        seconds: u32,
        by: PrincipalId,
    ) -> Result<(), String> {
        let now = journal.now;
        let slot = self.slot(id)?;
        if slot.alarm.safety {
            return Err(format!("`{id}` is a safety alarm and cannot be shelved"));
        }
        slot.shelved_until =
            now + sim_record::SimDuration::from_secs(u64::from(seconds.min(SHELVE_MAX_S)));
        slot.enter(journal, AlarmState::Shelved, by);
        Ok(())
    }

    /// Alarms that are not normal.
    pub fn views(&self) -> impl Iterator<Item = (&str, AlarmView)> {
        self.slots
            .iter()
            .filter(|s| s.state != AlarmState::Normal)
            .map(|s| {
                (
                    s.alarm.id.as_str(),
                    AlarmView {
                        state: s.state,
                        priority: s.alarm.priority,
                        since: s.since,
                    },
                )
            })
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        for slot in &self.slots {
            hasher.value(&slot.state);
            hasher.u64(slot.since.0);
            hasher.u64(slot.differs_since.map_or(0, |t| t.0 + 1));
        }
    }

    fn slot(&mut self, id: &str) -> Result<&mut Slot, String> {
        self.slots
            .iter_mut()
            .find(|s| s.alarm.id == id)
            .ok_or_else(|| format!("no alarm `{id}`"))
    }
}

impl Slot {
    fn change(&mut self, journal: &mut Journal, active: bool) {
        let next = match (self.state, active) {
            (AlarmState::Shelved | AlarmState::Suppressed | AlarmState::OutOfService, _) => return,
            (_, true) => AlarmState::Unacknowledged,
            (AlarmState::Unacknowledged, false) => AlarmState::ReturnedUnacknowledged,
            (_, false) => AlarmState::Normal,
        };
        self.enter(journal, next, PrincipalId::RANGE);
    }

    fn enter(&mut self, journal: &mut Journal, state: AlarmState, by: PrincipalId) {
        self.state = state;
        self.since = journal.now;
        self.record(journal, by);
    }

    fn record(&self, journal: &mut Journal, by: PrincipalId) {
        let (alarm, priority, state) = (self.alarm.id.clone(), self.alarm.priority, self.state);
        journal.record(RecordKind::Alarm {
            alarm,
            priority,
            state,
            by,
        });
    }
}

/// Whether the alarm's condition holds; `None` while a value it needs is not good.
fn condition(alarm: &Alarm, active: bool, poller: &Poller, now: SimTime) -> Option<bool> {
    let good = |tag: &str| {
        poller
            .tag(now, tag)
            .filter(|t| t.quality == Quality::Good)
            .map(|t| t.value)
    };
    let back_off = if active { alarm.deadband } else { 0.0 };
    Some(match &alarm.rule {
        AlarmRule::High(tag, limit) => good(tag)? > limit - back_off,
        AlarmRule::Low(tag, limit) => good(tag)? < limit + back_off,
        AlarmRule::HighTag(tag, limit) => good(tag)? > good(limit)? - back_off,
        AlarmRule::LowTag(tag, limit) => good(tag)? < good(limit)? + back_off,
        AlarmRule::On(tag) => good(tag)? > 0.5,
        AlarmRule::Not(tag, value) => (good(tag)? - value).abs() > 0.5,
        AlarmRule::CommunicationLost(controller) => !poller.is_good(controller),
    })
}

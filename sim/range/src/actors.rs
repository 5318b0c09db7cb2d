//! Scripted actors: when they look, what they remember. What they decide is `sim_view`'s affair.

use crate::RunOptions;
use crate::journal::Journal;
use sim_record::{Principal, PrincipalId, SimDuration, SimTime, StateHasher};
use sim_scenario::model::{Actor, Cast, Scenario};
use sim_view::{Command, Mind, View};

/// How often an actor that waits for a condition looks.
const LOOK_EVERY: SimDuration = SimDuration::from_secs(1);

struct Slot {
    id: String,
    by: PrincipalId,
    actor: Actor,
    mind: Mind,
    next_look: SimTime,
}

/// The cast of a match.
pub(crate) struct Actors {
    slots: Vec<Slot>,
}

/// One actor whose turn it is.
pub(crate) struct Turn {
    index: usize,
    pub by: PrincipalId,
}

impl Actors {
    /// The actors of the cast, less those removed.
    pub fn new(
        scenario: &Scenario,
        cast: &Cast,
        options: &RunOptions,
        journal: &mut Journal,
    ) -> Self {
        let playing = cast
            .actors
            .iter()
            .filter(|id| !options.removed_actors.contains(id));
        let slots = playing.filter_map(|id| {
            let actor = scenario.actors.get(id)?.clone();
            let by = journal.principal(&Principal::actor(
                id,
                actor.team,
                actor.role,
                actor.hosts.first().cloned(),
            ));
            Some(Slot {
                id: id.clone(),
                by,
                actor,
                mind: Mind::new(),
                next_look: SimTime::ZERO,
            })
        });
        Self {
            slots: slots.collect(),
        }
    }

    /// When the next actor looks.
    pub fn next_due(&self) -> SimTime {
        self.slots
            .iter()
            .map(|s| s.next_look)
            .min()
            .unwrap_or(SimTime::MAX)
    }

    /// Actors whose time has come, in order of the cast.
    pub fn due(&self, now: SimTime) -> Vec<Turn> {
        let due = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, s)| s.next_look <= now);
        due.map(|(index, slot)| Turn { index, by: slot.by })
            .collect()
    }

    /// Lets one actor look and decide.
    pub fn decide(&mut self, turn: &Turn, view: &View) -> Vec<(String, Command)> {
        let Some(slot) = self.slots.get_mut(turn.index) else {
            return Vec::new();
        };
        let commands = slot.mind.decide(&slot.actor.script, view);
        let by_time = slot.mind.next_wake(&slot.actor.script, view.now);
        let by_watching = slot
            .mind
            .is_watching(&slot.actor.script, view.now)
            .then(|| view.now + LOOK_EVERY);
        slot.next_look = by_time
            .into_iter()
            .chain(by_watching)
            .min()
            .unwrap_or(SimTime::MAX);
        commands
    }

    /// Hosts from which a principal may act.
    pub fn hosts_of(&self, by: PrincipalId) -> Option<&[String]> {
        self.slots
            .iter()
            .find(|s| s.by == by)
            .map(|s| s.actor.hosts.as_slice())
    }

    /// All principals of the cast.
    pub fn principals(&self) -> impl Iterator<Item = PrincipalId> {
        self.slots.iter().map(|s| s.by)
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        for slot in &self.slots {
            hasher.bytes(slot.id.as_bytes());
            hasher.value(&slot.mind);
            hasher.u64(slot.next_look.0);
        }
    }
}

//! The scripted actors' decisions: a pure function of script, memory and view.

use crate::script::{Condition, Script, Step};
use crate::{Command, FieldView, JobState, JobView, Quality, View};
use serde::{Deserialize, Serialize};
use sim_record::{AlarmState, SimDuration, SimTime};
use std::collections::BTreeMap;

/// Memory of one scripted actor: which steps it has taken and when it last took each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mind {
    taken: BTreeMap<String, SimTime>,
}

impl Mind {
    /// A mind that has done nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The commands that `script` calls for in this `view`, each with the id of its step. A step is taken at most once
    /// in a call.
    pub fn decide(&mut self, script: &Script, view: &View) -> Vec<(String, Command)> {
        let mut commands = Vec::new();
        for step in &script.steps {
            if self.is_due(step, view) {
                self.taken.insert(step.id.clone(), view.now);
                commands.extend(step.commands.iter().map(|c| (step.id.clone(), c.clone())));
            }
        }
        commands
    }

    /// The earliest instant after `now` at which a step could become due by time alone.
    #[must_use]
    pub fn next_wake(&self, script: &Script, now: SimTime) -> Option<SimTime> {
        script
            .steps
            .iter()
            .filter_map(|s| self.earliest(s))
            .filter(|t| *t > now)
            .min()
    }

    /// True while a step waits only for a condition, so that the mind must look at views regularly.
    #[must_use]
    pub fn is_watching(&self, script: &Script, now: SimTime) -> bool {
        script.steps.iter().any(|s| {
            s.when.is_some()
                && self.earliest(s).is_some_and(|t| t <= now)
                && s.until_s.is_none_or(|u| now <= seconds(u))
        })
    }

    fn is_due(&self, step: &Step, view: &View) -> bool {
        self.earliest(step).is_some_and(|t| t <= view.now)
            && step.until_s.is_none_or(|u| view.now <= seconds(u))
            && step.when.as_ref().is_none_or(|c| holds(c, view))
    }

    /// When the step may be taken by time alone; `None` if never again, or not before another step is taken.
    fn earliest(&self, step: &Step) -> Option<SimTime> {
        let mut earliest = seconds(step.at_s);
        if let Some((id, delay_s)) = &step.after {
            earliest = earliest.max(*self.taken.get(id)? + length(*delay_s));
        }
        match (self.taken.get(&step.id), step.every_s) {
            (None, _) => Some(earliest),
            (Some(last), Some(every_s)) => Some(earliest.max(*last + length(every_s))),
            (Some(_), None) => None,
        }
    }
}

fn holds(condition: &Condition, view: &View) -> bool {
    match condition {
        Condition::TagAbove(tag, limit) => value(view, tag).is_some_and(|v| v > *limit),
        Condition::TagBelow(tag, limit) => value(view, tag).is_some_and(|v| v < *limit),
        Condition::TagLost(tag) => view
            .tags
            .get(tag)
            .is_none_or(|t| t.quality != Quality::Good),
        Condition::AlarmActive(alarm) => view.alarms.get(alarm).is_some_and(|a| {
            matches!(
                a.state,
                AlarmState::Unacknowledged | AlarmState::Acknowledged | AlarmState::Latched
            )
        }),
        Condition::Alert(rule) => view.alerts.iter().any(|a| a.rule == *rule),
        Condition::Answered(contact, topic) => view
            .messages
            .iter()
            .any(|m| m.contact == *contact && m.topic == *topic),
        Condition::Done(step) => {
            jobs(view, step).any(|j| j.state == JobState::Done)
                || field(view, step).any(|f| f.result.is_some() && !f.failed)
        }
        Condition::Failed(step) => {
            jobs(view, step).any(|j| j.state == JobState::Failed)
                || field(view, step).any(|f| f.failed)
        }
        Condition::Refused(step) => jobs(view, step).any(|j| j.exception.is_some()),
        Condition::GaugeAbove(gauge, limit) => view.gauges.get(gauge).is_some_and(|v| v > limit),
        Condition::GaugeBelow(gauge, limit) => view.gauges.get(gauge).is_some_and(|v| v < limit),
        Condition::Differs(controller) => view.compares.get(controller).is_some_and(|c| !c.equal),
        Condition::All(all) => all.iter().all(|c| holds(c, view)),
        Condition::Any(any) => any.iter().any(|c| holds(c, view)),
        Condition::Not(inner) => !holds(inner, view),
    }
}

fn value(view: &View, tag: &str) -> Option<f64> {
    view.tags
        .get(tag)
        .filter(|t| t.quality == Quality::Good)
        .map(|t| t.value)
}

fn jobs<'a>(view: &'a View, step: &'a str) -> impl Iterator<Item = &'a JobView> {
    view.jobs.iter().filter(move |j| j.step == step)
}

fn field<'a>(view: &'a View, step: &'a str) -> impl Iterator<Item = &'a FieldView> {
    view.field.iter().filter(move |f| f.step == step)
}

/// Scripts are checked when loaded; a negative or huge number saturates.
fn length(seconds: f64) -> SimDuration {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "float to integer casts saturate"
    )]
    SimDuration((seconds * 1e6) as u64)
}

fn seconds(at_s: f64) -> SimTime {
    SimTime::ZERO + length(at_s)
}

//! People outside the network: the field crew and the phone. Each field action takes its declared time and one person.

use crate::journal::Journal;
use sim_record::{FieldStage, PrincipalId, RecordKind, SimDuration, SimTime, StateHasher};
use sim_scenario::model::People as Declared;
use sim_view::{FieldAction, FieldView, MessageView};
use std::collections::VecDeque;

/// Field actions that may wait for a free person.
const MAX_WAITING: usize = 16;
/// Field actions and messages kept for the view.
const MAX_SHOWN: usize = 64;
/// Length of an action that the scenario does not declare, seconds.
const DEFAULT_ACTION_S: u32 = 90;

struct Task {
    by: PrincipalId,
    action: FieldAction,
    step: String,
    /// Position in `shown`, counted from the first ever.
    number: u64,
    due: Option<SimTime>,
}

struct Call {
    by: PrincipalId,
    contact: String,
    topic: String,
    answer: String,
    due: SimTime,
}

/// Field crew and phone.
pub(crate) struct People {
    declared: Declared,
    tasks: VecDeque<Task>,
    calls: Vec<Call>,
    shown: VecDeque<FieldView>,
    first_shown: u64,
    messages: VecDeque<MessageView>,
}

impl People {
    /// Nobody is busy.
    pub fn new(declared: &Declared) -> Self {
        Self {
            declared: declared.clone(),
            tasks: VecDeque::new(),
            calls: Vec::new(),
            shown: VecDeque::new(),
            first_shown: 0,
            messages: VecDeque::new(),
        }
    }

    /// Sends a person, or lets the order wait for one.
    pub fn order(
        &mut self,
        journal: &mut Journal,
        by: PrincipalId,
        step: &str,
        action: FieldAction,
    ) -> Result<(), String> {
        if self.tasks.len() >= MAX_WAITING {
            return Err("too many orders wait for the field crew".into());
        }
        let text = action.to_string();
        journal.record(RecordKind::Field {
            by,
            action: text.clone(),
            stage: FieldStage::Ordered,
        });
        let number = self.first_shown + self.shown.len() as u64;
        self.shown.push_back(FieldView {
            action: text,
            step: step.to_owned(),
            ordered: journal.now,
            result: None,
            failed: false,
        });
        if self.shown.len() > MAX_SHOWN {
            self.shown.pop_front();
            self.first_shown += 1;
        }
        self.tasks.push_back(Task {
            by,
            action,
            step: step.to_owned(),
            number,
            due: None,
        });
        self.assign(journal.now);
        Ok(())
    }

    /// Phones a contact.
    pub fn phone(
        &mut self,
        journal: &mut Journal,
        by: PrincipalId,
        contact: &str,
        topic: &str,
    ) -> Result<(), String> {
        let topics = self
            .declared
            .contacts
            .get(contact)
            .ok_or_else(|| format!("nobody called `{contact}` to phone"))?;
        let fallback = (30, "I know nothing about that.".to_owned());
        let (delay_s, answer) = topics.get(topic).unwrap_or(&fallback);
        if self.calls.len() >= MAX_WAITING {
            return Err("too many calls at once".into());
        }
        journal.record(RecordKind::Message {
            by,
            contact: contact.into(),
            topic: topic.into(),
            answer: None,
        });
        self.calls.push(Call {
            by,
            contact: contact.into(),
            topic: topic.into(),
            answer: answer.clone(),
            due: journal.now + SimDuration::from_secs(u64::from(*delay_s)),
        });
        Ok(())
    }

    /// Shows a text to everybody (an inject).
    pub fn tell(&mut self, now: SimTime, contact: &str, topic: &str, text: &str) {
        self.messages.push_back(MessageView {
            time: now,
            contact: contact.into(),
            topic: topic.into(),
            text: text.into(),
        });
        if self.messages.len() > MAX_SHOWN {
            self.messages.pop_front();
        }
    }

    /// When something is due.
    pub fn next_due(&self) -> SimTime {
        let tasks = self.tasks.iter().filter_map(|t| t.due);
        tasks
            .chain(self.calls.iter().map(|c| c.due))
            .min()
            .unwrap_or(SimTime::MAX)
    }

    /// Answers calls that are due.
    pub fn answer_due(&mut self, journal: &mut Journal) {
        let now = journal.now;
        let (due, waiting) = std::mem::take(&mut self.calls)
            .into_iter()
            .partition(|c| c.due <= now);
        self.calls = waiting;
        let due: Vec<Call> = due;
        for call in due {
            self.tell(now, &call.contact, &call.topic, &call.answer);
            journal.record(RecordKind::Message {
                by: call.by,
                contact: call.contact,
                topic: call.topic,
                answer: Some(call.answer),
            });
        }
    }

    /// The next field action whose time is over; the caller carries it out and reports with [`Self::done`].
    pub fn take_due(&mut self, now: SimTime) -> Option<(u64, PrincipalId, FieldAction)> {
        let index = self
            .tasks
            .iter()
            .position(|t| t.due.is_some_and(|d| d <= now))?;
        let task = self.tasks.remove(index)?;
        self.assign(now);
        Some((task.number, task.by, task.action))
    }

    /// Notes what became of a field action.
    pub fn done(
        &mut self,
        journal: &mut Journal,
        number: u64,
        by: PrincipalId,
        action: &FieldAction,
        result: Result<String, String>,
    ) {
        let failed = result.is_err();
        let text = result.clone().unwrap_or_else(|e| e);
        let shown = number
            .checked_sub(self.first_shown)
            .and_then(|i| usize::try_from(i).ok());
        if let Some(view) = shown.and_then(|i| self.shown.get_mut(i)) {
            view.result = Some(text);
            view.failed = failed;
        }
        let stage = result.map_or_else(FieldStage::Failed, FieldStage::Done);
        journal.record(RecordKind::Field {
            by,
            action: action.to_string(),
            stage,
        });
    }

    /// Field actions for the view.
    pub fn field_views(&self) -> Vec<FieldView> {
        self.shown.iter().cloned().collect()
    }

    /// Messages for the view.
    pub fn message_views(&self) -> Vec<MessageView> {
        self.messages.iter().cloned().collect()
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        for task in &self.tasks {
            hasher.value(&task.action);
            hasher.bytes(task.step.as_bytes());
            hasher.u64(task.due.map_or(0, |t| t.0 + 1));
        }
        for call in &self.calls {
            hasher.bytes(call.topic.as_bytes());
            hasher.u64(call.due.0);
        }
        hasher.u64(self.first_shown + self.shown.len() as u64);
    }

    fn assign(&mut self, now: SimTime) {
        let mut free = usize::from(self.declared.field_persons)
            .saturating_sub(self.tasks.iter().filter(|t| t.due.is_some()).count());
        for task in self.tasks.iter_mut().filter(|t| t.due.is_none()) {
            if free == 0 {
                break;
            }
            free -= 1;
            let seconds = self
                .declared
                .field_s
                .get(kind(&task.action))
                .copied()
                .unwrap_or(DEFAULT_ACTION_S);
            task.due = Some(now + SimDuration::from_secs(u64::from(seconds)));
        }
    }
}

/// Name of a kind of field action in the scenario's table of lengths.
fn kind(action: &FieldAction) -> &'static str {
    match action {
        FieldAction::TurnKey { .. } => "turn_key",
        FieldAction::Shutdown { .. } => "shutdown",
        FieldAction::ResetTrip { .. } => "reset_trip",
        FieldAction::ReadGauge { .. } => "read_gauge",
        FieldAction::ReadPanel { .. } => "read_panel",
        FieldAction::Cable { .. } => "cable",
        FieldAction::HandValve { .. } => "hand_valve",
        FieldAction::Restart { .. } => "restart",
    }
}

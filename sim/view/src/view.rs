//! What a principal may know at one instant.

use serde::{Deserialize, Serialize};
use sim_record::{AlarmState, Role, SimTime, Team};
use std::collections::BTreeMap;

/// Trust in a displayed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quality {
    /// Current.
    Good,
    /// Not refreshed in time.
    Stale,
    /// Communication lost, or never seen.
    Bad,
}

/// A tag as the HMI shows it: what the network said, which may be a lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TagView {
    /// Engineering value.
    pub value: f64,
    /// Trust.
    pub quality: Quality,
    /// When it was received.
    pub time: SimTime,
}

/// An alarm as the HMI shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmView {
    /// State.
    pub state: AlarmState,
    /// 1 (critical) to 4 (low).
    pub priority: u8,
    /// When the state was entered.
    pub since: SimTime,
}

/// An alert of a shipped detection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertView {
    /// Number within the view; reports cite it.
    pub id: u64,
    /// When.
    pub time: SimTime,
    /// Rule.
    pub rule: String,
    /// Asset.
    pub asset: String,
    /// Technique it points at.
    pub technique: String,
    /// In words.
    pub text: String,
    /// Frame of the tap.
    pub frame: u64,
}

/// An answer on the phone, an approval, or an inject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    /// When it arrived.
    pub time: SimTime,
    /// From whom.
    pub contact: String,
    /// About what.
    pub topic: String,
    /// What was said.
    pub text: String,
}

/// A line of the operators' log or the firewall's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When.
    pub time: SimTime,
    /// In words.
    pub text: String,
}

/// A firewall rule as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleView {
    /// Router.
    pub router: String,
    /// The rule.
    pub rule: crate::RuleSpec,
    /// Switched on and not expired.
    pub active: bool,
}

/// State of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobState {
    /// Still at it.
    Running,
    /// Done as asked.
    Done,
    /// Refused, timed out or stopped.
    Failed,
}

/// A network tool at work for this principal and what it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobView {
    /// Number.
    pub id: u32,
    /// Name that the script gave it, if a script did.
    pub step: String,
    /// The command in words.
    pub command: String,
    /// State.
    pub state: JobState,
    /// Findings, bounded: `10.0.0.1:502 open`, `vendor: ..`, `1024 = 2700`, `exception 3`.
    pub findings: Vec<String>,
    /// Values read, by address.
    pub values: Vec<(u16, u16)>,
    /// Exception of the last answer.
    pub exception: Option<u8>,
}

/// A report of this team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportView {
    /// Number.
    pub id: u32,
    /// Asset.
    pub asset: String,
    /// Technique.
    pub technique: String,
    /// When filed.
    pub time: SimTime,
    /// Still open.
    pub open: bool,
}

/// A field action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldView {
    /// In words.
    pub action: String,
    /// Name that the script gave it, if a script did.
    pub step: String,
    /// When ordered.
    pub ordered: SimTime,
    /// Done or failed: what was found.
    pub result: Option<String>,
    /// True if it failed.
    pub failed: bool,
}

/// Result of a program compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareView {
    /// When.
    pub time: SimTime,
    /// Equal.
    pub equal: bool,
    /// Differing lines, bounded.
    pub diff: Vec<String>,
}

/// What one principal may know at one instant. Parts that its role may not see are empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Virtual time.
    pub now: SimTime,
    /// Side.
    pub team: Team,
    /// Role.
    pub role: Role,
    /// HMI tags by id.
    pub tags: BTreeMap<String, TagView>,
    /// Alarms by id.
    pub alarms: BTreeMap<String, AlarmView>,
    /// Alerts of shipped detections, newest last, bounded.
    pub alerts: Vec<AlertView>,
    /// Phone and injects, newest last, bounded.
    pub messages: Vec<MessageView>,
    /// Operators' log, newest last, bounded.
    pub log: Vec<LogLine>,
    /// Firewall log, newest last, bounded.
    pub firewall_log: Vec<LogLine>,
    /// Firewall rules in order.
    pub rules: Vec<RuleView>,
    /// Reports of the team.
    pub reports: Vec<ReportView>,
    /// Field actions of the team.
    pub field: Vec<FieldView>,
    /// Program compares by controller.
    pub compares: BTreeMap<String, CompareView>,
    /// Gauges and panels last read in the field: `gauge` or `controller/lamp` to value.
    pub gauges: BTreeMap<String, f64>,
    /// Own network jobs.
    pub jobs: Vec<JobView>,
}

impl View {
    /// A view of nothing.
    #[must_use]
    pub fn empty(now: SimTime, team: Team, role: Role) -> Self {
        Self {
            now,
            team,
            role,
            tags: BTreeMap::new(),
            alarms: BTreeMap::new(),
            alerts: Vec::new(),
            messages: Vec::new(),
            log: Vec::new(),
            firewall_log: Vec::new(),
            rules: Vec::new(),
            reports: Vec::new(),
            field: Vec::new(),
            compares: BTreeMap::new(),
            gauges: BTreeMap::new(),
            jobs: Vec::new(),
        }
    }
}

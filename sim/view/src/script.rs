//! Actor scripts: who does what, when, on what condition. Written in RON by scenario authors.

use crate::Command;
use serde::{Deserialize, Serialize};

/// A condition over what the actor can see. Nothing else can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Condition {
    /// A displayed tag is above a value.
    TagAbove(String, f64),
    /// A displayed tag is below a value.
    TagBelow(String, f64),
    /// A displayed tag is stale or bad.
    TagLost(String),
    /// An alarm is active (acknowledged or not).
    AlarmActive(String),
    /// A shipped detection has fired.
    Alert(String),
    /// A contact has answered on a topic.
    Answered(String, String),
    /// The step's job or field action is done.
    Done(String),
    /// The step's job or field action failed.
    Failed(String),
    /// The last answer to the step's job was an exception.
    Refused(String),
    /// A field reading is above a value.
    GaugeAbove(String, f64),
    /// A field reading is below a value.
    GaugeBelow(String, f64),
    /// A compare found a difference.
    Differs(String),
    /// All of them.
    All(Vec<Condition>),
    /// At least one of them.
    Any(Vec<Condition>),
    /// Not that.
    Not(Box<Condition>),
}

/// One step of a script. It is taken once, when every given trigger holds; with `every_s` again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Name within the script.
    pub id: String,
    /// Not before this virtual second.
    pub at_s: f64,
    /// Not before `delay_s` after that step was taken.
    pub after: Option<(String, f64)>,
    /// Only while this holds.
    pub when: Option<Condition>,
    /// Not after this virtual second.
    pub until_s: Option<f64>,
    /// Again every so many seconds.
    pub every_s: Option<f64>,
    /// What to do.
    pub commands: Vec<Command>,
}

/// A script: steps in order of writing. Several may be taken at one instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Script {
    /// Steps.
    pub steps: Vec<Step>,
}

//! Who does something: match, team, role, person or actor, foothold.

use serde::{Deserialize, Serialize};

/// Index of a principal in its match; declared by a record before its first use. 0 is the range itself.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct PrincipalId(pub u16);

impl PrincipalId {
    /// The range itself: plant, network, time.
    pub const RANGE: Self = Self(0);
}

/// The side a principal is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Team {
    /// Attackers.
    Red,
    /// Defenders and operators.
    Blue,
    /// Benign life: vendors, backups, the rest of the company.
    White,
    /// The range itself and its instructors.
    Range,
}

/// What a principal may see and do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Attacks from footholds.
    Red,
    /// Runs the plant: HMI, field, phone.
    Operator,
    /// Watches tap and alerts, files reports.
    Analyst,
    /// Firewall, compare, restore, keys.
    Engineer,
    /// Operator, analyst and engineer in one person.
    Defender,
    /// A benign user of the network.
    Worker,
    /// Sees everything.
    Instructor,
    /// Sees with a delay.
    Observer,
}

/// A person by pseudonym, or a scripted actor, or the range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Who {
    /// A person, by pseudonymous id; the roster beside the server joins it to a name.
    Person(String),
    /// A scripted actor of the scenario.
    Actor(String),
    /// An outside tool on an exposed endpoint.
    Tool(String),
    /// Nobody: the range itself.
    Range,
}

/// Who does something, from where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Principal {
    /// Match within the server; 0 for a headless match.
    pub match_id: u32,
    /// Side.
    pub team: Team,
    /// Role.
    pub role: Role,
    /// Person, actor or tool.
    pub who: Who,
    /// Host in the fabric from which it acts, if any.
    pub foothold: Option<String>,
}

impl Principal {
    /// The range itself.
    #[must_use]
    pub fn range() -> Self {
        Self {
            match_id: 0,
            team: Team::Range,
            role: Role::Instructor,
            who: Who::Range,
            foothold: None,
        }
    }

    /// A scripted actor.
    #[must_use]
    pub fn actor(id: &str, team: Team, role: Role, foothold: Option<String>) -> Self {
        Self {
            match_id: 0,
            team,
            role,
            who: Who::Actor(id.into()),
            foothold,
        }
    }

    /// Short name for reports: the actor's id, the person's pseudonym, the tool's endpoint.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.who {
            Who::Person(n) | Who::Actor(n) | Who::Tool(n) => n,
            Who::Range => "range",
        }
    }
}

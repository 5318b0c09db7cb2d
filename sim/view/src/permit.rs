//! Who may ask for what.

use crate::{Command, FieldAction};
use sim_record::Role;

/// What a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// A network tool on a host of the principal.
    Tool,
    /// A desk at the operator station.
    Operator,
    /// The incident desk.
    Analyst,
    /// The engineering desk.
    Engineer,
    /// Somebody on the telephone or radio.
    Anybody,
    /// The instructor's desk.
    Instructor,
}

/// Whether `role`, acting from `hosts`, may give `command`; a refusal in words.
///
/// # Errors
/// The refusal.
pub fn check(role: Role, hosts: &[String], command: &Command) -> Result<(), String> {
    if let Some(from) = command.from_host()
        && !hosts.iter().any(|h| h == from)
    {
        return Err(format!(
            "not from `{from}`: this principal acts from {}",
            hosts.join(", ")
        ));
    }
    let need = need(command);
    let allowed = match need {
        Need::Tool => matches!(
            role,
            Role::Red | Role::Engineer | Role::Defender | Role::Worker
        ),
        Need::Operator => matches!(role, Role::Operator | Role::Defender | Role::Worker),
        Need::Analyst => matches!(role, Role::Analyst | Role::Defender),
        Need::Engineer => matches!(role, Role::Engineer | Role::Defender | Role::Worker),
        Need::Anybody => matches!(
            role,
            Role::Operator | Role::Analyst | Role::Engineer | Role::Defender
        ),
        Need::Instructor => role == Role::Instructor,
    };
    if allowed {
        Ok(())
    } else {
        Err(format!("a {} may not {command}", role_name(role)))
    }
}

fn need(command: &Command) -> Need {
    match command {
        Command::Scan { .. }
        | Command::Identify { .. }
        | Command::Read { .. }
        | Command::Write { .. }
        | Command::Hold { .. }
        | Command::Flood { .. }
        | Command::ArpSpoof { .. }
        | Command::StopJob { .. }
        | Command::Download { .. }
        | Command::SetMode { .. } => Need::Tool,
        Command::SetTag { .. } | Command::Acknowledge { .. } | Command::Shelve { .. } => {
            Need::Operator
        }
        Command::Report { .. } | Command::UpdateReport { .. } | Command::CloseReport { .. } => {
            Need::Analyst
        }
        Command::Firewall { .. } | Command::Compare { .. } | Command::Restore { .. } => {
            Need::Engineer
        }
        Command::Field(FieldAction::TurnKey { .. } | FieldAction::Restart { .. }) => Need::Engineer,
        Command::Field(_) => Need::Operator,
        Command::Phone { .. } => Need::Anybody,
        Command::Inject { .. } => Need::Instructor,
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Red => "red player",
        Role::Operator => "operator",
        Role::Analyst => "analyst",
        Role::Engineer => "engineer",
        Role::Defender => "defender",
        Role::Worker => "worker",
        Role::Instructor => "instructor",
        Role::Observer => "observer",
    }
}

impl Command {
    /// The host from which a network tool would run.
    #[must_use]
    pub fn from_host(&self) -> Option<&str> {
        match self {
            Self::Scan { from, .. }
            | Self::Identify { from, .. }
            | Self::Read { from, .. }
            | Self::Write { from, .. }
            | Self::Hold { from, .. }
            | Self::Flood { from, .. }
            | Self::ArpSpoof { from, .. }
            | Self::Download { from, .. }
            | Self::SetMode { from, .. } => Some(from),
            _ => None,
        }
    }
}

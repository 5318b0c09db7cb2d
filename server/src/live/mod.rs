//! Real time and real sockets: workers that own ranges, and connections from outside.
//!
//! Each worker is one thread with its own event loop. A connection's bytes are read, given to their range, and its answer
//! is written, in that one thread; nothing is shared between workers.

mod connection;
mod device;
mod limit;
mod range;
mod worker;

pub use device::{Device, DeviceCounts};
pub use limit::TokenBucket;
pub use worker::{Ended, Event, Listening, NOTE_PERIOD, Order, start};

use crate::error::{Failure, unknown_name};
use crate::run_dir::Expose;
use sim_record::{Principal, Role, Team, Who};
use sim_scenario::model::Scenario;

/// An endpoint of a scenario that is to be opened.
#[derive(Clone, Debug)]
pub struct Exposed {
    /// Its index in the scenario.
    pub index: u16,
    /// Its id.
    pub id: String,
    /// Foothold from which the outside acts.
    pub foothold: String,
    /// Host that it reaches.
    pub target: String,
    /// Port that it reaches.
    pub port: u16,
    /// Who acts through it.
    pub principal: Principal,
}

/// The endpoints of a scenario that are to be opened.
///
/// # Errors
/// The foothold does not exist, or nothing is exposed from it.
pub fn exposed(scenario: &Scenario, wanted: &Expose) -> Result<Vec<Exposed>, Failure> {
    let only = match wanted {
        Expose::Nothing => return Ok(Vec::new()),
        Expose::All => None,
        Expose::Foothold(name) => Some(name),
    };
    if let Some(name) = only
        && !scenario
            .footholds
            .iter()
            .any(|foothold| foothold.id == *name)
    {
        let known = scenario
            .footholds
            .iter()
            .map(|foothold| foothold.id.as_str());
        return Err(unknown_name("foothold", name, known));
    }
    let mut found = Vec::new();
    for (index, endpoint) in (0_u16..).zip(&scenario.endpoints) {
        if only.is_some_and(|name| endpoint.foothold != *name) {
            continue;
        }
        let Some(foothold) = scenario
            .footholds
            .iter()
            .find(|f| f.id == endpoint.foothold)
        else {
            continue;
        };
        found.push(Exposed {
            index,
            id: endpoint.id.clone(),
            foothold: foothold.id.clone(),
            target: endpoint.target.clone(),
            port: endpoint.port,
            principal: Principal {
                match_id: 0,
                team: foothold.team,
                role: role_of(foothold.team),
                who: Who::Tool(endpoint.id.clone()),
                foothold: Some(foothold.host.clone()),
            },
        });
    }
    if found.is_empty() {
        let of = only.map_or(String::new(), |name| format!(" for the foothold `{name}`"));
        return Err(
            Failure::usage(format!("the scenario exposes no endpoint{of}"))
                .hint("list them in `endpoints:` of scenario.ron"),
        );
    }
    Ok(found)
}

/// The role of a tool of a team.
fn role_of(team: Team) -> Role {
    match team {
        Team::Red => Role::Red,
        Team::Blue => Role::Engineer,
        Team::White => Role::Worker,
        Team::Range => Role::Instructor,
    }
}

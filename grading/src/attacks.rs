//! Attack instances as the labeller's records tell them.

use crate::{Evidence, Register};
use serde::Serialize;
use sim_record::{PrincipalId, SimTime};

/// Most attack instances that are told apart.
pub const ATTACKS_MAX: usize = 512;

/// Most refused attempts that are kept for one instance.
pub const REFUSALS_MAX: usize = 64;

/// A refused attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Refusal {
    /// When.
    #[serde(rename = "time_us")]
    pub time: SimTime,
    /// Cause in words.
    pub cause: String,
    /// Record of the defender's command that set the cause.
    pub command: Option<u64>,
    /// Record that shows the refusal.
    pub record: u64,
}

/// One attack instance: a technique against an asset.
#[derive(Clone, Debug, PartialEq)]
pub struct AttackInstance {
    /// Number in the match.
    pub number: u32,
    /// ATT&CK for ICS id.
    pub technique: String,
    /// Asset attacked.
    pub asset: String,
    /// Who.
    pub by: PrincipalId,
    /// First effective instant.
    pub began: SimTime,
    /// First event of it that the defenders could see.
    pub visible: Option<SimTime>,
    /// Last effective instant.
    pub last: SimTime,
    /// Number of effective acts.
    pub acts: u64,
    /// Records, frames and register.
    pub evidence: Evidence,
    /// Refused attempts, the first [`REFUSALS_MAX`].
    pub refusals: Vec<Refusal>,
    /// Number of all refused attempts.
    pub refused: u64,
}

impl AttackInstance {
    /// A new instance at its first act.
    pub(crate) fn begin(
        number: u32,
        technique: &str,
        asset: &str,
        by: PrincipalId,
        time: SimTime,
    ) -> Self {
        Self {
            number,
            technique: technique.to_owned(),
            asset: asset.to_owned(),
            by,
            began: time,
            visible: None,
            last: time,
            acts: 0,
            evidence: Evidence::at(time),
            refusals: Vec::new(),
            refused: 0,
        }
    }

    /// Notes an effective act that record `seq` shows.
    pub(crate) fn act(&mut self, time: SimTime, seq: u64, register: Option<Register>) {
        self.last = time;
        self.evidence.to = time;
        self.evidence.cite(seq);
        self.acts = self.acts.saturating_add(1);
        if self.evidence.register.is_none() {
            self.evidence.register = register;
        }
    }

    /// Notes that the defenders could see it.
    pub(crate) fn seen(&mut self, time: SimTime) {
        self.visible.get_or_insert(time);
    }

    /// Notes a refused attempt.
    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        self.refused = self.refused.saturating_add(1);
        if self.refusals.len() < REFUSALS_MAX {
            self.refusals.push(refusal);
        }
    }
}

//! The journal: numbers records, keeps them for the labeller, hands them out.

use crate::Output;
use sim_record::{Principal, PrincipalId, Record, RecordKind, SimTime};
use std::collections::VecDeque;

/// Principals a match may have; more share the last number.
const MAX_PRINCIPALS: usize = 1024;

/// Writes what happened, in order.
#[derive(Default)]
pub(crate) struct Journal {
    /// The instant being handled.
    pub now: SimTime,
    next_seq: u64,
    principals: Vec<Principal>,
    unlabelled: VecDeque<Record>,
    pub outputs: VecDeque<Output>,
}

impl Journal {
    /// A journal in which the range itself is principal 0.
    pub fn new() -> Self {
        Self {
            principals: vec![Principal::range()],
            ..Self::default()
        }
    }

    /// Writes a record at the present instant and returns its number.
    pub fn record(&mut self, kind: RecordKind) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.unlabelled.push_back(Record {
            seq,
            time: self.now,
            kind,
        });
        seq
    }

    /// Number of records so far.
    pub fn len(&self) -> u64 {
        self.next_seq
    }

    /// The number of `principal`, declared on first use.
    pub fn principal(&mut self, principal: &Principal) -> PrincipalId {
        let known = self.principals.iter().position(|p| p == principal);
        let index = known.unwrap_or_else(|| {
            if self.principals.len() < MAX_PRINCIPALS {
                self.principals.push(principal.clone());
                let index = self.principals.len() - 1;
                self.record(RecordKind::Principal {
                    id: id_of(index),
                    principal: principal.clone(),
                });
            }
            self.principals.len() - 1
        });
        id_of(index)
    }

    /// Who has that number.
    pub fn who(&self, id: PrincipalId) -> &Principal {
        self.principals
            .get(usize::from(id.0))
            .unwrap_or(&self.principals[0])
    }

    /// The next record that the labeller has not seen; it goes to the outputs at the same time.
    pub fn take_unlabelled(&mut self) -> Option<Record> {
        let record = self.unlabelled.pop_front()?;
        self.outputs.push_back(Output::Record(record.clone()));
        Some(record)
    }
}

fn id_of(index: usize) -> PrincipalId {
    PrincipalId(u16::try_from(index).unwrap_or(u16::MAX))
}

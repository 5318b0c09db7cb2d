//! Why an attempt of an attacker was refused, and by whose command.

use super::facts::Facts;
use sim_record::{ConnectionOutcome, FirewallChange, PrincipalId, Record, RecordKind, SimDuration};

/// A connection that ends this long after sessions were cleared ended by that.
const CLEARED_EFFECT: SimDuration = SimDuration::from_secs(120);
/// Technique that a refused write would have continued.
const COMMAND: &str = "T1692.001";

/// A refused attempt.
pub(super) struct Refusal {
    pub by: PrincipalId,
    /// What he tried to reach: a host or, where there is none at that address, its zone.
    pub asset: String,
    /// Zone of that: who was refused everywhere has attacked no host of it, only searched it.
    pub zone: Option<String>,
    /// Technique that the attempt would have continued, where that is known.
    pub technique: Option<&'static str>,
    /// In words.
    pub cause: String,
    /// Record of the defender's command that set the cause.
    pub command: Option<u64>,
}

/// What a record says about a refusal of a red attempt.
pub(super) fn refusal(facts: &Facts, record: &Record) -> Option<Refusal> {
    match &record.kind {
        RecordKind::Modbus(m) => {
            let code = m.exception?;
            let words = format!("refused by the controller with exception {code}");
            by_controller(facts, m.by, (&m.asset, m.write), words)
        }
        RecordKind::S7(r) => {
            let code = r.refused?;
            let words = format!("refused by the CPU with code {code:04X}");
            by_controller(facts, r.by, (&r.asset, r.write), words)
        }
        RecordKind::Blocked { .. } => by_firewall(facts, record),
        RecordKind::Connection { .. } => of_connection(facts, record),
        _ => None,
    }
}

/// A request that a controller refused: by its key, or else for the reason that it gave.
fn by_controller(
    facts: &Facts,
    by: PrincipalId,
    (asset, write): (&str, bool),
    words: String,
) -> Option<Refusal> {
    let gate = facts.key_against_writes(asset).filter(|_| write);
    let (cause, command) = gate.map_or((words, None), |key| {
        (format!("key of {asset} in {}", key.position), key.command)
    });
    facts.is_red(by).then(|| Refusal {
        by,
        asset: asset.to_owned(),
        zone: None,
        technique: write.then_some(COMMAND),
        cause,
        command,
    })
}

/// A packet that a firewall refused.
fn by_firewall(facts: &Facts, record: &Record) -> Option<Refusal> {
    let RecordKind::Blocked {
        router,
        rule,
        src,
        dst,
        port,
        by,
        ..
    } = &record.kind
    else {
        return None;
    };
    let zone = facts.zone_at(*dst).filter(|_| facts.is_red(*by));
    let asset = facts
        .asset_at(*dst)
        .or(zone)
        .filter(|_| facts.is_red(*by))?;
    let packet = (*src, *dst, *port);
    let (cause, command) = firewall_cause(facts, record, (router, rule), packet);
    Some(Refusal {
        by: *by,
        asset: asset.to_owned(),
        zone: zone.map(str::to_owned),
        technique: None,
        cause,
        command,
    })
}

/// A connection that was cleared, or an attempt that came to nothing where earlier ones had reached the target.
fn of_connection(facts: &Facts, record: &Record) -> Option<Refusal> {
    let RecordKind::Connection {
        conn,
        src,
        dst,
        port,
        outcome,
        by,
        ..
    } = &record.kind
    else {
        return None;
    };
    let asset = facts.asset_at(*dst).filter(|_| facts.is_red(*by))?;
    let (cause, command) = match outcome {
        ConnectionOutcome::Established => return None,
        ConnectionOutcome::Closed => {
            let cleared = facts.cleared_under(*conn);
            let cleared = cleared.filter(|c| record.time.since(c.time) <= CLEARED_EFFECT)?;
            ("sessions cleared".to_owned(), Some(cleared.seq))
        }
        ConnectionOutcome::Refused | ConnectionOutcome::TimedOut => {
            if !facts.reached(*by, *dst, *port) {
                return None;
            }
            let change = facts.closing_change((*src, *dst, *port));
            change.unwrap_or_else(|| ("the target no longer answers".to_owned(), None))
        }
    };
    Some(Refusal {
        by: *by,
        asset: asset.to_owned(),
        zone: None,
        technique: None,
        cause,
        command,
    })
}

/// The cause of a refusal by a rule of a router (empty: default action) of a packet (source, destination, port).
fn firewall_cause(
    facts: &Facts,
    record: &Record,
    (router, rule): (&str, &str),
    packet: (u32, u32, u16),
) -> (String, Option<u64>) {
    if !rule.is_empty() {
        let change = facts.change_of(router, rule).filter(|c| {
            c.blue && matches!(c.change, FirewallChange::Added | FirewallChange::Enabled)
        });
        return (format!("firewall rule {rule}"), change.map(|c| c.seq));
    }
    if let Some(closed) = facts.closing_change(packet) {
        return closed;
    }
    let cleared = facts
        .cleared()
        .filter(|c| record.time.since(c.time) <= CLEARED_EFFECT);
    cleared.map_or_else(
        || ("no firewall rule lets it pass".to_owned(), None),
        |c| ("sessions cleared".to_owned(), Some(c.seq)),
    )
}

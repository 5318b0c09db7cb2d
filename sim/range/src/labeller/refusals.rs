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
            let code = m.exception.filter(|_| facts.is_red(m.by))?;
            let gate = facts.key_against_writes(&m.asset).filter(|_| m.write);
            let (cause, command) = gate.map_or_else(
                || {
                    (
                        format!("refused by the controller with exception {code}"),
                        None,
                    )
                },
                |key| {
                    (
                        format!("key of {} in {}", m.asset, key.position),
                        key.command,
                    )
                },
            );
            let technique = m.write.then_some(COMMAND);
            Some(Refusal {
                by: m.by,
                asset: m.asset.clone(),
                zone: None,
                technique,
                cause,
                command,
            })
        }
        RecordKind::S7(r) => {
            let code = r.refused.filter(|_| facts.is_red(r.by))?;
            let gate = facts.key_against_writes(&r.asset).filter(|_| r.write);
            let (cause, command) = gate.map_or_else(
                || (format!("refused by the CPU with code {code:04X}"), None),
                |key| {
                    (
                        format!("key of {} in {}", r.asset, key.position),
                        key.command,
                    )
                },
            );
            Some(Refusal {
                by: r.by,
                asset: r.asset.clone(),
                zone: None,
                technique: r.write.then_some(COMMAND),
                cause,
                command,
            })
        }
        RecordKind::Blocked {
            router,
            rule,
            src,
            dst,
            port,
            by,
            ..
        } if facts.is_red(*by) => {
            let zone = facts.zone_at(*dst);
            let asset = facts.asset_at(*dst).or(zone)?.to_owned();
            let packet = (*src, *dst, *port);
            let (cause, command) = firewall_cause(facts, record, (router, rule), packet);
            Some(Refusal {
                by: *by,
                asset,
                zone: zone.map(str::to_owned),
                technique: None,
                cause,
                command,
            })
        }
        RecordKind::Connection {
            conn,
            src,
            dst,
            port,
            outcome,
            by,
            ..
        } => {
            let asset = facts
                .asset_at(*dst)
                .filter(|_| facts.is_red(*by))?
                .to_owned();
            let (cause, command) = match outcome {
                ConnectionOutcome::Established => return None,
                ConnectionOutcome::Closed => {
                    let cleared = facts.cleared_under(*conn);
                    let cleared =
                        cleared.filter(|c| record.time.since(c.time) <= CLEARED_EFFECT)?;
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
                asset,
                zone: None,
                technique: None,
                cause,
                command,
            })
        }
        _ => None,
    }
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

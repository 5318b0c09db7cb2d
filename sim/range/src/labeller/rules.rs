//! The rules that tell attacks: one row each.

use super::facts::{Facts, News};
use sim_record::{
    ConnectionOutcome, ModbusRecord, PlantEvent, PrincipalId, ProgramChange, Record, RecordKind,
    S7Record, S7Service, SafetyEvent,
};
use sim_wire::modbus::function as fc;

/// Distinct (address, port) pairs within [`super::facts::SCAN_WINDOW`] that make a scan.
const SCAN_PAIRS: usize = 10;
/// Bytes of one S7 read above which it is a block read and no single value.
const POINT_BYTES: u32 = 4;
/// Reads of one controller that make an identification of points, where no single read takes more than one item.
const POINT_READS: u32 = 3;
/// Writes of one address within [`super::facts::REPEAT_WINDOW`] that make a brute force.
const REPEATED_WRITES: usize = 3;

/// An act of an attacker.
pub(super) struct Hit {
    /// Asset attacked.
    pub asset: String,
    /// Who.
    pub by: PrincipalId,
    /// False where the attempt was refused: it is an attack all the same, and a report of it is true.
    pub effective: bool,
}

/// What a rule may look at.
pub(super) struct Context<'a> {
    pub facts: &'a Facts,
    pub news: &'a News,
    pub record: &'a Record,
}

/// One rule.
pub(super) struct Rule {
    /// ATT&CK for ICS v19.1.
    pub technique: &'static str,
    /// Attacked assets and attackers that a record shows.
    pub hits: fn(&Context<'_>) -> Vec<Hit>,
}

const fn row(technique: &'static str, hits: fn(&Context<'_>) -> Vec<Hit>) -> Rule {
    Rule { technique, hits }
}

/// All rules. Each row: technique, and the function that says by which record, whom and on which asset.
pub(super) const RULES: &[Rule] = &[
    // Discovery and collection.
    row("T0846.001", port_scan), // many (address, port) pairs tried: the zone tried most
    row("T0888", identification), // function 43 or 17: the controller
    row("T0861", point_reads),   // block reads, or several single ones: the controller
    row("T0801", process_reads), // measurements read: the controller
    row("T0845", program_upload), // program read: the controller
    // Commands.
    row("T0848", rogue_master), // any request of an attacker: the controller
    row("T1692.001", command),  // a write, refused or not: the controller
    row("T0836", parameter_changed), // a write that changed a holding register: the controller
    row("T0806", repeated_write), // one address written again and again: the controller
    row("T0858", mode_changed), // RUN or STOP: the controller
    row("T0816", restarted),    // RUN to RUN, or STOP by restart or power: the controller
    row("T0843", program_download), // program written: the controller
    row("T0809", block_deleted), // block of the program deleted: the controller
    // Network.
    row("T0830", arp_claim),    // address claimed: its owner
    row("T1692.002", tampered), // a reply changed on its way: the station deceived
    row("T0832", tampered),     // the same, as impact
    row("T0814", flood),        // more frames than the flood limit: the host flooded
    row("T0829", view_lost), // station lost a controller in a red flood or behind a red ARP claim: the station
    // Impact.
    row("T0837", bypassed),       // safety bypass set: the safety controller
    row("T0880", demand_in_vain), // demand while bypassed: the safety controller
    row("T0831", control_taken), // plant moved by a red value, or out of band under one: the controller written
    row("T0879", damaged),       // damage or rupture under a red value: the plant
];

fn port_scan(c: &Context<'_>) -> Vec<Hit> {
    match (&c.record.kind, &c.news.probe) {
        (RecordKind::Connection { by, .. } | RecordKind::Blocked { by, .. }, Some(probe))
            if probe.pairs >= SCAN_PAIRS =>
        {
            vec![Hit {
                asset: probe.zone.clone(),
                by: *by,
                effective: is_answered(&c.record.kind),
            }]
        }
        _ => Vec::new(),
    }
}

/// Whether an attempt to connect was answered, if only by a refusal of the target: a scan learns from that.
fn is_answered(kind: &RecordKind) -> bool {
    matches!(
        kind,
        RecordKind::Connection {
            outcome: ConnectionOutcome::Established | ConnectionOutcome::Refused,
            ..
        }
    )
}

fn identification(c: &Context<'_>) -> Vec<Hit> {
    let modbus = |m: &ModbusRecord| {
        matches!(
            m.function,
            fc::ENCAPSULATED_INTERFACE | fc::REPORT_SERVER_ID
        )
    };
    request(c, modbus, |r| r.service == S7Service::Identify)
}

fn point_reads(c: &Context<'_>) -> Vec<Hit> {
    let often = c.news.reads >= POINT_READS;
    let modbus = |m: &ModbusRecord| is_read(m) && m.exception.is_none() && (m.count >= 2 || often);
    let s7 = |r: &S7Record| match r.service {
        S7Service::Read => r.refused.is_none() && (r.bytes > POINT_BYTES || often),
        S7Service::Directory => r.refused.is_none(),
        _ => false,
    };
    request(c, modbus, s7)
}

fn process_reads(c: &Context<'_>) -> Vec<Hit> {
    let modbus = |m: &ModbusRecord| {
        m.exception.is_none()
            && matches!(
                m.function,
                fc::READ_DISCRETE_INPUTS | fc::READ_INPUT_REGISTERS
            )
    };
    let s7 = |r: &S7Record| {
        r.service == S7Service::Read && r.refused.is_none() && matches!(&*r.object, "I" | "Q")
    };
    request(c, modbus, s7)
}

fn rogue_master(c: &Context<'_>) -> Vec<Hit> {
    request(c, |_| true, |_| true)
}

fn command(c: &Context<'_>) -> Vec<Hit> {
    request(c, |m| m.write, |r| r.service == S7Service::Write)
}

fn parameter_changed(c: &Context<'_>) -> Vec<Hit> {
    let modbus = |m: &ModbusRecord| {
        m.write && m.changed && m.exception.is_none() && !writes_coils(m.function)
    };
    // Outputs are commands; what stands in data blocks and markers are parameters.
    request(c, modbus, |r| changes(r) && r.object != "Q")
}

fn repeated_write(c: &Context<'_>) -> Vec<Hit> {
    let again = c.news.repeats >= REPEATED_WRITES;
    let modbus = |m: &ModbusRecord| m.write && m.exception.is_none() && again;
    request(c, modbus, |r| {
        r.service == S7Service::Write && r.refused.is_none() && again
    })
}

fn block_deleted(c: &Context<'_>) -> Vec<Hit> {
    program(c, ProgramChange::Deleted)
}

fn mode_changed(c: &Context<'_>) -> Vec<Hit> {
    match &c.record.kind {
        RecordKind::Mode {
            asset,
            mode,
            cause,
            by,
        } if mode != "FAULT" && !is_restart(c, mode, cause) => red(c, asset, *by),
        _ => Vec::new(),
    }
}

fn restarted(c: &Context<'_>) -> Vec<Hit> {
    match &c.record.kind {
        RecordKind::Mode {
            asset,
            mode,
            cause,
            by,
        } if is_restart(c, mode, cause) => red(c, asset, *by),
        _ => Vec::new(),
    }
}

fn program_download(c: &Context<'_>) -> Vec<Hit> {
    program(c, ProgramChange::Downloaded)
}

fn program_upload(c: &Context<'_>) -> Vec<Hit> {
    program(c, ProgramChange::Uploaded)
}

fn arp_claim(c: &Context<'_>) -> Vec<Hit> {
    match &c.record.kind {
        RecordKind::ArpClaim { ip, by, .. } => c
            .facts
            .asset_at(*ip)
            .map_or_else(Vec::new, |owner| red(c, owner, *by)),
        _ => Vec::new(),
    }
}

fn tampered(c: &Context<'_>) -> Vec<Hit> {
    match &c.record.kind {
        RecordKind::Tampered { victim, by, .. } => red(c, victim, *by),
        _ => Vec::new(),
    }
}

fn flood(c: &Context<'_>) -> Vec<Hit> {
    match &c.record.kind {
        RecordKind::Flood { asset, by, .. } => red(c, asset, *by),
        _ => Vec::new(),
    }
}

fn view_lost(c: &Context<'_>) -> Vec<Hit> {
    match &c.record.kind {
        RecordKind::Communication {
            station,
            asset,
            good: false,
        } if !c.facts.is_plant(station) => {
            let culprit = c.facts.disturber(station, asset, c.record.time);
            culprit.map_or_else(Vec::new, |by| red(c, station, by))
        }
        _ => Vec::new(),
    }
}

fn bypassed(c: &Context<'_>) -> Vec<Hit> {
    safety(c, SafetyEvent::BypassOn)
}

fn demand_in_vain(c: &Context<'_>) -> Vec<Hit> {
    safety(c, SafetyEvent::DemandWhileBypassed)
}

fn control_taken(c: &Context<'_>) -> Vec<Hit> {
    match &c.record.kind {
        RecordKind::Sample(_) => {
            let proven = c
                .news
                .excursion
                .as_ref()
                .filter(|e| e.proven_now)
                .map(|e| &e.plant);
            let Some(plant) = proven.or(c.news.moved.as_ref()) else {
                return Vec::new();
            };
            let pushers = c.facts.pushers(plant, c.record.time);
            pushers
                .into_iter()
                .map(|p| Hit {
                    asset: p.controller,
                    by: p.by,
                    effective: true,
                })
                .collect()
        }
        // Further acts while the plant is out: the effect of a value that just stands is no new act.
        _ => {
            let out = |asset: &str| c.facts.drives_plant_out_of_band(asset);
            let modbus = |m: &ModbusRecord| m.write && m.exception.is_none() && out(&m.asset);
            request(c, modbus, |r| {
                r.service == S7Service::Write && r.refused.is_none() && out(&r.asset)
            })
        }
    }
}

fn damaged(c: &Context<'_>) -> Vec<Hit> {
    match &c.record.kind {
        RecordKind::PlantEvent(PlantEvent::Ruptured | PlantEvent::Damaged { .. }) => {
            let Some(plant) = c.facts.worst_plant() else {
                return Vec::new();
            };
            let pushers = c.facts.pushers(plant, c.record.time);
            pushers
                .first()
                .map_or_else(Vec::new, |p| red(c, plant, p.by))
        }
        _ => Vec::new(),
    }
}

fn red(c: &Context<'_>, asset: &str, by: PrincipalId) -> Vec<Hit> {
    if c.facts.is_red(by) {
        vec![Hit {
            asset: asset.to_owned(),
            by,
            effective: true,
        }]
    } else {
        Vec::new()
    }
}

/// A request of an attacker to a controller, by either protocol.
fn request(
    c: &Context<'_>,
    modbus: impl Fn(&ModbusRecord) -> bool,
    s7: impl Fn(&S7Record) -> bool,
) -> Vec<Hit> {
    let (asset, by, refused) = match &c.record.kind {
        RecordKind::Modbus(m) if modbus(m) => (&m.asset, m.by, m.exception.is_some()),
        RecordKind::S7(r) if s7(r) => (&r.asset, r.by, r.refused.is_some()),
        _ => return Vec::new(),
    };
    if !c.facts.is_red(by) {
        return Vec::new();
    }
    vec![Hit {
        asset: asset.clone(),
        by,
        effective: !refused,
    }]
}

/// An S7 write that changed something.
fn changes(r: &S7Record) -> bool {
    r.service == S7Service::Write && r.changed && r.refused.is_none()
}

fn program(c: &Context<'_>, wanted: ProgramChange) -> Vec<Hit> {
    match &c.record.kind {
        RecordKind::Program {
            asset, change, by, ..
        } if *change == wanted => red(c, asset, *by),
        _ => Vec::new(),
    }
}

fn safety(c: &Context<'_>, wanted: SafetyEvent) -> Vec<Hit> {
    match &c.record.kind {
        RecordKind::Safety { asset, event, .. } if *event == wanted => c
            .facts
            .bypassed_by(asset)
            .map_or_else(Vec::new, |by| red(c, asset, by)),
        _ => Vec::new(),
    }
}

fn is_restart(c: &Context<'_>, mode: &str, cause: &str) -> bool {
    let cause = cause.to_ascii_lowercase();
    c.news.started_anew || mode == "STOP" && (cause.contains("restart") || cause.contains("power"))
}

fn is_read(m: &ModbusRecord) -> bool {
    !m.write
        && matches!(
            m.function,
            fc::READ_COILS
                | fc::READ_DISCRETE_INPUTS
                | fc::READ_HOLDING_REGISTERS
                | fc::READ_INPUT_REGISTERS
        )
        || m.function == fc::READ_WRITE_MULTIPLE_REGISTERS
}

/// Whether a write function goes to coils; other writes go to holding registers.
pub(super) const fn writes_coils(function: u8) -> bool {
    matches!(function, fc::WRITE_SINGLE_COIL | fc::WRITE_MULTIPLE_COILS)
}

/// Whether an outcome is that of an attempt to connect.
pub(super) const fn is_attempt(outcome: ConnectionOutcome) -> bool {
    !matches!(outcome, ConnectionOutcome::Closed)
}

//! Records in words.

use crate::{Context, attack};
use sim_record::{
    AlarmState, ConnectionOutcome, EndReason, FieldStage, FirewallChange, ModbusRecord, PlantEvent,
    ProgramChange, RecordKind, ReportRecord, ReportStage, S7Record, S7Service, SafetyEvent,
    SimTime,
};

/// Longest text of a record in characters.
pub const TEXT_CHARS_MAX: usize = 240;

/// `mm:ss`; report times need no fraction.
pub(crate) fn clock(time: SimTime) -> String {
    let s = time.0 / 1_000_000;
    format!("{:02}:{:02}", s / 60, s % 60)
}

/// Seconds as `12 s` or `3 min 05 s`.
pub(crate) fn duration(s: f64) -> String {
    let whole = libm::round(s.max(0.0));
    if whole < 60.0 {
        return format!("{whole:.0} s");
    }
    let minutes = libm::floor(whole / 60.0);
    format!("{minutes:.0} min {:02.0} s", whole - minutes * 60.0)
}

/// `1 event`, `2 events`.
pub(crate) fn plural(number: u64, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}

/// `10.30.20.40`.
pub(crate) fn address(ip: u32) -> String {
    let [a, b, c, d] = ip.to_be_bytes();
    format!("{a}.{b}.{c}.{d}")
}

/// What a record says, in one line.
#[must_use]
pub(crate) fn describe(kind: &RecordKind, context: &Context) -> String {
    let text = course(kind, context)
        .or_else(|| network(kind, context))
        .or_else(|| controllers(kind, context))
        .or_else(|| truth(kind, context))
        .unwrap_or_default();
    clip(&text)
}

/// Cuts text of unbounded length.
pub(crate) fn clip(text: &str) -> String {
    let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) else {
        return text.to_owned();
    };
    format!("{}\u{2026}", text.get(..end).unwrap_or_default())
}

/// Plant, people and stations.
fn course(kind: &RecordKind, context: &Context) -> Option<String> {
    let name = |by| context.name(by);
    Some(match kind {
        RecordKind::Match(info) => format!("Match {}: {}", info.scenario, info.title),
        RecordKind::Sample(sample) => {
            format!(
                "Sample: Q {:.2}{}",
                sample.q,
                if sample.tripped { ", tripped" } else { "" }
            )
        }
        RecordKind::PlantEvent(event) => plant_event(event),
        RecordKind::Safety { asset, event, by } => {
            format!("{asset}: {} ({})", safety_event(*event), name(*by))
        }
        RecordKind::Alarm {
            alarm,
            priority,
            state,
            by,
        } => {
            format!(
                "Alarm {alarm}, priority {priority}: {} ({})",
                alarm_state(*state),
                name(*by)
            )
        }
        RecordKind::Communication {
            station,
            asset,
            good,
        } => {
            let what = if *good { "has" } else { "lost" };
            format!("{station} {what} communication with {asset}")
        }
        RecordKind::Condition { title, ok, by, .. } => {
            let what = if *ok { "so" } else { "not so" };
            format!("Approved state, {title}: {what} ({})", name(*by))
        }
        RecordKind::Command { by, text, refused } => match refused {
            Some(why) => format!("{}: {text}; refused: {why}", name(*by)),
            None => format!("{}: {text}", name(*by)),
        },
        RecordKind::OperatorAction {
            by,
            station,
            tag,
            old,
            new,
        } => {
            let old = old.map_or(String::new(), |old| format!(" from {old}"));
            format!("{} at {station}: {tag}{old} to {new}", name(*by))
        }
        RecordKind::Field { by, action, stage } => match stage {
            FieldStage::Ordered => format!("{} ordered in the field: {action}", name(*by)),
            FieldStage::Done(found) if found.is_empty() => format!("Done in the field: {action}"),
            FieldStage::Done(found) => format!("Done in the field: {action}; {found}"),
            FieldStage::Failed(why) => format!("Failed in the field: {action}; {why}"),
        },
        RecordKind::Message {
            by,
            contact,
            topic,
            answer,
        } => match answer {
            Some(answer) => format!("{contact} answered {} about {topic}: {answer}", name(*by)),
            None => format!("{} called {contact} about {topic}", name(*by)),
        },
        RecordKind::Report(report) => report_line(report, context),
        RecordKind::Inject { text, .. } => format!("Inject: {text}"),
        RecordKind::Resumed => "The server came back; outside connections were reset".into(),
        RecordKind::End { reason } => match reason {
            EndReason::TimeUp => "End: time is up".into(),
            EndReason::Destroyed => "End: the plant is destroyed".into(),
            EndReason::Stopped => "End: stopped by its host".into(),
        },
        _ => return None,
    })
}

/// Network.
fn network(kind: &RecordKind, context: &Context) -> Option<String> {
    let host = |ip| context.host(ip);
    Some(match kind {
        RecordKind::Connection {
            src,
            dst,
            port,
            outcome,
            ..
        } => {
            let outcome = match outcome {
                ConnectionOutcome::Established => "established",
                ConnectionOutcome::Refused => "refused",
                ConnectionOutcome::TimedOut => "no answer",
                ConnectionOutcome::Closed => "closed",
            };
            format!(
                "Connection {} to {} port {port}: {outcome}",
                host(*src),
                host(*dst)
            )
        }
        RecordKind::Modbus(modbus) => modbus_line(modbus, context),
        RecordKind::S7(s7) => s7_line(s7, context),
        RecordKind::Flow {
            src,
            dst,
            port,
            requests,
            exceptions,
        } => {
            format!("{src} to {dst} port {port}: {requests} requests, {exceptions} refused")
        }
        RecordKind::ArpClaim { ip, new_mac, .. } => {
            let mac: Vec<String> = new_mac.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{} claims the address {}", mac.join(":"), host(*ip))
        }
        RecordKind::Tampered {
            victim,
            asset,
            register,
            real,
            shown,
            ..
        } => {
            format!(
                "{victim} was shown {shown} instead of {real} for register {register} of {asset}"
            )
        }
        RecordKind::Flood {
            asset,
            frames_per_s,
            ..
        } => {
            format!("Flood: {frames_per_s} frames in a second at {asset}")
        }
        RecordKind::Blocked {
            rule,
            src,
            dst,
            port,
            ..
        } => {
            let rule = if rule.is_empty() {
                "the default action"
            } else {
                rule
            };
            format!(
                "Firewall ({rule}) refused {} to {} port {port}",
                host(*src),
                host(*dst)
            )
        }
        _ => return None,
    })
}

/// Firewalls and controllers.
fn controllers(kind: &RecordKind, context: &Context) -> Option<String> {
    let name = |by| context.name(by);
    Some(match kind {
        RecordKind::Firewall {
            by,
            router,
            rule,
            change,
            sessions_ended,
        } => {
            let what = match change {
                FirewallChange::Added => "added",
                FirewallChange::Removed => "removed",
                FirewallChange::Disabled => "switched off",
                FirewallChange::Enabled => "switched on",
                FirewallChange::Undone => "change undone",
                FirewallChange::SessionsCleared => "sessions cleared",
            };
            let rule = if rule.is_empty() {
                String::new()
            } else {
                format!(" rule {rule}")
            };
            let ended = plural(u64::from(*sessions_ended), "session");
            format!(
                "Firewall {router}{rule}: {what}, {ended} ended ({})",
                name(*by)
            )
        }
        RecordKind::Mode {
            asset,
            mode,
            cause,
            by,
        } => {
            format!("{asset} is in {mode}: {cause} ({})", name(*by))
        }
        RecordKind::Key {
            asset,
            position,
            by,
        } => {
            format!("Key of {asset} turned to {position} ({})", name(*by))
        }
        RecordKind::Program {
            asset,
            file,
            change,
            hash,
            by,
        } => {
            let what = match change {
                ProgramChange::Downloaded => "downloaded",
                ProgramChange::Restored => "restored",
                ProgramChange::Uploaded => "read",
                ProgramChange::ComparedEqual => "compared: equal",
                ProgramChange::ComparedDifferent => "compared: different",
                ProgramChange::EvidenceSaved => "saved as evidence",
                ProgramChange::Deleted => "deleted",
            };
            format!(
                "Program {file} of {asset} {what}, hash {hash} ({})",
                name(*by)
            )
        }
        _ => return None,
    })
}

/// Detections and ground truth.
fn truth(kind: &RecordKind, context: &Context) -> Option<String> {
    Some(match kind {
        RecordKind::Detection {
            rule, asset, text, ..
        } => {
            format!("Detection {rule} at {asset}: {text}")
        }
        RecordKind::AttackBegan {
            attack,
            technique,
            asset,
            by,
            ..
        } => format!(
            "Attack {attack} began: {} on {asset} ({})",
            attack::label(technique),
            context.name(*by)
        ),
        RecordKind::AttackWent { attack, .. } => format!("Attack {attack} had effect again"),
        RecordKind::AttackRefused { attack, cause, .. } => {
            format!("Attack {attack} was refused: {cause}")
        }
        RecordKind::ObjectiveMet { id, by, .. } => {
            format!("Objective {id} met ({})", context.name(*by))
        }
        RecordKind::Latent { title, asset, .. } => format!("Latent at {asset}: {title}"),
        _ => return None,
    })
}

fn plant_event(event: &PlantEvent) -> String {
    match event {
        PlantEvent::ReliefOpened => "The relief valve opened".into(),
        PlantEvent::ReliefClosed { loss_kmol } => {
            format!("The relief valve reseated; {loss_kmol:.1} kmol lost so far")
        }
        PlantEvent::Damaged { what } => format!("Damaged: {what}"),
        PlantEvent::Ruptured => "The vessel burst".into(),
    }
}

pub(crate) fn safety_event(event: SafetyEvent) -> &'static str {
    match event {
        SafetyEvent::Trip => "safety trip",
        SafetyEvent::Shutdown => "shutdown button pressed",
        SafetyEvent::Reset => "trip reset",
        SafetyEvent::BypassOn => "safety bypass set",
        SafetyEvent::BypassOff => "safety bypass ended",
        SafetyEvent::DemandWhileBypassed => "trip demanded while bypassed",
    }
}

fn alarm_state(state: AlarmState) -> &'static str {
    match state {
        AlarmState::Normal => "normal",
        AlarmState::Unacknowledged => "active, unacknowledged",
        AlarmState::Acknowledged => "active, acknowledged",
        AlarmState::ReturnedUnacknowledged => "returned, unacknowledged",
        AlarmState::Latched => "latched",
        AlarmState::Shelved => "shelved",
        AlarmState::Suppressed => "suppressed by design",
        AlarmState::OutOfService => "out of service",
    }
}

fn report_line(report: &ReportRecord, context: &Context) -> String {
    let stage = match report.stage {
        ReportStage::Filed => "filed",
        ReportStage::Updated => "updated",
        ReportStage::Closed if report.closed_as_benign => "closed as confirmed benign",
        ReportStage::Closed => "closed",
    };
    format!(
        "Report {} {stage}: {} on {}, since {} ({})",
        report.report,
        attack::label(&report.technique),
        report.asset,
        clock(report.began),
        context.name(report.by)
    )
}

fn s7_line(s7: &S7Record, context: &Context) -> String {
    let place = match s7.service {
        S7Service::Read | S7Service::Write => {
            format!(
                " {} from byte {}, {}",
                s7.object,
                s7.offset,
                plural(u64::from(s7.bytes), "byte")
            )
        }
        _ if s7.object.is_empty() => String::new(),
        _ => format!(" {}", s7.object),
    };
    let values: Vec<String> = s7.values.iter().map(|byte| format!("{byte:02X}")).collect();
    let values = if values.is_empty() {
        String::new()
    } else {
        format!(" = {}", values.join(" "))
    };
    let outcome = match s7.refused {
        Some(code) => format!(", refused with {code:04X}"),
        None if s7.service == S7Service::Write && !s7.changed => ", no change".into(),
        None => String::new(),
    };
    let what = match s7.service {
        S7Service::Connect => "connect",
        S7Service::Read => "read",
        S7Service::Write => "write",
        S7Service::Identify => "identify",
        S7Service::Directory => "block list",
        S7Service::Upload => "upload",
        S7Service::Download => "download",
        S7Service::Insert => "insert",
        S7Service::Delete => "delete",
        S7Service::Control => "control",
        S7Service::Clock => "clock",
        S7Service::Password => "password",
        S7Service::Subscribe => "subscribe",
        S7Service::Unknown => "unknown request",
    };
    format!(
        "{} to {}: S7 {what}{place}{values}{outcome}",
        context.host(s7.src),
        s7.asset
    )
}

fn modbus_line(modbus: &ModbusRecord, context: &Context) -> String {
    let address = modbus
        .address
        .map_or(String::new(), |address| format!(" address {address}"));
    let values = if modbus.values.is_empty() {
        String::new()
    } else {
        let list: Vec<String> = modbus.values.iter().map(ToString::to_string).collect();
        format!(" = {}", list.join(", "))
    };
    let outcome = match modbus.exception {
        Some(exception) => format!(", exception {exception:02}"),
        None if modbus.write && !modbus.changed => ", no change".into(),
        None => String::new(),
    };
    let what = if modbus.write { "wrote" } else { "read" };
    format!(
        "{} {what} {} unit {} FC{}{address}{values}{outcome}",
        context.host(modbus.src),
        modbus.asset,
        modbus.unit,
        modbus.function
    )
}

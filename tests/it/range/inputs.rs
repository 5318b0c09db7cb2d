//! Inputs from outside, drawn: tools that connect, send sense and nonsense and close, and people that ask for things.

use proptest::prelude::*;
use sim_record::{
    Closing, Input, InputKind, Principal, Record, RecordKind, Role, SimTime, Team, Who,
};
use sim_view::{Citation, Command, FieldAction, FirewallCommand, KeyPosition, RegisterRef, Table};

/// One thing that comes from outside.
#[derive(Clone, Debug)]
pub enum Step {
    /// A tool connects; there may be no such endpoint.
    Open { conn: u32, endpoint: u16 },
    /// It sends any bytes.
    Bytes { conn: u32, data: Vec<u8> },
    /// It sends a Modbus frame with a right header.
    Frame { conn: u32, unit: u8, pdu: Vec<u8> },
    /// It closes.
    Close { conn: u32, how: Closing },
    /// Somebody asks for something.
    Ask(Principal, Box<Command>),
    /// Somebody sends what is no command.
    Babble(Vec<u8>),
    /// The server comes back.
    Resumed,
}

/// The input that a step is.
pub fn act(step: &Step) -> Input {
    let (principal, kind) = match step.clone() {
        Step::Open { conn, endpoint } => (tool("vendor"), InputKind::Open { conn, endpoint }),
        Step::Bytes { conn, data } => (tool("vendor"), InputKind::Bytes { conn, data }),
        Step::Frame { conn, unit, pdu } => {
            let length = u16::try_from(pdu.len() + 1).unwrap();
            let mut data = vec![0x12, 0x34, 0, 0];
            data.extend(length.to_be_bytes());
            data.push(unit);
            data.extend(pdu);
            (tool("vendor"), InputKind::Bytes { conn, data })
        }
        Step::Close { conn, how } => (tool("vendor"), InputKind::Close { conn, how }),
        Step::Ask(principal, command) => {
            let bytes = postcard::to_allocvec(&*command).unwrap();
            (principal, InputKind::Command(bytes))
        }
        Step::Babble(bytes) => (
            person(Team::Red, Role::Red, Some("vendor")),
            InputKind::Command(bytes),
        ),
        Step::Resumed => (Principal::range(), InputKind::Resumed),
    };
    Input { principal, kind }
}

/// A tool on red's endpoint.
pub fn tool(foothold: &str) -> Principal {
    Principal {
        who: Who::Tool("plc1-modbus".into()),
        ..person(Team::Red, Role::Red, Some(foothold))
    }
}

/// A person.
pub fn person(team: Team, role: Role, foothold: Option<&str>) -> Principal {
    Principal {
        match_id: 0,
        team,
        role,
        who: Who::Person(format!("{role:?}").to_lowercase()),
        foothold: foothold.map(str::to_owned),
    }
}

/// Files an incident report.
pub fn report() -> Command {
    Command::Report {
        asset: "plc1".into(),
        technique: "T0836".into(),
        began_s: None,
        needs_confirmation: false,
        evidence: vec![Citation::Alert(1)],
        text: String::new(),
    }
}

/// Switches the contractor's rule off.
pub fn switch_rule_off() -> Command {
    Command::Firewall {
        router: "fw1".into(),
        change: FirewallCommand::Disable("r7".into()),
    }
}

/// Has the safety key turned.
pub fn turn_key() -> Command {
    Command::Field(FieldAction::TurnKey {
        controller: "sis1".into(),
        to: KeyPosition::Run,
    })
}

/// Takes the production control into manual at the operator station.
pub fn set_tag() -> Command {
    Command::SetTag {
        tag: "FIC-101.MODE".into(),
        value_milli: 1000,
    }
}

/// Loads the approved program again.
pub fn restore() -> Command {
    Command::Restore {
        controller: "plc1".into(),
        save_first: false,
    }
}

/// Gives a text to everybody, as an instructor does.
pub fn inject() -> Command {
    Command::Inject { id: "any".into() }
}

/// Scans the control network.
pub fn scan(from: &str) -> Command {
    Command::Scan {
        from: from.into(),
        targets: "control".into(),
        ports: vec![502],
    }
}

/// Writes a setpoint.
pub fn write(from: &str) -> Command {
    Command::Write {
        from: from.into(),
        target: "plc1".into(),
        unit: 1,
        start: RegisterRef::At(1024),
        values: vec![0],
    }
}

/// What was asked for and when, in words.
pub fn commands(records: &[Record]) -> Vec<(SimTime, String, Option<String>)> {
    let asked = records.iter().filter_map(|record| match &record.kind {
        // A refusal names the record that it refuses, whose number depends on how much was recorded.
        RecordKind::Command {
            text,
            refused: None,
            ..
        } => Some((record.time, text.clone(), None)),
        RecordKind::Command { refused, .. } => Some((record.time, String::new(), refused.clone())),
        _ => None,
    });
    asked.collect()
}

/// Up to sixty steps on a few connections.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let conn = 0..5_u32;
    let step = prop_oneof![
        4 => (conn.clone(), 0..6_u16).prop_map(|(conn, endpoint)| Step::Open { conn, endpoint }),
        2 => (conn.clone(), prop::collection::vec(any::<u8>(), 0..600)).prop_map(|(conn, data)| Step::Bytes { conn, data }),
        8 => (conn.clone(), 0..3_u8, request()).prop_map(|(conn, unit, pdu)| Step::Frame { conn, unit, pdu }),
        1 => (conn, prop::sample::select(vec![Closing::Fin, Closing::Reset])).prop_map(|(conn, how)| Step::Close { conn, how }),
        3 => ask(),
        1 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Step::Babble),
        1 => Just(Step::Resumed),
    ];
    prop::collection::vec(step, 8..60)
}

/// A request that a controller may answer, refuse or not understand.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let address = prop_oneof![0..12_u16, 1020..1045_u16, any::<u16>()];
    prop_oneof![
        (1..5_u8, address.clone(), 0..130_u16).prop_map(|(function, start, count)| {
            [&[function][..], &start.to_be_bytes(), &count.to_be_bytes()].concat()
        }),
        (5..7_u8, address.clone(), any::<u16>()).prop_map(|(function, start, value)| {
            [&[function][..], &start.to_be_bytes(), &value.to_be_bytes()].concat()
        }),
        (address, prop::collection::vec(any::<u16>(), 1..4)).prop_map(|(start, values)| {
            let count = u16::try_from(values.len()).unwrap();
            let mut pdu = [&[16][..], &start.to_be_bytes(), &count.to_be_bytes()].concat();
            pdu.push(u8::try_from(values.len() * 2).unwrap());
            pdu.extend(values.iter().flat_map(|value| value.to_be_bytes()));
            pdu
        }),
        Just(vec![0x2B, 0x0E, 0x01, 0x00]),
        Just(vec![0x11]),
        prop::collection::vec(any::<u8>(), 1..60),
    ]
}

/// A command of somebody, within his rights or not.
fn ask() -> impl Strategy<Value = Step> {
    let who = prop::sample::select(vec![
        person(Team::Red, Role::Red, Some("vendor")),
        person(Team::Blue, Role::Defender, Some("ews")),
        person(Team::Blue, Role::Operator, None),
        person(Team::Blue, Role::Observer, None),
    ]);
    let from = prop::sample::select(vec!["vendor", "ews", "nobody"]);
    let target = prop::sample::select(vec!["plc1", "sis1", "10.30.10.11", "fw1", "not a host"]);
    let command = prop_oneof![
        (from.clone(), target.clone(), any::<u16>(), 0..200_u16).prop_map(
            |(from, target, start, count)| Command::Read {
                from: from.into(),
                target: target.into(),
                unit: 1,
                table: Table::Holding,
                start: RegisterRef::At(start),
                count,
            }
        ),
        (from.clone(), target.clone(), 1020..1045_u16, any::<u16>()).prop_map(
            |(from, target, start, value)| {
                Command::Hold {
                    from: from.into(),
                    target: target.into(),
                    unit: 1,
                    start: RegisterRef::At(start),
                    values: vec![value],
                    period_s: value % 9,
                }
            }
        ),
        (from.clone(), target.clone()).prop_map(|(from, target)| Command::Identify {
            from: from.into(),
            target: target.into(),
            unit: 1
        }),
        (from.clone(), target.clone()).prop_map(|(from, target)| Command::ArpSpoof {
            from: from.into(),
            victim: "hmi".into(),
            peer: "fw1".into(),
            target: target.into(),
            rewrite: vec![],
        }),
        (from, target, any::<u16>()).prop_map(|(from, target, rate)| Command::Flood {
            from: from.into(),
            target: target.into(),
            frames_per_s: rate % 50,
            seconds: 3,
        }),
        any::<i64>().prop_map(|value_milli| Command::SetTag {
            tag: "PIC-101.SP".into(),
            value_milli
        }),
        any::<u64>().prop_map(|began_s| Command::Report {
            asset: "plc1".into(),
            technique: "T0836".into(),
            began_s: Some(began_s),
            needs_confirmation: false,
            evidence: vec![Citation::Alert(began_s)],
            text: "x".repeat(usize::from(began_s.to_le_bytes()[0])),
        }),
        any::<u32>().prop_map(|job| Command::StopJob { job }),
        Just(Command::Firewall {
            router: "fw1".into(),
            change: FirewallCommand::Disable("r7".into())
        }),
        Just(Command::Firewall {
            router: "fw1".into(),
            change: FirewallCommand::ClearSessions { src: None }
        }),
        Just(Command::Restore {
            controller: "plc1".into(),
            save_first: true
        }),
    ];
    (who, command).prop_map(|(who, command)| Step::Ask(who, Box::new(command)))
}

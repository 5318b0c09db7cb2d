//! Habits of personas, byte by byte.

use sim_wire::device::Identity;
use sim_wire::modbus::server::{
    BroadcastPolicy, Conformity, DeviceErrorMap, GatewayUnit, ModbusPersona, RunIndicator, Umas,
    UnitPolicy, Unsupported, WrongUnit,
};
use sim_wire::modbus::{ExceptionCode, ReadDeviceId};

use crate::server::{Bench, bench, frame};

fn with(change: impl FnOnce(&mut ModbusPersona)) -> Bench {
    let mut persona = ModbusPersona::default();
    change(&mut persona);
    Bench::new(persona)
}

#[test]
fn functions_not_offered_get_an_exception_or_silence() {
    assert_eq!(bench().ask(&[20, 0]), [0x94, 1]);
    let mut failing =
        with(|p| p.unsupported = Unsupported::Exception(ExceptionCode::SERVER_DEVICE_FAILURE));
    assert_eq!(failing.ask(&[20, 0]), [0x94, 4]);
    let mut silent = with(|p| p.unsupported = Unsupported::Silent);
    assert_eq!(silent.ask(&[20, 0]), []);
    assert!(!silent.transactions[0].answered);
    assert_eq!(silent.ask(&[3, 0, 1, 0, 1]), [3, 2, 1, 1]);
}

#[test]
fn quantities_are_refused_as_the_stack_does() {
    let mut bench = with(|p| {
        p.errors = DeviceErrorMap {
            bad_quantity: ExceptionCode::ILLEGAL_DATA_ADDRESS,
            ..DeviceErrorMap::default()
        }
    });
    assert_eq!(bench.ask(&[4, 0, 1, 0, 0]), [0x84, 2]);
    assert_eq!(
        bench.ask(&[16, 0, 1, 0, 1, 3, 0, 0, 0]),
        [0x90, 3],
        "a byte count is none"
    );
}

#[test]
fn umas_is_unknown_or_refused_in_its_own_words() {
    // Metasploit's modicon_command begins so: session key 0, function 2, read id.
    let read_id = [0x5A, 0x00, 0x02];
    assert_eq!(bench().ask(&read_id), [0xDA, 1]);
    let mut refusing = with(|p| p.umas = Umas::Refused(vec![0x83, 0x01]));
    assert_eq!(refusing.ask(&read_id), [0x5A, 0x00, 0xFD, 0x83, 0x01]);
    assert_eq!(
        refusing.ask(&[0x5A, 0x9C, 0x40, 0xFF]),
        [0x5A, 0x9C, 0xFD, 0x83, 0x01]
    );
    assert_eq!(refusing.ask(&[0x5A]), [0x5A, 0x00, 0xFD, 0x83, 0x01]);
    assert!(refusing.transactions.iter().all(|t| t.answered && !t.write));
    // Its frames are longer than the specification allows.
    let long = [&[0x5A, 0x07][..], &[0; 252]].concat();
    assert_eq!(refusing.ask(&long), [0x5A, 0x07, 0xFD, 0x83, 0x01]);
    assert_eq!(refusing.ask(&[0x5B]), [0xDB, 1], "no other function");
    let mut long = with(|p| p.umas = Umas::Refused(vec![1; 400]));
    assert_eq!(long.ask(&read_id).len(), 3 + Umas::MAX_DETAIL_BYTES);
}

#[test]
fn the_run_indicator_stands_where_the_persona_puts_it() {
    for (position, data) in [
        (RunIndicator::AfterId, &b"\x0A\xFFHX-20"[..]),
        (RunIndicator::Last, b"\x0AHX-20\xFF"),
        (RunIndicator::First, b"\xFF\x0AHX-20"),
        (RunIndicator::Missing, b"\x0AHX-20"),
    ] {
        let mut bench = with(|p| p.run_indicator = position);
        let reply = [&[17, data.len() as u8][..], data].concat();
        assert_eq!(bench.ask(&[17]), reply, "{position:?}");
        bench.device.identity.server_id = vec![0x41; 300];
        let reply = bench.ask(&[17]);
        let told = position != RunIndicator::Missing;
        assert_eq!(reply.len(), 252 + usize::from(told), "{position:?}");
        assert_eq!(usize::from(reply[1]), reply.len() - 2);
        assert_eq!(reply.contains(&0xFF), told);
        bench.device.identity.server_id.clear();
        bench.device.identity.server_id_extra.clear();
        assert_eq!(bench.ask(&[17])[..2], [17, 1]);
    }
}

#[test]
fn a_device_tells_no_more_than_its_conformity_level() {
    let conformity = Conformity {
        level: ReadDeviceId::Basic,
        individual: false,
    };
    let mut bench = with(|p| p.conformity = Some(conformity));
    bench.device.identity.model_name = "20-C".into();
    bench.device.identity.extended = vec![(0x80, "bench".into())];
    let reply = bench.ask(&[0x2B, 14, 3, 0]);
    assert_eq!(reply[..8], [0x2B, 14, 3, 0x01, 0, 0, 3, 0]);
    assert_eq!(bench.ask(&[0x2B, 14, 4, 0]), [0xAB, 3], "no single objects");
    assert_eq!(bench.ask(&[0x2B, 13, 0, 0]), [0xAB, 1]);
    assert_eq!(bench.ask(&[0x2B, 14, 9, 0]), [0xAB, 3]);
}

/// Two meters behind a gateway: registers 16 to 19 and 32 to 35 of its tables.
fn gateway() -> Bench {
    let meter = |unit, first, name: &str| GatewayUnit {
        unit,
        first,
        count: 4,
        identity: Some(Box::new(Identity {
            server_id: name.as_bytes().to_vec(),
            vendor_name: name.into(),
            ..Identity::default()
        })),
    };
    with(|p| {
        p.units = UnitPolicy::Gateway(vec![meter(3, 16, "A"), meter(7, 32, "B")]);
        p.wrong_unit = WrongUnit::GatewayTargetFailed;
    })
}

#[test]
fn each_unit_behind_a_gateway_has_its_own_registers_and_name() {
    let mut bench = gateway();
    let mut ask = |unit, pdu: &[u8]| bench.talk(&frame(5, unit, pdu))[7..].to_vec();
    assert_eq!(ask(3, &[3, 0, 0, 0, 1]), [3, 2, 0x10, 0x10]);
    assert_eq!(ask(7, &[3, 0, 0, 0, 1]), [3, 2, 0x20, 0x20]);
    assert_eq!(ask(3, &[3, 0, 3, 0, 2]), [0x83, 2], "not the neighbour's");
    assert_eq!(ask(7, &[6, 0, 1, 0xAB, 0xCD]), [6, 0, 1, 0xAB, 0xCD]);
    assert_eq!(ask(3, &[17]), [17, 2, b'A', 0xFF]);
    assert_eq!(ask(7, &[17]), [17, 2, b'B', 0xFF]);
    assert_eq!(ask(7, &[0x2B, 14, 4, 0])[8..], [1, b'B']);
    assert_eq!(ask(1, &[3, 0, 0, 0, 1]), [0x83, 0x0B]);
    assert_eq!(ask(255, &[3, 0, 0, 0, 1]), [0x83, 0x0B]);
    assert_eq!(bench.device.holding[33], 0xABCD);
}

#[test]
fn a_broadcast_reaches_every_device_behind_a_gateway() {
    let mut bench = gateway();
    let persona = ModbusPersona {
        broadcast: BroadcastPolicy::Silent,
        units: UnitPolicy::Gateway(
            [(3, 16), (7, 32)]
                .map(|(unit, first)| GatewayUnit {
                    unit,
                    first,
                    count: 4,
                    identity: None,
                })
                .to_vec(),
        ),
        ..ModbusPersona::default()
    };
    bench.session = Bench::new(persona).session;
    assert_eq!(bench.talk(&frame(5, 0, &[6, 0, 1, 0xAB, 0xCD])), []);
    assert_eq!(bench.device.holding[17], 0xABCD);
    assert_eq!(bench.device.holding[33], 0xABCD);
    assert_eq!(bench.device.holding[1], 0x0101);
}

#[test]
fn a_part_that_reaches_beyond_the_tables_ends_there() {
    let mut bench = with(|p| {
        p.units = UnitPolicy::Gateway(vec![GatewayUnit {
            unit: 1,
            first: 0xFFFF,
            count: 0xFFFF,
            identity: None,
        }]);
    });
    assert_eq!(
        bench.ask(&[3, 0, 0, 0, 1]),
        [0x83, 2],
        "no such register in the device"
    );
    assert_eq!(bench.ask(&[3, 0, 1, 0, 1]), [0x83, 2]);
    assert_eq!(bench.ask(&[3, 0xFF, 0xFF, 0, 125]), [0x83, 2]);
}

#[test]
fn wrong_units_have_no_path_where_the_gateway_knows_its_lines() {
    let mut bench = with(|p| {
        p.units = UnitPolicy::Only(vec![1]);
        p.wrong_unit = WrongUnit::GatewayPathUnavailable;
    });
    assert_eq!(
        bench.talk(&frame(9, 2, &[3, 0, 0, 0, 1])),
        frame(9, 2, &[0x83, 0x0A])
    );
}

//! Unit ids.

use sim_wire::modbus::server::{BroadcastPolicy, ModbusPersona, UnitPolicy, WrongUnit};

use crate::server::{Bench, bench, frame};

const READ: [u8; 5] = [3, 0, 1, 0, 1];
const WRITE: [u8; 5] = [6, 0, 1, 0xAB, 0xCD];

#[test]
fn any_unit_id_is_answered_by_default() {
    for unit in [0, 1, 2, 247, 255] {
        assert_eq!(
            bench().talk(&frame(9, unit, &READ)),
            frame(9, unit, &[3, 2, 1, 1])
        );
    }
}

#[test]
fn foreign_unit_ids_get_silence_or_0b() {
    let units = UnitPolicy::Only(vec![1, 255]);
    let mut silent = Bench::new(ModbusPersona {
        units: units.clone(),
        ..ModbusPersona::default()
    });
    assert_eq!(silent.talk(&frame(9, 2, &WRITE)), []);
    assert!(!silent.transactions[0].answered);
    assert_eq!(silent.device.holding[1], 0x0101, "nothing is executed");
    assert_eq!(
        silent.talk(&frame(9, 255, &READ)),
        frame(9, 255, &[3, 2, 1, 1])
    );
    let wrong_unit = WrongUnit::GatewayTargetFailed;
    let mut gateway = Bench::new(ModbusPersona {
        units,
        wrong_unit,
        ..ModbusPersona::default()
    });
    assert_eq!(
        gateway.talk(&frame(9, 2, &WRITE)),
        frame(9, 2, &[0x86, 0x0B])
    );
    assert_eq!(gateway.device.holding[1], 0x0101);
    assert_eq!(gateway.transactions[0].exception, Some(0x0B));
}

#[test]
fn a_broadcast_is_done_and_not_answered() {
    let broadcast = BroadcastPolicy::Silent;
    let units = UnitPolicy::Only(vec![1]);
    let mut bench = Bench::new(ModbusPersona {
        broadcast,
        units,
        ..ModbusPersona::default()
    });
    assert_eq!(bench.talk(&frame(9, 0, &WRITE)), []);
    assert_eq!(bench.device.holding[1], 0xABCD);
    assert_eq!(bench.talk(&frame(9, 0, &READ)), []);
    assert_eq!(bench.talk(&frame(9, 0, &[0x5A])), []);
    assert!(
        bench
            .transactions
            .iter()
            .all(|transaction| !transaction.answered)
    );
    assert_eq!(bench.transactions[0].values.as_slice(), [0xABCD]);
}

//! Every function's refusals, byte by byte.

use sim_wire::device::DeviceError;
use sim_wire::modbus::ExceptionCode;
use sim_wire::modbus::exception;
use sim_wire::modbus::function::{self, FunctionSet};
use sim_wire::modbus::server::{DeviceErrorMap, ModbusPersona};

use crate::server::{Bench, bench};

/// Asks and expects an exception with `code`; the device stays as it was.
fn refuses(pdu: &[u8], code: u8) {
    let mut bench = bench();
    let before = format!("{:?}", bench.device);
    assert_eq!(bench.ask(pdu), [pdu[0] | 0x80, code], "request {pdu:02X?}");
    assert_eq!(
        format!("{:?}", bench.device),
        before,
        "a refused request changes nothing"
    );
    let transaction = &bench.transactions[0];
    assert_eq!(
        (transaction.exception, transaction.answered),
        (Some(code), true)
    );
    assert!(transaction.values.as_slice().is_empty());
}

#[test]
fn quantity_zero_is_03() {
    for function in 1..=4 {
        refuses(&[function, 0, 0, 0, 0], 3);
    }
    refuses(&[0x0F, 0, 0, 0, 0, 0], 3);
    refuses(&[0x10, 0, 0, 0, 0, 0], 3);
    refuses(&[0x17, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0], 3);
    refuses(&[0x17, 0, 0, 0, 1, 0, 0, 0, 0, 0], 3);
}

#[test]
fn quantity_above_the_limit_is_03() {
    refuses(&[0x01, 0, 0, 0x07, 0xD1], 3);
    refuses(&[0x02, 0, 0, 0x07, 0xD1], 3);
    refuses(&[0x03, 0, 0, 0, 126], 3);
    refuses(&[0x04, 0, 0, 0, 126], 3);
    refuses(&[&[0x10, 0, 0, 0, 124, 248][..], &[0; 248]].concat(), 3);
    refuses(&[&[0x0F, 0, 0, 0x07, 0xB1, 247][..], &[0; 247]].concat(), 3);
    refuses(
        &[&[0x17, 0, 0, 0, 1, 0, 0, 0, 122, 244][..], &[0; 244]].concat(),
        3,
    );
    refuses(&[0x17, 0, 0, 0, 126, 0, 0, 0, 1, 2, 0, 0], 3);
}

#[test]
fn quantity_is_checked_before_the_address() {
    refuses(&[0x03, 0xFF, 0xFF, 0, 0], 3);
}

#[test]
fn address_that_does_not_exist_is_02() {
    refuses(&[0x01, 0, 64, 0, 1], 2);
    refuses(&[0x02, 0, 60, 0, 5], 2);
    refuses(&[0x03, 1, 0, 0, 1], 2);
    refuses(&[0x04, 0, 255, 0, 2], 2);
    refuses(&[0x05, 0, 64, 0xFF, 0], 2);
    refuses(&[0x06, 1, 0, 0, 0], 2);
    refuses(&[0x0F, 0, 60, 0, 5, 1, 0], 2);
    refuses(&[0x10, 0, 255, 0, 2, 4, 0, 0, 0, 0], 2);
    refuses(&[0x16, 1, 0, 0, 0, 0, 0], 2);
}

#[test]
fn range_beyond_65535_is_02() {
    refuses(&[0x03, 0xFF, 0xFF, 0, 2], 2);
    refuses(&[0x01, 0xFF, 0xF8, 0, 9], 2);
    refuses(&[0x10, 0xFF, 0xFF, 0, 2, 4, 0, 0, 0, 0], 2);
    refuses(&[0x0F, 0xFF, 0xFF, 0, 2, 1, 0], 2);
}

#[test]
fn fc23_checks_both_ranges_before_it_writes() {
    refuses(&[0x17, 1, 0, 0, 1, 0, 0, 0, 1, 2, 0x12, 0x34], 2);
    refuses(&[0x17, 0, 0, 0, 1, 1, 0, 0, 1, 2, 0x12, 0x34], 2);
}

#[test]
fn unknown_functions_are_01() {
    // 7, 11, 12, 20, 21 and 24 are serial or file functions that a plain controller does not offer; 90 is UMAS.
    for function in [0, 7, 9, 11, 12, 20, 21, 24, 90, 100, 127] {
        refuses(&[function, 0, 0, 0, 1], 1);
    }
}

#[test]
fn function_codes_with_the_exception_bit_are_01() {
    refuses(&[0x83, 0, 0, 0, 1], 1);
    refuses(&[0xFF], 1);
}

#[test]
fn wrong_values_and_counts_are_03() {
    refuses(&[0x05, 0, 1, 0x12, 0x34], 3);
    refuses(&[0x0F, 0, 0, 0, 8, 2, 0, 0], 3);
    refuses(&[0x10, 0, 0, 0, 1, 4, 0, 0, 0, 0], 3);
    refuses(&[0x17, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0], 3);
}

#[test]
fn device_identification_faults() {
    refuses(&[0x2B, 13, 1, 0], 1);
    refuses(&[0x2B, 14, 5, 0], 3);
    refuses(&[0x2B, 14, 0, 0], 3);
    refuses(&[0x2B, 14, 4, 0x42], 2);
    refuses(&[0x2B], 3);
}

#[test]
fn a_persona_offers_fewer_functions() {
    let functions = FunctionSet::all().without(8).without(0x2B);
    let mut bench = Bench::new(ModbusPersona {
        functions,
        ..ModbusPersona::default()
    });
    assert_eq!(bench.ask(&[8, 0, 0, 1, 2]), [0x88, 1]);
    assert_eq!(bench.ask(&[0x2B, 14, 1, 0]), [0xAB, 1]);
    assert_eq!(bench.ask(&[3, 0, 0, 0, 1]), [3, 2, 0, 0]);
}

#[test]
fn device_refusals_map_to_the_persona_s_codes() {
    let write = [0x06, 0, 0, 0, 1];
    let cases = [
        (DeviceError::NotSupported, 1),
        (DeviceError::BadAddress, 2),
        (DeviceError::BadValue, 3),
        (DeviceError::WriteRefused, 4),
        (DeviceError::ModeRefused, 1),
        (DeviceError::Failure, 4),
    ];
    for (refusal, code) in cases {
        let mut bench = bench();
        bench.device.refusal = Some(refusal);
        assert_eq!(bench.ask(&write), [0x86, code], "{refusal:?}");
    }
    let errors = DeviceErrorMap {
        write_refused: ExceptionCode(3),
        ..DeviceErrorMap::default()
    };
    let mut bench = Bench::new(ModbusPersona {
        errors,
        ..ModbusPersona::default()
    });
    bench.device.refusal = Some(DeviceError::WriteRefused);
    assert_eq!(bench.ask(&write), [0x86, 3]);
}

#[test]
fn a_refused_write_is_recorded_with_its_range() {
    let mut bench = bench();
    bench.ask(&[0x10, 0, 255, 0, 2, 4, 0, 0, 0, 0]);
    let transaction = &bench.transactions[0];
    assert!(transaction.write);
    assert_eq!(
        (
            transaction.address,
            transaction.count,
            transaction.exception
        ),
        (255, 2, Some(2))
    );
}

#[test]
fn the_tables_are_ascending_and_complete() {
    assert!(
        exception::TABLE
            .windows(2)
            .all(|pair| pair[0].code < pair[1].code)
    );
    assert!(
        exception::TABLE
            .iter()
            .all(|row| !row.name.is_empty() && row.description.ends_with('.'))
    );
    assert_eq!(ExceptionCode(2).to_string(), "02 illegal data address");
    assert_eq!(ExceptionCode(0x42).to_string(), "42 unknown exception");
    let codes: Vec<u8> = function::TABLE.iter().map(|row| row.code).collect();
    assert_eq!(
        codes,
        [
            1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 15, 16, 17, 20, 21, 22, 23, 24, 43
        ]
    );
}

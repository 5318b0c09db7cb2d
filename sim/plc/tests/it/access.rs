//! What clients may read and write, and how refusals look.

use sim_plc::memory::MemoryLayout;
use sim_plc::{
    KeyPosition, ModbusMap, ModbusRange, Plc, PlcConfig, PlcError, PlcEventKind, RangeCheck,
    ReadOnlyRange, Table, WriteTarget,
};
use sim_record::SimTime;
use sim_wire::device::BitTable::{Coils, DiscreteInputs};
use sim_wire::device::WordTable::{HoldingRegisters, InputRegisters};
use sim_wire::device::{Area, DeviceError, DeviceModel};

use crate::{config, program, scan};

const T: SimTime = SimTime(7);

fn empty() -> PlcConfig {
    config(&program("", ""))
}

fn words(plc: &Plc, start: u16, count: usize) -> Result<Vec<u16>, DeviceError> {
    let mut out = vec![0; count];
    plc.read_words(HoldingRegisters, start, &mut out)
        .map(|()| out)
}

#[test]
fn the_map_is_that_of_openplc() {
    let mut plc = Plc::new(empty()).unwrap();
    plc.set_input_word(2, 0x1234);
    plc.set_input_bit(5, true);
    scan(&mut plc, 0);
    let (mut bits, mut input) = ([false; 8], [0; 3]);
    plc.read_bits(DiscreteInputs, 0, &mut bits).unwrap();
    plc.read_words(InputRegisters, 0, &mut input).unwrap();
    assert_eq!(
        (bits, input),
        (
            [false, false, false, false, false, true, false, false],
            [0, 0, 0x1234]
        )
    );
    // Runs over the border between %QW and %MW.
    plc.write_words(T, 1023, &[1, 2]).unwrap();
    assert_eq!(words(&plc, 1022, 4).unwrap(), [0, 1, 2, 0]);
    plc.write_coils(T, 10, &[true, false, true]).unwrap();
    plc.read_bits(Coils, 8, &mut bits).unwrap();
    assert_eq!(bits, [false, false, true, false, true, false, false, false]);
    for (start, count) in [(8191_u16, 2), (8192, 1), (65535, 2)] {
        assert_eq!(
            words(&plc, start, count),
            Err(DeviceError::BadAddress),
            "{start}"
        );
        assert_eq!(
            plc.write_words(T, start, &vec![0; count]),
            Err(DeviceError::BadAddress),
            "{start}"
        );
    }
    assert_eq!(
        plc.read_bits(Coils, 8190, &mut bits),
        Err(DeviceError::BadAddress)
    );
}

#[test]
fn a_scenario_maps_markers_to_input_registers_and_discrete_inputs() {
    let range = |table, start, count, area, offset| ModbusRange {
        table,
        start,
        count,
        area,
        offset,
    };
    let ranges = vec![
        range(Table::Words(InputRegisters), 0, 3, Area::Input, 0),
        range(Table::Words(InputRegisters), 3, 2, Area::Marker, 10),
        range(Table::Bits(DiscreteInputs), 0, 5, Area::Marker, 640),
        range(Table::Words(HoldingRegisters), 1024, 1, Area::Marker, 0),
    ];
    let body = "voted := 7; %MX80.1 := TRUE;";
    let mut plc = Plc::new(PlcConfig {
        modbus: ModbusMap { ranges },
        ..config(&program("VAR voted AT %MW10 : UINT; END_VAR", body))
    })
    .unwrap();
    plc.set_input_word(2, 9);
    scan(&mut plc, 0);
    let (mut bits, mut input) = ([false; 5], [0; 5]);
    plc.read_words(InputRegisters, 0, &mut input).unwrap();
    plc.read_bits(DiscreteInputs, 0, &mut bits).unwrap();
    assert_eq!(
        (input, bits),
        ([0, 0, 9, 7, 0], [false, true, false, false, false])
    );
    assert_eq!(
        plc.read_words(InputRegisters, 1, &mut input),
        Err(DeviceError::BadAddress)
    );
    assert_eq!(words(&plc, 1023, 1), Err(DeviceError::BadAddress));
    assert_eq!(words(&plc, 1024, 1), Ok(vec![0]));
    assert_eq!(
        plc.read_bits(Coils, 0, &mut bits),
        Err(DeviceError::BadAddress)
    );
}

#[test]
fn operator_inputs_are_checked_whichever_way_they_come() {
    let checks = vec![
        RangeCheck {
            address: 1024,
            min: 2500,
            max: 2750,
        },
        RangeCheck {
            address: 1026,
            min: 0,
            max: 1,
        },
    ];
    let mut plc = Plc::new(PlcConfig {
        range_checks: checks,
        ..config(&program("VAR sp AT %MW0 : UINT := 2700; END_VAR", ""))
    })
    .unwrap();
    assert_eq!(
        plc.write_words(T, 1024, &[2751]),
        Err(DeviceError::BadValue)
    );
    assert_eq!(
        plc.write_words(T, 1024, &[2499, 5, 0]),
        Err(DeviceError::BadValue)
    );
    // All or none: the good word before the bad one is not written either.
    assert_eq!(
        plc.write_words(T, 1024, &[2600, 5, 2]),
        Err(DeviceError::BadValue)
    );
    assert_eq!(words(&plc, 1024, 3).unwrap(), [2700, 0, 0]);
    assert_eq!(plc.write_words(T, 1024, &[2600, 5, 1]), Ok(()));
    let at = MemoryLayout::openplc()
        .word_offset(Area::Marker, 0)
        .unwrap();
    // 2600 is 0A28: half a word written through the area makes 0AFF = 2815.
    assert_eq!(
        plc.write_area(T, Area::Marker, at + 1, &[0xFF]),
        Err(DeviceError::BadValue)
    );
    assert_eq!(plc.write_area(T, Area::Marker, at, &[0x0A, 0xBE]), Ok(()));
    assert_eq!(words(&plc, 1024, 3).unwrap(), [2750, 5, 1]);
    let refused: Vec<_> = plc.events().into_iter().map(|e| e.kind).collect();
    assert_eq!(refused.len(), 4);
    let target = WriteTarget::Modbus(Table::Words(HoldingRegisters));
    assert_eq!(
        refused[1],
        PlcEventKind::WriteRefused {
            target,
            start: 1024,
            count: 3,
            reason: DeviceError::BadValue
        }
    );
}

#[test]
fn read_only_ranges_and_inputs_refuse_writes() {
    let read_only = vec![
        ReadOnlyRange {
            table: Table::Words(HoldingRegisters),
            start: 1040,
            count: 2,
        },
        ReadOnlyRange {
            table: Table::Bits(Coils),
            start: 4,
            count: 1,
        },
    ];
    let mut plc = Plc::new(PlcConfig {
        read_only,
        ..empty()
    })
    .unwrap();
    assert_eq!(
        plc.write_words(T, 1039, &[1, 2]),
        Err(DeviceError::WriteRefused)
    );
    assert_eq!(plc.write_words(T, 1039, &[1]), Ok(()));
    assert_eq!(plc.write_words(T, 1042, &[1]), Ok(()));
    assert_eq!(
        plc.write_coils(T, 0, &[true; 5]),
        Err(DeviceError::WriteRefused)
    );
    assert_eq!(plc.write_coils(T, 0, &[true; 4]), Ok(()));
    let at = MemoryLayout::openplc()
        .word_offset(Area::Marker, 17)
        .unwrap();
    assert_eq!(
        plc.write_area(T, Area::Marker, at + 1, &[1]),
        Err(DeviceError::WriteRefused)
    );
    assert_eq!(
        plc.write_area(T, Area::Output, 0, &[1]),
        Err(DeviceError::WriteRefused)
    );
    assert_eq!(
        plc.write_area(T, Area::Input, 0, &[1]),
        Err(DeviceError::WriteRefused)
    );
}

#[test]
fn areas_end_where_their_memory_ends() {
    let layout = MemoryLayout::s7(16, 16, 32, vec![(1, 8), (7, 4)]);
    let source = program(
        "VAR a AT %DB7.DBW2 : INT; END_VAR",
        "a := a + 1; %DB1.DBX7.7 := TRUE;",
    );
    let config = PlcConfig {
        layout,
        modbus: ModbusMap::default(),
        input_words: 8,
        output_words: 8,
        ..config(&source)
    };
    let mut plc = Plc::new(config).unwrap();
    scan(&mut plc, 0);
    let mut bytes = [0; 8];
    plc.read_area(Area::DataBlock(1), 0, &mut bytes).unwrap();
    assert_eq!(bytes, [0, 0, 0, 0, 0, 0, 0, 0x80]);
    plc.read_area(Area::DataBlock(7), 0, &mut bytes[..4])
        .unwrap();
    assert_eq!(bytes[..4], [0, 0, 0, 1]);
    plc.write_area(T, Area::DataBlock(7), 2, &[0x7F, 0xFE])
        .unwrap();
    scan(&mut plc, 1);
    plc.read_area(Area::DataBlock(7), 2, &mut bytes[..2])
        .unwrap();
    assert_eq!(bytes[..2], [0x7F, 0xFF]);
    for (area, offset, count) in [
        (Area::DataBlock(7), 1, 4),
        (Area::DataBlock(2), 0, 1),
        (Area::Marker, 32, 1),
        (Area::Marker, u32::MAX, 1),
        (Area::Timer, 512, 1),
    ] {
        assert_eq!(
            plc.read_area(area, offset, &mut bytes[..count]),
            Err(DeviceError::BadAddress)
        );
        assert_eq!(
            plc.write_area(T, area, offset, &bytes[..count]),
            Err(DeviceError::BadAddress)
        );
    }
}

#[test]
fn s7_addresses_of_all_sizes_overlap() {
    let layout = MemoryLayout::s7(16, 16, 16, vec![]);
    let source = program(
        "VAR d AT %MD4 : DWORD; b : BYTE; x : BOOL; END_VAR",
        "d := 16#01020384; b := %MB6; x := %MX7.2 AND %MW4 = 16#0102;",
    );
    let mut plc = Plc::new(PlcConfig {
        layout,
        modbus: ModbusMap::default(),
        ..config(&source)
    })
    .unwrap();
    scan(&mut plc, 0);
    assert_eq!(
        (plc.variable("b"), plc.variable("x")),
        (Some(3.0), Some(1.0))
    );
}

#[test]
fn the_key_decides_over_writes_downloads_and_mode_changes() {
    use sim_wire::device::Mode;
    let source = program("VAR n AT %MW0 : INT; END_VAR", "");
    let next = source.replace("END_PROGRAM", "n := 1; END_PROGRAM");
    for (key, write, download, mode) in [
        (
            KeyPosition::Run,
            Err(DeviceError::WriteRefused),
            Err(DeviceError::ModeRefused),
            Err(DeviceError::ModeRefused),
        ),
        (
            KeyPosition::Remote,
            Ok(()),
            Err(DeviceError::ModeRefused),
            Ok(()),
        ),
        (
            KeyPosition::Program,
            Err(DeviceError::WriteRefused),
            Ok(()),
            Ok(()),
        ),
    ] {
        let mut plc = Plc::new(PlcConfig {
            key_gates_writes: true,
            key,
            ..config(&source)
        })
        .unwrap();
        assert_eq!(plc.write_words(T, 1024, &[5]), write);
        assert_eq!(plc.write_coils(T, 0, &[true]), write);
        assert_eq!(plc.write_area(T, Area::Marker, 0, &[1]), write);
        assert_eq!(plc.set_variable(T, "n", 2.0), write);
        assert_eq!(plc.force(T, sim_plc::ForceTarget::OutputBit(0), 1), write);
        assert_eq!(plc.write_file(T, "main.st", next.as_bytes()), download);
        assert_eq!(plc.request_mode(T, Mode::Stop), mode);
        // An address that does not exist is that first, whatever the key.
        assert_eq!(
            plc.write_words(T, 60000, &[5]),
            Err(DeviceError::BadAddress)
        );
        assert!(words(&plc, 1024, 1).is_ok());
    }
}

#[test]
fn without_power_nothing_answers() {
    let mut plc = Plc::new(empty()).unwrap();
    plc.set_power(T, false);
    assert_eq!(words(&plc, 0, 1), Err(DeviceError::Failure));
    assert_eq!(plc.write_words(T, 0, &[1]), Err(DeviceError::Failure));
    assert_eq!(plc.read_file("main.st"), Err(DeviceError::Failure));
    assert_eq!(plc.write_file(T, "main.st", b""), Err(DeviceError::Failure));
    assert_eq!(
        plc.request_mode(T, sim_wire::device::Mode::Run),
        Err(DeviceError::Failure)
    );
}

#[test]
fn a_flood_of_refused_writes_stays_bounded() {
    let mut plc = Plc::new(empty()).unwrap();
    for _ in 0..5_000 {
        assert!(plc.write_words(T, 60_000, &[1]).is_err());
    }
    assert_eq!(plc.events().len(), sim_plc::MAX_PENDING_EVENTS);
    assert_eq!(
        plc.events_dropped(),
        5_000 - sim_plc::MAX_PENDING_EVENTS as u64
    );
    assert!(plc.diagnostics().is_empty());
}

#[test]
fn faults_of_a_configuration_are_named() {
    let range = |start, count, area, offset| ModbusRange {
        table: Table::Words(HoldingRegisters),
        start,
        count,
        area,
        offset,
    };
    let with_ranges = |ranges: Vec<ModbusRange>| PlcConfig {
        modbus: ModbusMap { ranges },
        ..empty()
    };
    let check = |address, min, max| PlcConfig {
        range_checks: vec![RangeCheck { address, min, max }],
        ..empty()
    };
    let mut two = empty();
    two.programs.push(two.programs[0].clone());
    let mut odd_period = empty();
    odd_period.programs[0].period_us = 1_500;
    for (config, expected) in [
        (PlcConfig::default(), PlcError::ProgramCount(0)),
        (two, PlcError::FileName("main.st".into())),
        (
            odd_period,
            PlcError::Period {
                file_name: "main.st".into(),
                period_us: 1_500,
            },
        ),
        (
            with_ranges(vec![
                range(0, 10, Area::Marker, 0),
                range(9, 1, Area::Output, 0),
            ]),
            PlcError::ModbusRange {
                index: 1,
                start: 9,
                count: 1,
            },
        ),
        (
            with_ranges(vec![range(0, 1, Area::DataBlock(1), 0)]),
            PlcError::ModbusRange {
                index: 0,
                start: 0,
                count: 1,
            },
        ),
        (
            with_ranges(vec![range(0, 1025, Area::Output, 0)]),
            PlcError::ModbusRange {
                index: 0,
                start: 0,
                count: 1025,
            },
        ),
        (
            with_ranges(vec![range(65535, 2, Area::Output, 0)]),
            PlcError::ModbusRange {
                index: 0,
                start: 65535,
                count: 2,
            },
        ),
        (
            with_ranges(vec![range(0, 0, Area::Output, 0)]),
            PlcError::ModbusRange {
                index: 0,
                start: 0,
                count: 0,
            },
        ),
        (
            check(9000, 0, 1),
            PlcError::Protection {
                what: "range check",
                address: 9000,
            },
        ),
        (
            check(1024, 2, 1),
            PlcError::Protection {
                what: "range check",
                address: 1024,
            },
        ),
        (
            PlcConfig {
                input_words: 2000,
                ..empty()
            },
            PlcError::Channels("input word"),
        ),
        (
            PlcConfig {
                watchdog_instructions: 0,
                ..empty()
            },
            PlcError::Watchdog(0),
        ),
        (
            PlcConfig {
                layout: MemoryLayout::s7(1, 1, 1_000_000, vec![]),
                ..empty()
            },
            PlcError::Layout,
        ),
        (
            PlcConfig {
                layout: MemoryLayout::s7(1, 1, 1, vec![(3, 1), (3, 1)]),
                ..empty()
            },
            PlcError::Layout,
        ),
    ] {
        assert_eq!(Plc::new(config).unwrap_err(), expected);
    }
    let PlcError::Compile { file_name, errors } =
        Plc::new(config("PROGRAM P\nx := 1;\nEND_PROGRAM")).unwrap_err()
    else {
        panic!()
    };
    assert_eq!(
        (file_name.as_str(), errors[0].line, errors[0].column),
        ("main.st", 2, 1)
    );
}

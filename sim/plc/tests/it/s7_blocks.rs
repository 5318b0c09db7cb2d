//! The blocks of an S7 CPU: they are the program that it runs.

use sim_plc::memory::MemoryLayout;
use sim_plc::{KeyPosition, ModbusMap, Plc, PlcConfig, ProgramConfig, S7Config};
use sim_record::SimTime;
use sim_wire::device::{Area, DeviceError, DeviceModel, Mode};
use sim_wire::s7::block::{self, BlockId, BlockInfo, BlockKind, language};
use sim_wire::s7::device::{Level, S7Device, StartKind};

/// 2026-03-01, 00:00 UTC.
const START_US: u64 = 1_772_323_200_000_000;

const SOURCE: &str = "FUNCTION Twice : INT
VAR_INPUT x : INT; END_VAR
Twice := x * 2;
END_FUNCTION

FUNCTION_BLOCK Limit2
VAR_INPUT x : INT; END_VAR
VAR_OUTPUT y : INT; END_VAR
y := MIN(x, 50);
END_FUNCTION_BLOCK

PROGRAM main
VAR
  level AT %DB1.DBW2 : INT;
  out AT %DB1.DBW4 : INT;
  l : Limit2;
END_VAR
l(x := Twice(level));
out := l.y;
END_PROGRAM
";

fn cpu() -> Plc {
    let program = |file_name: &str, source: &str| ProgramConfig {
        file_name: file_name.into(),
        source: source.into(),
        period_us: 100_000,
    };
    let second = "PROGRAM slow VAR n AT %MW10 : INT; END_VAR n := n + 1; END_PROGRAM";
    let mut cpu = Plc::new(PlcConfig {
        name: "CPU".into(),
        programs: vec![program("main.st", SOURCE), program("slow.st", second)],
        layout: MemoryLayout::s7(64, 64, 64, vec![(1, 8), (7, 4)]),
        key: KeyPosition::Remote,
        modbus: ModbusMap::default(),
        s7: Some(S7Config {
            start_unix_us: START_US,
            project_unix_us: START_US - 86_400_000_000,
            password: Some(*b"secret  "),
            password_level: Level::ReadOnly,
        }),
        ..PlcConfig::default()
    })
    .unwrap();
    cpu.scan(SimTime::ZERO);
    cpu
}

const fn id(kind: BlockKind, number: u16) -> BlockId {
    BlockId { kind, number }
}

fn numbers(cpu: &Plc, kind: BlockKind) -> Vec<u16> {
    cpu.blocks(kind)
        .into_iter()
        .map(|(number, _)| number)
        .collect()
}

fn text(cpu: &Plc, id: BlockId) -> String {
    let block = cpu.read_block(id).unwrap();
    let (_, code, _) = block::parts(&block).unwrap();
    String::from_utf8(code.to_vec()).unwrap()
}

fn made(id: BlockId, text: &str) -> Vec<u8> {
    let info = BlockInfo::new(id, language::SCL, START_US);
    block::assemble(&info, text.as_bytes(), &[]).unwrap()
}

fn download(cpu: &mut Plc, id: BlockId, text: &str) -> Result<(), DeviceError> {
    let now = SimTime::from_secs(1);
    cpu.load_block(now, id, &made(id, text))?;
    cpu.insert_block(now, id)
}

/// `out` after a scan with `level` at 10.
fn out(cpu: &mut Plc) -> i16 {
    cpu.write_area(SimTime::from_secs(2), Area::DataBlock(1), 2, &[0, 10])
        .unwrap();
    cpu.scan(SimTime(cpu.last_scan().0 + 100_000));
    let mut bytes = [0; 2];
    cpu.read_area(Area::DataBlock(1), 4, &mut bytes).unwrap();
    i16::from_be_bytes(bytes)
}

#[test]
fn a_program_is_listed_as_blocks_and_data_blocks_are_live() {
    let mut cpu = cpu();
    let list = |kind| numbers(&cpu, kind);
    assert_eq!(list(BlockKind::Ob), [1, 35]);
    assert_eq!(list(BlockKind::Fb), [1]);
    assert_eq!(list(BlockKind::Fc), [1]);
    assert_eq!(list(BlockKind::Db), [1, 7]);
    assert!(list(BlockKind::Sfc).is_empty());
    let ob = text(&cpu, id(BlockKind::Ob, 1));
    assert!(ob.starts_with("{FC1}\n\n{FB1}\n\nPROGRAM main"), "{ob}");
    assert!(text(&cpu, id(BlockKind::Fb, 1)).starts_with("FUNCTION_BLOCK Limit2"));
    assert_eq!(out(&mut cpu), 20);
    let block = cpu.read_block(id(BlockKind::Db, 1)).unwrap();
    assert_eq!(block::parts(&block).unwrap().1, [0, 0, 0, 10, 0, 20, 0, 0]);
    let info = cpu.block_info(id(BlockKind::Fb, 1)).unwrap();
    assert_eq!(&info.name, b"LIMIT2\0\0");
    assert_eq!(info.code_time_us, START_US - 86_400_000_000);
    assert_eq!(
        cpu.read_block(id(BlockKind::Fb, 9)),
        Err(DeviceError::BadAddress)
    );
}

#[test]
fn what_is_inserted_is_what_runs_and_putting_it_back_is_as_before() {
    let mut cpu = cpu();
    let before = cpu.program_hash();
    let fc = id(BlockKind::Fc, 1);
    let old = text(&cpu, fc);
    download(&mut cpu, fc, &old.replace("x * 2", "x * 4")).unwrap();
    assert_eq!(out(&mut cpu), 40);
    assert_ne!(cpu.program_hash(), before);
    assert_eq!(
        cpu.block_info(fc).unwrap().code_time_us,
        START_US + 1_000_000
    );
    let ob = id(BlockKind::Ob, 1);
    let main = text(&cpu, ob);
    download(&mut cpu, ob, &main.replace("out := l.y", "out := -l.y")).unwrap();
    assert_eq!(out(&mut cpu), -40);
    download(&mut cpu, ob, &main).unwrap();
    download(&mut cpu, fc, &old).unwrap();
    assert_eq!(out(&mut cpu), 20);
    assert_eq!(cpu.program_hash(), before, "byte for byte");
}

#[test]
fn nothing_changes_before_insertion_and_a_bad_block_changes_nothing() {
    let mut cpu = cpu();
    let fb = id(BlockKind::Fb, 1);
    let good = text(&cpu, fb).replace("50", "5");
    cpu.load_block(SimTime::ZERO, fb, &made(fb, &good)).unwrap();
    assert_eq!(out(&mut cpu), 20);
    assert_eq!(numbers(&cpu, BlockKind::Fb), [1]);
    cpu.insert_block(SimTime::ZERO, fb).unwrap();
    assert_eq!(out(&mut cpu), 5);
    assert_eq!(
        cpu.insert_block(SimTime::ZERO, fb),
        Err(DeviceError::BadAddress),
        "only once"
    );
    let refused = [
        good.replace("MIN", "MINN"),
        good.replace("END_FUNCTION_BLOCK", ""),
        good.replace("FUNCTION_BLOCK", "FUNCTION"),
        format!("{good} {good}"),
        String::new(),
    ];
    for text in refused {
        assert_eq!(
            download(&mut cpu, fb, &text),
            Err(DeviceError::BadValue),
            "{text}"
        );
        assert_eq!(out(&mut cpu), 5);
    }
    let other = made(id(BlockKind::Fb, 2), &good);
    assert_eq!(
        cpu.load_block(SimTime::ZERO, fb, &other),
        Err(DeviceError::BadValue),
        "a block of another name"
    );
    assert_eq!(
        cpu.load_block(SimTime::ZERO, fb, b"pp"),
        Err(DeviceError::BadValue)
    );
    let faulty = text(&cpu, id(BlockKind::Fc, 1)).replace("x * 2", "x / (x - x)");
    download(&mut cpu, id(BlockKind::Fc, 1), &faulty).unwrap();
    cpu.scan(SimTime::from_secs(9));
    assert_eq!(cpu.mode(), Mode::Fault);
}

#[test]
fn a_new_block_keeps_its_number_and_a_needed_one_that_is_deleted_stops_the_cpu() {
    let mut cpu = cpu();
    let fc = id(BlockKind::Fc, 20);
    let half = "FUNCTION Half : INT VAR_INPUT x : INT; END_VAR Half := x / 2; END_FUNCTION";
    download(&mut cpu, fc, half).unwrap();
    assert_eq!(numbers(&cpu, BlockKind::Fc), [1, 20]);
    let ob = id(BlockKind::Ob, 1);
    let main = text(&cpu, ob);
    assert!(main.contains("{FC20}"));
    cpu.delete_block(SimTime::ZERO, fc).unwrap();
    assert_eq!(cpu.mode(), Mode::Run, "nobody calls it");
    assert_eq!(numbers(&cpu, BlockKind::Fc), [1]);

    let twice = id(BlockKind::Fc, 1);
    let old = text(&cpu, twice);
    cpu.delete_block(SimTime::ZERO, twice).unwrap();
    assert_eq!(cpu.mode(), Mode::Stop);
    assert_eq!(numbers(&cpu, BlockKind::Fc), []);
    assert_eq!(cpu.read_block(twice), Err(DeviceError::BadAddress));
    let last = cpu.diagnostics().iter().rev().nth(1).unwrap();
    assert_eq!(cpu.event_id(last), 0x4562, "{}", last.text);
    let start = |cpu: &mut Plc| cpu.start(SimTime::from_secs(3), StartKind::Warm);
    assert_eq!(start(&mut cpu), Err(DeviceError::ModeRefused));
    cpu.set_power(SimTime::from_secs(1), false);
    cpu.set_power(SimTime::from_secs(2), true);
    assert_eq!(cpu.mode(), Mode::Stop, "power does not bring a block back");
    download(&mut cpu, twice, &old).unwrap();
    start(&mut cpu).unwrap();
    assert_eq!(out(&mut cpu), 20);
    assert_eq!(cpu.mode_since(), SimTime::from_secs(3));
}

#[test]
fn data_blocks_are_loaded_whole_and_gone_when_deleted() {
    let mut cpu = cpu();
    let db = id(BlockKind::Db, 7);
    let make = |bytes: &[u8]| {
        block::assemble(&BlockInfo::new(db, language::DB, START_US), bytes, &[]).unwrap()
    };
    assert_eq!(
        cpu.load_block(SimTime::ZERO, db, &make(&[1, 2])),
        Err(DeviceError::BadValue)
    );
    cpu.load_block(SimTime::ZERO, db, &make(&[1, 2, 3, 4]))
        .unwrap();
    cpu.insert_block(SimTime::ZERO, db).unwrap();
    let mut bytes = [0; 4];
    cpu.read_area(Area::DataBlock(7), 0, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3, 4]);
    cpu.delete_block(SimTime::ZERO, db).unwrap();
    assert_eq!(S7Device::area_bytes(&cpu, Area::DataBlock(7)), None);
    assert_eq!(
        cpu.read_area(Area::DataBlock(7), 0, &mut bytes),
        Err(DeviceError::BadAddress)
    );
}

#[test]
fn clock_protection_and_state_are_the_cpus() {
    let mut cpu = cpu();
    let now = SimTime::from_secs(5);
    assert_eq!(cpu.clock_us(now), START_US + 5_000_000);
    cpu.set_clock_us(now, 1_000_000_000_000_000).unwrap();
    assert_eq!(cpu.clock_us(SimTime::from_secs(6)), 1_000_000_001_000_000);
    assert_eq!(cpu.protection().level(false), Level::ReadOnly);
    assert_eq!(cpu.protection().level(true), Level::Full);
    assert!(cpu.check_password(b"secret  ") && !cpu.check_password(b"Secret  "));
    cpu.set_key(now, KeyPosition::Run);
    assert_eq!(
        cpu.protection().level(true),
        Level::ReadOnly,
        "no password turns a key"
    );

    let fc = id(BlockKind::Fc, 1);
    cpu.load_block(now, fc, &cpu.read_block(fc).unwrap())
        .unwrap();
    cpu.delete_block(now, id(BlockKind::Db, 7)).unwrap();
    let mut other = self::cpu();
    other.restore(&cpu.save()).unwrap();
    assert_eq!(other.save(), cpu.save());
    assert_eq!(numbers(&other, BlockKind::Db), [1]);
    assert!(other.insert_block(now, fc).is_ok());
}

#[test]
fn whatever_is_downloaded_memory_stays_bounded() {
    let mut cpu = cpu();
    for number in 2..200 {
        let fc = id(BlockKind::Fc, number);
        let text = format!("FUNCTION f{number} : INT f{number} := 1; END_FUNCTION");
        let _ = cpu.load_block(SimTime::ZERO, fc, &made(fc, &text));
    }
    let loaded = (2..200).filter(|n| {
        cpu.insert_block(SimTime::ZERO, id(BlockKind::Fc, *n))
            .is_ok()
    });
    assert_eq!(loaded.count(), 32);
}

#[test]
fn a_data_block_that_is_new_can_be_read_written_and_deleted() {
    let mut cpu = cpu();
    let (db, area) = (id(BlockKind::Db, 77), Area::DataBlock(77));
    let block = block::assemble(&BlockInfo::new(db, language::DB, START_US), &[1, 2, 3], &[]);
    cpu.load_block(SimTime::ZERO, db, &block.unwrap()).unwrap();
    assert_eq!(
        S7Device::area_bytes(&cpu, area),
        None,
        "not before it is inserted"
    );
    cpu.insert_block(SimTime::ZERO, db).unwrap();
    assert_eq!(S7Device::area_bytes(&cpu, area), Some(3));
    cpu.write_area(SimTime::ZERO, area, 1, &[9]).unwrap();
    let mut bytes = [0; 3];
    cpu.read_area(area, 0, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 9, 3]);
    assert_eq!(
        cpu.read_area(area, 1, &mut bytes),
        Err(DeviceError::BadAddress)
    );
    let mut other = self::cpu();
    other.restore(&cpu.save()).unwrap();
    assert_eq!(other.save(), cpu.save());
    cpu.delete_block(SimTime::ZERO, db).unwrap();
    assert_eq!(cpu.mode(), Mode::Run);
    assert_eq!(S7Device::area_bytes(&cpu, area), None);
}

#[test]
fn timers_and_counters_are_there() {
    let mut cpu = cpu();
    for area in [Area::Timer, Area::Counter] {
        assert_eq!(S7Device::area_bytes(&cpu, area), Some(512));
        cpu.write_area(SimTime::ZERO, area, 510, &[7, 8]).unwrap();
        let mut bytes = [0; 2];
        cpu.read_area(area, 510, &mut bytes).unwrap();
        assert_eq!(bytes, [7, 8]);
        assert_eq!(
            cpu.write_area(SimTime::ZERO, area, 511, &[7, 8]),
            Err(DeviceError::BadAddress)
        );
    }
}

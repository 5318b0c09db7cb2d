//! Start, stop, compress, copy.

use sim_wire::device::{DeviceError, Mode};
use sim_wire::s7::device::{Level, MemoryService, StartKind};
use sim_wire::s7::server::Action;

use super::{Bench, hex};

const STOP: &str = "29 0000000000 09 505f50524f4752414d";
const WARM: &str = "28 000000000000fd 0000 09 505f50524f4752414d";
const COLD: &str = "28 000000000000fd 0002 4320 09 505f50524f4752414d";
const COMPRESS: &str = "28 000000000000fd 0000 05 5f47415242";
const COPY: &str = "28 000000000000fd 0002 4550 05 5f4d4f4455";

fn ask(bench: &mut Bench, parameters: &str) -> (u16, Vec<u8>) {
    bench.ask_job(&hex(parameters), &[])
}

#[test]
fn stop_and_start_as_snap7_asks() {
    let mut bench = Bench::connected();
    // Clients read from the second parameter that nothing was to do.
    assert_eq!(ask(&mut bench, WARM), (0x8402, vec![0x28, 0x02]));
    assert_eq!(ask(&mut bench, STOP), (0, vec![0x29]));
    assert_eq!(bench.cpu.mode, Mode::Stop);
    assert_eq!(ask(&mut bench, STOP), (0x8402, vec![0x29, 0x07]));
    assert_eq!(ask(&mut bench, WARM), (0, vec![0x28]));
    assert_eq!(bench.cpu.mode, Mode::Run);
    ask(&mut bench, STOP);
    assert_eq!(ask(&mut bench, COLD), (0, vec![0x28]));
    assert_eq!(bench.cpu.starts, [StartKind::Warm, StartKind::Cold]);
    let actions: Vec<&Action> = bench.transactions.iter().map(|t| &t.action).collect();
    assert_eq!(actions[0], &Action::Start(StartKind::Warm));
    assert_eq!(
        (actions[1], actions[5]),
        (&Action::Stop, &Action::Start(StartKind::Cold))
    );
    assert!(bench.transactions[0].refusal.is_some() && bench.transactions[1].refusal.is_none());
}

#[test]
fn memory_services_go_by_name() {
    let mut bench = Bench::connected();
    assert_eq!(ask(&mut bench, COMPRESS), (0, vec![0x28]));
    assert_eq!(ask(&mut bench, COPY), (0, vec![0x28]));
    let services = [MemoryService::Compress, MemoryService::CopyRamToRom];
    assert_eq!(bench.cpu.memory_services, services);
}

#[test]
fn what_is_no_service_is_refused() {
    let mut bench = Bench::connected();
    for bad in [
        // As long as a compress, but another name; a start with an argument that is none; lengths that do not fit.
        "28 000000000000fd 0000 05 5f58595a5a",
        "28 000000000000fd 0002 5820 09 505f50524f4752414d",
        "28 000000000000fd 0009 4320 09 505f50524f4752414d",
        "28 000000000000fd 0000 09 505f50524f4752414d 00",
        "28",
        "29",
        "29 0000000000 05 5f47415242",
        // The lists of blocks: no block, a count that does not fit, a name that is none.
        "28 000000000000fd 0002 0000 05 5f494e5345",
        "28 000000000000fd 000a 0200 3041303030303150 05 5f494e5345",
        "28 000000000000fd 000a 0100 305a303030303150 05 5f494e5345",
        // python-snap7 3.3.0 asks for a deletion in a form of its own.
        "28 0000000000 08 05 00 343130303030315020 5f44454c45",
    ] {
        let (error, rest) = ask(&mut bench, bad);
        assert!(matches!(error, 0xD201 | 0xD202), "{bad}: {error:04X}");
        assert!(rest.is_empty());
    }
    assert_eq!(bench.cpu.mode, Mode::Run);
}

#[test]
fn protection_and_the_device_refuse() {
    let mut bench = Bench::connected();
    bench.cpu.protection.selector_level = Level::ReadOnly;
    for parameters in [STOP, WARM, COLD, COMPRESS, COPY] {
        assert_eq!(ask(&mut bench, parameters), (0xD241, vec![]));
    }
    bench.cpu.protection.selector_level = Level::Full;
    for (refusal, code) in [
        (DeviceError::ModeRefused, 0xD081),
        (DeviceError::WriteRefused, 0xD241),
        (DeviceError::Failure, 0x8404),
    ] {
        bench.cpu.refusal = Some(refusal);
        assert_eq!(ask(&mut bench, STOP), (code, vec![]));
    }
    assert_eq!(bench.cpu.mode, Mode::Run);
}

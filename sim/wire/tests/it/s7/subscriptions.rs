//! Cyclic data and messages.

use sim_record::SimDuration;
use sim_wire::device::{Area, Mode};
use sim_wire::s7::server::Limits;

use super::{Bench, NOW, hex, pdus};

/// Two bytes of DB1 every 200 ms.
const TWO_BYTES: &str = "0001 00 02 120a 10 02 0002 0001 84 000010";

fn error(parameters: &[u8]) -> u16 {
    u16::from_be_bytes([parameters[3], parameters[4]])
}

/// What is pushed at an instant.
fn pushed(bench: &mut Bench, milliseconds: u64) -> Vec<Vec<u8>> {
    bench.wait(SimDuration::from_millis(milliseconds));
    pdus(&bench.talk(&[]))
}

#[test]
fn cyclic_data_come_in_time() {
    let mut bench = Bench::connected();
    let (parameters, data) = bench.ask_userdata(2, 1, &hex(TWO_BYTES));
    let job = parameters[0];
    assert_eq!(data, hex("ff090008 0001 ff040010 0203"));
    assert_eq!(
        bench.session.next_timeout(),
        Some(NOW + SimDuration::from_millis(200))
    );
    assert!(pushed(&mut bench, 199).is_empty());
    bench.cpu.areas.get_mut(&Area::DataBlock(1)).unwrap()[2] = 0xAA;
    let push = pushed(&mut bench, 1);
    let mut expected =
        hex("32070000000 0000c000c 000112081202 01 00 00000000 ff090008 0001 ff040010 aa03");
    expected[17] = job;
    assert_eq!(push, [expected]);
    // Instants that were missed are not made up for, and the rhythm stays.
    assert_eq!(pushed(&mut bench, 1050).len(), 1);
    assert_eq!(
        bench.session.next_timeout(),
        Some(NOW + SimDuration::from_millis(1400))
    );
    assert_eq!(error(&bench.ask_userdata(2, 4, &[5, job]).0), 0);
    assert_eq!(error(&bench.ask_userdata(2, 4, &[5, job]).0), 0xD802);
    assert!(pushed(&mut bench, 1000).is_empty());
}

#[test]
fn only_changes_are_sent_where_only_changes_are_asked() {
    let mut bench = Bench::connected();
    bench.ask_userdata(2, 5, &hex(TWO_BYTES));
    assert!(pushed(&mut bench, 400).is_empty());
    bench.cpu.areas.get_mut(&Area::DataBlock(1)).unwrap()[2] = 0xAA;
    assert_eq!(pushed(&mut bench, 200).len(), 1);
    assert!(pushed(&mut bench, 200).is_empty());
}

#[test]
fn what_cannot_be_read_cyclically_is_refused() {
    let mut bench = Bench::connected();
    for (request, code) in [
        ("0001 00 00 120a 10 02 0002 0001 84 000010", 0xD804),
        ("0001 03 01 120a 10 02 0002 0001 84 000010", 0xD804),
        ("0001 00 01 120a 10 02 0002 0009 84 000010", 0xD801),
        ("0001 00 01 120a 10 02 01cd 0002 84 000010", 0x8500),
        ("0002 00 01 120a 10 02 0002 0001 84 000010", 0x8500),
        ("0000 00 01", 0x8500),
        ("00", 0x8500),
    ] {
        assert_eq!(
            error(&bench.ask_userdata(2, 1, &hex(request)).0),
            code,
            "{request}"
        );
    }
    for _ in 0..Limits::CYCLIC_JOBS {
        assert_eq!(error(&bench.ask_userdata(2, 1, &hex(TWO_BYTES)).0), 0);
    }
    assert_eq!(error(&bench.ask_userdata(2, 1, &hex(TWO_BYTES)).0), 0xD805);
}

#[test]
fn a_client_that_does_not_read_gets_no_more() {
    let mut bench = Bench::connected();
    for _ in 0..Limits::CYCLIC_JOBS {
        bench.ask_userdata(2, 1, &hex("0001 00 01 120a 10 02 01a0 0002 84 000010"));
    }
    // Nobody polls the output.
    for _ in 0..1000 {
        bench.wait(SimDuration::from_millis(100));
        assert!(bench.session.step(bench.now, &mut bench.cpu).is_none());
        assert!(bench.session.next_timeout().unwrap() > bench.now);
    }
    let mut out = Vec::new();
    bench.session.poll_output(&mut out);
    assert!(
        out.len() < Limits::OUTPUT_BYTES + 4 * 480,
        "{} bytes",
        out.len()
    );
}

#[test]
fn messages_tell_mode_and_diagnostics() {
    let mut bench = Bench::connected();
    let (parameters, data) = bench.ask_userdata(4, 2, &hex("03 00 5445535443505500"));
    assert_eq!((error(&parameters), data), (0, hex("ff090002 0200")));
    assert!(pushed(&mut bench, 500).is_empty());
    bench.ask_job(&hex("29 0000000000 09 505f50524f4752414d"), &[]);
    assert_eq!(bench.cpu.mode, Mode::Stop);
    let messages = pushed(&mut bench, 100);
    assert_eq!(
        messages[0][10..],
        hex("000112081200 00 00 00000000 0a000000")
    );
    let event = "000112081204 03 00 00000000 ff090014 4304 00000000000000000000 2402291307099565";
    assert_eq!(messages[1][10..], hex(event));
    assert_eq!(messages.len(), 2);
    // No events: the end. Only what is not offered: refused.
    assert_eq!(
        error(&bench.ask_userdata(4, 2, &hex("00 00 5445535443505500")).0),
        0
    );
    bench.cpu.mode = Mode::Run;
    assert!(pushed(&mut bench, 500).is_empty());
    assert_eq!(
        error(
            &bench
                .ask_userdata(4, 2, &hex("80 00 5445535443505500 01 00"))
                .0
        ),
        0xD405
    );
    assert_eq!(error(&bench.ask_userdata(4, 2, &[]).0), 0xD405);
}

#[test]
fn a_listener_is_not_idle() {
    let mut bench = Bench::connected();
    bench.ask_userdata(2, 1, &hex(TWO_BYTES));
    bench.wait(Limits::IDLE_TIMEOUT);
    assert!(!bench.session.is_closed());
}

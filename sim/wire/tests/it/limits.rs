//! Bounds of one connection.

use sim_record::{SimDuration, SimTime};
use sim_wire::modbus::server::{Limits, ModbusPersona};

use crate::server::{Bench, NOW, bench, frame};

#[test]
fn input_beyond_the_buffer_stays_with_the_transport() {
    let mut bench = bench();
    let flood: Vec<u8> = (0..1000)
        .flat_map(|id| frame(id, 1, &[3, 0, 0, 0, 1]))
        .collect();
    assert_eq!(bench.session.handle_input(NOW, &flood), Limits::INPUT_BYTES);
    assert_eq!(bench.session.handle_input(NOW, &flood), 0);
    assert!(bench.session.step(NOW, &mut bench.device).is_some());
    assert_eq!(
        bench.session.handle_input(NOW, &flood),
        12,
        "as much as was worked"
    );
}

#[test]
fn requests_wait_while_replies_wait() {
    let mut bench = bench();
    let flood: Vec<u8> = (0..40)
        .flat_map(|id| frame(id, 1, &[3, 0, 0, 0, 1]))
        .collect();
    assert_eq!(bench.session.handle_input(NOW, &flood), flood.len());
    let mut rounds = Vec::new();
    loop {
        let mut steps = 0;
        while bench.session.step(NOW, &mut bench.device).is_some() {
            steps += 1;
        }
        let mut out = Vec::new();
        if !bench.session.poll_output(&mut out) {
            break;
        }
        rounds.push((steps, out.len()));
    }
    assert_eq!(rounds, [(16, 16 * 11), (16, 16 * 11), (8, 8 * 11)]);
}

#[test]
fn the_longest_frame_fits_the_smallest_buffer() {
    let limits = Limits {
        input_bytes: 0,
        replies_waiting: 1,
        idle_timeout: None,
        ..Limits::default()
    };
    let mut bench = Bench::new(ModbusPersona {
        limits,
        ..ModbusPersona::default()
    });
    assert_eq!(bench.ask(&[0x5A; 259]), [0xDA, 1]);
    assert_eq!(bench.session.next_timeout(), None);
}

#[test]
fn silence_closes_the_connection() {
    let idle = SimDuration::from_secs(10);
    let limits = Limits {
        idle_timeout: Some(idle),
        ..Limits::default()
    };
    let mut bench = Bench::new(ModbusPersona {
        limits,
        ..ModbusPersona::default()
    });
    assert_eq!(bench.session.next_timeout(), Some(SimTime::from_secs(17)));
    let later = SimTime::from_secs(12);
    assert_eq!(bench.session.handle_input(later, &[0]), 1);
    bench.session.handle_timeout(SimTime::from_secs(17));
    assert!(!bench.session.is_closed(), "input put it off");
    assert_eq!(bench.session.next_timeout(), Some(SimTime::from_secs(22)));
    bench.session.handle_timeout(SimTime::from_secs(22));
    assert!(bench.session.is_closed());
    assert_eq!(bench.session.next_timeout(), None);
}

#[test]
fn the_digest_sees_what_waits() {
    let digest = |bench: &Bench| {
        let mut bytes = Vec::new();
        bench
            .session
            .digest_into(&mut |part| bytes.extend_from_slice(part));
        bytes
    };
    let mut one = bench();
    let before = digest(&one);
    assert_eq!(before, digest(&bench()));
    assert_eq!(one.session.handle_input(NOW, &[0]), 1);
    assert_ne!(before, digest(&one));
}

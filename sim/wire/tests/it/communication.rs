//! Functions 7, 11 and 12, and what they count.

use sim_wire::device::DeviceError;
use sim_wire::modbus::ExceptionCode;
use sim_wire::modbus::function::FunctionSet;
use sim_wire::modbus::server::{
    BroadcastPolicy, Communication, CommunicationOf, DeviceErrorMap, ModbusPersona, ServerSession,
};

use crate::server::{Bench, bench, frame, full};

#[test]
fn fc7_shows_eight_coils() {
    // Every third coil is on: 0, 3, 6.
    assert_eq!(full().ask(&[7]), [7, 0b0100_1001]);
    let mut moved = Bench::new(ModbusPersona {
        functions: FunctionSet::all(),
        exception_status_coil: 1,
        ..ModbusPersona::default()
    });
    assert_eq!(moved.ask(&[7]), [7, 0b0010_0100]);
    assert_eq!(moved.ask(&[7, 0]), [0x87, 3]);
}

#[test]
fn fc11_counts_messages_that_were_completed() {
    let mut bench = full();
    assert_eq!(bench.ask(&[11]), [11, 0, 0, 0, 0]);
    bench.ask(&[3, 0, 0, 0, 1]);
    bench.ask(&[6, 0, 1, 0, 1]);
    bench.ask(&[3, 0, 0, 0, 0]);
    bench.ask(&[90]);
    assert_eq!(
        bench.ask(&[11]),
        [11, 0, 0, 0, 2],
        "neither exceptions nor this function count"
    );
    assert_eq!(bench.ask(&[8, 0, 10, 0, 0]), [8, 0, 10, 0, 0]);
    assert_eq!(
        bench.ask(&[11]),
        [11, 0, 0, 0, 1],
        "cleared, and the clearing done"
    );
}

#[test]
fn fc12_tells_the_newest_events_first() {
    let mut bench = full();
    bench.ask(&[3, 0, 0, 0, 1]);
    bench.ask(&[3, 0, 0, 0, 0]);
    // Received now; sent an exception, received; sent, received.
    let events = [0x80, 0x41, 0x80, 0x40, 0x80];
    let reply = [&[12, 11, 0, 0, 0, 1, 0, 3][..], &events].concat();
    assert_eq!(bench.ask(&[12]), reply);
}

#[test]
fn fc12_keeps_64_events() {
    let mut bench = full();
    for _ in 0..100 {
        bench.ask(&[3, 0, 0, 0, 1]);
    }
    let reply = bench.ask(&[12]);
    assert_eq!(reply[..8], [12, 70, 0, 0, 0, 100, 0, 101]);
    assert_eq!(reply.len(), 8 + 64);
    assert_eq!(reply[8..12], [0x80, 0x40, 0x80, 0x40]);
}

#[test]
fn events_tell_what_was_received_and_sent() {
    let mut bench = Bench::new(ModbusPersona {
        functions: FunctionSet::all(),
        broadcast: BroadcastPolicy::Silent,
        ..ModbusPersona::default()
    });
    let log = |bench: &mut Bench| bench.ask(&[12])[9..].to_vec();
    bench.device.refusal = Some(DeviceError::WriteRefused);
    bench.ask(&[6, 0, 0, 0, 1]);
    assert_eq!(log(&mut bench), [0x42, 0x80], "exception 04");
    bench.device.refusal = None;
    bench.ask(&[8, 0, 1, 0xFF, 0]);
    bench.talk(&frame(1, 0, &[6, 0, 0, 0, 1]));
    assert_eq!(
        log(&mut bench),
        [0x40, 0xC0, 0x40, 0x00],
        "a broadcast after a restart that cleared the log"
    );
    bench.ask(&[8, 0, 1, 0xFF, 0]);
    bench.talk(&[0, 1, 0, 9, 0, 2, 1, 3]);
    assert_eq!(log(&mut bench), [0x82, 0x40, 0x00], "another protocol id");
    bench.ask(&[8, 0, 1, 0xFF, 0]);
    bench.ask(&[8, 0, 4, 0, 0]);
    bench.ask(&[3, 0, 0, 0, 1]);
    bench.ask(&[8, 0, 1, 0, 0]);
    assert_eq!(
        log(&mut bench),
        [
            0x40, 0x00, 0xA0, // the restart, received in listen-only mode; the log stays
            0x60, 0xA0, // a read, not answered
            0x60, 0x04, 0x80, // listen-only mode begins
            0x40, 0x00,
        ]
    );
}

#[test]
fn busy_and_refusing_devices_are_counted() {
    let mut bench = Bench::new(ModbusPersona {
        functions: FunctionSet::all(),
        errors: DeviceErrorMap {
            failure: ExceptionCode::SERVER_DEVICE_BUSY,
            write_refused: ExceptionCode(7),
            ..DeviceErrorMap::default()
        },
        ..ModbusPersona::default()
    });
    bench.device.refusal = Some(DeviceError::Failure);
    assert_eq!(bench.ask(&[6, 0, 0, 0, 1]), [0x86, 6]);
    bench.device.refusal = Some(DeviceError::WriteRefused);
    assert_eq!(bench.ask(&[6, 0, 0, 0, 1]), [0x86, 7]);
    assert_eq!(bench.ask(&[6, 0, 0, 0, 1]), [0x86, 7]);
    assert_eq!(bench.ask(&[8, 0, 16, 0, 0]), [8, 0, 16, 0, 2]);
    assert_eq!(bench.ask(&[8, 0, 17, 0, 0]), [8, 0, 17, 0, 1]);
    assert_eq!(bench.ask(&[8, 0, 18, 0, 0]), [8, 0, 18, 0, 0]);
}

#[test]
fn a_device_that_counts_for_all_is_silenced_for_all() {
    let persona = ModbusPersona {
        functions: FunctionSet::all(),
        communication_of: CommunicationOf::Device,
        ..ModbusPersona::default()
    };
    let mut of_device = Communication::of(&persona);
    let (mut red, mut hmi) = (Bench::new(persona.clone()), Bench::new(persona));
    let ask = |bench: &mut Bench, of_device: &mut Communication, pdu: &[u8]| {
        bench.session.exchange_communication(of_device);
        let reply = bench.ask(pdu);
        bench.session.exchange_communication(of_device);
        reply
    };
    assert_eq!(
        ask(&mut hmi, &mut of_device, &[3, 0, 1, 0, 1]),
        [3, 2, 1, 1]
    );
    assert_eq!(ask(&mut red, &mut of_device, &[8, 0, 4, 0, 0]), []);
    assert_eq!(ask(&mut hmi, &mut of_device, &[3, 0, 1, 0, 1]), []);
    assert_eq!(ask(&mut hmi, &mut of_device, &[8, 0, 1, 0, 0]), []);
    assert_eq!(
        ask(&mut red, &mut of_device, &[8, 0, 11, 0, 0]),
        [8, 0, 11, 0, 1]
    );
}

#[test]
fn a_plain_controller_has_the_state_that_it_had() {
    // Input, output, replies waiting; five counters, listen-only mode, last input, closed.
    let mut bytes = 0;
    bench().session.digest_into(&mut |part| bytes += part.len());
    assert_eq!(bytes, 11 * 8);
    let digest = |session: &ServerSession| {
        let mut all = Vec::new();
        session.digest_into(&mut |part| all.extend_from_slice(part));
        all
    };
    let mut logging = full();
    let before = digest(&logging.session);
    logging.ask(&[11]);
    let once = digest(&logging.session);
    assert!(once.len() > before.len(), "a log is state");
}

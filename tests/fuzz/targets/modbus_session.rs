//! Any bytes, in any pieces, at any times, into a Modbus server session on a small device.
//!
//! The session never panics, never holds more than its bounds, makes progress or waits, and leaves the device able to
//! answer a valid request on the next connection. Half of the sessions are a plain controller's, half those of a
//! persona that offers every function and refuses the rest in its own ways.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sim_record::{SimDuration, SimTime};
use sim_wire::modbus::function::FunctionSet;
use sim_wire::modbus::server::{
    Limits, ModbusPersona, RunIndicator, ServerSession, Umas, Unsupported,
};
use std::sync::{Arc, LazyLock};

#[path = "../../../sim/wire/tests/it/device.rs"]
#[allow(dead_code, reason = "shared with the tests of the codec")]
mod device;

use device::MemoryDevice;

/// Longest reply: header and the longest protocol data unit.
const REPLY_BYTES_MAX: usize = 260;
/// Read one holding register, and the reply's first bytes; the value may have been written to.
const VALID: [u8; 12] = [0x51, 0x7E, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1];
const ANSWER: [u8; 9] = [0x51, 0x7E, 0, 0, 0, 5, 1, 3, 2];

static PLAIN: LazyLock<Arc<ModbusPersona>> = LazyLock::new(|| Arc::new(ModbusPersona::default()));
static FULL: LazyLock<Arc<ModbusPersona>> = LazyLock::new(|| {
    Arc::new(ModbusPersona {
        functions: FunctionSet::all(),
        umas: Umas::Refused(vec![0x83]),
        unsupported: Unsupported::Silent,
        run_indicator: RunIndicator::Last,
        ..ModbusPersona::default()
    })
});
static DEVICE: LazyLock<MemoryDevice> = LazyLock::new(MemoryDevice::new);

fuzz_target!(|bytes: &[u8]| {
    // The first byte says whose session it is, and how the rest is cut: 0 and 1 give it in one piece.
    let Some((&cut, stream)) = bytes.split_first() else {
        return;
    };
    let mut device = DEVICE.clone();
    let persona: &Arc<ModbusPersona> = if cut % 2 == 0 { &PLAIN } else { &FULL };
    let mut session = ServerSession::new(SimTime::ZERO, Arc::clone(persona));
    let mut now = SimTime::ZERO;
    let mut size = usize::from(cut / 2);
    let mut rest = stream;
    while !rest.is_empty() && !session.is_closed() {
        size = if size == 0 {
            rest.len()
        } else {
            (size * 7 + 3) % 61 + 1
        };
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        feed(&mut session, &mut device, now, piece);
        now = now + SimDuration::from_secs(u64::from(cut));
        session.handle_timeout(now);
    }
    serves(persona, &mut device, now);
});

/// Offers a piece until the session has taken it or is closed.
fn feed(session: &mut ServerSession, device: &mut MemoryDevice, now: SimTime, piece: &[u8]) {
    let mut rest = piece;
    let mut out = Vec::new();
    loop {
        let taken = session.handle_input(now, rest);
        rest = &rest[taken..];
        let mut worked = false;
        while session.step(now, device).is_some() {
            worked = true;
        }
        out.clear();
        session.poll_output(&mut out);
        assert!(
            out.len() <= Limits::REPLIES_WAITING * REPLY_BYTES_MAX,
            "{} bytes of replies wait",
            out.len()
        );
        if !worked && (rest.is_empty() || session.is_closed()) {
            return;
        }
        assert!(
            worked || taken > 0 || rest.is_empty(),
            "the session neither takes nor works"
        );
    }
}

/// Whatever one connection did, the next one is served.
fn serves(persona: &Arc<ModbusPersona>, device: &mut MemoryDevice, now: SimTime) {
    let mut session = ServerSession::new(now, Arc::clone(persona));
    assert_eq!(session.handle_input(now, &VALID), VALID.len());
    assert!(session.step(now, device).is_some(), "no request was seen");
    let mut out = Vec::new();
    assert!(session.poll_output(&mut out), "no reply");
    assert_eq!(out.get(..ANSWER.len()), Some(&ANSWER[..]));
}

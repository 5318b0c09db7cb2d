//! The server session, request bytes in and reply bytes out.

use std::sync::Arc;

use sim_record::SimTime;
use sim_wire::device::Mode;
use sim_wire::modbus::function::FunctionSet;
use sim_wire::modbus::server::{ModbusPersona, ServerSession, Transaction};

use crate::device::MemoryDevice;

pub const NOW: SimTime = SimTime::from_secs(7);

/// A session with its device.
pub struct Bench {
    pub session: ServerSession,
    pub device: MemoryDevice,
    pub transactions: Vec<Transaction>,
}

impl Bench {
    pub fn new(config: ModbusPersona) -> Self {
        let session = ServerSession::new(NOW, Arc::new(config));
        Self {
            session,
            device: MemoryDevice::new(),
            transactions: Vec::new(),
        }
    }

    /// Offers all bytes, works everything, and returns what came back.
    pub fn talk(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let taken = self.session.handle_input(NOW, bytes);
            bytes = &bytes[taken..];
            while let Some(transaction) = self.session.step(NOW, &mut self.device) {
                self.transactions.push(transaction);
            }
            if !self.session.poll_output(&mut out) && bytes.is_empty() {
                return out;
            }
        }
    }

    /// Wraps a PDU into transaction 0x1234 for unit 1 and returns the PDU that came back.
    pub fn ask(&mut self, pdu: &[u8]) -> Vec<u8> {
        let reply = self.talk(&frame(0x1234, 1, pdu));
        assert!(!self.session.is_closed(), "the connection stays open");
        if reply.is_empty() {
            return reply;
        }
        let length = u16::from_be_bytes([reply[4], reply[5]]);
        assert_eq!(
            reply[..4],
            [0x12, 0x34, 0, 0],
            "transaction and protocol id are echoed"
        );
        assert_eq!(
            usize::from(length),
            reply.len() - 6,
            "the length field is right"
        );
        assert_eq!(reply[6], 1, "the unit id is echoed");
        reply[7..].to_vec()
    }
}

pub fn frame(transaction_id: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut out = transaction_id.to_be_bytes().to_vec();
    out.extend([0, 0]);
    out.extend((pdu.len() as u16 + 1).to_be_bytes());
    out.push(unit);
    out.extend(pdu);
    out
}

/// A session whose persona offers every function.
pub fn full() -> Bench {
    Bench::new(ModbusPersona {
        functions: FunctionSet::all(),
        ..ModbusPersona::default()
    })
}

pub fn bench() -> Bench {
    Bench::new(ModbusPersona::default())
}

#[test]
fn fc1_reads_coils() {
    assert_eq!(
        bench().ask(&[0x01, 0, 0, 0, 10]),
        [0x01, 2, 0b0100_1001, 0b10]
    );
}

#[test]
fn fc2_reads_discrete_inputs() {
    assert_eq!(bench().ask(&[0x02, 0, 1, 0, 8]), [0x02, 1, 0b0010_0100]);
}

#[test]
fn fc3_reads_holding_registers() {
    let mut bench = bench();
    assert_eq!(bench.ask(&[0x03, 0, 1, 0, 2]), [0x03, 4, 1, 1, 2, 2]);
    let [transaction] = &bench.transactions[..] else {
        panic!("one request, one transaction")
    };
    assert_eq!(
        (transaction.time, transaction.transaction_id),
        (NOW, 0x1234)
    );
    assert_eq!((transaction.unit, transaction.function), (1, 3));
    assert_eq!((transaction.address, transaction.count), (1, 2));
    assert_eq!(transaction.values.as_slice(), [0x0101, 0x0202]);
    assert_eq!(
        (transaction.exception, transaction.request_bytes),
        (None, 12)
    );
    assert!(transaction.answered && !transaction.write);
}

#[test]
fn fc4_reads_input_registers() {
    assert_eq!(bench().ask(&[0x04, 0, 2, 0, 1]), [0x04, 2, 0x10, 0x02]);
}

#[test]
fn fc5_writes_one_coil() {
    let mut bench = bench();
    assert_eq!(bench.ask(&[0x05, 0, 1, 0xFF, 0]), [0x05, 0, 1, 0xFF, 0]);
    assert!(bench.device.coils[1]);
    assert_eq!(bench.ask(&[0x05, 0, 1, 0, 0]), [0x05, 0, 1, 0, 0]);
    assert!(!bench.device.coils[1]);
}

#[test]
fn fc6_writes_one_register() {
    let mut bench = bench();
    assert_eq!(
        bench.ask(&[0x06, 0, 9, 0xAB, 0xCD]),
        [0x06, 0, 9, 0xAB, 0xCD]
    );
    assert_eq!(bench.device.holding[9], 0xABCD);
    assert_eq!(
        (bench.transactions[0].address, bench.transactions[0].count),
        (9, 1)
    );
    assert_eq!(bench.transactions[0].values.as_slice(), [0xABCD]);
}

#[test]
fn fc15_writes_coils() {
    let mut bench = bench();
    assert_eq!(
        bench.ask(&[0x0F, 0, 2, 0, 9, 2, 0b1010_1010, 1]),
        [0x0F, 0, 2, 0, 9]
    );
    let written = [false, true, false, true, false, true, false, true, true];
    assert_eq!(bench.device.coils[2..11], written);
    assert_eq!(
        bench.transactions[0].values.as_slice(),
        [0, 1, 0, 1, 0, 1, 0, 1, 1]
    );
}

#[test]
fn fc16_writes_registers() {
    let mut bench = bench();
    assert_eq!(
        bench.ask(&[0x10, 0, 5, 0, 2, 4, 0xDE, 0xAD, 0xBE, 0xEF]),
        [0x10, 0, 5, 0, 2]
    );
    assert_eq!(bench.device.holding[5..7], [0xDEAD, 0xBEEF]);
    let transaction = &bench.transactions[0];
    assert!(transaction.write);
    assert_eq!((transaction.address, transaction.count), (5, 2));
    assert_eq!(transaction.values.as_slice(), [0xDEAD, 0xBEEF]);
}

#[test]
fn fc17_tells_id_run_indicator_and_extra() {
    let mut bench = bench();
    assert_eq!(
        bench.ask(&[0x11]),
        [&[0x11, 7, 0x0A, 0xFF][..], b"HX-20"].concat()
    );
    bench.device.mode = Mode::Stop;
    assert_eq!(
        bench.ask(&[0x11]),
        [&[0x11, 7, 0x0A, 0x00][..], b"HX-20"].concat()
    );
    // pymodbus's layout: the run indicator last.
    bench.device.identity.server_id = b"HX-20".to_vec();
    bench.device.identity.server_id_extra.clear();
    assert_eq!(
        bench.ask(&[0x11]),
        [&[0x11, 6][..], b"HX-20", &[0]].concat()
    );
    // Too long for a PDU: cut, the run indicator kept.
    bench.device.identity.server_id = vec![7; 400];
    let reply = bench.ask(&[0x11]);
    assert_eq!((reply.len(), reply[1], reply[252]), (253, 251, 0));
}

#[test]
fn fc22_masks_a_register() {
    // The example of the specification, 6.16: 0x12 AND 0xF2 OR 0x25 gives 0x17.
    let mut bench = bench();
    bench.device.holding[4] = 0x12;
    assert_eq!(
        bench.ask(&[0x16, 0, 4, 0, 0xF2, 0, 0x25]),
        [0x16, 0, 4, 0, 0xF2, 0, 0x25]
    );
    assert_eq!(bench.device.holding[4], 0x17);
}

#[test]
fn fc23_writes_before_it_reads() {
    let mut bench = bench();
    let request = [0x17, 0, 3, 0, 3, 0, 4, 0, 1, 2, 0x55, 0xAA];
    assert_eq!(bench.ask(&request), [0x17, 6, 3, 3, 0x55, 0xAA, 5, 5]);
    assert_eq!(
        (bench.transactions[0].address, bench.transactions[0].count),
        (4, 1)
    );
    assert_eq!(bench.transactions[0].values.as_slice(), [0x55AA]);
}

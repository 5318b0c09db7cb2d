//! The S7 sessions.

mod blocks;
mod client;
mod control;
mod device;
mod lists;
mod scanners;
mod subscriptions;
mod transport;
mod variables;

use std::sync::Arc;

use sim_record::{SimDuration, SimTime};
use sim_wire::s7::persona::S7Persona;
use sim_wire::s7::server::{ServerConfig, ServerSession, Transaction};

use device::TestCpu;

pub const NOW: SimTime = SimTime::from_secs(7);

/// A made-up CPU that no other emulation is.
pub fn persona() -> S7Persona {
    S7Persona {
        hardware_version: 4,
        firmware: [3, 2, 17],
        system_name: "WW-NORD".into(),
        module_name: "PUMP HOUSE 2".into(),
        plant_identification: "WATERWORKS NORTH".into(),
        copyright: "Original Siemens Equipment".into(),
        serial_number: "S C-K7RT40412019".into(),
        card_serial_number: Some("MMC 5F1C20A7".into()),
        location: "ROW 3 CABINET 1".into(),
        profile: [0x002A, 0xF600, 1],
        ..S7Persona::new("6ES7 314-6EH04-0AB0 ", "CPU 314C-2 PN/DP")
    }
}

pub fn config() -> ServerConfig {
    ServerConfig::new(persona())
}

/// A session with its CPU.
pub struct Bench {
    pub session: ServerSession,
    pub cpu: TestCpu,
    pub transactions: Vec<Transaction>,
    pub now: SimTime,
}

impl Bench {
    pub fn new(config: ServerConfig) -> Self {
        Self {
            session: ServerSession::new(NOW, Arc::new(config)),
            cpu: TestCpu::new(),
            transactions: Vec::new(),
            now: NOW,
        }
    }

    /// A session that has its transport connection and its setup with a PDU of 480 bytes.
    pub fn connected() -> Self {
        Self::with_pdu(config(), 480)
    }

    pub fn with_pdu(config: ServerConfig, pdu_bytes: u16) -> Self {
        let mut bench = Self::new(config);
        assert_eq!(
            bench.talk(&hex("0300001611e00000000100c1020100c2020102c0010a"))[5],
            0xD0
        );
        let mut setup = hex("32010000000000080000f0000001000101e0");
        setup[16..].copy_from_slice(&pdu_bytes.to_be_bytes());
        assert_eq!(bench.ask(&setup)[..2], [0x32, 3]);
        bench.transactions.clear();
        bench
    }

    /// Offers all bytes, works everything, and returns what came back.
    pub fn talk(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let taken = self.session.handle_input(self.now, bytes);
            bytes = &bytes[taken..];
            while let Some(transaction) = self.session.step(self.now, &mut self.cpu) {
                self.transactions.push(transaction);
            }
            if !self.session.poll_output(&mut out) && bytes.is_empty() {
                return out;
            }
        }
    }

    /// Wraps a PDU into one packet and returns the one PDU that came back.
    pub fn ask(&mut self, pdu: &[u8]) -> Vec<u8> {
        let reply = self.talk(&packet(pdu));
        assert!(!self.session.is_closed(), "the connection stays open");
        let mut replies = pdus(&reply);
        assert_eq!(replies.len(), 1, "one answer to {pdu:02X?}: {reply:02X?}");
        replies.remove(0)
    }

    /// Sends userdata and returns parameters from the sequence number on, and data.
    pub fn ask_userdata(&mut self, group: u8, service: u8, data: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut pdu = hex("32070000ABCD00080000000112041144");
        pdu[15] = 0x40 | group;
        pdu.extend([service, 0]);
        if data.is_empty() {
            pdu.extend([0x0A, 0, 0, 0]);
        } else {
            pdu.extend([0xFF, 0x09, 0, data.len() as u8]);
            pdu.extend(data);
        }
        let data_bytes = (pdu.len() - 18) as u16;
        pdu[8..10].copy_from_slice(&data_bytes.to_be_bytes());
        let reply = self.ask(&pdu);
        assert_eq!(reply[..8], hex("32070000ABCD000C"));
        assert_eq!(reply[10..17], [0, 1, 0x12, 8, 0x12, 0x80 | group, service]);
        (reply[17..22].to_vec(), reply[22..].to_vec())
    }

    /// The header error of the answer to a job, and its parameters and data.
    pub fn ask_job(&mut self, parameters: &[u8], data: &[u8]) -> (u16, Vec<u8>) {
        let mut pdu = hex("3201000012340000");
        pdu[6..8].copy_from_slice(&(parameters.len() as u16).to_be_bytes());
        pdu.extend((data.len() as u16).to_be_bytes());
        pdu.extend(parameters);
        pdu.extend(data);
        let reply = self.ask(&pdu);
        assert_eq!(reply[4..6], [0x12, 0x34], "the reference is echoed");
        (
            u16::from_be_bytes([reply[10], reply[11]]),
            reply[12..].to_vec(),
        )
    }

    pub fn wait(&mut self, duration: SimDuration) {
        self.now = self.now + duration;
        self.session.handle_timeout(self.now);
    }
}

pub fn packet(pdu: &[u8]) -> Vec<u8> {
    let mut out = vec![3, 0];
    out.extend((pdu.len() as u16 + 7).to_be_bytes());
    out.extend([2, 0xF0, 0x80]);
    out.extend(pdu);
    out
}

/// The PDUs in a stream of packets, one a packet.
pub fn pdus(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        assert_eq!((bytes[0], bytes[4..7].to_vec()), (3, vec![2, 0xF0, 0x80]));
        out.push(bytes[7..length].to_vec());
        bytes = &bytes[length..];
    }
    out
}

pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

//! Captures as pcapng files (draft-ietf-opsawg-pcapng), which Wireshark, Zeek and Suricata read.
//!
//! One interface a tap. Each packet record carries its frame number as `epb_packetid`, and its time as microseconds of
//! the scenario's clock. A capture is cut at its limit and says so in the statistics of its interfaces at its end.

use crate::event::CapturedFrame;
use crate::ids::SwitchId;
use crate::limits;

/// Largest capture that [`Writer`] writes unless told otherwise, bytes.
pub const CAPTURE_FILE_BYTES: u64 = 256 * 1_024 * 1_024;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const LINKTYPE_ETHERNET: u16 = 1;
const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const SHB_APPLICATION: u16 = 4;
const IF_NAME: u16 = 2;
const IF_RESOLUTION: u16 = 9;
const EPB_PACKET_ID: u16 = 5;
const ISB_RECEIVED: u16 = 4;
const ISB_DROPPED: u16 = 5;

/// Turns captured frames into the bytes of a file, piece by piece.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    interfaces: Vec<Interface>,
    start_utc_us: u64,
    limit_bytes: u64,
    /// Bytes given so far, those not taken yet included.
    written: u64,
    last_us: u64,
    cut_at: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    switch: SwitchId,
    received: u64,
    dropped: u64,
}

impl Writer {
    /// A capture of these taps, each with its name, of a scenario that began at `start_utc_us` (microseconds since
    /// 1970-01-01), of at most `limit_bytes` bytes of packets.
    #[must_use]
    pub fn new(taps: &[(SwitchId, &str)], start_utc_us: u64, limit_bytes: u64) -> Self {
        let interfaces = taps.iter().map(|(switch, _)| Interface {
            switch: *switch,
            received: 0,
            dropped: 0,
        });
        let mut writer = Self {
            bytes: Vec::new(),
            interfaces: interfaces.collect(),
            start_utc_us,
            limit_bytes,
            written: 0,
            last_us: start_utc_us,
            cut_at: None,
        };
        writer.write_section_header();
        for (_, name) in taps {
            writer.write_interface(name);
        }
        writer.written = writer.bytes.len() as u64;
        writer
    }

    /// Adds a frame; false where its tap is none of this capture's or the capture was cut before it.
    pub fn add(&mut self, frame: &CapturedFrame) -> bool {
        let Some(id) = self
            .interfaces
            .iter()
            .position(|i| i.switch == frame.switch)
        else {
            return false;
        };
        let time_us = self.start_utc_us.saturating_add(frame.time.0);
        self.last_us = time_us;
        let Some(interface) = self.interfaces.get_mut(id) else {
            return false;
        };
        interface.received += 1;
        // 44 bytes of block and option around the frame, padded to words.
        let size = 32 + (frame.bytes.len() as u64).next_multiple_of(4) + 16;
        if self.cut_at.is_some() || self.written.saturating_add(size) > self.limit_bytes {
            interface.dropped += 1;
            self.cut_at.get_or_insert(frame.number);
            return false;
        }
        let mut body = Vec::with_capacity(frame.bytes.len() + 64);
        push_u32(&mut body, u32::try_from(id).unwrap_or(u32::MAX));
        push_time(&mut body, time_us);
        let len = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        push_u32(&mut body, len);
        push_u32(&mut body, len);
        push_padded(&mut body, &frame.bytes);
        push_option(&mut body, EPB_PACKET_ID, &frame.number.to_le_bytes());
        push_option(&mut body, OPTION_END, &[]);
        self.write_block(ENHANCED_PACKET, &body);
        self.written = self.written.saturating_add(size);
        true
    }

    /// Number of the first frame that was left out because of the limit.
    #[must_use]
    pub const fn cut_at(&self) -> Option<u64> {
        self.cut_at
    }

    /// Takes the bytes made since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Ends the capture with the statistics of its interfaces, which say what was left out; gives the last bytes.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        for (id, interface) in self.interfaces.clone().into_iter().enumerate() {
            let mut body = Vec::new();
            push_u32(&mut body, u32::try_from(id).unwrap_or(u32::MAX));
            push_time(&mut body, self.last_us);
            if let Some(cut_at) = self.cut_at {
                let limit = self.limit_bytes;
                let comment = format!("capture cut at frame {cut_at}: {limit} bytes reached");
                push_option(&mut body, OPTION_COMMENT, comment.as_bytes());
            }
            push_option(&mut body, ISB_RECEIVED, &interface.received.to_le_bytes());
            push_option(&mut body, ISB_DROPPED, &interface.dropped.to_le_bytes());
            push_option(&mut body, OPTION_END, &[]);
            self.write_block(STATISTICS, &body);
        }
        self.bytes
    }

    fn write_section_header(&mut self) {
        let mut body = Vec::new();
        push_u32(&mut body, BYTE_ORDER_MAGIC);
        body.extend_from_slice(&1_u16.to_le_bytes());
        body.extend_from_slice(&0_u16.to_le_bytes());
        // The length of the section is not known in advance.
        body.extend_from_slice(&u64::MAX.to_le_bytes());
        push_option(&mut body, SHB_APPLICATION, b"trippoint");
        push_option(&mut body, OPTION_END, &[]);
        self.write_block(SECTION_HEADER, &body);
    }

    fn write_interface(&mut self, name: &str) {
        let mut end = name.len().min(limits::TEXT_BYTES_MAX);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let mut body = Vec::new();
        body.extend_from_slice(&LINKTYPE_ETHERNET.to_le_bytes());
        body.extend_from_slice(&[0, 0]);
        push_u32(&mut body, u32::try_from(limits::FRAME_MAX).unwrap_or(0));
        push_option(&mut body, IF_NAME, name.get(..end).unwrap_or("").as_bytes());
        // Units of 10^-6 s.
        push_option(&mut body, IF_RESOLUTION, &[6]);
        push_option(&mut body, OPTION_END, &[]);
        self.write_block(INTERFACE, &body);
    }

    fn write_block(&mut self, kind: u32, body: &[u8]) {
        let len = u32::try_from(body.len() + 12).unwrap_or(u32::MAX);
        push_u32(&mut self.bytes, kind);
        push_u32(&mut self.bytes, len);
        self.bytes.extend_from_slice(body);
        push_u32(&mut self.bytes, len);
    }
}

fn push_u32(into: &mut Vec<u8>, value: u32) {
    into.extend_from_slice(&value.to_le_bytes());
}

/// High half first, each half in the byte order of the section.
fn push_time(into: &mut Vec<u8>, time_us: u64) {
    let [a, b, c, d, e, f, g, h] = time_us.to_le_bytes();
    into.extend_from_slice(&[e, f, g, h, a, b, c, d]);
}

fn push_padded(into: &mut Vec<u8>, bytes: &[u8]) {
    into.extend_from_slice(bytes);
    into.resize(into.len().next_multiple_of(4), 0);
}

fn push_option(into: &mut Vec<u8>, code: u16, value: &[u8]) {
    into.extend_from_slice(&code.to_le_bytes());
    into.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
    push_padded(into, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::HostId;
    use sim_record::SimTime;

    fn frame(number: u64, switch: u16, bytes: &[u8]) -> CapturedFrame {
        CapturedFrame {
            number,
            time: SimTime(2_500_000),
            switch: SwitchId(switch),
            bytes: bytes.to_vec(),
            origin: HostId(0),
        }
    }

    #[test]
    fn writes_the_bytes_of_the_specification() {
        let mut writer = Writer::new(
            &[(SwitchId(3), "ctl")],
            0x0102_0304_0506_0708,
            CAPTURE_FILE_BYTES,
        );
        assert!(writer.add(&frame(0x2a, 3, b"abcde")));
        let expected = [
            // Section header: magic, version 1.0, unknown length, application, end.
            0x0a, 0x0d, 0x0d, 0x0a, 48, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 0xff, 0xff,
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 4, 0, 9, 0, b't', b'r', b'i', b'p', b'p', b'o',
            b'i', b'n', b't', 0, 0, 0, 0, 0, 0, 0, 48, 0, 0, 0, //
            // Interface: Ethernet, 1,214 bytes, name, microseconds, end.
            1, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0xbe, 4, 0, 0, 2, 0, 3, 0, b'c', b't', b'l', 0, 9,
            0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, //
            // Packet: interface 0, time high and low, 5 bytes of 5, data, number, end.
            6, 0, 0, 0, 56, 0, 0, 0, 0, 0, 0, 0, 4, 3, 2, 1, 0xa8, 0x2c, 0x2c, 5, 5, 0, 0, 0, 5, 0,
            0, 0, b'a', b'b', b'c', b'd', b'e', 0, 0, 0, 5, 0, 8, 0, 0x2a, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 56, 0, 0, 0,
        ];
        assert_eq!(writer.take(), expected);
    }

    #[test]
    fn a_cut_is_stated() {
        let mut writer = Writer::new(&[(SwitchId(0), "a"), (SwitchId(1), "b")], 0, 400);
        let kept = (1..=20)
            .filter(|&n| writer.add(&frame(n, 0, &[0; 60])))
            .count();
        assert!(!writer.add(&frame(21, 1, b"x")));
        assert!(!writer.add(&frame(22, 2, b"no tap of this capture")));
        assert_eq!(writer.cut_at(), Some(kept as u64 + 1));
        let bytes = writer.finish();
        let text = format!("capture cut at frame {}: 400 bytes reached", kept + 1);
        assert!(bytes.windows(text.len()).any(|w| w == text.as_bytes()));
        let packets_end =
            bytes.len() - 2 * (12 + 12 + 4 + text.len().next_multiple_of(4) + 12 + 12 + 4);
        assert!(packets_end <= 400, "{packets_end}");
    }
}

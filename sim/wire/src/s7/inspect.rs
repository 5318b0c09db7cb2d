//! What sensors read from packets to an S7 CPU.
//!
//! A segment is read by itself: stations and tools send each request in one. Who cuts his requests over segments is seen
//! as soon as one of them stands whole in a segment.

use super::cotp;
use super::pdu::{self, function, rosctr};
use super::userdata::group;

/// What a request on the wire wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// Reads variables.
    Read,
    /// Writes variables.
    Write,
    /// Asks who the CPU is and how it does.
    Identify,
    /// Reads or changes the program: lists, uploads, downloads blocks.
    Program,
    /// Starts, stops, inserts, deletes.
    Control,
    /// Anything else.
    Other,
}

impl Seen {
    /// Whether it changes something in the CPU.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(self, Self::Write | Self::Control)
    }

    /// In a word or two.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read variables",
            Self::Write => "write variables",
            Self::Identify => "identify",
            Self::Program => "read or load blocks",
            Self::Control => "start, stop or change the program",
            Self::Other => "other requests",
        }
    }
}

/// Bytes of a transport packet's header.
const TPKT_BYTES: usize = 4;

/// The whole requests in a segment that starts at a packet, one after the other.
pub fn requests(mut segment: &[u8]) -> impl Iterator<Item = Seen> {
    std::iter::from_fn(move || {
        loop {
            let header = segment.first_chunk::<TPKT_BYTES>()?;
            let [3, _, high, low] = *header else {
                return None;
            };
            let length = usize::from(u16::from_be_bytes([high, low]));
            let packet = segment.get(TPKT_BYTES..length)?;
            segment = segment.get(length..)?;
            if let Some(seen) = request(packet) {
                return Some(seen);
            }
        }
    })
}

/// What a transport packet asks for; nothing where it carries no request.
fn request(packet: &[u8]) -> Option<Seen> {
    let (length, rest) = packet.split_first()?;
    let (header, data) = rest.split_at_checked(usize::from(*length))?;
    if header.first().map(|code| code & 0xF0) != Some(cotp::DATA) {
        return None;
    }
    let pdu = pdu::decode(data).ok()?;
    match pdu.kind {
        rosctr::JOB => Some(match pdu.parameters.first()? {
            &function::READ => Seen::Read,
            &function::WRITE => Seen::Write,
            &function::CONTROL | &function::STOP => Seen::Control,
            &(function::REQUEST_DOWNLOAD..=function::END_UPLOAD) => Seen::Program,
            _ => Seen::Other,
        }),
        // Head, length, kind of request and group, service: a request has 4 in the upper half of the group's byte.
        rosctr::USERDATA => match pdu.parameters.get(5)? {
            byte if byte & 0xF0 != 0x40 => None,
            byte if byte & 0x0F == group::CPU => Some(Seen::Identify),
            byte if byte & 0x0F == group::BLOCKS => Some(Seen::Program),
            _ => Some(Seen::Other),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// Requests as nmap's s7-info and snap7's client send them (shortened where the rest does not matter).
    #[test]
    fn requests_of_known_clients_are_told_apart() {
        let setup = b"\x03\x00\x00\x19\x02\xf0\x80\x32\x01\x00\x00\x00\x00\x00\x08\x00\x00\xf0\x00\x00\x01\x00\x01\x01\xe0";
        let list = b"\x03\x00\x00\x21\x02\xf0\x80\x32\x07\x00\x00\x00\x00\x00\x08\x00\x08\x00\x01\x12\x04\x11\x44\x01\x00\xff\x09\x00\x04\x00\x11\x00\x01";
        let stop = b"\x03\x00\x00\x21\x02\xf0\x80\x32\x01\x00\x00\x0e\x00\x00\x10\x00\x00\x29\x00\x00\x00\x00\x00\x09P_PROGRAM";
        let connect = b"\x03\x00\x00\x16\x11\xe0\x00\x00\x00\x14\x00\xc1\x02\x01\x00\xc2\x02\x01\x02\xc0\x01\x0a";
        let seen = |bytes: &[u8]| requests(bytes).collect::<Vec<_>>();
        assert_eq!(seen(setup), [Seen::Other]);
        assert_eq!(seen(list), [Seen::Identify]);
        assert_eq!(seen(stop), [Seen::Control]);
        assert_eq!(seen(connect), []);
        assert_eq!(
            seen(&[&connect[..], list, stop].concat()),
            [Seen::Identify, Seen::Control]
        );
        assert_eq!(seen(&list[..20]), [], "not whole");
        assert_eq!(seen(b"\x03\x00\x00\x00"), [], "a length of nothing");
    }
}

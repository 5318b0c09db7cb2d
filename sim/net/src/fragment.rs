//! Fragments: putting datagrams together before a firewall or stack looks at them, and cutting what exceeds the MTU.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use sim_record::{SimTime, StateHasher};
use smoltcp::wire::Ipv4Packet;

use crate::event::Stats;
use crate::limits;
use crate::packet::{ETHERNET_HEADER_LEN, Ipv4};

/// Datagrams of one node that are not complete yet.
#[derive(Debug, Default)]
pub(crate) struct Reassembler {
    datagrams: BTreeMap<Key, Datagram>,
    next_order: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    src: Ipv4Addr,
    dst: Ipv4Addr,
    protocol: u8,
    ident: u16,
}

#[derive(Debug)]
struct Datagram {
    order: u64,
    expires: SimTime,
    /// Ethernet and IP header of the first fragment.
    head: Option<Vec<u8>>,
    /// Payload by its place.
    parts: BTreeMap<u16, Vec<u8>>,
    /// Length of the whole payload, known from the last fragment.
    total: Option<usize>,
    /// A fragment overlapped another: the rest is swallowed, as RFC 5722 does.
    poisoned: bool,
}

impl Reassembler {
    /// Takes a fragment, `frame` with its Ethernet header, and gives the whole datagram when it was the last missing.
    pub(crate) fn add(
        &mut self,
        frame: &[u8],
        ip: &Ipv4,
        now: SimTime,
        stats: &mut Stats,
    ) -> Option<Vec<u8>> {
        let before = self.datagrams.len();
        self.datagrams.retain(|_, d| d.expires > now);
        stats.reassembly_dropped += (before - self.datagrams.len()) as u64;
        let key = Key {
            src: ip.src,
            dst: ip.dst,
            protocol: ip.protocol,
            ident: ip.ident,
        };
        self.make_room(key, now, stats);
        let datagram = self.datagrams.get_mut(&key)?;
        if datagram.poisoned {
            return None;
        }
        if !datagram.insert(frame, ip) {
            datagram.poisoned = true;
            datagram.parts.clear();
            datagram.head = None;
            stats.reassembly_dropped += 1;
            return None;
        }
        let whole = datagram.assemble()?;
        self.datagrams.remove(&key);
        Some(whole)
    }

    pub(crate) fn digest(&self, hasher: &mut StateHasher) {
        hasher.u64(self.datagrams.len() as u64);
        for (key, datagram) in &self.datagrams {
            hasher.u64(u64::from(key.src.to_bits()) << 32 | u64::from(key.dst.to_bits()));
            hasher.u64(u64::from(key.protocol) << 16 | u64::from(key.ident));
            hasher.u64(datagram.expires.0);
            hasher.u64(datagram.total.unwrap_or(0) as u64);
            for (offset, part) in &datagram.parts {
                hasher.u64(u64::from(*offset));
                hasher.bytes(part);
            }
        }
    }

    fn make_room(&mut self, key: Key, now: SimTime, stats: &mut Stats) {
        if self.datagrams.contains_key(&key) {
            return;
        }
        if self.datagrams.len() >= limits::REASSEMBLY_MAX {
            let oldest = self
                .datagrams
                .iter()
                .min_by_key(|(_, d)| d.order)
                .map(|(k, _)| *k);
            if let Some(oldest) = oldest {
                self.datagrams.remove(&oldest);
                stats.reassembly_dropped += 1;
            }
        }
        let datagram = Datagram {
            order: self.next_order,
            expires: SimTime(now.0.saturating_add(limits::REASSEMBLY_TIMEOUT_US)),
            head: None,
            parts: BTreeMap::new(),
            total: None,
            poisoned: false,
        };
        self.next_order += 1;
        self.datagrams.insert(key, datagram);
    }
}

impl Datagram {
    /// False where the fragment overlaps, is cut at an odd place, or makes the datagram too long.
    fn insert(&mut self, frame: &[u8], ip: &Ipv4) -> bool {
        let Some(packet) = frame.get(ETHERNET_HEADER_LEN..) else {
            return false;
        };
        let payload = ip.payload(packet);
        let start = usize::from(ip.fragment_offset);
        let end = start + payload.len();
        let odd = ip.more_fragments && !payload.len().is_multiple_of(8);
        let full = self.parts.len() >= limits::REASSEMBLY_FRAGMENTS_MAX;
        if payload.is_empty() || odd || full || end > limits::REASSEMBLY_BYTES_MAX {
            return false;
        }
        if self
            .total
            .is_some_and(|total| end > total || (!ip.more_fragments && end != total))
        {
            return false;
        }
        let before = self.parts.range(..=ip.fragment_offset).next_back();
        let after = self.parts.range(ip.fragment_offset..).next();
        let overlaps_before =
            before.is_some_and(|(at, part)| usize::from(*at) + part.len() > start);
        let overlaps_after = after.is_some_and(|(at, _)| usize::from(*at) < end);
        if overlaps_before || overlaps_after {
            return false;
        }
        if !ip.more_fragments {
            let last = self.parts.last_key_value();
            if last.is_some_and(|(at, part)| usize::from(*at) + part.len() > end) {
                return false;
            }
            self.total = Some(end);
        }
        if start == 0 {
            self.head = frame
                .get(..ETHERNET_HEADER_LEN + ip.header_len)
                .map(<[u8]>::to_vec);
        }
        self.parts.insert(ip.fragment_offset, payload.to_vec());
        true
    }

    fn assemble(&mut self) -> Option<Vec<u8>> {
        let total = self.total?;
        let have: usize = self.parts.values().map(Vec::len).sum();
        if have < total {
            return None;
        }
        let mut frame = self.head.take()?;
        for part in self.parts.values() {
            frame.extend_from_slice(part);
        }
        let total_len = u16::try_from(frame.len() - ETHERNET_HEADER_LEN).ok()?;
        let mut packet = Ipv4Packet::new_unchecked(frame.get_mut(ETHERNET_HEADER_LEN..)?);
        packet.set_total_len(total_len);
        packet.set_more_frags(false);
        packet.set_frag_offset(0);
        packet.fill_checksum();
        Some(frame)
    }
}

/// Cuts an IPv4 packet, behind room for its Ethernet header, into pieces that fit the MTU; a small one stays whole.
pub(crate) fn split(frame: Vec<u8>, ident: u16) -> Vec<Vec<u8>> {
    if frame.len() <= limits::FRAME_MAX {
        return vec![frame];
    }
    let Some(ip) = frame.get(ETHERNET_HEADER_LEN..).and_then(Ipv4::parse) else {
        return Vec::new();
    };
    let (Some(head), Some(packet)) = (
        frame.get(..ETHERNET_HEADER_LEN + ip.header_len),
        frame.get(ETHERNET_HEADER_LEN..),
    ) else {
        return Vec::new();
    };
    let payload = ip.payload(packet);
    let room = (limits::MTU - ip.header_len) / 8 * 8;
    let mut pieces = Vec::new();
    for (index, part) in payload.chunks(room).enumerate() {
        let mut piece = head.to_vec();
        piece.extend_from_slice(part);
        let more = (index + 1) * room < payload.len();
        let (Ok(offset), Ok(len)) = (
            u16::try_from(index * room),
            u16::try_from(ip.header_len + part.len()),
        ) else {
            return Vec::new();
        };
        let Some(bytes) = piece.get_mut(ETHERNET_HEADER_LEN..) else {
            return Vec::new();
        };
        let mut packet = Ipv4Packet::new_unchecked(bytes);
        packet.set_total_len(len);
        packet.set_ident(ident);
        packet.set_dont_frag(false);
        packet.set_more_frags(more);
        packet.set_frag_offset(offset);
        packet.fill_checksum();
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{PROTOCOL_UDP, udp, udp_payload};

    const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn parse(frame: &[u8]) -> Ipv4 {
        Ipv4::parse(&frame[ETHERNET_HEADER_LEN..]).unwrap()
    }

    #[test]
    fn a_cut_datagram_comes_back_whole_in_any_order() {
        let data: Vec<u8> = (0..=255).cycle().take(3_000).collect();
        let mut pieces = split(udp((A, 1), (B, 2), &data), 7);
        assert_eq!(
            pieces.iter().map(Vec::len).collect::<Vec<_>>(),
            [1_210, 1_210, 690]
        );
        pieces.rotate_left(1);
        let (mut reassembler, mut stats) = (Reassembler::default(), Stats::default());
        let mut whole = None;
        for piece in &pieces {
            assert!(whole.is_none());
            whole = reassembler.add(piece, &parse(piece), SimTime::ZERO, &mut stats);
        }
        let whole = whole.unwrap();
        let ip = parse(&whole);
        assert_eq!(ip.protocol, PROTOCOL_UDP);
        assert_eq!(
            udp_payload(&ip, ip.payload(&whole[ETHERNET_HEADER_LEN..])).unwrap(),
            data
        );
    }

    #[test]
    fn an_overlap_spoils_the_datagram() {
        let data = [7; 2_000];
        let pieces = split(udp((A, 1), (B, 2), &data), 7);
        let (mut reassembler, mut stats) = (Reassembler::default(), Stats::default());
        let order = [&pieces[0], &pieces[0], &pieces[1]];
        for piece in order {
            assert_eq!(
                reassembler.add(piece, &parse(piece), SimTime::ZERO, &mut stats),
                None
            );
        }
        assert_eq!(stats.reassembly_dropped, 1);
    }

    #[test]
    fn a_flood_of_first_fragments_stays_bounded() {
        let (mut reassembler, mut stats) = (Reassembler::default(), Stats::default());
        for ident in 0..10_000 {
            let pieces = split(udp((A, 1), (B, 2), &[1; 2_000]), ident);
            assert_eq!(
                reassembler.add(&pieces[0], &parse(&pieces[0]), SimTime::ZERO, &mut stats),
                None
            );
        }
        assert_eq!(reassembler.datagrams.len(), limits::REASSEMBLY_MAX);
        assert_eq!(
            stats.reassembly_dropped,
            10_000 - limits::REASSEMBLY_MAX as u64
        );
    }
}

//! Man in the middle: poisons the ARP tables of a station and its gateway, forwards between them, and changes registers
//! in the replies of one controller.

use super::{Bench, Tool, ToolEvent, note};
use crate::directory::Directory;
use crate::link::MODBUS_PORT;
use sim_net::packet::{Arp, Ethernet, Summary};
use sim_net::{Capture, ConnId, Fabric, HostId, Mac};
use sim_record::{PrincipalId, RecordKind, SimDuration, SimTime, StateHasher};
use sim_view::{JobView, RegisterRef, RewriteValue, Table};
use sim_wire::modbus::{inspect, mbap};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Poison is renewed this often.
const POISON_EVERY: SimDuration = SimDuration::from_secs(2);
/// After a true claim was heard, poison follows this fast: late enough that the true answer to it is overtaken.
const POISON_AFTER_CLAIM: SimDuration = SimDuration::from_millis(1);
/// Requests whose reply is awaited.
const MAX_AWAITED: usize = 64;

/// A register and what is shown instead.
struct Lie {
    table: Table,
    register: u16,
    shown: Option<u16>,
}

/// A man in the middle at work.
pub(super) struct Spoof {
    host: HostId,
    by: PrincipalId,
    victim: Ipv4Addr,
    victim_name: String,
    peer: Ipv4Addr,
    target: Ipv4Addr,
    target_name: String,
    macs: Option<(Mac, Mac, Mac)>,
    lies: Vec<Lie>,
    /// Requests seen on their way: transaction id to (function, first address).
    awaited: BTreeMap<u16, (u8, u16)>,
    next_poison: SimTime,
    changed: u64,
}

impl Spoof {
    /// Plans to stand between `victim` and `peer`, seen from host `from`.
    pub fn new(
        directory: &Directory,
        by: PrincipalId,
        from: &str,
        victim: &str,
        peer: &str,
        target: &str,
        rewrite: &[(Table, RegisterRef, RewriteValue)],
    ) -> Result<Self, String> {
        let address = |name: &str| {
            directory
                .address(name, from)
                .ok_or_else(|| format!("no host or address `{name}`"))
        };
        let lies = rewrite.iter().map(|(table, register, value)| {
            let register = directory
                .register(register)
                .ok_or_else(|| format!("no tag `{register}`"))?;
            let shown = match value {
                RewriteValue::Freeze => None,
                RewriteValue::Raw(raw) => Some(*raw),
            };
            Ok(Lie {
                table: *table,
                register,
                shown,
            })
        });
        Ok(Self {
            host: directory
                .host(from)
                .ok_or_else(|| format!("no host `{from}`"))?
                .host,
            by,
            victim: address(victim)?,
            victim_name: victim.to_owned(),
            peer: address(peer)?,
            target: address(target)?,
            target_name: target.to_owned(),
            macs: None,
            lies: lies.collect::<Result<_, String>>()?,
            awaited: BTreeMap::new(),
            next_poison: SimTime::MAX,
            changed: 0,
        })
    }

    fn poison(&mut self, bench: &mut Bench) {
        let Some((own, victim, peer)) = self.macs else {
            return;
        };
        let now = bench.journal.now;
        // Each is told that the other lives at our card.
        for (to_mac, to_ip, claimed) in [
            (victim, self.victim, self.peer),
            (peer, self.peer, self.victim),
        ] {
            let reply = arp_reply(own, claimed, to_mac, to_ip);
            // A host without a cable cannot poison anybody.
            let _sent =
                bench
                    .fabric
                    .send_frame(now, self.host, reply.frame(to_mac, own), self.host);
        }
    }

    /// Forwards one frame that the poison brought here, changed where it carries an answer.
    fn forward(&mut self, bench: &mut Bench, mut bytes: Vec<u8>, origin: HostId, frame: u64) {
        let Some((own, victim_mac, peer_mac)) = self.macs else {
            return;
        };
        let Some(summary) = Summary::of(&bytes) else {
            return;
        };
        if let Some(arp) = summary.arp {
            // A host that asks for another tells everybody its true card.
            let true_claim = arp.sender_mac != own
                && (arp.sender_ip == self.victim || arp.sender_ip == self.peer);
            if true_claim {
                let soon = bench.journal.now + POISON_AFTER_CLAIM;
                self.next_poison = self.next_poison.min(soon);
            }
            return;
        }
        let Some(ip) = summary.ip.filter(|_| summary.ethernet.dst == own) else {
            return;
        };
        let to_victim = ip.dst == self.victim;
        if !to_victim && ip.src != self.victim {
            return;
        }
        let mut origin = origin;
        match summary.ports {
            Some((MODBUS_PORT, _))
                if to_victim
                    && ip.src == self.target
                    && self.rewrite(bench, &mut bytes, &summary, frame) =>
            {
                origin = self.host;
            }
            Some((_, MODBUS_PORT)) if ip.dst == self.target => {
                self.watch_requests(bytes.get(summary.payload.clone()))
            }
            _ => {}
        }
        let dst = if to_victim { victim_mac } else { peer_mac };
        Ethernet {
            dst,
            src: own,
            ..summary.ethernet
        }
        .write(&mut bytes);
        // A full link drops forwarded frames as it would any others.
        let _sent = bench
            .fabric
            .send_frame(bench.journal.now, self.host, bytes, origin);
    }

    fn watch_requests(&mut self, payload: Option<&[u8]>) {
        for seen in inspect::requests(payload.unwrap_or_default()) {
            if self.awaited.len() >= MAX_AWAITED {
                self.awaited.pop_first();
            }
            self.awaited
                .insert(seen.transaction_id, (seen.function, seen.address));
        }
    }

    /// Changes registers in the answers of a segment; true if anything was changed.
    fn rewrite(
        &mut self,
        bench: &mut Bench,
        bytes: &mut [u8],
        summary: &Summary,
        frame: u64,
    ) -> bool {
        let Some(payload) = bytes.get_mut(summary.payload.clone()) else {
            return false;
        };
        let before = payload.to_vec();
        for (transaction, (function, start)) in &self.awaited {
            for lie in self
                .lies
                .iter_mut()
                .filter(|l| function_of(l.table) == *function)
            {
                let Some(real) = answered_register(payload, *transaction, *start, lie.register)
                else {
                    continue;
                };
                let shown = *lie.shown.get_or_insert(real);
                if inspect::patch_transaction_register(
                    payload,
                    *transaction,
                    *start,
                    lie.register,
                    shown,
                ) && shown != real
                {
                    bench.journal.record(RecordKind::Tampered {
                        victim: self.victim_name.clone(),
                        asset: self.target_name.clone(),
                        register: lie.register,
                        real,
                        shown,
                        by: self.by,
                        frame,
                    });
                }
            }
        }
        let changed = before != payload;
        if changed {
            let delta = checksum_delta(&before, payload);
            adjust_tcp_checksum(bytes, summary, delta);
            self.changed += 1;
        }
        changed
    }
}

/// The register's word in the answer to `transaction`, if the payload holds it.
fn answered_register(payload: &[u8], transaction: u16, start: u16, register: u16) -> Option<u16> {
    let at = usize::from(register.checked_sub(start)?) * 2;
    let mut rest = payload;
    while let Ok(Some(frame)) = mbap::decode(rest) {
        if frame.header.transaction_id == transaction
            && let [3 | 4, _, data @ ..] = frame.pdu
            && let Some([high, low]) = data.get(at..at + 2)
        {
            return Some(u16::from_be_bytes([*high, *low]));
        }
        rest = rest.get(frame.wire_bytes()..)?;
    }
    None
}

/// Sum of the differences of 16-bit words in one's complement (RFC 1624).
fn checksum_delta(before: &[u8], after: &[u8]) -> u32 {
    let words = |bytes: &[u8]| -> Vec<u16> {
        bytes
            .chunks(2)
            .map(|c| u16::from_be_bytes([c[0], c.get(1).copied().unwrap_or(0)]))
            .collect()
    };
    let pairs = words(before).into_iter().zip(words(after));
    fold(
        pairs
            .map(|(old, new)| u32::from(!old) + u32::from(new))
            .fold(0, |sum, d| fold(sum + d)),
    )
}

fn fold(mut sum: u32) -> u32 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

/// HC' = ~(~HC + delta), equation 3 of RFC 1624. The checksum stands 16 bytes into the TCP header.
fn adjust_tcp_checksum(bytes: &mut [u8], summary: &Summary, delta: u32) {
    let Some(tcp) = summary.tcp else { return };
    let Some(at) = summary
        .payload
        .start
        .checked_sub(tcp.header_len)
        .map(|s| s + 16)
    else {
        return;
    };
    if let Some(field) = bytes.get_mut(at..at + 2) {
        let old = u16::from_be_bytes([field[0], field[1]]);
        let [_, _, high, low] = (!fold(u32::from(!old) + delta)).to_be_bytes();
        field.copy_from_slice(&[high, low]);
    }
}

fn arp_reply(sender_mac: Mac, sender_ip: Ipv4Addr, target_mac: Mac, target_ip: Ipv4Addr) -> Arp {
    Arp {
        operation: Arp::REPLY,
        sender_mac,
        sender_ip,
        target_mac,
        target_ip,
    }
}

/// The card behind an address, as the host's own ARP table or the fabric's hosts know it.
fn card_of(fabric: &Fabric, directory: &Directory, host: HostId, ip: Ipv4Addr) -> Option<Mac> {
    if let Some(entry) = directory.host_by_ip(ip) {
        return fabric.mac(entry.host).ok();
    }
    fabric
        .arp_table(host)
        .ok()?
        .into_iter()
        .find(|(known, _)| *known == ip)
        .map(|(_, mac)| mac)
}

fn function_of(table: Table) -> u8 {
    match table {
        Table::Coil => 1,
        Table::Discrete => 2,
        Table::Holding => 3,
        Table::Input => 4,
    }
}

impl Tool for Spoof {
    fn start(&mut self, bench: &mut Bench, view: &mut JobView) -> Result<(), String> {
        let own = bench.fabric.mac(self.host).ok();
        let victim = card_of(bench.fabric, bench.directory, self.host, self.victim);
        let peer = card_of(bench.fabric, bench.directory, self.host, self.peer);
        let (Some(own), Some(victim), Some(peer)) = (own, victim, peer) else {
            return Err("the card of victim or peer is unknown on this segment".into());
        };
        self.macs = Some((own, victim, peer));
        bench
            .fabric
            .set_capture(self.host, Capture::All)
            .map_err(|e| e.to_string())?;
        self.next_poison = bench.journal.now;
        note(view, "standing between".into());
        Ok(())
    }

    fn next_due(&self) -> SimTime {
        self.next_poison
    }

    fn run(&mut self, bench: &mut Bench, _view: &mut JobView) {
        self.poison(bench);
        self.next_poison = bench.journal.now + POISON_EVERY;
    }

    fn on_event(&mut self, bench: &mut Bench, _view: &mut JobView, event: ToolEvent) {
        if let ToolEvent::Frame {
            bytes,
            origin,
            frame,
        } = event
        {
            self.forward(bench, bytes, origin, frame);
        }
    }

    fn take_opened(&mut self) -> Vec<ConnId> {
        Vec::new()
    }

    fn stop(&mut self, bench: &mut Bench) {
        self.next_poison = SimTime::MAX;
        let now = bench.journal.now;
        if bench.fabric.set_capture(self.host, Capture::Off).is_err() {
            return;
        }
        // A tidy attacker heals the tables, so that the victims keep their view.
        if let Some((own, victim, peer)) = self.macs.take() {
            for (to_mac, to_ip, claimed, card) in [
                (victim, self.victim, self.peer, peer),
                (peer, self.peer, self.victim, victim),
            ] {
                let reply = arp_reply(card, claimed, to_mac, to_ip);
                let _sent =
                    bench
                        .fabric
                        .send_frame(now, self.host, reply.frame(to_mac, own), self.host);
            }
        }
    }

    fn digest(&self, hasher: &mut StateHasher) {
        hasher.u64(self.next_poison.0);
        hasher.u64(self.changed);
        hasher.u64(self.awaited.len() as u64);
    }
}

//! ARP of one card: the cache, and packets that wait for an answer.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use sim_record::{SimTime, StateHasher};

use crate::address::Mac;
use crate::ids::HostId;
use crate::io::{Io, Way};
use crate::limits;
use crate::packet::{Arp, ETHERTYPE_IPV4, Ethernet, Frame, Provenance};

/// A card with its address, and what it knows of its neighbours.
#[derive(Debug)]
pub(crate) struct Card {
    pub port: usize,
    pub mac: Mac,
    pub ip: Ipv4Addr,
    /// Origin of the ARP frames that it sends on its own account.
    owner: HostId,
    cache: BTreeMap<Ipv4Addr, Known>,
    pending: BTreeMap<Ipv4Addr, Pending>,
    pending_bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    mac: Mac,
    expires: SimTime,
}

#[derive(Debug)]
struct Pending {
    packets: Vec<(Vec<u8>, Provenance)>,
    tries: u8,
    next_try: SimTime,
}

impl Card {
    pub(crate) fn new(port: usize, mac: Mac, ip: Ipv4Addr, owner: HostId) -> Self {
        Self {
            port,
            mac,
            ip,
            owner,
            cache: BTreeMap::new(),
            pending: BTreeMap::new(),
            pending_bytes: 0,
        }
    }

    /// Fixes an entry for ever.
    pub(crate) fn pin(&mut self, ip: Ipv4Addr, mac: Mac) {
        self.cache.insert(
            ip,
            Known {
                mac,
                expires: SimTime::MAX,
            },
        );
    }

    /// Sends an IPv4 packet, behind room for its header, to `next_hop`, once its address is known.
    pub(crate) fn send(
        &mut self,
        next_hop: Ipv4Addr,
        mut packet: Vec<u8>,
        from: Provenance,
        io: &mut Io,
    ) {
        let known = self.cache.get(&next_hop).filter(|k| k.expires > io.now);
        let Some(known) = known else {
            self.hold(next_hop, packet, from, io);
            return;
        };
        Ethernet {
            dst: known.mac,
            src: self.mac,
            ethertype: ETHERTYPE_IPV4,
        }
        .write(&mut packet);
        io.send(
            self.port,
            Way::ToSwitch,
            Frame {
                bytes: packet,
                from,
            },
        );
    }

    /// Sends an IPv4 packet, behind room for its header, to everyone on the segment.
    pub(crate) fn broadcast(&self, mut packet: Vec<u8>, from: Provenance, io: &mut Io) {
        Ethernet {
            dst: Mac::BROADCAST,
            src: self.mac,
            ethertype: ETHERTYPE_IPV4,
        }
        .write(&mut packet);
        io.send(
            self.port,
            Way::ToSwitch,
            Frame {
                bytes: packet,
                from,
            },
        );
    }

    /// Learns from an ARP packet and answers it, as RFC 826 says and real stacks do: an entry that exists is renewed by
    /// any claim, even one nobody asked for, and a claim addressed to this card makes a new one.
    pub(crate) fn receive_arp(&mut self, arp: &Arp, io: &mut Io) {
        let claim = arp.sender_mac.is_unicast()
            && arp.sender_ip != self.ip
            && !arp.sender_ip.is_unspecified();
        if claim && (arp.target_ip == self.ip || self.cache.contains_key(&arp.sender_ip)) {
            self.learn(arp.sender_ip, arp.sender_mac, io);
        }
        if arp.operation == Arp::REQUEST && arp.target_ip == self.ip && arp.sender_mac.is_unicast()
        {
            let reply = Arp {
                operation: Arp::REPLY,
                sender_mac: self.mac,
                sender_ip: self.ip,
                target_mac: arp.sender_mac,
                target_ip: arp.sender_ip,
            };
            self.emit(reply.frame(arp.sender_mac, self.mac), io);
        }
    }

    /// When a request is due again.
    pub(crate) fn next_timer(&self) -> Option<SimTime> {
        self.pending.values().map(|p| p.next_try).min()
    }

    /// Repeats requests that are due and gives back packets whose next hop stays silent, each behind room for its
    /// Ethernet header.
    pub(crate) fn on_timer(&mut self, io: &mut Io) -> Vec<Vec<u8>> {
        let due: Vec<Ipv4Addr> = self
            .pending
            .iter()
            .filter(|(_, p)| p.next_try <= io.now)
            .map(|(ip, _)| *ip)
            .collect();
        let mut lost = Vec::new();
        for ip in due {
            let Some(pending) = self.pending.get_mut(&ip) else {
                continue;
            };
            if pending.tries < limits::ARP_TRIES {
                pending.tries += 1;
                pending.next_try = SimTime(io.now.0.saturating_add(limits::ARP_RETRY_US));
                self.ask(ip, io);
            } else if let Some(pending) = self.pending.remove(&ip) {
                for (packet, _) in pending.packets {
                    self.pending_bytes = self.pending_bytes.saturating_sub(packet.len());
                    io.stats.arp_dropped += 1;
                    lost.push(packet);
                }
            }
        }
        lost
    }

    /// Entries that are still valid.
    pub(crate) fn known(&self, now: SimTime) -> Vec<(Ipv4Addr, Mac)> {
        self.cache
            .iter()
            .filter(|(_, k)| k.expires > now)
            .map(|(ip, k)| (*ip, k.mac))
            .collect()
    }

    /// Forgets everything but fixed entries.
    pub(crate) fn clear(&mut self) {
        self.cache.retain(|_, known| known.expires == SimTime::MAX);
        self.pending.clear();
        self.pending_bytes = 0;
    }

    pub(crate) fn digest(&self, hasher: &mut StateHasher) {
        hasher.u64(self.cache.len() as u64);
        for (ip, known) in &self.cache {
            hasher.u64(u64::from(ip.to_bits()));
            hasher.bytes(&known.mac.0);
            hasher.u64(known.expires.0);
        }
        hasher.u64(self.pending.len() as u64);
        for (ip, pending) in &self.pending {
            hasher.u64(u64::from(ip.to_bits()));
            hasher.u64(u64::from(pending.tries));
            hasher.u64(pending.next_try.0);
            for (packet, from) in &pending.packets {
                hasher.bytes(packet);
                hasher.u64(u64::from(from.origin.0));
            }
        }
    }

    fn learn(&mut self, ip: Ipv4Addr, mac: Mac, io: &mut Io) {
        let expires = SimTime(io.now.0.saturating_add(limits::ARP_AGE_US));
        match self.cache.get_mut(&ip) {
            Some(known) if known.expires == SimTime::MAX => return,
            Some(known) => *known = Known { mac, expires },
            None => {
                self.make_room(io.now);
                self.cache.insert(ip, Known { mac, expires });
            }
        }
        let Some(pending) = self.pending.remove(&ip) else {
            return;
        };
        for (packet, from) in pending.packets {
            self.pending_bytes = self.pending_bytes.saturating_sub(packet.len());
            self.send(ip, packet, from, io);
        }
    }

    /// Drops old entries when the cache is full, or else the one that would go first.
    fn make_room(&mut self, now: SimTime) {
        if self.cache.len() < limits::ARP_CACHE_MAX {
            return;
        }
        self.cache.retain(|_, known| known.expires > now);
        if self.cache.len() < limits::ARP_CACHE_MAX {
            return;
        }
        let oldest = self
            .cache
            .iter()
            .min_by_key(|(_, known)| known.expires)
            .map(|(ip, _)| *ip);
        if let Some(ip) = oldest {
            self.cache.remove(&ip);
        }
    }

    fn hold(&mut self, next_hop: Ipv4Addr, packet: Vec<u8>, from: Provenance, io: &mut Io) {
        let new = !self.pending.contains_key(&next_hop);
        let full = self.pending_bytes + packet.len() > limits::ARP_PENDING_BYTES_MAX;
        if full || (new && self.pending.len() >= limits::ARP_PENDING_MAX) {
            io.stats.arp_dropped += 1;
            return;
        }
        self.pending_bytes += packet.len();
        let next_try = SimTime(io.now.0.saturating_add(limits::ARP_RETRY_US));
        let pending = self.pending.entry(next_hop).or_insert(Pending {
            packets: Vec::new(),
            tries: 1,
            next_try,
        });
        pending.packets.push((packet, from));
        if new {
            self.ask(next_hop, io);
        }
    }

    fn ask(&self, ip: Ipv4Addr, io: &mut Io) {
        let request = Arp {
            operation: Arp::REQUEST,
            sender_mac: self.mac,
            sender_ip: self.ip,
            target_mac: Mac::ZERO,
            target_ip: ip,
        };
        self.emit(request.frame(Mac::BROADCAST, self.mac), io);
    }

    fn emit(&self, bytes: Vec<u8>, io: &mut Io) {
        io.send(
            self.port,
            Way::ToSwitch,
            Frame {
                bytes,
                from: Provenance::own(self.owner),
            },
        );
    }
}

//! A learning switch with a tap.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use sim_record::{SimTime, StateHasher};

use crate::address::Mac;
use crate::event::HostEvent;
use crate::ids::SwitchId;
use crate::io::{Io, Way};
use crate::limits;
use crate::packet::{Arp, ETHERNET_HEADER_LEN, ETHERTYPE_ARP, Ethernet, Frame};

#[derive(Debug)]
pub(crate) struct Switch {
    pub id: SwitchId,
    pub ports: Vec<usize>,
    pub tapped: bool,
    table: BTreeMap<Mac, Learned>,
    /// No learned address is older before this instant, so looking for old ones is in vain.
    sweep_at: SimTime,
    watch: BTreeMap<Ipv4Addr, Mac>,
}

#[derive(Clone, Copy, Debug)]
struct Learned {
    port: usize,
    expires: SimTime,
}

impl Switch {
    pub(crate) fn new(id: SwitchId, tapped: bool) -> Self {
        Self {
            id,
            ports: Vec::new(),
            tapped,
            table: BTreeMap::new(),
            sweep_at: SimTime::ZERO,
            watch: BTreeMap::new(),
        }
    }

    /// Mirrors, learns and forwards a frame that came in at `port`.
    pub(crate) fn receive(&mut self, port: usize, mut frame: Frame, io: &mut Io) {
        let Some(ethernet) = Ethernet::parse(&frame.bytes) else {
            return;
        };
        if self.tapped {
            io.capture(self.id, &mut frame);
            if ethernet.ethertype == ETHERTYPE_ARP {
                self.watch_arp(&frame, io);
            }
        }
        self.learn(ethernet.src, port, io.now);
        let known = self.table.get(&ethernet.dst).filter(|l| l.expires > io.now);
        match known {
            Some(learned) if learned.port == port => {}
            Some(learned) => io.send(learned.port, Way::ToDevice, frame),
            None => self.flood(port, &frame, io),
        }
    }

    /// Forgets what was learned at a port whose cable was pulled.
    pub(crate) fn forget_port(&mut self, port: usize) {
        self.table.retain(|_, learned| learned.port != port);
    }

    /// Addresses learned, each with its port.
    pub(crate) fn learned(&self, now: SimTime) -> impl Iterator<Item = (Mac, usize)> {
        self.table
            .iter()
            .filter(move |(_, l)| l.expires > now)
            .map(|(mac, l)| (*mac, l.port))
    }

    pub(crate) fn digest(&self, hasher: &mut StateHasher) {
        hasher.u64(u64::from(self.tapped));
        hasher.u64(self.table.len() as u64);
        for (mac, learned) in &self.table {
            hasher.bytes(&mac.0);
            hasher.u64(learned.port as u64);
            hasher.u64(learned.expires.0);
        }
        hasher.u64(self.watch.len() as u64);
        for (ip, mac) in &self.watch {
            hasher.u64(u64::from(ip.to_bits()));
            hasher.bytes(&mac.0);
        }
    }

    fn flood(&self, from: usize, frame: &Frame, io: &mut Io) {
        for &port in self.ports.iter().filter(|&&p| p != from) {
            io.send(port, Way::ToDevice, frame.clone());
        }
    }

    fn learn(&mut self, mac: Mac, port: usize, now: SimTime) {
        let learned = Learned {
            port,
            expires: SimTime(now.0.saturating_add(limits::MAC_AGE_US)),
        };
        if let Some(entry) = self.table.get_mut(&mac) {
            *entry = learned;
            return;
        }
        if !mac.is_unicast() {
            return;
        }
        if self.table.len() >= limits::MAC_TABLE_MAX && now >= self.sweep_at {
            self.table.retain(|_, l| l.expires > now);
            self.sweep_at = self
                .table
                .values()
                .map(|l| l.expires)
                .min()
                .unwrap_or(SimTime::ZERO);
        }
        if self.table.len() < limits::MAC_TABLE_MAX {
            self.table.insert(mac, learned);
        }
    }

    fn watch_arp(&mut self, frame: &Frame, io: &mut Io) {
        let Some(arp) = frame.bytes.get(ETHERNET_HEADER_LEN..).and_then(Arp::parse) else {
            return;
        };
        if arp.sender_ip.is_unspecified() {
            return;
        }
        let room = self.watch.len() < limits::ARP_WATCH_MAX;
        match self.watch.get_mut(&arp.sender_ip) {
            Some(mac) if *mac == arp.sender_mac => {}
            Some(mac) => {
                let old_mac = std::mem::replace(mac, arp.sender_mac);
                io.report_droppable(HostEvent::ArpChanged {
                    time: io.now,
                    switch: self.id,
                    ip: arp.sender_ip,
                    old_mac,
                    new_mac: arp.sender_mac,
                    origin: frame.from.origin,
                    frame: frame.from.frame,
                });
            }
            None if room => {
                self.watch.insert(arp.sender_ip, arp.sender_mac);
            }
            None => {}
        }
    }
}

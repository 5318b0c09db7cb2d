//! The network as a whole: one clock, one queue of frames, and the verbs of hosts, firewalls and sensors.

mod devices;
mod hosts;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use sim_record::{Digest, Seed, SimTime, StateHasher};

use crate::event::{CapturedFrame, HostEvent, Stats};
use crate::host::Host;
use crate::ids::{ConnId, DiodeId, HostId, RouterId, SwitchId};
use crate::io::{Io, Peer, Scheduled, Way};
use crate::packet::Frame;
use crate::router::Router;
use crate::switch::Switch;
use crate::topology::{Topology, TopologyError};

/// A virtual network.
///
/// Calling order: [`Fabric::advance`] to an instant, then [`Fabric::poll_event`] and [`Fabric::poll_captured`] until
/// both are empty, then verbs at that instant. A verb may make something due at the same instant, which
/// [`Fabric::next_event`] then says; advance again before time goes on. How calls of `advance` are chunked changes no
/// frame. All work at one instant has one order: frames by their sequence, then nodes by their id.
pub struct Fabric {
    io: Io,
    hosts: Vec<Host>,
    switches: Vec<Switch>,
    routers: Vec<Router>,
    /// For each diode the port that it sends into.
    diode_outputs: Vec<usize>,
    timers: BTreeSet<(SimTime, Node)>,
    timer_of_host: Vec<Option<SimTime>>,
    timer_of_router: Vec<Option<SimTime>>,
    dirty: BTreeSet<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Router(usize),
    Host(usize),
}

/// Why a host cannot do what it was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// No such host, switch or router.
    #[error("there is no such device")]
    NoDevice,
    /// No such connection, or it has ended.
    #[error("there is no such connection")]
    NoConnection,
    /// The connection is not established yet, or was closed for sending.
    #[error("the connection takes no bytes")]
    NotEstablished,
    /// Another subnet without a gateway, a group, or the host itself.
    #[error("no route to that address")]
    NoRoute,
    /// Port 0.
    #[error("port 0 cannot be used")]
    BadPort,
    /// All sockets, services or ids are in use.
    #[error("too many sockets")]
    TooMany,
    /// A datagram or frame longer than its limit.
    #[error("the frame or datagram is too long or too short")]
    TooLong,
    /// The host has no power.
    #[error("the host is off")]
    Off,
}

/// What [`Fabric::recv`] moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes moved.
    pub len: usize,
    /// Bytes that still wait.
    pub left: usize,
    /// Who sent the newest segment: ground truth.
    pub origin: HostId,
    /// Frame of the newest segment, 0 where no tap saw it.
    pub frame: u64,
}

/// The ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnInfo {
    /// Host whose end it is.
    pub host: HostId,
    /// Port of this end.
    pub port: u16,
    /// Address of the other end, as on the wire.
    pub peer_ip: Ipv4Addr,
    /// Port of the other end.
    pub peer_port: u16,
}

/// What sits at a port of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// A host.
    Host(HostId),
    /// A router.
    Router(RouterId),
    /// A data diode.
    Diode(DiodeId),
    /// Another switch.
    Switch,
}

impl Fabric {
    /// Builds a network. The seed decides about losses, TCP sequence numbers and ephemeral ports.
    ///
    /// # Errors
    /// What [`Topology::check`] finds.
    pub fn new(topology: &Topology, seed: u64) -> Result<Self, TopologyError> {
        topology.check()?;
        let mut fabric = Self {
            io: Io::default(),
            hosts: Vec::new(),
            switches: Vec::new(),
            routers: Vec::new(),
            diode_outputs: Vec::new(),
            timers: BTreeSet::new(),
            timer_of_host: vec![None; topology.hosts.len()],
            timer_of_router: vec![None; topology.routers.len()],
            dirty: BTreeSet::new(),
        };
        for (index, spec) in topology.switches.iter().enumerate() {
            fabric
                .switches
                .push(Switch::new(SwitchId(id(index)), spec.tapped));
        }
        let seed = Seed(seed);
        let stream = |kind: &str, name: &str| seed.stream(&format!("net/{kind}/{name}"));
        for (index, spec) in topology.hosts.iter().enumerate() {
            let port = fabric.add_port(
                spec.switch,
                Peer::Host(index),
                spec.link,
                stream("link", &spec.name),
            );
            fabric.hosts.push(Host::new(
                HostId(id(index)),
                spec,
                port,
                stream("host", &spec.name),
            ));
        }
        for (router, spec) in topology.routers.iter().enumerate() {
            let mut ports = Vec::new();
            for (interface, i) in spec.interfaces.iter().enumerate() {
                let name = format!("{}/{interface}", spec.name);
                let peer = Peer::Router { router, interface };
                ports.push(fabric.add_port(i.switch, peer, i.link, stream("link", &name)));
            }
            fabric
                .routers
                .push(Router::new(RouterId(id(router)), spec, &ports));
        }
        for (index, spec) in topology.diodes.iter().enumerate() {
            let name = format!("{}/in", spec.name);
            fabric.add_port(
                spec.from,
                Peer::DiodeIn(index),
                spec.link,
                stream("link", &name),
            );
            let name = format!("{}/out", spec.name);
            let out = fabric.add_port(
                spec.to,
                Peer::DiodeOut(index),
                spec.link,
                stream("link", &name),
            );
            fabric.diode_outputs.push(out);
        }
        for (index, spec) in topology.trunks.iter().enumerate() {
            let next = fabric.io.ports.len();
            let seed = stream("trunk", &index.to_string());
            fabric.add_port(spec.a, Peer::Trunk { port: next + 1 }, spec.link, seed);
            fabric.add_port(
                spec.b,
                Peer::Trunk { port: next },
                spec.link,
                seed.wrapping_add(1),
            );
        }
        Ok(fabric)
    }

    /// When there is something to do next; the present instant after a verb that made something due.
    #[must_use]
    pub fn next_event(&self) -> Option<SimTime> {
        if !self.dirty.is_empty() {
            return Some(self.io.now);
        }
        let timer = self.timers.first().map(|(at, _)| *at);
        [self.io.next_arrival(), timer].into_iter().flatten().min()
    }

    /// Does everything that is due up to and at `now`, one instant after the other.
    pub fn advance(&mut self, now: SimTime) {
        while let Some(at) = self.next_event().filter(|at| *at <= now) {
            self.io.now = self.io.now.max(at);
            self.run_instant();
        }
        self.io.now = self.io.now.max(now);
    }

    /// The instant reached.
    #[must_use]
    pub const fn now(&self) -> SimTime {
        self.io.now
    }

    /// Takes the oldest event.
    pub fn poll_event(&mut self) -> Option<HostEvent> {
        self.io.events.pop_front()
    }

    /// Takes the oldest captured frame.
    pub fn poll_captured(&mut self) -> Option<CapturedFrame> {
        self.io.poll_captured()
    }

    /// Counters since the start.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.io.stats
    }

    /// Hash of the whole state: queues, tables, sessions, random streams, and every frame delivered so far.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = StateHasher::new();
        self.io.digest(&mut hasher);
        for switch in &self.switches {
            switch.digest(&mut hasher);
        }
        for router in &self.routers {
            router.digest(&mut hasher);
        }
        for host in &self.hosts {
            host.digest(&mut hasher);
        }
        for (at, node) in &self.timers {
            hasher.u64(at.0);
            let (kind, index) = match node {
                Node::Router(index) => (0, index),
                Node::Host(index) => (1, index),
            };
            hasher.u64(kind << 32 | *index as u64);
        }
        for index in &self.dirty {
            hasher.u64(*index as u64);
        }
        hasher.finish()
    }

    fn add_port(&mut self, switch: usize, peer: Peer, link: crate::LinkSpec, seed: u64) -> usize {
        let port = self.io.add_port(switch, peer, link, seed);
        if let Some(switch) = self.switches.get_mut(switch) {
            switch.ports.push(port);
        }
        port
    }

    fn run_instant(&mut self) {
        while let Some(due) = self.io.next_due() {
            self.arrive(due);
        }
        while let Some(&(at, node)) = self.timers.first() {
            if at > self.io.now {
                break;
            }
            self.timers.pop_first();
            match node {
                Node::Host(index) => {
                    set(&mut self.timer_of_host, index, None);
                    self.dirty.insert(index);
                }
                Node::Router(index) => {
                    set(&mut self.timer_of_router, index, None);
                    if let Some(router) = self.routers.get_mut(index) {
                        router.on_timer(&mut self.io);
                    }
                    self.arm_router(index);
                }
            }
        }
        while let Some(index) = self.dirty.pop_first() {
            let Some(host) = self.hosts.get_mut(index) else {
                continue;
            };
            let due = host.flush(&mut self.io);
            self.arm_host(index, due);
        }
    }

    fn arrive(&mut self, due: Scheduled) {
        let Scheduled {
            port, way, frame, ..
        } = due;
        let Some((switch, peer)) = self.io.ports.get(port).map(|p| (p.switch, p.peer)) else {
            return;
        };
        if way == Way::ToSwitch {
            self.at_switch(switch, port, frame);
            return;
        }
        match peer {
            Peer::Host(index) => {
                self.io.delivered(port, &frame);
                let Some(host) = self.hosts.get_mut(index) else {
                    return;
                };
                let flush = host.receive(frame, &mut self.io);
                let earlier = host.card.next_timer();
                if flush || earlier.is_some() {
                    self.dirty.insert(index);
                }
            }
            Peer::Router { router, interface } => {
                self.io.delivered(port, &frame);
                if let Some(entry) = self.routers.get_mut(router) {
                    entry.receive(interface, frame, &mut self.io);
                }
                self.arm_router(router);
            }
            Peer::DiodeIn(index) => {
                self.io.delivered(port, &frame);
                if let Some(&out) = self.diode_outputs.get(index) {
                    self.io.send(out, Way::ToSwitch, frame);
                }
            }
            Peer::DiodeOut(_) => self.io.stats.diode_blocked += 1,
            Peer::Trunk { port: other } => {
                let Some(switch) = self.io.ports.get(other).map(|p| p.switch) else {
                    return;
                };
                self.at_switch(switch, other, frame);
            }
        }
    }

    fn at_switch(&mut self, switch: usize, port: usize, frame: Frame) {
        if let Some(switch) = self.switches.get_mut(switch) {
            switch.receive(port, frame, &mut self.io);
        }
    }

    fn arm_host(&mut self, index: usize, due: Option<SimTime>) {
        let before = self.timer_of_host.get(index).copied().flatten();
        if before == due {
            return;
        }
        if let Some(at) = before {
            self.timers.remove(&(at, Node::Host(index)));
        }
        if let Some(at) = due {
            self.timers.insert((at, Node::Host(index)));
        }
        set(&mut self.timer_of_host, index, due);
    }

    fn arm_router(&mut self, index: usize) {
        let due = self.routers.get(index).and_then(Router::next_timer);
        let before = self.timer_of_router.get(index).copied().flatten();
        if before == due {
            return;
        }
        if let Some(at) = before {
            self.timers.remove(&(at, Node::Router(index)));
        }
        if let Some(at) = due {
            self.timers.insert((at, Node::Router(index)));
        }
        set(&mut self.timer_of_router, index, due);
    }

    fn host(&self, host: HostId) -> Result<&Host, NetError> {
        self.hosts
            .get(usize::from(host.0))
            .ok_or(NetError::NoDevice)
    }

    /// The host, which is flushed at this instant because a verb touches it.
    fn touch(&mut self, now: SimTime, host: HostId) -> Result<(&mut Host, &mut Io), NetError> {
        self.catch_up(now);
        let index = usize::from(host.0);
        let entry = self.hosts.get_mut(index).ok_or(NetError::NoDevice)?;
        if !entry.powered {
            return Err(NetError::Off);
        }
        self.dirty.insert(index);
        Ok((entry, &mut self.io))
    }

    /// Verbs happen at `now`: whatever is due before comes first.
    fn catch_up(&mut self, now: SimTime) {
        if now > self.io.now {
            self.advance(now);
        }
    }

    fn touch_conn(&mut self, now: SimTime, conn: ConnId) -> Result<(&mut Host, &mut Io), NetError> {
        self.catch_up(now);
        let host = *self.io.conns.get(&conn).ok_or(NetError::NoConnection)?;
        self.touch(now, host)
    }
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(entry) = list.get_mut(index) {
        *entry = value;
    }
}

/// An index below one of the limits of a topology.
fn id(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

//! The network as a whole: one clock, one queue of frames, and the verbs of hosts, firewalls and sensors.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use sim_record::{Digest, Seed, SimTime, StateHasher};

use crate::address::Mac;
use crate::conntrack::Affected;
use crate::event::{CapturedFrame, HostEvent, Stats};
use crate::firewall::{Change, FirewallError, FirewallSpec, Session, SessionFilter};
use crate::host::{Capture, Host};
use crate::ids::{ConnId, DiodeId, HostId, RouterId, SwitchId};
use crate::io::{Io, Peer, Scheduled, Way};
use crate::limits;
use crate::modbus::L7Inspector;
use crate::packet::{ETHERNET_HEADER_LEN, Frame, HOP_LIMIT, Ipv4};
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

/// Verbs of hosts.
impl Fabric {
    /// Opens a TCP port of a host for up to `max_connections` at a time.
    ///
    /// # Errors
    /// No such host, port 0, or too many services.
    pub fn listen(
        &mut self,
        host: HostId,
        port: u16,
        max_connections: usize,
    ) -> Result<(), NetError> {
        let (host, _) = self.touch(self.io.now, host)?;
        host.stack.listen(port, max_connections)
    }

    /// Closes a listening port; its connections stay.
    ///
    /// # Errors
    /// No such host.
    pub fn unlisten(&mut self, host: HostId, port: u16) -> Result<(), NetError> {
        let (host, _) = self.touch(self.io.now, host)?;
        host.stack.unlisten(port);
        Ok(())
    }

    /// Begins a TCP connection. [`HostEvent::TcpConnected`] or [`HostEvent::TcpClosed`] follows.
    ///
    /// # Errors
    /// No such host, no route, port 0, or too many sockets.
    pub fn connect(
        &mut self,
        now: SimTime,
        host: HostId,
        dst_ip: Ipv4Addr,
        dst_port: u16,
    ) -> Result<ConnId, NetError> {
        let (entry, io) = self.touch(now, host)?;
        if !entry.has_route(dst_ip) {
            return Err(NetError::NoRoute);
        }
        let conn = io.new_conn(host).ok_or(NetError::TooMany)?;
        let result = entry
            .stack
            .connect(conn, (dst_ip, dst_port), host, &mut io.stats);
        if let Err(error) = result {
            io.conns.remove(&conn);
            return Err(error);
        }
        Ok(conn)
    }

    /// Queues bytes on a connection; returns how many were taken. [`HostEvent::TcpWritable`] follows if not all.
    ///
    /// # Errors
    /// No such connection, or one that takes no bytes.
    pub fn send(&mut self, now: SimTime, conn: ConnId, data: &[u8]) -> Result<usize, NetError> {
        let (host, _) = self.touch_conn(now, conn)?;
        host.stack.send(conn, data)
    }

    /// Moves up to `max` received bytes to the end of `into`. [`HostEvent::TcpReadable`] comes again only after a call
    /// that leaves nothing.
    ///
    /// # Errors
    /// No such connection.
    pub fn recv(
        &mut self,
        now: SimTime,
        conn: ConnId,
        into: &mut Vec<u8>,
        max: usize,
    ) -> Result<Received, NetError> {
        let (host, _) = self.touch_conn(now, conn)?;
        let newest = host.stack.newest(conn).ok_or(NetError::NoConnection)?;
        let (len, left) = host.stack.recv(conn, into, max)?;
        Ok(Received {
            len,
            left,
            origin: newest.origin,
            frame: newest.frame,
        })
    }

    /// Sends what is queued and closes in order. The id is no longer valid, and no event follows.
    ///
    /// # Errors
    /// No such connection.
    pub fn close(&mut self, now: SimTime, conn: ConnId) -> Result<(), NetError> {
        let (host, io) = self.touch_conn(now, conn)?;
        host.stack.close(conn)?;
        io.conns.remove(&conn);
        Ok(())
    }

    /// Resets a connection. The id is no longer valid, and no event follows.
    ///
    /// # Errors
    /// No such connection.
    pub fn abort(&mut self, now: SimTime, conn: ConnId) -> Result<(), NetError> {
        let (host, io) = self.touch_conn(now, conn)?;
        host.stack.abort(conn)?;
        io.conns.remove(&conn);
        Ok(())
    }

    /// The ends of a connection.
    ///
    /// # Errors
    /// No such connection.
    pub fn conn_info(&self, conn: ConnId) -> Result<ConnInfo, NetError> {
        let host = *self.io.conns.get(&conn).ok_or(NetError::NoConnection)?;
        let ((peer_ip, peer_port), port) = self
            .host(host)?
            .endpoints(conn)
            .ok_or(NetError::NoConnection)?;
        Ok(ConnInfo {
            host,
            port,
            peer_ip,
            peer_port,
        })
    }

    /// Receives datagrams to a port as [`HostEvent::Udp`].
    ///
    /// # Errors
    /// No such host, port 0, or too many ports.
    pub fn udp_bind(&mut self, host: HostId, port: u16) -> Result<(), NetError> {
        let (host, _) = self.touch(self.io.now, host)?;
        host.bind_udp(port)
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// No such host, no route, or more than [`limits::DATAGRAM_BYTES_MAX`] bytes.
    pub fn udp_send(
        &mut self,
        now: SimTime,
        host: HostId,
        src_port: u16,
        dst: (Ipv4Addr, u16),
        data: &[u8],
    ) -> Result<(), NetError> {
        let (host, io) = self.touch(now, host)?;
        host.send_udp(src_port, dst, data, io)
    }

    /// Sends an echo request and returns its number. [`HostEvent::PingReply`] or [`HostEvent::Unreachable`] may follow.
    ///
    /// # Errors
    /// No such host, or no route.
    pub fn ping(&mut self, now: SimTime, host: HostId, dst: Ipv4Addr) -> Result<u16, NetError> {
        self.ping_ttl(now, host, dst, HOP_LIMIT)
    }

    /// Like [`Fabric::ping`] with a time to live of `ttl` hops, as a trace of the route needs.
    ///
    /// # Errors
    /// No such host, or no route.
    pub fn ping_ttl(
        &mut self,
        now: SimTime,
        host: HostId,
        dst: Ipv4Addr,
        ttl: u8,
    ) -> Result<u16, NetError> {
        let (host, io) = self.touch(now, host)?;
        host.ping(dst, ttl.max(1), io)
    }

    /// Puts a whole Ethernet frame on the cable of a host, whatever it claims. `origin` is the host that caused it:
    /// the host itself, or where it merely forwards, the one whose frame it was.
    ///
    /// # Errors
    /// No such host, or a frame shorter than a header or longer than [`limits::FRAME_MAX`].
    pub fn send_frame(
        &mut self,
        now: SimTime,
        host: HostId,
        bytes: Vec<u8>,
        origin: HostId,
    ) -> Result<(), NetError> {
        if !(ETHERNET_HEADER_LEN..=limits::FRAME_MAX).contains(&bytes.len()) {
            return Err(NetError::TooLong);
        }
        let (host, io) = self.touch(now, host)?;
        io.send(
            host.card.port,
            Way::ToSwitch,
            Frame {
                bytes,
                origin,
                number: 0,
            },
        );
        Ok(())
    }

    /// Sends a whole IPv4 packet as this host, with ARP done for it: the way out of a stack that is outside.
    ///
    /// # Errors
    /// No such host, no valid packet, no route, or longer than [`limits::MTU`].
    pub fn send_ip(&mut self, now: SimTime, host: HostId, packet: &[u8]) -> Result<(), NetError> {
        let ip = Ipv4::parse(packet).ok_or(NetError::TooLong)?;
        if packet.len() > limits::MTU {
            return Err(NetError::TooLong);
        }
        let (entry, io) = self.touch(now, host)?;
        if !entry.has_route(ip.dst) {
            return Err(NetError::NoRoute);
        }
        let mut frame = vec![0; ETHERNET_HEADER_LEN];
        frame.extend_from_slice(packet.get(..ip.total_len).unwrap_or(packet));
        entry.send_ip(frame, ip.dst, host, io);
        Ok(())
    }

    /// Gives IP packets for this host to [`HostEvent::Ip`] instead of its own stack, or back to it.
    ///
    /// # Errors
    /// No such host.
    pub fn set_external_stack(&mut self, host: HostId, external: bool) -> Result<(), NetError> {
        let (host, _) = self.touch(self.io.now, host)?;
        host.external = external;
        Ok(())
    }

    /// Says which frames a host application sees as [`HostEvent::Frame`].
    ///
    /// # Errors
    /// No such host.
    pub fn set_capture(&mut self, host: HostId, capture: Capture) -> Result<(), NetError> {
        let (host, _) = self.touch(self.io.now, host)?;
        host.capture = capture;
        Ok(())
    }

    /// What a host believes about its neighbours.
    ///
    /// # Errors
    /// No such host.
    pub fn arp_table(&self, host: HostId) -> Result<Vec<(Ipv4Addr, Mac)>, NetError> {
        Ok(self.host(host)?.card.known(self.io.now))
    }

    /// Hardware address of a host.
    ///
    /// # Errors
    /// No such host.
    pub fn mac(&self, host: HostId) -> Result<Mac, NetError> {
        Ok(self.host(host)?.mac())
    }

    /// Sockets that a host has in use, half-open ones included.
    ///
    /// # Errors
    /// No such host.
    pub fn socket_count(&self, host: HostId) -> Result<usize, NetError> {
        Ok(self.host(host)?.stack.socket_count())
    }

    /// Pulls a host's cable, or plugs it in again. Frames on the cable are lost.
    ///
    /// # Errors
    /// No such host.
    pub fn unplug(&mut self, now: SimTime, host: HostId, unplugged: bool) -> Result<(), NetError> {
        self.catch_up(now);
        let port = self.host(host)?.card.port;
        self.set_plugged(port, !unplugged);
        Ok(())
    }

    /// Pulls the cable of a router's interface, or plugs it in again.
    ///
    /// # Errors
    /// No such router or interface.
    pub fn unplug_router(
        &mut self,
        now: SimTime,
        router: RouterId,
        interface: usize,
        unplugged: bool,
    ) -> Result<(), NetError> {
        self.catch_up(now);
        let router = self
            .routers
            .get(usize::from(router.0))
            .ok_or(NetError::NoDevice)?;
        let port = router
            .interfaces
            .get(interface)
            .ok_or(NetError::NoDevice)?
            .card
            .port;
        self.set_plugged(port, !unplugged);
        Ok(())
    }

    /// Cuts or restores the power of a host. Without power its connections, services and caches are gone in silence;
    /// applications listen anew after it returns.
    ///
    /// # Errors
    /// No such host.
    pub fn set_power(&mut self, now: SimTime, host: HostId, powered: bool) -> Result<(), NetError> {
        self.catch_up(now);
        let index = usize::from(host.0);
        let entry = self.hosts.get_mut(index).ok_or(NetError::NoDevice)?;
        if entry.powered && !powered {
            entry.power_off(&mut self.io);
            self.dirty.remove(&index);
            self.arm_host(index, None);
        } else {
            entry.powered = powered;
        }
        Ok(())
    }

    fn set_plugged(&mut self, port: usize, plugged: bool) {
        let Some(entry) = self.io.ports.get_mut(port) else {
            return;
        };
        entry.plugged = plugged;
        let switch = entry.switch;
        if let Some(switch) = self.switches.get_mut(switch).filter(|_| !plugged) {
            switch.forget_port(port);
        }
    }
}

/// Verbs of sensors.
impl Fabric {
    /// Begins or ends mirroring a switch to [`Fabric::poll_captured`].
    ///
    /// # Errors
    /// No such switch.
    pub fn set_tap(&mut self, switch: SwitchId, tapped: bool) -> Result<(), NetError> {
        let switch = self
            .switches
            .get_mut(usize::from(switch.0))
            .ok_or(NetError::NoDevice)?;
        switch.tapped = tapped;
        Ok(())
    }

    /// What a switch has learned: each hardware address with the device at its port.
    ///
    /// # Errors
    /// No such switch.
    pub fn mac_table(&self, switch: SwitchId) -> Result<Vec<(Mac, Attached)>, NetError> {
        let switch = self
            .switches
            .get(usize::from(switch.0))
            .ok_or(NetError::NoDevice)?;
        let attached = |port: usize| match self.io.ports.get(port).map(|p| p.peer) {
            Some(Peer::Host(index)) => Attached::Host(HostId(id(index))),
            Some(Peer::Router { router, .. }) => Attached::Router(RouterId(id(router))),
            Some(Peer::DiodeIn(index) | Peer::DiodeOut(index)) => {
                Attached::Diode(DiodeId(id(index)))
            }
            Some(Peer::Trunk { .. }) | None => Attached::Switch,
        };
        Ok(switch
            .learned(self.io.now)
            .map(|(mac, port)| (mac, attached(port)))
            .collect())
    }
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

/// Verbs of firewalls.
impl Fabric {
    /// Rules and default action of a firewall.
    ///
    /// # Errors
    /// No such router.
    pub fn firewall(&self, router: RouterId) -> Result<&FirewallSpec, FirewallError> {
        Ok(self.router(router)?.firewall.rules())
    }

    /// Changes the rules. Sessions that were let through go on.
    ///
    /// # Errors
    /// No such router or rule, a rule that makes no sense, or too many.
    pub fn change_firewall(
        &mut self,
        now: SimTime,
        router: RouterId,
        change: &Change,
    ) -> Result<(), FirewallError> {
        self.catch_up(now);
        self.router_mut(router)?.firewall.change(change)
    }

    /// Undoes the last change that was not undone; returns the change that this made.
    ///
    /// # Errors
    /// No such router, or nothing to undo.
    pub fn undo_firewall(
        &mut self,
        now: SimTime,
        router: RouterId,
    ) -> Result<Change, FirewallError> {
        self.catch_up(now);
        self.router_mut(router)?.firewall.undo()
    }

    /// Live sessions that the rules would treat otherwise after `change`. They go on until they are cleared.
    ///
    /// # Errors
    /// As for [`Fabric::change_firewall`].
    pub fn preview_firewall(
        &self,
        router: RouterId,
        change: &Change,
    ) -> Result<Vec<Affected>, FirewallError> {
        self.router(router)?.firewall.preview(change, self.io.now)
    }

    /// Live sessions.
    ///
    /// # Errors
    /// No such router.
    pub fn sessions(&self, router: RouterId) -> Result<Vec<Session>, FirewallError> {
        Ok(self.router(router)?.firewall.sessions(self.io.now))
    }

    /// Forgets sessions, so that their next packet is judged by the rules as they are; returns how many were live.
    ///
    /// # Errors
    /// No such router.
    pub fn clear_sessions(
        &mut self,
        now: SimTime,
        router: RouterId,
        filter: &SessionFilter,
    ) -> Result<usize, FirewallError> {
        self.catch_up(now);
        Ok(self
            .router_mut(router)?
            .firewall
            .clear_sessions(filter, now))
    }

    /// Replaces what reads Modbus requests for the rules of a firewall.
    ///
    /// # Errors
    /// No such router.
    pub fn set_inspector(
        &mut self,
        router: RouterId,
        inspector: Box<dyn L7Inspector>,
    ) -> Result<(), FirewallError> {
        self.router_mut(router)?.firewall.inspector = inspector;
        Ok(())
    }

    fn router(&self, router: RouterId) -> Result<&Router, FirewallError> {
        self.routers
            .get(usize::from(router.0))
            .ok_or(FirewallError::NoFirewall)
    }

    fn router_mut(&mut self, router: RouterId) -> Result<&mut Router, FirewallError> {
        self.routers
            .get_mut(usize::from(router.0))
            .ok_or(FirewallError::NoFirewall)
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

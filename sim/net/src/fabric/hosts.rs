//! Verbs of hosts: what an application does with its machine.

use std::net::Ipv4Addr;

use sim_record::SimTime;

use super::{ConnInfo, Fabric, NetError, Received};
use crate::address::Mac;
use crate::host::Capture;
use crate::ids::{ConnId, HostId, RouterId};
use crate::io::Way;
use crate::limits;
use crate::packet::{ETHERNET_HEADER_LEN, Frame, HOP_LIMIT, Ipv4, Provenance};

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

    /// Begins a TCP connection. [`crate::HostEvent::TcpConnected`] or [`crate::HostEvent::TcpClosed`] follows.
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

    /// Queues bytes on a connection; returns how many were taken. [`crate::HostEvent::TcpWritable`] follows if not all.
    ///
    /// # Errors
    /// No such connection, or one that takes no bytes.
    pub fn send(&mut self, now: SimTime, conn: ConnId, data: &[u8]) -> Result<usize, NetError> {
        let (host, _) = self.touch_conn(now, conn)?;
        host.stack.send(conn, data)
    }

    /// Moves up to `max` received bytes to the end of `into`. [`crate::HostEvent::TcpReadable`] comes again only after a call
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

    /// Receives datagrams to a port as [`crate::HostEvent::Udp`].
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

    /// Sends an echo request and returns its number. [`crate::HostEvent::PingReply`] or [`crate::HostEvent::Unreachable`] may follow.
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
                from: Provenance { origin, frame: 0 },
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
        entry.send_ip(frame, ip.dst, io);
        Ok(())
    }

    /// Gives IP packets for this host to [`crate::HostEvent::Ip`] instead of its own stack, or back to it.
    ///
    /// # Errors
    /// No such host.
    pub fn set_external_stack(&mut self, host: HostId, external: bool) -> Result<(), NetError> {
        let (host, _) = self.touch(self.io.now, host)?;
        host.external = external;
        Ok(())
    }

    /// Says which frames a host application sees as [`crate::HostEvent::Frame`].
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

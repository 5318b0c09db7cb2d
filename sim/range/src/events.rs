//! What the network reports, given to whom it concerns.

use crate::bridge::Bridges;
use crate::controllers::Controllers;
use crate::range::Range;
use crate::sessions::{Polled, Served, Sessions};
use crate::tools::{Bench, ToolEvent};
use sim_net::{Action, CloseReason, ConnId, FirewallLog, HostEvent, HostId};
use sim_record::{Principal, PrincipalId, RecordKind, Role, Team};
use std::net::Ipv4Addr;

impl Range {
    /// Drains the network's events.
    pub(crate) fn handle_events(&mut self) {
        while let Some(event) = self.fabric.poll_event() {
            match event {
                HostEvent::TcpAccepted {
                    host,
                    conn,
                    port,
                    peer_ip,
                    peer_port,
                    origin,
                    ..
                } => {
                    self.on_accepted(host, conn, port, (peer_ip, peer_port), origin);
                }
                HostEvent::TcpConnected { conn, .. } => self.on_connected(conn),
                HostEvent::TcpReadable {
                    host, conn, frame, ..
                } => self.on_readable(host, conn, frame),
                HostEvent::TcpWritable { host, conn, .. } => self.on_writable(host, conn),
                HostEvent::TcpClosed {
                    host, conn, reason, ..
                } => self.on_closed(host, conn, reason),
                HostEvent::Frame {
                    host,
                    bytes,
                    origin,
                    frame,
                    ..
                } => {
                    let mut bench = Bench {
                        journal: &mut self.journal,
                        fabric: &mut self.fabric,
                        directory: &self.directory,
                    };
                    self.tools.on_frame(&mut bench, host, &bytes, origin, frame);
                }
                HostEvent::FirewallLog(log) => self.on_firewall_log(&log),
                HostEvent::ArpChanged {
                    ip,
                    old_mac,
                    new_mac,
                    origin,
                    frame,
                    ..
                } => {
                    self.sensor
                        .on_arp_changed(&mut self.journal, ip, old_mac.0, new_mac.0, frame);
                    let by = self.principal_of_origin(origin);
                    self.journal.record(RecordKind::ArpClaim {
                        ip: u32::from(ip),
                        old_mac: old_mac.0,
                        new_mac: new_mac.0,
                        by,
                        frame,
                    });
                }
                HostEvent::Udp { .. }
                | HostEvent::PingReply { .. }
                | HostEvent::Unreachable { .. }
                | HostEvent::Ip { .. } => {}
            }
        }
    }

    /// Notes a connection that a host of the range opened for a principal.
    pub(crate) fn note_opened(&mut self, conn: ConnId, by: PrincipalId) {
        if let Ok(info) = self.fabric.conn_info(conn)
            && let Some(host) = self.directory.host_by_id(info.host)
        {
            self.traffic
                .open(conn, (host.ip, info.port, info.peer_ip, info.peer_port), by);
        }
    }

    /// Runs stations that are due and notes the connections they open.
    pub(crate) fn run_stations(&mut self) {
        if self.stations.next_due() > self.journal.now {
            return;
        }
        for conn in self.stations.run_due(&mut self.journal, &mut self.fabric) {
            self.note_station_connection(conn);
        }
    }

    /// Notes a connection of a station as that station's own.
    pub(crate) fn note_station_connection(&mut self, conn: ConnId) {
        let Ok(info) = self.fabric.conn_info(conn) else {
            return;
        };
        let name = self.directory.name_of(info.host);
        let by = self.journal.principal(&Principal::actor(
            &name,
            Team::Blue,
            Role::Operator,
            Some(name.clone()),
        ));
        self.note_opened(conn, by);
    }

    fn on_accepted(
        &mut self,
        host: HostId,
        conn: ConnId,
        port: u16,
        peer: (Ipv4Addr, u16),
        origin: HostId,
    ) {
        let now = self.journal.now;
        let own = self
            .directory
            .host_by_id(host)
            .map_or(Ipv4Addr::UNSPECIFIED, |h| h.ip);
        let opener = self.traffic.opener((peer.0, peer.1, own, port));
        let by = opener.unwrap_or_else(|| self.principal_of_origin(origin));
        let allow_listed = self
            .directory
            .host_by_ip(peer.0)
            .is_some_and(|h| h.allow_listed);
        // Others are ports that only show life: open and silent until the other end closes.
        if let Some(sessions) = sessions_on(&mut self.controllers, &mut self.bridges, host) {
            sessions.accept(now, conn, port, peer.0, by, allow_listed);
        }
    }

    fn on_connected(&mut self, conn: ConnId) {
        let now = self.journal.now;
        self.traffic.established(&mut self.journal, conn);
        if self.stations.owns(conn) {
            self.stations.on_connected(now, &mut self.fabric, conn);
        } else if let Some(number) = self.externals.number(conn) {
            self.externals.on_connected(now, &mut self.fabric, number);
        } else {
            self.tool_event(conn, ToolEvent::Connected(conn));
        }
    }

    fn on_readable(&mut self, host: HostId, conn: ConnId, frame: u64) {
        let now = self.journal.now;
        if self.stations.owns(conn) {
            self.stations.on_readable(now, &mut self.fabric, conn);
        } else if let Some(number) = self.externals.number(conn) {
            self.externals
                .on_readable(&mut self.journal, &mut self.fabric, number);
        } else if let Some(slot) = self
            .controllers
            .on_host(host)
            .filter(|s| s.sessions.has(conn))
        {
            let asset = slot.name.clone();
            let mut device = Served {
                name: &asset,
                device: &mut slot.plc,
                last_writer: &mut slot.last_writer,
                next_scan: slot.next_scan,
            };
            let polled = slot.sessions.serve(
                &mut self.journal,
                &mut self.fabric,
                &mut device,
                conn,
                frame,
            );
            slot.report_events(&mut self.journal);
            self.count_polled(&asset, polled);
        } else if let Some(bridge) = self.bridges.on_host(host).filter(|b| b.sessions.has(conn)) {
            let now = self.journal.now;
            let asset = bridge.name.clone();
            let mut device = Served {
                name: &asset,
                device: &mut bridge.mirror,
                last_writer: &mut bridge.last_writer,
                next_scan: now,
            };
            let polled = bridge.sessions.serve(
                &mut self.journal,
                &mut self.fabric,
                &mut device,
                conn,
                frame,
            );
            self.count_polled(&asset, polled);
        } else {
            self.tool_event(conn, ToolEvent::Readable(conn));
        }
    }

    fn count_polled(&mut self, asset: &str, polled: Vec<Polled>) {
        for request in polled {
            let src = self.directory.name_of_ip(request.peer);
            self.traffic
                .count(src, asset.to_owned(), request.port, request.exception);
        }
    }

    fn on_writable(&mut self, host: HostId, conn: ConnId) {
        let now = self.journal.now;
        if let Some(number) = self.externals.number(conn) {
            self.externals.on_writable(now, &mut self.fabric, number);
        } else if let Some(sessions) = sessions_on(&mut self.controllers, &mut self.bridges, host) {
            sessions.on_writable(now, &mut self.fabric, conn);
        } else if !self.stations.owns(conn) {
            // A tool sends the rest of what did not fit, as it does whenever it hears of its connection.
            self.tool_event(conn, ToolEvent::Readable(conn));
        }
    }

    fn on_closed(&mut self, host: HostId, conn: ConnId, reason: CloseReason) {
        let now = self.journal.now;
        self.traffic
            .closed(&mut self.journal, conn, reason == CloseReason::Refused);
        if self.stations.owns(conn) {
            self.stations.on_closed(now, &mut self.fabric, conn, reason);
        } else if let Some(number) = self.externals.number(conn) {
            self.externals
                .on_closed(&mut self.journal, &mut self.fabric, number, reason);
        } else if let Some(sessions) =
            sessions_on(&mut self.controllers, &mut self.bridges, host).filter(|s| s.has(conn))
        {
            sessions.on_closed(now, &mut self.fabric, conn, reason);
        } else {
            self.tool_event(conn, ToolEvent::Closed(conn, reason));
        }
    }

    fn tool_event(&mut self, conn: ConnId, event: ToolEvent) {
        let mut bench = Bench {
            journal: &mut self.journal,
            fabric: &mut self.fabric,
            directory: &self.directory,
        };
        let is_closed = matches!(event, ToolEvent::Closed(..));
        if !self.tools.on_conn_event(&mut bench, conn, event) {
            self.ignore(conn, is_closed);
        }
        self.take_tool_results();
    }

    /// A connection that no application has: its bytes go nowhere, and it ends when the other end is done.
    fn ignore(&mut self, conn: ConnId, is_closed: bool) {
        let now = self.journal.now;
        let mut unread = Vec::new();
        let _gone = self.fabric.recv(now, conn, &mut unread, usize::MAX);
        if is_closed {
            let _gone = self.fabric.close(now, conn);
        }
    }

    /// Connections that tools opened get their principal; what the workstation learned goes to its desk.
    pub(crate) fn take_tool_results(&mut self) {
        for (conn, by) in self.tools.take_new_connections() {
            self.note_opened(conn, by);
        }
        for conn in self.tools.take_given_up() {
            self.traffic.closed(&mut self.journal, conn, false);
        }
        for (by, outcome) in self.tools.take_outcomes() {
            if let Some(compare) = outcome.compare {
                let change = if compare.equal {
                    sim_record::ProgramChange::ComparedEqual
                } else {
                    sim_record::ProgramChange::ComparedDifferent
                };
                self.journal.record(RecordKind::Program {
                    asset: outcome.controller.clone(),
                    file: String::new(),
                    change,
                    hash: String::new(),
                    by,
                });
                self.stations.compares.insert(outcome.controller, compare);
            }
        }
    }

    fn on_firewall_log(&mut self, log: &FirewallLog) {
        let rule = log
            .rule
            .map_or_else(String::new, |r| self.firewalls.rule_name(log.router, r));
        let shown = if rule.is_empty() {
            "default"
        } else {
            rule.as_str()
        };
        let verb = match log.action {
            Action::Accept => "accept",
            Action::Drop => "drop",
            Action::Reject => "reject",
        };
        let text = format!(
            "{shown} {verb} {}:{} -> {}:{}",
            log.src, log.src_port, log.dst, log.dst_port
        );
        self.firewalls.log(log.time, text);
        if log.action != Action::Accept {
            let opener = self
                .traffic
                .opener((log.src, log.src_port, log.dst, log.dst_port));
            let by = opener.unwrap_or_else(|| self.principal_of_origin(log.origin));
            // What a controller still answers on a session that is gone belongs to him who had opened it.
            let asked = self.directory.host_by_ip(log.dst).map(|h| h.host);
            let by = match asked.and_then(|h| self.tools.principal_on(h)) {
                Some(asker) if by == PrincipalId::RANGE => asker,
                _ => by,
            };
            self.journal.record(RecordKind::Blocked {
                router: self.directory.router_name(log.router).to_owned(),
                rule,
                src: u32::from(log.src),
                dst: u32::from(log.dst),
                port: log.dst_port,
                by,
                frame: log.frame,
            });
        }
    }

    /// Who acts from a host, for frames that belong to no known connection.
    fn principal_of_origin(&mut self, origin: HostId) -> PrincipalId {
        if let Some(by) = self.tools.principal_on(origin) {
            return by;
        }
        let name = self.directory.name_of(origin);
        match self.scenario.footholds.iter().find(|f| f.host == name) {
            Some(foothold) => {
                let role = if foothold.team == Team::Red {
                    Role::Red
                } else {
                    Role::Worker
                };
                let principal = Principal::actor(&name, foothold.team, role, Some(name.clone()));
                self.journal.principal(&principal)
            }
            None => PrincipalId::RANGE,
        }
    }
}

/// The protocol servers on a host: those of an emulated controller or of an external one's front.
fn sessions_on<'a>(
    controllers: &'a mut Controllers,
    bridges: &'a mut Bridges,
    host: HostId,
) -> Option<&'a mut Sessions> {
    match controllers.on_host(host) {
        Some(slot) => Some(&mut slot.sessions),
        None => bridges.on_host(host).map(|bridge| &mut bridge.sessions),
    }
}

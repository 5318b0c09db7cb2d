//! Modbus clients: identify, read, write once, write again and again.

use super::{Bench, Tool, ToolEvent, note};
use crate::directory::Directory;
use crate::link::{Link, LinkState};
use crate::poller::raw_at;
use sim_net::{CloseReason, ConnId};
use sim_record::{SimDuration, SimTime, StateHasher};
use sim_view::{Command, JobState, JobView, Table};
use sim_wire::modbus::Response;
use sim_wire::modbus::client::ClientEvent;
use sim_wire::modbus::{ReadDeviceId, Request};

/// Registers a job may read.
const MAX_VALUES: u16 = 125;
/// Patience until the last answer of a job that is not repeated.
const PATIENCE: SimDuration = SimDuration::from_secs(5);

/// A job of one or more requests to one controller.
pub(super) struct ModbusJob {
    link: Link,
    requests: Vec<Request>,
    first_address: u16,
    period: Option<SimDuration>,
    next_round: SimTime,
    give_up: SimTime,
    outstanding: usize,
    opened: Vec<ConnId>,
}

/// The job for a Modbus command and the host it runs on.
pub(super) fn make(
    directory: &Directory,
    command: &Command,
) -> Result<(String, Box<dyn Tool + Send>), String> {
    let register = |start| {
        directory
            .register(start)
            .ok_or_else(|| format!("no tag `{start}`"))
    };
    match command {
        Command::Identify { from, target, unit } => {
            let basic = Request::ReadDeviceIdentification {
                code: ReadDeviceId::Basic,
                object_id: 0,
            };
            let requests = vec![basic, Request::ReportServerId];
            ModbusJob::boxed(directory, from, (target, *unit), requests, 0, None)
        }
        Command::Read {
            from,
            target,
            unit,
            table,
            start,
            count,
        } => {
            let start = register(start)?;
            let requests = vec![read(*table, start, (*count).min(MAX_VALUES))?];
            ModbusJob::boxed(directory, from, (target, *unit), requests, start, None)
        }
        Command::Write {
            from,
            target,
            unit,
            start,
            values,
        } => {
            let start = register(start)?;
            ModbusJob::boxed(
                directory,
                from,
                (target, *unit),
                vec![write(start, values)?],
                start,
                None,
            )
        }
        Command::Hold {
            from,
            target,
            unit,
            start,
            values,
            period_s,
        } => {
            let start = register(start)?;
            let period = SimDuration::from_secs(u64::from((*period_s).max(1)));
            ModbusJob::boxed(
                directory,
                from,
                (target, *unit),
                vec![write(start, values)?],
                start,
                Some(period),
            )
        }
        _ => Err("not a Modbus command".into()),
    }
}

fn read(table: Table, start: u16, count: u16) -> Result<Request, String> {
    match table {
        Table::Coil => Request::read_coils(start, count),
        Table::Discrete => Request::read_discrete_inputs(start, count),
        Table::Input => Request::read_input_registers(start, count),
        Table::Holding => Request::read_holding_registers(start, count),
    }
    .map_err(|e| e.to_string())
}

fn write(start: u16, values: &[u16]) -> Result<Request, String> {
    Request::write_registers(start, values).map_err(|e| e.to_string())
}

impl ModbusJob {
    fn boxed(
        directory: &Directory,
        from: &str,
        (target, unit): (&str, u8),
        requests: Vec<Request>,
        first_address: u16,
        period: Option<SimDuration>,
    ) -> Result<(String, Box<dyn Tool + Send>), String> {
        let host = directory
            .host(from)
            .ok_or_else(|| format!("no host `{from}`"))?
            .host;
        let ip = directory
            .address(target, from)
            .ok_or_else(|| format!("no host or address `{target}`"))?;
        let job = Self {
            link: Link::new(host, directory.target(ip, unit)),
            requests,
            first_address,
            period,
            next_round: SimTime::MAX,
            give_up: SimTime::MAX,
            outstanding: 0,
            opened: Vec::new(),
        };
        Ok((from.to_owned(), Box::new(job)))
    }

    fn ask(&mut self, bench: &mut Bench) {
        let now = bench.journal.now;
        for request in self.requests.clone() {
            if let Ok((_, opened)) = self.link.request(now, bench.fabric, request) {
                self.opened.extend(opened);
                self.outstanding += 1;
            }
        }
        self.give_up = now + PATIENCE;
        self.next_round = self.period.map_or(SimTime::MAX, |p| now + p);
    }

    fn collect(&mut self, bench: &mut Bench, view: &mut JobView) {
        while let Some(event) = self.link.poll_event() {
            self.outstanding = self.outstanding.saturating_sub(1);
            match event {
                ClientEvent::Response { response, .. } => self.learn(view, &response),
                ClientEvent::Exception { code, .. } => {
                    view.exception = Some(code.0);
                    note(view, format!("exception {}", code.0));
                }
                ClientEvent::Timeout { .. } => note(view, "no answer".into()),
                ClientEvent::ConnectionLost { .. } => note(view, "connection lost".into()),
                ClientEvent::ProtocolError { .. } | ClientEvent::RawResponse { .. } => {
                    note(view, "odd answer".into())
                }
            }
        }
        if self.outstanding == 0 && self.period.is_none() && view.state == JobState::Running {
            let good = view.exception.is_none()
                && !view
                    .findings
                    .iter()
                    .any(|f| f == "no answer" || f == "connection lost");
            view.state = if good {
                JobState::Done
            } else {
                JobState::Failed
            };
            self.link.close(bench.journal.now, bench.fabric);
        }
    }

    fn learn(&mut self, view: &mut JobView, response: &Response) {
        match response {
            Response::DeviceIdentification(id) => {
                for (number, text) in &id.objects {
                    note(
                        view,
                        format!("object {number}: {}", String::from_utf8_lossy(text)),
                    );
                }
            }
            Response::ReportServerId(data) => {
                note(
                    view,
                    format!("server id: {}", String::from_utf8_lossy(data.as_slice())),
                );
            }
            Response::WriteMultipleRegisters { start, count } => {
                if self.period.is_none() {
                    note(view, format!("wrote {count} at {start}"));
                }
            }
            _ => {
                view.values = (0..MAX_VALUES)
                    .map_while(|i| {
                        raw_at(response, i).map(|raw| (self.first_address.wrapping_add(i), raw))
                    })
                    .collect();
                for (address, raw) in view.values.clone() {
                    note(view, format!("{address} = {raw}"));
                }
            }
        }
    }
}

impl Tool for ModbusJob {
    fn start(&mut self, bench: &mut Bench, _view: &mut JobView) -> Result<(), String> {
        self.ask(bench);
        Ok(())
    }

    fn next_due(&self) -> SimTime {
        let timeout = self.link.next_timeout().unwrap_or(SimTime::MAX);
        let give_up = if self.outstanding > 0 {
            self.give_up
        } else {
            SimTime::MAX
        };
        timeout.min(self.next_round).min(give_up)
    }

    fn run(&mut self, bench: &mut Bench, view: &mut JobView) {
        let now = bench.journal.now;
        self.link.on_timer(now, bench.fabric);
        if self.outstanding > 0 && self.give_up <= now {
            self.link.close(now, bench.fabric);
        }
        self.collect(bench, view);
        if self.next_round <= now {
            self.ask(bench);
        }
    }

    fn on_event(&mut self, bench: &mut Bench, view: &mut JobView, event: ToolEvent) {
        let now = bench.journal.now;
        let is_mine = |conn: ConnId| self.link.conn() == Some(conn);
        match event {
            ToolEvent::Connected(conn) if is_mine(conn) => {
                self.link.on_connected(now, bench.fabric)
            }
            ToolEvent::Readable(conn) if is_mine(conn) => self.link.on_readable(now, bench.fabric),
            ToolEvent::Closed(conn, reason) if is_mine(conn) => {
                if reason == CloseReason::Refused {
                    note(view, "refused".into());
                }
                self.link.on_closed(now, bench.fabric, reason);
            }
            _ => {}
        }
        self.collect(bench, view);
    }

    fn take_opened(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.opened)
    }

    fn stop(&mut self, bench: &mut Bench) {
        if self.link.state != LinkState::Closed {
            self.link.close(bench.journal.now, bench.fabric);
        }
    }

    fn digest(&self, hasher: &mut StateHasher) {
        self.link.digest(hasher);
        hasher.u64(self.next_round.0);
        hasher.u64(self.outstanding as u64);
    }
}

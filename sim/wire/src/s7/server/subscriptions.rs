//! What the CPU sends unasked: cyclic data, changes of mode, diagnostic events.

use sim_record::{SimDuration, SimTime};

use super::record::Action;
use super::userdata::service;
use super::variables::{self, collect, read_addresses};
use super::{Exchange, Limits, ServerConfig, State};
use crate::cursor::Reader;
use crate::device::Mode;
use crate::digest;
use crate::s7::device::{Level, S7Device};
use crate::s7::error::ErrorCode;
use crate::s7::item::Address;
use crate::s7::link::Link;
use crate::s7::pdu::{self, rosctr};
use crate::s7::szl;
use crate::s7::userdata::{self, Direction, Parameters, group};

/// How often a connection with messages looks for new ones.
const MESSAGE_INTERVAL: SimDuration = SimDuration::from_millis(100);
/// Diagnostic messages sent at one time at most; older ones are in the buffer to be read.
const MESSAGES_AT_ONCE: u64 = 10;
/// Events that a client can be told of.
const EVENT_MODE: u8 = 0x01;
const EVENT_DIAGNOSTICS: u8 = 0x02;
/// Result of a message subscription, as CPUs answer it.
const MESSAGES_ACCEPTED: [u8; 2] = [0x02, 0x00];

/// Subscriptions of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriptions {
    cyclic: Vec<Cyclic>,
    messages: Option<Messages>,
}

#[derive(Clone, Debug)]
struct Cyclic {
    /// Names the job in pushes and in the request that ends it.
    sequence: u8,
    addresses: Vec<Address>,
    interval: SimDuration,
    due: SimTime,
    /// Whether it is time to send.
    pending: bool,
    /// The data sent last, where only changes are sent.
    last: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
struct Messages {
    events: u8,
    mode: Mode,
    /// Events that the diagnostics buffer had seen.
    seen: u64,
    due: SimTime,
    pending: bool,
}

impl Subscriptions {
    pub(super) fn is_empty(&self) -> bool {
        self.cyclic.is_empty() && self.messages.is_none()
    }

    pub(super) fn uses(&self, sequence: u8) -> bool {
        self.cyclic.iter().any(|job| job.sequence == sequence)
    }

    /// When the next push is due.
    pub(super) fn due(&self) -> Option<SimTime> {
        let cyclic = self.cyclic.iter().map(|job| job.due);
        let messages = self.messages.iter().map(|messages| messages.due);
        cyclic.chain(messages).min()
    }

    /// Notes what is due; instants that were missed are left out.
    pub(super) fn mark_due(&mut self, now: SimTime) {
        for job in self.cyclic.iter_mut().filter(|job| job.due <= now) {
            job.pending = true;
            job.due = following(job.due, job.interval, now);
        }
        if let Some(messages) = self.messages.as_mut().filter(|m| m.due <= now) {
            messages.pending = true;
            messages.due = following(messages.due, MESSAGE_INTERVAL, now);
        }
    }

    pub(super) fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        digest::number(sink, self.cyclic.len() as u64);
        for job in &self.cyclic {
            digest::number(sink, u64::from(job.sequence));
            let mut addresses = Vec::new();
            for address in &job.addresses {
                address.encode(&mut addresses);
            }
            digest::bytes(sink, &addresses);
            digest::number(sink, job.interval.0);
            digest::number(sink, job.due.0);
            digest::number(sink, u64::from(job.pending));
            digest::bytes(sink, job.last.as_deref().unwrap_or(&[]));
        }
        if let Some(messages) = &self.messages {
            digest::number(sink, u64::from(messages.events));
            digest::number(sink, u64::from(mode_code(messages.mode)));
            digest::number(sink, messages.seen);
            digest::number(sink, messages.due.0);
            digest::number(sink, u64::from(messages.pending));
        }
    }
}

/// The first instant after `now` that is a whole number of intervals after `due`.
fn following(due: SimTime, interval: SimDuration, now: SimTime) -> SimTime {
    let late = now.since(due).0.checked_rem(interval.0).unwrap_or(0);
    now + SimDuration(interval.0.saturating_sub(late))
}

impl Exchange<'_> {
    /// Sets up a cyclic job; the answer has the first data already.
    pub(super) fn subscribe(
        &mut self,
        asked: &Parameters,
        data: &[u8],
    ) -> Result<Vec<u8>, ErrorCode> {
        self.action = Action::Subscribe;
        if !self.config.persona.services.cyclic {
            return Err(ErrorCode::NOT_IMPLEMENTED);
        }
        let mut reader = Reader::new(data);
        let [_, count, time_base, factor] =
            reader.read_array().map_err(|_| ErrorCode::WRONG_PDU)?;
        let addresses = read_addresses(&mut reader, count)?;
        let unit_ms = match time_base {
            0 => 100,
            1 => 1000,
            2 => 10_000,
            _ => return Err(ErrorCode::CYCLIC_TIME),
        };
        if factor == 0 {
            return Err(ErrorCode::CYCLIC_TIME);
        }
        let most = self.config.limits.cyclic_jobs.min(Limits::MAX_PARALLEL);
        if self.state.subscriptions.cyclic.len() >= most {
            return Err(ErrorCode::CYCLIC_FULL);
        }
        let exist = |address| variables::exists(&*self.device, address);
        if !addresses.iter().all(exist) {
            return Err(ErrorCode::CYCLIC_ADDRESS);
        }
        let bytes = cyclic_data(&*self.device, self.state, &addresses)?;
        let interval = SimDuration::from_millis(unit_ms * u64::from(factor));
        let last = (asked.service == service::CYCLIC_CHANGES).then(|| bytes.clone());
        self.state.subscriptions.cyclic.push(Cyclic {
            sequence: self.state.sequence,
            addresses,
            interval,
            due: self.now + interval,
            pending: false,
            last,
        });
        Ok(bytes)
    }

    pub(super) fn unsubscribe(&mut self, data: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        self.action = Action::Unsubscribe;
        let [_, job] = *data else {
            return Err(ErrorCode::WRONG_PDU);
        };
        let cyclic = &mut self.state.subscriptions.cyclic;
        let index = cyclic.iter().position(|known| known.sequence == job);
        cyclic.remove(index.ok_or(ErrorCode::CYCLIC_UNKNOWN)?);
        Ok(Vec::new())
    }

    /// Subscribes to messages: a byte of events, a zero, a name of eight characters; no event ends it.
    pub(super) fn subscribe_messages(&mut self, data: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        let [asked, ..] = *data else {
            return Err(ErrorCode::INFORMATION_SYNTAX);
        };
        self.action = if asked == 0 {
            Action::Unsubscribe
        } else {
            Action::SubscribeMessages
        };
        if !self.config.persona.services.messages {
            return Err(ErrorCode::NOT_IMPLEMENTED);
        }
        let events = asked & (EVENT_MODE | EVENT_DIAGNOSTICS);
        if asked != 0 && events == 0 {
            return Err(ErrorCode::INFORMATION_SYNTAX);
        }
        self.state.subscriptions.messages = (events != 0).then(|| Messages {
            events,
            mode: self.device.mode(),
            seen: self.device.diagnostics_total(),
            due: self.now + MESSAGE_INTERVAL,
            pending: false,
        });
        Ok(MESSAGES_ACCEPTED.to_vec())
    }
}

/// Count and data of variables, as cyclic answers and pushes have them.
fn cyclic_data(
    device: &dyn S7Device,
    state: &State,
    addresses: &[Address],
) -> Result<Vec<u8>, ErrorCode> {
    let mut out = vec![0, u8::try_from(addresses.len()).unwrap_or(0)];
    let open = device.protection().level(state.legitimated) < Level::NoAccess;
    let room = state.userdata_room().saturating_sub(out.len());
    collect(device, open, addresses, room, &mut out)?;
    Ok(out)
}

/// Sends what is due. A connection whose output is full misses it.
pub(super) fn push(
    now: SimTime,
    device: &dyn S7Device,
    config: &ServerConfig,
    state: &mut State,
    link: &mut Link,
) {
    let mut subscriptions = std::mem::take(&mut state.subscriptions);
    subscriptions.mark_due(now);
    let full = link.waiting_output() >= config.limits.output_bytes;
    for job in &mut subscriptions.cyclic {
        if !std::mem::take(&mut job.pending) || full {
            continue;
        }
        let Ok(data) = cyclic_data(device, state, &job.addresses) else {
            continue;
        };
        if let Some(last) = &mut job.last {
            if *last == data {
                continue;
            }
            last.clone_from(&data);
        }
        send(link, group::CYCLIC, service::CYCLIC, job.sequence, &data);
    }
    if let Some(messages) = &mut subscriptions.messages
        && std::mem::take(&mut messages.pending)
        && !full
    {
        push_messages(device, messages, link);
    }
    state.subscriptions = subscriptions;
}

fn push_messages(device: &dyn S7Device, messages: &mut Messages, link: &mut Link) {
    let mode = device.mode();
    if std::mem::replace(&mut messages.mode, mode) != mode && messages.events & EVENT_MODE != 0 {
        send(link, group::MODE, mode_code(mode), 0, &[]);
    }
    let total = device.diagnostics_total();
    let new = total.saturating_sub(messages.seen).min(MESSAGES_AT_ONCE);
    messages.seen = total;
    if messages.events & EVENT_DIAGNOSTICS == 0 {
        return;
    }
    let events = device.diagnostics();
    let new = usize::try_from(new).unwrap_or(0).min(events.len());
    for event in events.iter().skip(events.len() - new) {
        let record = szl::diagnostic_record(device, event);
        send(link, group::CPU, service::DIAGNOSTIC_MESSAGE, 0, &record);
    }
}

/// The service of a mode transition names the mode.
const fn mode_code(mode: Mode) -> u8 {
    match mode {
        Mode::Run => 2,
        Mode::Stop | Mode::Fault => 0,
    }
}

fn send(link: &mut Link, group: u8, service: u8, sequence: u8, data: &[u8]) {
    let parameters = Parameters {
        direction: Direction::Push,
        sequence,
        ..Parameters::request(group, service)
    };
    let mut message = Vec::new();
    pdu::begin(
        &mut message,
        rosctr::USERDATA,
        0,
        ErrorCode::NONE,
        &parameters.to_bytes(),
    );
    if data.is_empty() {
        userdata::encode_no_data(&mut message);
    } else {
        userdata::encode_data(data, &mut message);
    }
    pdu::finish(&mut message);
    link.send(&message);
}

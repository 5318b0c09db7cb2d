//! One live range: its session, its pace, its connections.

use crate::live::Exposed;
use crate::live::connection::Conn;
use crate::live::device::{DeviceCounts, Mailbox};
use crate::live::limit::TokenBucket;
use crate::pacing::{Lateness, Pacer};
use crate::session::{Concluded, External, Session, SessionError};
use sim_range::{Advance, Budget};
use sim_record::{Closing, ExternalAnswer, Input, InputKind, Principal, SimDuration, SimTime};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Instants that one turn of a range handles at most: some milliseconds, after which another range has its turn.
const TURN: Budget = Budget { instants: 4_000 };

/// A range further behind than this slows its virtual time down.
const LATE_MAX: Duration = Duration::from_millis(100);

/// An input goes to the range's own time where it is further behind than this, so that one connection cannot make the
/// worker catch up for long.
const BEHIND_MAX: Duration = Duration::from_millis(10);

/// Virtual time may run ahead of the wall by this much to let an answer out at once, which costs a few microseconds of it.
const AHEAD: SimDuration = SimDuration(50);

/// Instants that are looked at for an answer.
const AHEAD_INSTANTS: u32 = 64;

/// Connections that one endpoint holds at most; a further one is accepted and reset.
const CONNECTIONS_MAX: usize = 64;

/// A range that several tasks of one thread use in turn; nobody keeps it across a wait.
pub struct LiveRange {
    inner: RefCell<Inner>,
}

struct Inner {
    session: Session,
    pacer: Pacer,
    factor: f64,
    connections: BTreeMap<u32, Rc<Conn>>,
    /// One for each external controller, in order of the scenario.
    devices: Vec<Rc<Mailbox>>,
    limits: BTreeMap<u16, TokenBucket>,
    rate_limit: Option<u32>,
    failure: Option<SessionError>,
}

impl LiveRange {
    /// Starts pacing a session.
    pub fn new(
        session: Session,
        factor: f64,
        rate_limit: Option<u32>,
        devices: Vec<Rc<Mailbox>>,
    ) -> Self {
        let pacer = Pacer::new(Instant::now(), session.now(), factor);
        Self {
            inner: RefCell::new(Inner {
                session,
                pacer,
                factor,
                connections: BTreeMap::new(),
                devices,
                limits: BTreeMap::new(),
                rate_limit,
                failure: None,
            }),
        }
    }

    /// Runs what is due by the wall, within the budget of one turn; true where more is due.
    pub fn turn(&self) -> bool {
        let mut inner = self.inner.borrow_mut();
        let mut more = false;
        inner.attempt(|inner| {
            more = inner.turn()?;
            Ok(())
        });
        more
    }

    /// How late it was so far.
    pub fn lateness(&self) -> Lateness {
        self.inner.borrow().pacer.lateness()
    }

    /// Notes in the sidecar which virtual time it is now.
    pub fn note_time(&self) {
        let mut inner = self.inner.borrow_mut();
        inner.attempt(|inner| inner.session.note_time());
    }

    /// What became of the cycles of its external controllers so far.
    pub fn device_counts(&self) -> Vec<DeviceCounts> {
        let inner = self.inner.borrow();
        inner.devices.iter().map(|device| device.counts()).collect()
    }

    /// True when it has ended, by itself or by a failure.
    pub fn is_over(&self) -> bool {
        let inner = self.inner.borrow();
        inner.failure.is_some() || inner.session.is_over()
    }

    /// True while somebody is connected from outside, or a device waits for its cycles.
    pub fn is_busy(&self) -> bool {
        let inner = self.inner.borrow();
        !inner.connections.is_empty() || !inner.devices.is_empty()
    }

    /// Stops the match and resets what is connected.
    pub fn stop(&self) {
        let mut inner = self.inner.borrow_mut();
        inner.attempt(|inner| {
            if inner.session.is_over() {
                return Ok(());
            }
            inner.session.stop()
        });
        for conn in std::mem::take(&mut inner.connections).into_values() {
            conn.reset();
        }
    }

    /// Closes its recording and grades it.
    pub fn conclude(&self) -> (Result<Concluded, SessionError>, Lateness) {
        let mut inner = self.inner.borrow_mut();
        let result = match inner.failure.take() {
            Some(error) => Err(error),
            None => inner.session.conclude(),
        };
        (result, inner.pacer.lateness())
    }

    /// A number for a new connection; none where the endpoint has enough of them, or the match is over.
    pub fn reserve(&self, endpoint: &Exposed) -> Option<u32> {
        let mut inner = self.inner.borrow_mut();
        let of_endpoint = inner
            .connections
            .values()
            .filter(|conn| conn.endpoint == endpoint.index);
        let enough = of_endpoint.count() >= CONNECTIONS_MAX;
        if enough || inner.failure.is_some() || inner.session.is_over() {
            return None;
        }
        Some(inner.session.new_conn())
    }

    /// A new connection from outside. Tells how long to wait before the next.
    pub fn open(&self, endpoint: &Exposed, conn: &Rc<Conn>) -> Option<Duration> {
        let mut inner = self.inner.borrow_mut();
        let wait = inner.take_token(endpoint);
        inner.connections.insert(conn.number, conn.clone());
        let kind = InputKind::Open {
            conn: conn.number,
            endpoint: endpoint.index,
        };
        inner.put(endpoint, kind);
        wait
    }

    /// Bytes from outside. Tells how long to wait before the next.
    pub fn bytes(&self, endpoint: &Exposed, conn: u32, data: &[u8]) -> Option<Duration> {
        let mut inner = self.inner.borrow_mut();
        let wait = inner.take_token(endpoint);
        let data = data.to_vec();
        inner.put(endpoint, InputKind::Bytes { conn, data });
        wait
    }

    /// The outside has ended its side.
    pub fn close(&self, endpoint: &Exposed, conn: u32, how: Closing) {
        let mut inner = self.inner.borrow_mut();
        if how == Closing::Reset {
            inner.connections.remove(&conn);
        }
        inner.put(endpoint, InputKind::Close { conn, how });
    }

    /// An external controller has answered a cycle, or could not.
    pub fn external_answer(&self, controller: u16, cycle: u64, answer: ExternalAnswer) {
        let kind = InputKind::External {
            controller,
            cycle,
            answer,
        };
        self.inner.borrow_mut().put_of(Principal::range(), kind);
    }

    /// Forgets a connection that the outside has left for good.
    pub fn forget(&self, conn: u32) {
        self.inner.borrow_mut().connections.remove(&conn);
    }

    /// True while the range knows the connection.
    pub fn knows(&self, conn: u32) -> bool {
        self.inner.borrow().connections.contains_key(&conn)
    }
}

impl Inner {
    fn turn(&mut self) -> Result<bool, SessionError> {
        if self.session.is_over() {
            return Ok(false);
        }
        let wall = Instant::now();
        let due = self.pacer.virtual_at(wall);
        let advance = self.session.advance_within(due, TURN)?;
        self.deliver()?;
        let more = advance == Advance::OutOfBudget;
        if more && self.behind(wall) > LATE_MAX {
            self.pacer.give_way(wall, self.session.now());
        }
        Ok(more)
    }

    /// Counts an input of an endpoint. Tells how long to wait before the next.
    fn take_token(&mut self, endpoint: &Exposed) -> Option<Duration> {
        let (rate_limit, now) = (self.rate_limit, Instant::now());
        self.limits
            .entry(endpoint.index)
            .or_insert_with(|| TokenBucket::new(rate_limit, now))
            .take(now)
    }

    /// The live rule for one input, and what it makes due at once.
    fn put(&mut self, endpoint: &Exposed, kind: InputKind) {
        self.put_of(endpoint.principal.clone(), kind);
    }

    /// The same for an input of anybody.
    fn put_of(&mut self, principal: Principal, kind: InputKind) {
        self.attempt(|inner| {
            let at = inner.present();
            inner.session.input(at, Input { principal, kind })?;
            inner.answer()?;
            inner.deliver()
        });
    }

    /// Runs until there is an answer, but not far ahead of the wall.
    fn answer(&mut self) -> Result<(), SessionError> {
        let limit = self.pacer.virtual_at(Instant::now()) + AHEAD;
        for _ in 0..AHEAD_INSTANTS {
            let step = Budget { instants: 1 };
            let advance = self.session.advance_within(limit, step)?;
            if advance != Advance::OutOfBudget || self.session.has_external() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn present(&self) -> SimTime {
        let wall = Instant::now();
        if self.behind(wall) > BEHIND_MAX {
            self.session.now()
        } else {
            self.pacer.virtual_at(wall)
        }
    }

    /// Wall time that the range is behind.
    fn behind(&self, wall: Instant) -> Duration {
        let lag = self.pacer.virtual_at(wall).since(self.session.now());
        Duration::from_secs_f64(lag.as_secs_f64() / self.factor)
    }

    fn deliver(&mut self) -> Result<(), SessionError> {
        while let Some(external) = self.session.poll_external()? {
            match external {
                External::Bytes { conn, data } => {
                    if let Some(conn) = self.connections.get(&conn) {
                        conn.send(&data);
                    }
                }
                External::Cycle {
                    controller,
                    cycle,
                    registers,
                } => {
                    if let Some(device) = self.devices.get(usize::from(controller)) {
                        device.post(cycle, registers);
                    }
                }
                External::Close { conn, reset } => {
                    let Some(conn) = self.connections.remove(&conn) else {
                        continue;
                    };
                    if reset {
                        conn.reset();
                    } else {
                        conn.end();
                    }
                }
            }
        }
        Ok(())
    }

    /// Keeps the first failure and lets go of everybody.
    fn attempt(&mut self, act: impl FnOnce(&mut Self) -> Result<(), SessionError>) {
        if self.failure.is_some() {
            return;
        }
        if let Err(error) = act(self) {
            self.failure = Some(error);
            for conn in std::mem::take(&mut self.connections).into_values() {
                conn.reset();
            }
        }
    }
}

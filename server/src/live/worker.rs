//! Worker threads: each owns ranges and serves them in turn.

use crate::interrupt::Interrupt;
use crate::live::Exposed;
use crate::live::connection::accept;
use crate::live::device::{Device, DeviceCounts, Mailbox, Master};
use crate::live::range::LiveRange;
use crate::pacing::Lateness;
use crate::session::{Concluded, Session, SessionError};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// A range with connections is looked at this often, the shortest that the timer of the event loop can do.
const BUSY_PERIOD: Duration = Duration::from_millis(1);
/// A range without.
const IDLE_PERIOD: Duration = Duration::from_millis(10);
/// After this long, sockets have their turn between two ranges.
const TURNS_MAX: Duration = Duration::from_micros(500);
/// How often a range's virtual time is noted beside its recording: what a kill can cost of it where nobody is connected.
pub const NOTE_PERIOD: Duration = Duration::from_secs(1);
/// How often a range that cannot keep up is spoken of.
const LATE_PERIOD: Duration = Duration::from_secs(10);

/// A range to be served.
pub struct Order {
    /// Makes the session, in the worker's thread.
    pub build: Box<dyn FnOnce() -> Result<Session, SessionError> + Send>,
    /// Virtual seconds a second.
    pub factor: f64,
    /// Inputs a second of one principal; none: no limit.
    pub rate_limit: Option<u32>,
    /// Endpoints to open.
    pub exposed: Vec<Exposed>,
    /// Address to open them on.
    pub address: IpAddr,
    /// Devices that play the scenario's external controllers, in its order.
    pub devices: Vec<Device>,
}

/// An open endpoint.
#[derive(Clone, Debug)]
pub struct Listening {
    /// What it is.
    pub exposed: Exposed,
    /// Where it is.
    pub address: SocketAddr,
}

/// What a worker tells.
pub enum Event {
    /// Every range of this worker runs.
    Started {
        /// Open endpoints by the number of their order.
        listening: Vec<(usize, Vec<Listening>)>,
    },
    /// A range could not keep up since the last such event.
    Late {
        /// Number of its order.
        order: usize,
        /// How late it is so far.
        late: Lateness,
    },
    /// A range has ended.
    Ended(Box<Ended>),
    /// The worker cannot go on.
    Failed(io::Error),
}

/// A range that has ended.
pub struct Ended {
    /// Number of its order.
    pub order: usize,
    /// How late it was.
    pub late: Lateness,
    /// What became of the cycles of its external controllers.
    pub devices: Vec<DeviceCounts>,
    /// What `conclude` made of it.
    pub result: Result<Concluded, SessionError>,
}

/// Starts `workers` threads and deals the orders to them in turn. Events come until every range has ended.
///
/// # Errors
/// A thread cannot be started.
pub fn start(
    orders: Vec<Order>,
    workers: usize,
    interrupt: &Interrupt,
) -> io::Result<Receiver<Event>> {
    let (sender, events) = channel();
    let workers = workers.clamp(1, orders.len().max(1));
    let mut hands: Vec<Vec<(usize, Order)>> = (0..workers).map(|_| Vec::new()).collect();
    for (number, order) in orders.into_iter().enumerate() {
        if let Some(hand) = hands.get_mut(number % workers) {
            hand.push((number, order));
        }
    }
    for (number, hand) in hands.into_iter().enumerate() {
        let (sender, interrupt) = (sender.clone(), interrupt.clone());
        std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || {
                if let Err(error) = work(hand, &sender, &interrupt) {
                    // Nobody listens only when the process is on its way out.
                    let _ = sender.send(Event::Failed(error));
                }
            })?;
    }
    Ok(events)
}

fn work(
    hand: Vec<(usize, Order)>,
    sender: &Sender<Event>,
    interrupt: &Interrupt,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, serve(hand, sender, interrupt))
}

struct Served {
    order: usize,
    range: Rc<LiveRange>,
    /// Those that accept connections, and the masters of devices.
    tasks: Vec<tokio::task::JoinHandle<()>>,
    next: Instant,
    told_late: Lateness,
    told_at: Instant,
}

async fn serve(
    hand: Vec<(usize, Order)>,
    sender: &Sender<Event>,
    interrupt: &Interrupt,
) -> io::Result<()> {
    let mut served = Vec::new();
    let mut listening = Vec::new();
    for (number, order) in hand {
        // A range that cannot even begin takes no other one with it.
        let built = catch_unwind(AssertUnwindSafe(order.build))
            .unwrap_or_else(|panic| Err(SessionError::of_panic(&*panic)));
        match built {
            Ok(session) => {
                let mailboxes: Vec<_> = order.devices.iter().map(|_| Rc::default()).collect();
                let range =
                    LiveRange::new(session, order.factor, order.rate_limit, mailboxes.clone());
                let range = Rc::new(range);
                let (mut tasks, open) = listen(order.exposed, order.address, &range)?;
                tasks.extend(command(order.devices, mailboxes, &range));
                listening.push((number, open));
                served.push(Served {
                    order: number,
                    range,
                    tasks,
                    next: Instant::now(),
                    told_late: Lateness::default(),
                    told_at: Instant::now(),
                });
            }
            Err(error) => tell(
                sender,
                Ended {
                    order: number,
                    late: Lateness::default(),
                    devices: Vec::new(),
                    result: Err(error),
                },
            ),
        }
    }
    // Nobody listens only when the process is on its way out; then the interrupt is set.
    let _ = sender.send(Event::Started { listening });
    pace(served, sender, interrupt).await;
    Ok(())
}

type Accepting = (Vec<tokio::task::JoinHandle<()>>, Vec<Listening>);

fn listen(exposed: Vec<Exposed>, address: IpAddr, range: &Rc<LiveRange>) -> io::Result<Accepting> {
    let (mut tasks, mut open) = (Vec::new(), Vec::new());
    for endpoint in exposed {
        let listener = TcpListener::bind((address, 0))?;
        listener.set_nonblocking(true)?;
        open.push(Listening {
            address: listener.local_addr()?,
            exposed: endpoint.clone(),
        });
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tasks.push(tokio::task::spawn_local(accept(
            listener,
            Rc::new(endpoint),
            range.clone(),
        )));
    }
    Ok((tasks, open))
}

/// Starts the masters of devices.
fn command(
    devices: Vec<Device>,
    mailboxes: Vec<Rc<Mailbox>>,
    range: &Rc<LiveRange>,
) -> Vec<tokio::task::JoinHandle<()>> {
    let devices = (0..).zip(devices.into_iter().zip(mailboxes));
    devices
        .map(|(index, (device, mailbox))| {
            tokio::task::spawn_local(Master::new(index, device, mailbox, range.clone()).run())
        })
        .collect()
}

/// Gives each range its turn when it is due, until all have ended.
async fn pace(mut served: Vec<Served>, sender: &Sender<Event>, interrupt: &Interrupt) {
    let mut next_note = Instant::now() + NOTE_PERIOD;
    while !served.is_empty() {
        let stopping = interrupt.is_set();
        let noting = Instant::now() >= next_note;
        if noting {
            next_note = Instant::now() + NOTE_PERIOD;
        }
        let mut turns_began = Instant::now();
        for one in &mut served {
            if stopping {
                one.range.stop();
                continue;
            }
            if noting {
                one.range.note_time();
                one.tell_late(sender);
            }
            let now = Instant::now();
            if now >= one.next {
                let more = one.range.turn();
                one.next = if more { now } else { now + period(&one.range) };
            }
            if now.duration_since(turns_began) > TURNS_MAX {
                tokio::task::yield_now().await;
                turns_began = Instant::now();
            }
        }
        served = release(served, sender);
        let next = served
            .iter()
            .map(|one| one.next.min(Instant::now() + period(&one.range)))
            .min();
        match next {
            Some(next) if next > Instant::now() => tokio::time::sleep_until(next.into()).await,
            // A timer that is already due would not let the sockets have their turn.
            _ => tokio::task::yield_now().await,
        }
    }
}

fn period(range: &LiveRange) -> Duration {
    if range.is_busy() {
        BUSY_PERIOD
    } else {
        IDLE_PERIOD
    }
}

/// Ends those that are over and keeps the others.
fn release(served: Vec<Served>, sender: &Sender<Event>) -> Vec<Served> {
    let (over, kept): (Vec<_>, Vec<_>) = served.into_iter().partition(|one| one.range.is_over());
    for one in over {
        one.range.stop();
        one.tasks.iter().for_each(tokio::task::JoinHandle::abort);
        tell(sender, one.conclude());
    }
    kept
}

impl Served {
    fn tell_late(&mut self, sender: &Sender<Event>) {
        let late = self.range.lateness();
        if late != self.told_late && self.told_at.elapsed() >= LATE_PERIOD {
            self.told_late = late;
            self.told_at = Instant::now();
            let order = self.order;
            // Nobody listens only when the process is on its way out.
            let _ = sender.send(Event::Late { order, late });
        }
    }

    fn conclude(self) -> Ended {
        let (result, late) = self.range.conclude();
        Ended {
            order: self.order,
            late,
            devices: self.range.device_counts(),
            result,
        }
    }
}

fn tell(sender: &Sender<Event>, ended: Ended) {
    // Nobody listens only when the process is on its way out.
    let _ = sender.send(Event::Ended(Box::new(ended)));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::package;
    use crate::replay::{Wanted, replay};
    use crate::session::Setup;
    use crate::storage::MemoryStorage;
    use sim_range::RunOptions;
    use sim_record::container::{Ending, Item, Reader};
    use sim_record::{Seed, SimTime};
    use std::net::Ipv4Addr;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    /// A match that nobody plays, and the bytes of its recording; `fails_at` lets its range panic.
    fn order(seed: u64, fails_at: Option<SimTime>) -> (Order, Arc<Mutex<Vec<u8>>>) {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = bytes.clone();
        let build = move || {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/bench-bay");
            let Ok(loaded) = package::load(&folder) else {
                panic!("the scenario of the tests has errors");
            };
            let setup = Setup {
                loaded: &loaded,
                seed: Seed(seed),
                options: RunOptions::default(),
            };
            let mut session = Session::begin(&setup, Box::new(MemoryStorage::shared(kept)), None)?;
            if let Some(at) = fails_at {
                session.panic_from(at);
            }
            Ok(session)
        };
        let order = Order {
            devices: Vec::new(),
            build: Box::new(build),
            factor: 1_000.0,
            rate_limit: None,
            exposed: Vec::new(),
            address: Ipv4Addr::LOCALHOST.into(),
        };
        (order, bytes)
    }

    fn ending(bytes: &[u8]) -> Ending {
        let mut reader = Reader::new();
        reader.feed(bytes);
        let mut ending = None;
        while let Some(item) = reader.next_item().unwrap() {
            if let Item::End(end) = item {
                ending = Some(end.ending);
            }
        }
        reader.finish().unwrap();
        ending.unwrap()
    }

    #[test]
    fn a_range_that_panics_ends_alone_and_its_recording_is_whole() {
        let fails_at = SimTime::from_secs(15);
        let (first, first_bytes) = order(1, None);
        let (failing, failing_bytes) = order(2, Some(fails_at));
        let (last, last_bytes) = order(3, None);
        let (unborn, _) = order(4, None);
        let unborn = Order {
            build: Box::new(|| panic!("a range that cannot begin")),
            ..unborn
        };
        // One worker has them all, so that they share a thread.
        let orders = vec![first, unborn, failing, last];
        let events = start(orders, 1, &Interrupt::default()).unwrap();
        let mut results = [const { None }; 4];
        while let Ok(event) = events.recv() {
            match event {
                Event::Ended(ended) => results[ended.order] = Some(ended.result),
                Event::Failed(error) => panic!("{error}"),
                Event::Started { .. } | Event::Late { .. } => {}
            }
        }
        let failed = |number: usize| match &results[number] {
            Some(Err(error)) => error.to_string(),
            _ => panic!("match {number} has not failed"),
        };
        assert_eq!(failed(1), "the range failed: a range that cannot begin");
        assert_eq!(
            failed(2),
            "the range failed: the fault that the test asked for"
        );
        for (number, bytes) in [(0, first_bytes), (3, last_bytes)] {
            let Some(Ok(concluded)) = &results[number] else {
                panic!("match {number} has not ended well");
            };
            assert_eq!(
                concluded.report.summary.graded_until_us,
                SimTime::from_secs(30)
            );
            assert_eq!(ending(&bytes.lock().unwrap()), Ending::Over);
        }
        let bytes = failing_bytes.lock().unwrap();
        assert_eq!(ending(&bytes), Ending::Failed);
        let wanted = Wanted {
            verify: true,
            until: None,
            capture: None,
        };
        let outcome = replay(&mut &bytes[..], "recording", wanted, |_, _| {});
        let outcome = outcome.unwrap_or_else(|failure| panic!("{}", failure.words(false)));
        assert!(outcome.difference.is_none(), "{:?}", outcome.difference);
        assert!(outcome.digests >= 1 && outcome.records > 10);
        assert_eq!(outcome.ending, "failed");
    }
}

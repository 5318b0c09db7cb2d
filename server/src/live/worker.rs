//! Worker threads: each owns ranges and serves them in turn.

use crate::interrupt::Interrupt;
use crate::live::Exposed;
use crate::live::connection::accept;
use crate::live::device::{Device, DeviceCounts, Mailbox, Master};
use crate::live::range::LiveRange;
use crate::pacing::Lateness;
use crate::session::{Session, SessionError};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
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

/// What is left of a session that has ended well.
pub struct Concluded {
    /// Its report.
    pub report: grading::Report,
    /// Frames that its capture left out.
    pub frames_left_out: u64,
    /// What its historian stored.
    pub historian_csv: String,
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
        match (order.build)() {
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

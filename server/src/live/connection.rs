//! One TCP connection from outside and the task that reads it.

use crate::live::Exposed;
use crate::live::range::LiveRange;
use sim_record::Closing;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::spawn_local;

/// Longest piece that is read at once; one piece is one input.
const READ_BYTES: usize = 16 * 1024;

/// Bytes that wait for a slow reader outside; beyond them its connection is reset.
const WAITING_BYTES_MAX: usize = 1024 * 1024;

/// How long a connection whose outside has ended may still be answered.
const ANSWER_TIME: Duration = Duration::from_millis(200);

/// How long a connection that we have ended is read.
const LINGER: Duration = Duration::from_secs(10);

/// Pause after a failed accept, which is nearly always a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The writing side of a connection.
pub struct Conn {
    /// The shell's number, unique in the match.
    pub number: u32,
    /// Index of its endpoint.
    pub endpoint: u16,
    write: RefCell<Option<OwnedWriteHalf>>,
    waiting: RefCell<Vec<u8>>,
    /// Set where the range has ended the connection in order and the waiting bytes are still to go.
    ending: Cell<bool>,
    /// Tells the writing task that bytes wait, or that it is over.
    changed: Notify,
    /// Tells the reading task that the range has let go of the connection.
    released: Notify,
    /// Set where the connection was reset.
    is_dropped: Cell<bool>,
}

impl Conn {
    /// A connection with the number that its range has reserved.
    pub fn new(number: u32, endpoint: u16, write: OwnedWriteHalf) -> Rc<Self> {
        Rc::new(Self {
            number,
            endpoint,
            write: RefCell::new(Some(write)),
            waiting: RefCell::new(Vec::new()),
            ending: Cell::new(false),
            changed: Notify::new(),
            released: Notify::new(),
            is_dropped: Cell::new(false),
        })
    }

    /// Sends bytes, at once if the socket takes them.
    pub fn send(&self, data: &[u8]) {
        let mut waiting = self.waiting.borrow_mut();
        let mut sent = 0;
        if waiting.is_empty()
            && let Some(write) = &*self.write.borrow()
        {
            // A failure shows at the reading side, which tells the range.
            sent = write.try_write(data).unwrap_or(0);
        }
        let rest = data.get(sent..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        waiting.extend_from_slice(rest);
        let too_many = waiting.len() > WAITING_BYTES_MAX;
        drop(waiting);
        if too_many {
            self.reset();
        } else {
            self.changed.notify_one();
        }
    }

    /// Ends it in order, behind the waiting bytes.
    pub fn end(&self) {
        self.ending.set(true);
        if self.waiting.borrow().is_empty() {
            // Dropping the half shuts the socket's writing side.
            self.write.borrow_mut().take();
        }
        self.changed.notify_one();
        self.released.notify_one();
    }

    /// Resets it, as a device or a firewall does.
    pub fn reset(&self) {
        if let Some(write) = self.write.borrow_mut().take() {
            // Without it the socket closes in order, which is the next best.
            let _ = write.as_ref().set_zero_linger();
            write.forget();
        }
        self.waiting.borrow_mut().clear();
        self.is_dropped.set(true);
        self.changed.notify_one();
        self.released.notify_one();
    }

    fn is_gone(&self) -> bool {
        self.write.borrow().is_none()
    }

    /// Sends waiting bytes whenever the socket takes some.
    async fn flush(self: Rc<Self>) {
        loop {
            self.changed.notified().await;
            while !self.waiting.borrow().is_empty() {
                // The half is out of its place while this waits, so nothing else writes in between; nothing else does,
                // as long as bytes wait.
                let Some(write) = self.write.borrow_mut().take() else {
                    return;
                };
                let writable = tokio::select! {
                    writable = write.writable() => writable,
                    () = self.changed.notified() => Ok(()),
                };
                if self.is_dropped.get() {
                    let _ = write.as_ref().set_zero_linger();
                    write.forget();
                    return;
                }
                let sent = match writable {
                    Ok(()) => write.try_write(&self.waiting.borrow()),
                    Err(error) => Err(error),
                };
                let sent = match sent {
                    Ok(sent) => sent,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => 0,
                    Err(_) => return,
                };
                self.waiting.borrow_mut().drain(..sent);
                *self.write.borrow_mut() = Some(write);
            }
            if self.ending.get() {
                self.write.borrow_mut().take();
            }
            if self.is_gone() {
                return;
            }
        }
    }
}

/// Accepts connections of an endpoint until its task is dropped.
pub async fn accept(listener: TcpListener, endpoint: Rc<Exposed>, range: Rc<LiveRange>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Some(wait) = begin(stream, &endpoint, &range) {
                    tokio::time::sleep(wait).await;
                }
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Begins a connection. Tells how long to wait before the next at this endpoint.
fn begin(stream: TcpStream, endpoint: &Rc<Exposed>, range: &Rc<LiveRange>) -> Option<Duration> {
    let Some(number) = range.reserve(endpoint) else {
        // Dropped with this set, the socket is reset; if that fails it is closed.
        let _ = stream.set_zero_linger();
        return None;
    };
    // Answers are small and each waits for the one before it.
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let conn = Conn::new(number, endpoint.index, write);
    let wait = range.open(endpoint, &conn);
    spawn_local(conn.clone().flush());
    spawn_local(serve(conn, read, endpoint.clone(), range.clone()));
    wait
}

/// Reads a connection to its end.
async fn serve(
    conn: Rc<Conn>,
    mut read: OwnedReadHalf,
    endpoint: Rc<Exposed>,
    range: Rc<LiveRange>,
) {
    let mut buffer = vec![0_u8; READ_BYTES];
    loop {
        // A range that lets go of the connection while it is being read ends the wait.
        let count = tokio::select! {
            biased;
            count = read.read(&mut buffer) => count,
            () = conn.released.notified() => Ok(0),
        };
        if !range.knows(conn.number) {
            if !conn.is_dropped.get() {
                discard(read, buffer).await;
            }
            return;
        }
        match count {
            Ok(0) => break,
            Ok(count) => {
                let data = buffer.get(..count).unwrap_or_default();
                if let Some(wait) = range.bytes(&endpoint, conn.number, data) {
                    tokio::time::sleep(wait).await;
                }
            }
            Err(_) => {
                range.close(&endpoint, conn.number, Closing::Reset);
                conn.reset();
                return;
            }
        }
    }
    range.close(&endpoint, conn.number, Closing::Fin);
    if !conn.is_dropped.get() && range.knows(conn.number) {
        // Somebody may still answer what was sent before the end.
        let _ = tokio::time::timeout(ANSWER_TIME, conn.released.notified()).await;
        if range.knows(conn.number) {
            range.close(&endpoint, conn.number, Closing::Reset);
            conn.end();
        }
    }
    range.forget(conn.number);
}

/// Reads what still comes after we have ended the connection: closing a socket with unread bytes would reset it, and the
/// outside could lose our last ones.
async fn discard(mut read: OwnedReadHalf, mut buffer: Vec<u8>) {
    let rest = async { while matches!(read.read(&mut buffer).await, Ok(count) if count > 0) {} };
    let _ = tokio::time::timeout(LINGER, rest).await;
}

//! A Modbus/TCP client that asks as fast as it can, or at a pace, and checks every answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Registers asked for in one request.
const REGISTERS: u8 = 10;
/// Bytes of a request: prefix of 6, unit, function, address, count.
const REQUEST_BYTES: usize = 12;
/// Bytes of its answer: prefix of 6, unit, function, byte count, registers.
const ANSWER_BYTES: usize = 9 + 2 * REGISTERS as usize;
/// An answer that takes longer ends the measurement.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Function code 3, read holding registers.
const READ_HOLDING: u8 = 3;

/// What to ask for, and how.
#[derive(Clone, Debug)]
pub struct Load {
    /// Servers; connections are dealt to them in turn.
    pub servers: Vec<SocketAddr>,
    /// First holding register.
    pub register: u16,
    /// Connections.
    pub connections: usize,
    /// Requests under way on each connection.
    pub depth: usize,
    /// How long to ask.
    pub lasts: Duration,
    /// Pause after each answer; none: ask at once.
    pub pause: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Answers a second.
    pub rate_hz: f64,
    /// Round trips of the requests, sorted; only at depth 1.
    pub round_trips: Vec<Duration>,
}

impl Answers {
    /// The round trip below which this share of all lies, microseconds.
    pub fn quantile_us(&self, share: f64) -> f64 {
        let last = self.round_trips.len().saturating_sub(1);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a length lies between zero and that length"
        )]
        let index = (last as f64 * share).round() as usize;
        self.round_trips
            .get(index)
            .map_or(0.0, |trip| trip.as_secs_f64() * 1e6)
    }
}

/// Asks.
///
/// # Errors
/// A connection fails, or an answer is wrong or missing.
pub fn run(load: &Load) -> Result<Answers, String> {
    let began = Instant::now();
    let (count, mut round_trips) = if load.connections == 1 {
        let server = load.servers.first().ok_or("no server")?;
        one(*server, load)?
    } else {
        many(load)?
    };
    let elapsed_s = began.elapsed().as_secs_f64();
    round_trips.sort_unstable();
    Ok(Answers {
        rate_hz: count as f64 / elapsed_s,
        round_trips,
    })
}

/// One connection, with blocking calls: the shortest way there is.
fn one(server: SocketAddr, load: &Load) -> Result<(u64, Vec<Duration>), String> {
    let problem = |e: std::io::Error| format!("{server}: {e}");
    let mut stream = TcpStream::connect(server).map_err(problem)?;
    stream.set_nodelay(true).map_err(problem)?;
    stream
        .set_read_timeout(Some(ANSWER_TIMEOUT))
        .map_err(problem)?;
    let mut asker = Asker::new(load);
    let end = Instant::now() + load.lasts;
    let mut buffer = [0; 4096];
    loop {
        let asked = Instant::now();
        stream.write_all(asker.requests(asked)).map_err(problem)?;
        let mut new = 0;
        while new == 0 {
            let count = stream.read(&mut buffer).map_err(problem)?;
            new = asker.answers(buffer.get(..count).unwrap_or_default())?;
        }
        if Instant::now() >= end {
            return Ok((asker.answered, asker.round_trips));
        }
        if !load.pause.is_zero() {
            std::thread::sleep(load.pause);
        }
    }
}

/// Several connections, in one thread with an event loop.
fn many(load: &Load) -> Result<(u64, Vec<Duration>), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let mut running = Vec::new();
        for (_, server) in (0..load.connections).zip(load.servers.iter().cycle()) {
            running.push(tokio::task::spawn_local(one_of_many(*server, load.clone())));
        }
        let (mut count, mut round_trips) = (0, Vec::new());
        for task in running {
            let (more, trips) = task.await.map_err(|e| e.to_string())??;
            count += more;
            round_trips.extend(trips);
        }
        Ok((count, round_trips))
    })
}

async fn one_of_many(server: SocketAddr, load: Load) -> Result<(u64, Vec<Duration>), String> {
    let problem = |e: std::io::Error| format!("{server}: {e}");
    let mut stream = tokio::net::TcpStream::connect(server)
        .await
        .map_err(problem)?;
    stream.set_nodelay(true).map_err(problem)?;
    let mut asker = Asker::new(&load);
    let end = Instant::now() + load.lasts;
    let mut buffer = [0; 4096];
    loop {
        let requests = asker.requests(Instant::now());
        stream.write_all(requests).await.map_err(problem)?;
        let mut new = 0;
        while new == 0 {
            let count = stream.read(&mut buffer).await.map_err(problem)?;
            new = asker.answers(buffer.get(..count).unwrap_or_default())?;
        }
        if Instant::now() >= end {
            return Ok((asker.answered, asker.round_trips));
        }
        if !load.pause.is_zero() {
            tokio::time::sleep(load.pause).await;
        }
    }
}

/// One connection's requests and what has come back.
struct Asker {
    register: u16,
    depth: usize,
    asked: u64,
    answered: u64,
    at: Instant,
    requests: Vec<u8>,
    unread: Vec<u8>,
    round_trips: Vec<Duration>,
}

impl Asker {
    fn new(load: &Load) -> Self {
        Self {
            register: load.register,
            depth: load.depth,
            asked: 0,
            answered: 0,
            at: Instant::now(),
            requests: Vec::with_capacity(load.depth * REQUEST_BYTES),
            unread: Vec::new(),
            round_trips: Vec::new(),
        }
    }

    /// As many requests as bring the depth back.
    fn requests(&mut self, now: Instant) -> &[u8] {
        self.at = now;
        self.requests.clear();
        while self.asked - self.answered < self.depth as u64 {
            let [high, low] = transaction(self.asked);
            let [first, second] = self.register.to_be_bytes();
            self.requests.extend_from_slice(&[
                high,
                low,
                0,
                0,
                0,
                6,
                1,
                READ_HOLDING,
                first,
                second,
                0,
                REGISTERS,
            ]);
            self.asked += 1;
        }
        &self.requests
    }

    /// Takes bytes that came back; tells how many answers they complete.
    fn answers(&mut self, bytes: &[u8]) -> Result<u64, String> {
        if bytes.is_empty() {
            return Err("the server ended the connection".into());
        }
        self.unread.extend_from_slice(bytes);
        let before = self.answered;
        let mut used = 0;
        while let Some(answer) = self.unread.get(used..used + ANSWER_BYTES) {
            let right = answer.starts_with(&transaction(self.answered))
                && answer.get(7..9) == Some(&[READ_HOLDING, 2 * REGISTERS]);
            if !right {
                return Err(format!("wrong answer: {answer:02x?}"));
            }
            self.answered += 1;
            used += ANSWER_BYTES;
        }
        self.unread.drain(..used);
        if self.depth == 1 && self.answered > before {
            self.round_trips.push(self.at.elapsed());
        }
        Ok(self.answered - before)
    }
}

/// Transaction ids count up and wrap.
fn transaction(number: u64) -> [u8; 2] {
    let [.., high, low] = number.to_be_bytes();
    [high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(depth: usize) -> Asker {
        Asker::new(&Load {
            servers: Vec::new(),
            register: 1024,
            connections: 1,
            depth,
            lasts: Duration::ZERO,
            pause: Duration::ZERO,
        })
    }

    fn answer(number: u8) -> Vec<u8> {
        let mut bytes = vec![0, number, 0, 0, 0, 23, 1, 3, 20];
        bytes.resize(ANSWER_BYTES, 7);
        bytes
    }

    #[test]
    fn a_request_is_what_the_specification_says() {
        let mut asker = asker(1);
        let request = asker.requests(Instant::now());
        assert_eq!(request, [0, 0, 0, 0, 0, 6, 1, 3, 4, 0, 0, 10]);
    }

    #[test]
    fn the_depth_is_kept_and_answers_may_come_in_pieces() -> Result<(), String> {
        let mut asker = asker(3);
        assert_eq!(asker.requests(Instant::now()).len(), 3 * REQUEST_BYTES);
        let both = [answer(0), answer(1)].concat();
        let (head, tail) = both.split_at(40);
        assert_eq!(asker.answers(head)?, 1);
        assert_eq!(asker.answers(tail)?, 1);
        assert_eq!(asker.requests(Instant::now()).len(), 2 * REQUEST_BYTES);
        assert_eq!(asker.answers(&answer(2))?, 1);
        Ok(())
    }

    #[test]
    fn a_wrong_answer_is_told() {
        let mut asker = asker(1);
        asker.requests(Instant::now());
        assert!(asker.answers(&answer(1)).is_err());
        assert!(asker.answers(&[]).is_err());
    }
}

//! A probe: what is sent on a fresh connection, what comes back, and whether the server then still serves.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a server may take to accept a connection and to answer what opens a session.
const OPENING: Duration = Duration::from_secs(5);
/// After this long without an answer, a valid request follows; its answer shows that none was under way.
const PATIENCE: Duration = Duration::from_millis(400);
/// How long a valid request behind a probe may take on the same connection.
const NEXT: Duration = Duration::from_secs(2);

/// What is sent, and how.
#[derive(Clone)]
pub struct Probe {
    /// Heading of the table that it stands in.
    pub group: &'static str,
    /// What it is, in words; no other probe of its protocol has the same.
    pub name: String,
    /// What the protocol's specification asks for; empty where it leaves the answer to the device.
    pub asked: &'static str,
    /// Sent before it, one by one, each answered by one frame.
    pub opening: Vec<Vec<u8>>,
    /// Sent as one segment each.
    pub segments: Vec<Vec<u8>>,
    /// Every byte is written by itself.
    pub bytewise: bool,
    /// The sending side is shut down behind the last byte.
    pub half_close: bool,
    /// The server may rightly wait for more, so the next valid request goes to a new connection.
    pub unfinished: bool,
    /// Frames that answer it.
    pub answers: usize,
}

/// What a probe came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The answer in a few words.
    pub answer: String,
    /// Where the next valid request was answered.
    pub then: Then,
}

/// Where a valid request behind a probe was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// On the same connection.
    Same,
    /// On a new one.
    New,
    /// Nowhere.
    Nowhere,
}

impl Then {
    /// Its word in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::New => "new",
            Self::Nowhere => "**no**",
        }
    }
}

/// What a probe must know about its protocol.
pub struct Protocol {
    /// Its name.
    pub name: &'static str,
    /// Length of the frame at the beginning of the bytes, once its header is there.
    pub frame_bytes: fn(&[u8]) -> Option<usize>,
    /// Puts into words what came back for a probe: whole frames, and bytes that make none.
    pub describe: fn(&Probe, &[&[u8]], &[u8]) -> String,
    /// Opens a session for the valid request.
    pub opening: Vec<Vec<u8>>,
    /// A valid request.
    pub valid: Vec<u8>,
    /// Whether a frame answers the valid request as it should be.
    pub serves: fn(&[u8]) -> bool,
}

impl Probe {
    /// A probe of one segment with one answer.
    pub fn new(group: &'static str, name: impl Into<String>, asked: &'static str) -> Self {
        Self {
            group,
            name: name.into(),
            asked,
            opening: Vec::new(),
            segments: Vec::new(),
            bytewise: false,
            half_close: false,
            unfinished: false,
            answers: 1,
        }
    }

    /// With one more segment.
    pub fn send(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.segments.push(bytes.into());
        self
    }

    /// Written byte by byte.
    pub fn bytewise(mut self) -> Self {
        self.bytewise = true;
        self
    }

    /// With the sending side shut down at the end.
    pub fn half_close(mut self) -> Self {
        self.half_close = true;
        self
    }

    /// See [`Probe::unfinished`].
    pub fn unfinished(mut self) -> Self {
        self.unfinished = true;
        self
    }

    /// With this many answers.
    pub fn answers(mut self, count: usize) -> Self {
        self.answers = count;
        self
    }
}

/// Sends a probe and then a valid request.
///
/// # Errors
/// The connection for the probe cannot be opened.
pub fn ask(protocol: &Protocol, server: SocketAddr, probe: &Probe) -> Result<Finding, String> {
    let mut line = Line::open(protocol, server, &probe.opening)
        .map_err(|e| format!("no session for the probe `{}`: {e}", probe.name))?;
    line.send(probe);
    let end = line.receive(PATIENCE, |frames| frames.len() >= probe.answers);
    let mut answer = match (line.bytes.is_empty(), end) {
        (true, End::Closed) => "closed".to_owned(),
        (true, _) => "silence".to_owned(),
        (false, _) => line.describe(probe),
    };
    let mut then = Then::Nowhere;
    if end != End::Closed && !probe.half_close && !probe.unfinished {
        let before = line.bytes.len();
        line.write(&protocol.valid);
        if line.receive(NEXT, |frames| {
            frames.iter().any(|frame| (protocol.serves)(frame))
        }) == End::Enough
        {
            then = Then::Same;
        }
        // What came late answers the probe: it stands before the answer of the valid request.
        let late: Vec<&[u8]> = (line.frames().0.into_iter())
            .filter(|frame| !(protocol.serves)(frame))
            .collect();
        if before == 0 && !late.is_empty() {
            answer = (protocol.describe)(probe, &late, &[]);
        }
    }
    drop(line);
    if then == Then::Nowhere && serves(protocol, server) {
        then = Then::New;
    }
    Ok(Finding { answer, then })
}

/// Whether a valid request is answered on a new connection.
pub fn serves(protocol: &Protocol, server: SocketAddr) -> bool {
    let Ok(mut line) = Line::open(protocol, server, &protocol.opening) else {
        return false;
    };
    line.write(&protocol.valid);
    line.receive(OPENING, |frames| {
        frames.iter().any(|frame| (protocol.serves)(frame))
    }) == End::Enough
}

/// How receiving ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Enough,
    Closed,
    Silence,
}

/// A connection and what came from it since the session was opened.
struct Line<'a> {
    protocol: &'a Protocol,
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl<'a> Line<'a> {
    fn open(
        protocol: &'a Protocol,
        server: SocketAddr,
        opening: &[Vec<u8>],
    ) -> Result<Self, String> {
        let stream = TcpStream::connect_timeout(&server, OPENING).map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        let mut line = Self {
            protocol,
            stream,
            bytes: Vec::new(),
        };
        for request in opening {
            line.write(request);
            if line.receive(OPENING, |frames| !frames.is_empty()) != End::Enough {
                return Err("it is not opened".into());
            }
            line.bytes.clear();
        }
        Ok(line)
    }

    /// Writes; a server that has closed shows itself when reading.
    fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    fn send(&mut self, probe: &Probe) {
        for segment in &probe.segments {
            if probe.bytewise {
                segment.chunks(1).for_each(|byte| self.write(byte));
            } else {
                self.write(segment);
            }
        }
        if probe.half_close {
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }

    /// Receives until there is enough, the server closes, or the time is up.
    fn receive(&mut self, lasts: Duration, enough: impl Fn(&[&[u8]]) -> bool) -> End {
        let until = Instant::now() + lasts;
        let mut piece = [0; 4096];
        loop {
            if enough(&self.frames().0) {
                return End::Enough;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
                return End::Silence;
            }
            match self.stream.read(&mut piece) {
                Ok(0) => return End::Closed,
                Ok(count) => self.bytes.extend_from_slice(&piece[..count]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return End::Closed,
            }
        }
    }

    /// Whole frames, and what is left behind them.
    fn frames(&self) -> (Vec<&[u8]>, &[u8]) {
        let mut frames = Vec::new();
        let mut rest = &self.bytes[..];
        while let Some(length) = (self.protocol.frame_bytes)(rest)
            && length > 0
            && length <= rest.len()
        {
            let (frame, behind) = rest.split_at(length);
            frames.push(frame);
            rest = behind;
        }
        (frames, rest)
    }

    fn describe(&self, probe: &Probe) -> String {
        let (frames, rest) = self.frames();
        (self.protocol.describe)(probe, &frames, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Frames of two bytes; `AA` asks, `BB` answers, `VV` is the valid request and `WW` its answer.
    fn toy() -> Protocol {
        Protocol {
            name: "toy",
            frame_bytes: |bytes| (bytes.len() >= 2).then_some(2),
            describe: |_, frames, rest| format!("{} and {}", frames.len(), rest.len()),
            opening: Vec::new(),
            valid: b"VV".to_vec(),
            serves: |frame| frame == b"WW",
        }
    }

    /// Serves `count` connections: each read is answered as `answer` says, `None` closes.
    fn server(count: usize, answer: fn(&[u8]) -> Option<&'static [u8]>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().take(count).map_while(Result::ok) {
                let mut bytes = [0; 64];
                while let Ok(count) = stream.read(&mut bytes)
                    && count > 0
                    && let Some(reply) = answer(&bytes[..count])
                {
                    let _ = stream.write_all(reply);
                }
            }
        });
        address
    }

    fn finding(answer: &str, then: Then) -> Finding {
        Finding {
            answer: answer.into(),
            then,
        }
    }

    #[test]
    fn an_answer_silence_and_a_close_are_told_apart() {
        let probe = Probe::new("g", "p", "").send(*b"AA");
        let answering = server(1, |bytes| Some(if bytes == b"VV" { b"WW" } else { b"BBB" }));
        assert_eq!(
            ask(&toy(), answering, &probe),
            Ok(finding("1 and 1", Then::Nowhere)),
            "the odd byte spoils the frame behind it, and there is no second connection"
        );
        let silent = server(1, |bytes| Some(if bytes == b"VV" { b"WW" } else { b"" }));
        assert_eq!(
            ask(&toy(), silent, &probe),
            Ok(finding("silence", Then::Same))
        );
        let closing = server(2, |bytes| (bytes == b"VV").then_some(b"WW"));
        assert_eq!(
            ask(&toy(), closing, &probe),
            Ok(finding("closed", Then::New))
        );
    }

    #[test]
    fn an_answer_that_comes_late_is_no_silence() {
        let late = server(1, |bytes| Some(if bytes == b"VV" { b"BBWW" } else { b"" }));
        let probe = Probe::new("g", "p", "").send(*b"AA");
        assert_eq!(
            ask(&toy(), late, &probe),
            Ok(finding("1 and 0", Then::Same))
        );
    }
}

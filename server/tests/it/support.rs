//! What the tests share: the small scenario, captured streams, matches in memory.

use sim_range::RunOptions;
use sim_record::container::{Item, Reader};
use sim_record::{Closing, Input, InputKind, Principal, Role, Seed, SimTime, Team, Who};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use trippoint::interrupt::Interrupt;
use trippoint::package::{self, Loaded};
use trippoint::session::{Session, Setup};
use trippoint::storage::MemoryStorage;
use trippoint::ui::Ui;

/// The folder of the small scenario.
pub fn bench_bay() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/bench-bay")
}

/// The small scenario, checked.
pub fn loaded() -> Loaded {
    match package::load(&bench_bay()) {
        Ok(loaded) => loaded,
        Err(error) => panic!("{}", error.into_failure("bench-bay").words(false)),
    }
}

/// A stream that a test can read while a command writes to it.
#[derive(Clone, Default)]
pub struct Stream(Arc<Mutex<Vec<u8>>>);

impl Stream {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a command said.
#[must_use]
#[derive(Debug)]
pub struct Said {
    pub code: u8,
    pub out: String,
    pub err: String,
}

/// Runs a command in this process.
pub fn trippoint(args: &[&str]) -> Said {
    let (out, err) = (Stream::default(), Stream::default());
    let code = trippoint_with(args, &out, &err, &Interrupt::default());
    Said {
        code,
        out: out.text(),
        err: err.text(),
    }
}

/// Runs a command in this process with streams of the caller.
pub fn trippoint_with(args: &[&str], out: &Stream, err: &Stream, interrupt: &Interrupt) -> u8 {
    let args = std::iter::once("trippoint").chain(args.iter().copied());
    let (out, err) = (out.clone(), err.clone());
    trippoint::run_command(
        args.map(Into::into),
        |json| Ui::of_streams(json, out, err),
        interrupt,
        false,
    )
}

/// A match in memory: its session and its bytes.
pub fn begin(loaded: &Loaded, seed: u64) -> (Session, Arc<Mutex<Vec<u8>>>) {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let setup = Setup {
        loaded,
        seed: Seed(seed),
        options: RunOptions {
            cast: "empty".into(),
            ..RunOptions::default()
        },
    };
    let storage = Box::new(MemoryStorage::shared(bytes.clone()));
    (Session::begin(&setup, storage, None).unwrap(), bytes)
}

/// A tool on the first endpoint of the small scenario.
pub fn tool(kind: InputKind) -> Input {
    Input {
        principal: Principal {
            match_id: 0,
            team: Team::Red,
            role: Role::Red,
            who: Who::Tool("plc1-modbus".into()),
            foothold: Some("laptop".into()),
        },
        kind,
    }
}

/// A Modbus client in the form of inputs: connects, reads, writes, goes.
pub fn client() -> Vec<(SimTime, Input)> {
    let at = |ms: u64, kind: InputKind| (SimTime::from_millis(ms), tool(kind));
    let bytes = |data: &[u8]| InputKind::Bytes {
        conn: 0,
        data: data.to_vec(),
    };
    vec![
        at(
            1_500,
            InputKind::Open {
                conn: 0,
                endpoint: 0,
            },
        ),
        at(1_600, bytes(&READ_PRESSURE)),
        at(1_600, bytes(&READ_PRESSURE)),
        at(12_345, bytes(&WRITE_NOTE)),
        at(
            20_001,
            InputKind::Close {
                conn: 0,
                how: Closing::Fin,
            },
        ),
    ]
}

/// FC4, input register 0.
pub const READ_PRESSURE: [u8; 12] = [0, 1, 0, 0, 0, 6, 1, 4, 0, 0, 0, 1];
/// FC6, holding register 1024 becomes 4711.
pub const WRITE_NOTE: [u8; 12] = [0, 2, 0, 0, 0, 6, 1, 6, 4, 0, 0x12, 0x67];

/// Plays the client's inputs; the pieces in which virtual time advances are the caller's.
pub fn play(session: &mut Session, mut pieces: impl Iterator<Item = u64>) {
    for (at, input) in client() {
        while session.now() < at {
            let piece = SimTime(session.now().0 + pieces.next().unwrap_or(u64::MAX / 2));
            session.advance(piece.min(at)).unwrap();
        }
        session.input(at, input).unwrap();
    }
    while !session.is_over() {
        let piece = pieces.next().unwrap_or(u64::MAX / 2);
        session.advance(SimTime(session.now().0 + piece)).unwrap();
    }
    session.finish().unwrap();
}

/// Everything in a recording; panics where it is not sound.
pub fn items(bytes: &[u8]) -> Vec<Item> {
    let mut reader = Reader::new();
    reader.feed(bytes);
    let mut items = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        items.push(item);
    }
    reader.finish().unwrap();
    items
}

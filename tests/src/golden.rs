//! Golden matches: scenario, seed, cast, input log and the digests that the engine must give.
//!
//! A golden is `tests/golden/NAME.ron`, written by a person, and `NAME.digests` beside it, written by
//! `cargo xtask golden --bless` when the engine or a scenario changed on purpose. Why it did stands in
//! `tests/golden/blessed.txt`, which the same commit changes.

use crate::checkout;
use crate::play::{Chunks, Draw, Match, Played};
use crate::scenario::{self, Loaded};
use serde::Deserialize;
use sim_record::{
    Closing, Input, InputKind, LoggedInput, Principal, Role, Seed, SimTime, Team, Who,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::thread;

/// The file that says why the digests are as they are.
const REASON_FILE: &str = "blessed.txt";

/// A golden as its file says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Authored {
    /// Folder in the checkout.
    scenario: String,
    seed: u64,
    cast: String,
    /// Who gives the inputs, by the names used there.
    #[serde(default)]
    people: BTreeMap<String, Person>,
    #[serde(default)]
    inputs: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    team: Team,
    role: Role,
    foothold: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at_us: u64,
    by: String,
    what: What,
}

/// An input in words.
#[derive(Deserialize)]
enum What {
    /// An outside program connects to an endpoint of the scenario.
    Open { conn: u32, endpoint: String },
    /// It sends bytes, in hexadecimal.
    Bytes { conn: u32, hex: String },
    /// It closes.
    Close { conn: u32, how: Closing },
    /// Somebody asks for something.
    Command(Box<sim_view::Command>),
    /// The server came back after a kill.
    Resumed,
}

/// A golden that is ready to be played.
pub struct Golden {
    /// Name of its file.
    pub name: String,
    loaded: Loaded,
    seed: Seed,
    cast: String,
    inputs: Vec<LoggedInput>,
}

/// Reads all goldens, in order of their names.
///
/// # Errors
/// What is wrong with one of them.
pub fn all() -> Result<Vec<Golden>, String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder()).map_err(|e| format!("tests/golden: {e}"))? {
        let name = entry.map_err(|e| e.to_string())?.file_name();
        let name = name.to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".ron").map(str::to_owned));
    }
    names.sort();
    names.iter().map(|name| Golden::read(name)).collect()
}

/// Plays all goldens with so many workers, each of which serves its matches in turn, in pieces drawn from `seed`; returns
/// what is wrong.
///
/// # Errors
/// A match could not be played.
pub fn verify(goldens: &[Golden], workers: usize, seed: u64) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    thread::scope(|scope| {
        let busy: Vec<_> = (0..workers)
            .map(|worker| {
                let own = goldens.iter().skip(worker).step_by(workers);
                scope.spawn(move || serve(own, seed))
            })
            .collect();
        for worker in busy {
            let found = worker.join().map_err(|_| "a worker panicked".to_owned())?;
            wrong.extend(found?);
        }
        Ok(wrong)
    })
}

/// Writes the digests that the engine gives now; returns the names of those that changed.
///
/// # Errors
/// Digests changed, and the reason did not.
pub fn bless(goldens: &[Golden]) -> Result<Vec<String>, String> {
    let reason = reason()?;
    let mut changed = Vec::new();
    for golden in goldens {
        let text = golden.digests(&golden.start(Chunks::Whole)?.play());
        let path = folder().join(format!("{}.digests", golden.name));
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        let (old_reason, old_digests) = there.split_once('\n').unwrap_or(("", ""));
        if old_digests == text {
            continue;
        }
        if old_reason == heading(&reason) {
            return Err(format!(
                "the digests of `{}` changed: say why in tests/golden/{REASON_FILE}, then bless again",
                golden.name
            ));
        }
        std::fs::write(&path, format!("{}\n{text}", heading(&reason)))
            .map_err(|e| format!("{}: {e}", path.display()))?;
        changed.push(golden.name.clone());
    }
    Ok(changed)
}

fn serve<'g>(own: impl Iterator<Item = &'g Golden>, seed: u64) -> Result<Vec<String>, String> {
    let mut playing = Vec::new();
    for (golden, seed) in own.zip(seed..) {
        playing.push((golden, golden.start(Chunks::Drawn(Draw(seed)))?));
    }
    let mut wrong = Vec::new();
    while !playing.is_empty() {
        let mut going = Vec::new();
        for (golden, mut playback) in playing {
            if playback.step() {
                going.push((golden, playback));
            } else {
                wrong.extend(golden.difference(&playback.into_played()));
            }
        }
        playing = going;
    }
    Ok(wrong)
}

impl Golden {
    fn read(name: &str) -> Result<Self, String> {
        let path = folder().join(format!("{name}.ron"));
        let told = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let text = std::fs::read_to_string(&path).map_err(|e| told(&e))?;
        let options = ron::Options::default()
            .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
        let authored: Authored = options.from_str(&text).map_err(|e| told(&e))?;
        let loaded = scenario::load(&authored.scenario)?;
        let mut inputs = Vec::new();
        for (order, line) in (0..).zip(&authored.inputs) {
            inputs.push(LoggedInput {
                time: SimTime(line.at_us),
                order,
                input: authored.input(line, &loaded).map_err(|e| told(&e))?,
            });
        }
        Ok(Self {
            name: name.to_owned(),
            loaded,
            seed: Seed(authored.seed),
            cast: authored.cast,
            inputs,
        })
    }

    fn start(&self, chunks: Chunks) -> Result<Match, String> {
        let scenario = &self.loaded.scenario;
        Match::new(
            scenario,
            self.seed,
            &self.cast,
            &self.inputs,
            SimTime::MAX,
            chunks,
        )
        .map_err(|e| format!("{}: {e}", self.name))
    }

    /// What came of a match, as it is committed: a line for each digest, and one for all records.
    fn digests(&self, played: &Played) -> String {
        let mut text = String::new();
        for (time, digest) in &played.digests {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} {digest}", time.0);
        }
        let _ = writeln!(
            text,
            "{} records {}",
            played.records.len(),
            played.records_hash()
        );
        text
    }

    fn difference(&self, played: &Played) -> Option<String> {
        let path = folder().join(format!("{}.digests", self.name));
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        let expected: Vec<&str> = there.lines().skip(1).collect();
        let text = self.digests(played);
        let given: Vec<&str> = text.lines().collect();
        let at =
            (0..expected.len().max(given.len())).find(|at| expected.get(*at) != given.get(*at))?;
        let shown = |lines: &[&str]| {
            lines
                .get(at)
                .map_or("nothing".to_owned(), |line| (*line).to_owned())
        };
        Some(format!(
            "{}: expected {}, came out {}",
            self.name,
            shown(&expected),
            shown(&given)
        ))
    }
}

impl Authored {
    fn input(&self, line: &Line, loaded: &Loaded) -> Result<Input, String> {
        let person = self
            .people
            .get(&line.by)
            .ok_or_else(|| format!("`people` has no `{}`", line.by))?;
        let who = match line.what {
            What::Command(_) => Who::Person(line.by.clone()),
            What::Resumed => Who::Range,
            _ => Who::Tool(line.by.clone()),
        };
        let kind = match &line.what {
            What::Open { conn, endpoint } => {
                let endpoints = &loaded.scenario.endpoints;
                let index = endpoints
                    .iter()
                    .position(|e| e.id == *endpoint)
                    .and_then(|index| u16::try_from(index).ok())
                    .ok_or_else(|| format!("no endpoint `{endpoint}`"))?;
                InputKind::Open {
                    conn: *conn,
                    endpoint: index,
                }
            }
            What::Bytes { conn, hex } => InputKind::Bytes {
                conn: *conn,
                data: bytes_of(hex).ok_or_else(|| format!("`{hex}` is not hexadecimal"))?,
            },
            What::Close { conn, how } => InputKind::Close {
                conn: *conn,
                how: *how,
            },
            What::Command(command) => {
                InputKind::Command(postcard::to_allocvec(&**command).map_err(|e| e.to_string())?)
            }
            What::Resumed => InputKind::Resumed,
        };
        let principal = Principal {
            match_id: 0,
            team: person.team,
            role: person.role,
            who,
            foothold: person.foothold.clone(),
        };
        Ok(Input { principal, kind })
    }
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(byte).collect()
}

fn reason() -> Result<String, String> {
    let path = folder().join(REASON_FILE);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(text.trim().replace('\n', " "))
}

fn heading(reason: &str) -> String {
    format!("# blessed: {reason}")
}

fn folder() -> PathBuf {
    checkout::root().join("tests/golden")
}

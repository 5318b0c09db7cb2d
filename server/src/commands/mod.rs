//! One file a command; the doc comment of its arguments is its help.

pub mod check;
pub mod external;
pub mod grade;
pub mod list;
pub mod modbus;
pub mod replay;
pub mod resume;
pub mod run;
pub mod serve;

use crate::cli::Context;
use crate::error::Failure;
use crate::live::DeviceCounts;
use crate::pacing::Lateness;
use crate::package::{self, Loaded};
use crate::run_dir::{Command, RunDir, Settings};
use crate::session::{Concluded, SessionError};
use clap::Args;
use sim_range::RunOptions;
use sim_record::{EndReason, Seed};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

/// Seeds drawn have this many bits: more than anyone can try, and exact in every JSON reader.
const SEED_BITS: u32 = 53;

/// What `run` and `serve` have in common.
#[derive(Args, Debug)]
pub struct MatchArgs {
    /// The scenario: its folder, or the `scenario.ron` in it
    pub scenario: PathBuf,
    /// Who plays; the scenario names its casts and a default
    #[arg(long, value_name = "NAME")]
    pub cast: Option<String>,
    /// Seed of everything random; the same seed gives the same match. Drawn and printed if not given
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Folder for recording, reports and capture [default: `runs/SCENARIO-SEED`]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Leave out this actor of the cast; may be given several times
    #[arg(long, value_name = "ACTOR")]
    pub without: Vec<String>,
    /// Write no capture.pcapng; `replay --pcap` makes it later
    #[arg(long)]
    pub no_capture: bool,
}

/// A match that is ready to begin.
struct Prepared {
    loaded: Loaded,
    seed: Seed,
    options: RunOptions,
    out: PathBuf,
}

impl MatchArgs {
    /// Loads the scenario and settles cast, seed and folder.
    fn prepare(&self, context: &mut Context, open_ended: bool) -> Result<Prepared, Failure> {
        let loaded = package::load(&self.scenario)
            .map_err(|error| error.into_failure(&self.scenario.display().to_string()))?;
        let scenario = &loaded.scenario;
        let cast_name = self.cast.as_ref().unwrap_or(&scenario.default_cast);
        let Some(cast) = scenario.casts.get(cast_name) else {
            let known = scenario.casts.keys().map(String::as_str);
            return Err(crate::error::unknown_name("cast", cast_name, known));
        };
        for actor in &self.without {
            if !cast.actors.contains(actor) {
                let known = cast.actors.iter().map(String::as_str);
                return Err(crate::error::unknown_name(
                    "actor in this cast",
                    actor,
                    known,
                ));
            }
        }
        let seed = Seed(self.seed.unwrap_or_else(draw_seed));
        if self.seed.is_none() {
            context.ui.say(format_args!("seed {}", seed.0));
        }
        let mut removed_actors = self.without.clone();
        removed_actors.sort();
        removed_actors.dedup();
        let options = RunOptions {
            // Named in full, so that the recording does not depend on what the default is called.
            cast: cast_name.clone(),
            removed_actors,
            practice: true,
            open_ended,
            attackable: Vec::new(),
        };
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| Path::new("runs").join(format!("{}-{}", scenario.id, seed.0)));
        Ok(Prepared {
            loaded,
            seed,
            options,
            out,
        })
    }
}

/// Words for a user about a session that cannot go on.
fn session_failure(error: SessionError, dir: &Path) -> Failure {
    let text = error.to_string();
    match error {
        SessionError::Build(_) | SessionError::Storage(_) | SessionError::NoHeader => {
            Failure::failed(text)
        }
        SessionError::Write(_) => Failure::internal(text),
        SessionError::Damage(_) => Failure::failed(format!("`{}`: {text}", dir.display())),
        SessionError::OtherEngine { .. } => Failure::failed(text)
            .hint("only the engine that made a recording can carry it on; build that version"),
        SessionError::Ended => Failure::failed(text).hint(format!(
            "`trippoint grade {}` scores it again",
            dir.join(crate::storage::RECORDING_FILE).display()
        )),
        SessionError::Differs { .. } => {
            Failure::failed(text).hint("the recording is left as it is")
        }
        SessionError::RangeFailed(_) => Failure::internal(text).hint(format!(
            "the recording up to there is closed and sound: {}",
            dir.display()
        )),
    }
}

/// Writes the reports of a match that has ended and prints the score.
fn publish(
    concluded: &Concluded,
    late: Lateness,
    devices: &[DeviceCounts],
    of: &Played,
    context: &mut Context,
) -> Result<(), Failure> {
    let (dir, report) = (&of.dir, &concluded.report);
    dir.write_reports(report)?;
    dir.write_historian(&concluded.historian_csv)?;
    if concluded.frames_left_out > 0 {
        context.ui.say(format_args!(
            "the capture is full: {} frames were left out of {}",
            concluded.frames_left_out,
            dir.capture().display()
        ));
    }
    for device in devices {
        context.ui.say(format_args!("{device}"));
    }
    if context.ui.json {
        let value = serde_json::json!({
            "event": "ended",
            "directory": dir.path,
            "seed": of.seed.0,
            "late": late,
            "external": devices,
            "report": report,
        });
        // `serve` prints a line when it begins, so it prints one document a line.
        match of.settings.command {
            Command::Run => context.ui.json(&value)?,
            Command::Serve => context.ui.json_line(&value)?,
        }
    } else {
        context.ui.data(&grading::render_text(report))?;
        context.ui.say(format_args!("wrote {}", dir.path.display()));
    }
    let summary = &report.summary;
    if of.settings.command == Command::Run && summary.ended == Some(EndReason::Stopped) {
        return Err(Failure::failed(format!(
            "the match was stopped at {}, before its end at {}",
            summary.graded_until_us, summary.ends_us
        ))
        .hint("report and recording are whole up to there; play it again for the rest"));
    }
    Ok(())
}

/// Where and how a match was played.
struct Played {
    dir: RunDir,
    settings: Settings,
    seed: Seed,
}

/// A seed from the system's randomness.
fn draw_seed() -> u64 {
    let random = RandomState::new().build_hasher().finish();
    random >> (u64::BITS - SEED_BITS)
}

/// Reads `max` or a factor above zero.
fn parse_speed(text: &str) -> Result<Option<f64>, String> {
    if text == "max" {
        return Ok(None);
    }
    parse_factor(text).map(Some)
}

/// Reads a factor above zero.
fn parse_factor(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('x').parse::<f64>() {
        Ok(factor) if (SPEED_MIN..=SPEED_MAX).contains(&factor) => Ok(factor),
        _ => Err(format!(
            "`{text}` is not a speed; write a factor from {SPEED_MIN} to {SPEED_MAX}, such as 10"
        )),
    }
}

const SPEED_MIN: f64 = 0.001;
const SPEED_MAX: f64 = 100_000.0;

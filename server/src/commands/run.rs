//! `trippoint run`.

use super::{MatchArgs, Played, external, parse_speed, publish, session_failure};
use crate::capture::Capture;
use crate::cli::Context;
use crate::error::Failure;
use crate::live::NOTE_PERIOD;
use crate::pacing::{Lateness, Pacer};
use crate::run_dir::{Command, RunDir, Settings};
use crate::session::{Session, SessionError, Setup};
use clap::Args;
use sim_record::SimDuration;
use std::time::{Duration, Instant};

/// Play a match with scripted actors and print its score
///
/// Plays the whole match without a window, as fast as the machine can, and leaves a folder with the recording
/// (match.tpr), the report (report.html, report.json) and the capture of all taps (capture.pcapng). Ctrl-C stops the match
/// early, with a report of what was played and exit code 1: it did not come to its end. A match that was killed goes on with `trippoint resume`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    #[command(flatten)]
    pub(super) of: MatchArgs,
    /// `max`, or virtual seconds a second
    #[arg(long, value_name = "max|FACTOR", default_value = "max", value_parser = parse_speed_arg)]
    speed: Speed,
}

const EXAMPLES: &str = "\
Examples:
  trippoint run scenarios/first-watch
  trippoint run scenarios/first-watch --cast no-blue --seed 7 --out /tmp/no-blue
  trippoint run scenarios/first-watch --speed 10 --json > result.json";

/// A speed as typed.
#[derive(Clone, Copy, Debug)]
struct Speed(Option<f64>);

fn parse_speed_arg(text: &str) -> Result<Speed, String> {
    parse_speed(text).map(Speed)
}

/// Virtual time between two looks at the clock and at Ctrl-C.
const STEP: SimDuration = SimDuration::from_secs(1);
/// The same where the match is paced.
const PACED_STEP: Duration = Duration::from_millis(20);

/// Runs the command.
pub fn run(args: &RunArgs, context: &mut Context) -> Result<(), Failure> {
    context.catch_signals();
    let prepared = args.of.prepare(context, false)?;
    external::refuse_without_devices(&prepared.loaded.scenario)?;
    let (dir, storage) = RunDir::create(&prepared.out)?;
    let settings = Settings {
        command: Command::Run,
        speed: args.speed.0,
        capture: !args.of.no_capture,
        ..Settings::default()
    };
    dir.write_settings(&settings)?;
    let capture = Capture::wanted(settings.capture, &dir.capture(), &prepared.loaded)?;
    let setup = Setup {
        loaded: &prepared.loaded,
        seed: prepared.seed,
        options: prepared.options,
    };
    let failed = |error| session_failure(error, &dir.path);
    let mut session = Session::begin(&setup, Box::new(storage), capture).map_err(failed)?;
    play(&mut session, args.speed.0, context).map_err(failed)?;
    let concluded = session.conclude().map_err(failed)?;
    let played = Played {
        dir,
        settings,
        seed: prepared.seed,
    };
    publish(&concluded, Lateness::default(), &[], &played, context)
}

/// Plays a match to its end, or to the user's.
pub(super) fn play(
    session: &mut Session,
    speed: Option<f64>,
    context: &mut Context,
) -> Result<(), SessionError> {
    let progress = context.ui.progress(session.ends());
    let pacer = speed.map(|factor| Pacer::new(Instant::now(), session.now(), factor));
    let mut noted = Instant::now();
    while !session.is_over() {
        if context.interrupt.is_set() {
            session.stop()?;
            break;
        }
        match &pacer {
            None => session.advance(session.now() + STEP)?,
            Some(pacer) => {
                session.advance(pacer.virtual_at(Instant::now()))?;
                if noted.elapsed() >= NOTE_PERIOD {
                    session.note_time()?;
                    noted = Instant::now();
                }
                if !session.is_over() {
                    std::thread::sleep(PACED_STEP);
                }
            }
        }
        progress.at(session.now());
    }
    Ok(())
}

//! `trippoint resume`.

use super::{conclude, run, serve, session_failure};
use crate::capture::Capture;
use crate::cli::Context;
use crate::error::Failure;
use crate::replay::{check_engine, options_of};
use crate::run_dir::{Command, RunDir, Settings};
use crate::session::{Scan, Session, Setup};
use clap::Args;
use std::path::PathBuf;

/// Carry on a match that was killed
///
/// Reads the recording of a `run` or `serve` that did not come to its end, cuts a torn tail and says so, re-runs the
/// input log while comparing it with what is stored, and goes on in virtual time where the match stopped. Connections from
/// outside are reset. The recording then verifies from start to end.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ResumeArgs {
    /// The folder of the match
    dir: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  trippoint resume runs/first-watch-42";

/// Runs the command.
pub fn resume(args: &ResumeArgs, context: &mut Context) -> Result<(), Failure> {
    let (dir, mut storage) = RunDir::existing(&args.dir)?;
    let failed = |error| session_failure(error, &dir.path);
    let scan = Scan::of(&mut storage).map_err(failed)?;
    check_engine(&scan.header, &dir.recording().display().to_string())?;
    if let Some(damage) = &scan.damage {
        context.ui.say(format_args!(
            "cut a torn tail: {damage}; the log is sound up to {}",
            scan.latest
        ));
    }
    let loaded = crate::replay::scenario_of(&scan.header)?;
    let options = options_of(&scan.header)?;
    let settings = dir.read_settings().unwrap_or(Settings {
        command: if options.open_ended {
            Command::Serve
        } else {
            Command::Run
        },
        ..Settings::default()
    });
    context.catch_signals();
    let capture = Capture::wanted(settings.capture, &dir.capture(), &loaded)?;
    let setup = Setup {
        loaded: &loaded,
        seed: scan.header.seed,
        options,
    };
    let progress = context.ui.progress(scan.latest);
    let mut session = Session::resume(&setup, &scan, Box::new(storage), capture, |now| {
        progress.at(now);
    })
    .map_err(failed)?;
    drop(progress);
    context.ui.say(format_args!(
        "resumed at {} after re-running {} inputs",
        session.now(),
        scan.inputs
    ));
    match settings.command {
        Command::Run => {
            run::play(&mut session, settings.speed, context).map_err(failed)?;
            conclude(&mut session, &dir, &settings, setup.seed, context)
        }
        Command::Serve => serve::go_on(session, &setup, &dir, &settings, context),
    }
}

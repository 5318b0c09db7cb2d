//! `trippoint resume`.

use super::external::{ExternalArgs, refuse_without_devices};
use super::{Played, publish, run, serve, session_failure};
use crate::capture::Capture;
use crate::cli::Context;
use crate::error::Failure;
use crate::live::{self, Device};
use crate::pacing::Lateness;
use crate::replay::{check_engine, options_of};
use crate::run_dir::{Command, DAMAGED_FILE, RunDir, Settings};
use crate::session::{Scan, Session, SessionError, Setup};
use clap::Args;
use sim_record::container::Fault;
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
    #[command(flatten)]
    external: ExternalArgs,
}

const EXAMPLES: &str = "\
Examples:
  trippoint resume runs/first-watch-42";

/// Runs the command.
pub fn resume(args: &ResumeArgs, context: &mut Context) -> Result<(), Failure> {
    let (dir, mut storage) = RunDir::existing(&args.dir)?;
    let scan = Scan::of(&mut storage).map_err(|error| session_failure(error, &dir.path))?;
    if scan.ended {
        return Err(session_failure(SessionError::Ended, &dir.path));
    }
    check_engine(&scan.header, &dir.recording().display().to_string())?;
    if let Some(damage) = &scan.damage {
        // A torn tail is what a crash leaves. Anything else is kept, whatever is cut from the recording.
        if !matches!(damage.fault, Fault::Torn) {
            let kept = dir.path.join(DAMAGED_FILE);
            std::fs::copy(dir.recording(), &kept).map_err(|error| {
                Failure::io(
                    format!("cannot keep the damaged recording as `{}`", kept.display()),
                    &error,
                )
            })?;
            context.ui.say(format_args!(
                "the damaged recording is kept as {}",
                kept.display()
            ));
        }
        context.ui.say(format_args!(
            "cut a torn tail: {damage}; the log is sound up to {}",
            scan.latest
        ));
    }
    context.ui.say(format_args!(
        "re-running {} inputs up to {}",
        scan.inputs, scan.latest
    ));
    let loaded = crate::replay::scenario_of(&scan.header)?;
    let options = options_of(&scan.header)?;
    let mut settings = dir.read_settings().unwrap_or(Settings {
        command: if options.open_ended {
            Command::Serve
        } else {
            Command::Run
        },
        ..Settings::default()
    });
    if settings.command == Command::Run {
        refuse_without_devices(&loaded.scenario)?;
    }
    let earlier = std::mem::take(&mut settings.external);
    settings.external = args.external.settle(&loaded.scenario, earlier)?;
    if !settings.external.is_empty() {
        dir.write_settings(&settings)?;
    }
    let devices = Device::of_scenario(&loaded.scenario, &settings.external);
    context.catch_signals();
    let capture = Capture::wanted(settings.capture, &dir.capture(), &loaded)?;
    let progress = context.ui.progress(scan.latest);
    let seed = scan.header.seed;
    let played = Played {
        dir,
        settings,
        seed,
    };
    let exposed = live::exposed(&loaded.scenario, &played.settings.expose)?;
    let build = move || {
        let setup = Setup {
            loaded: &loaded,
            seed,
            options,
        };
        Session::resume(&setup, &scan, Box::new(storage), capture, |now| {
            progress.at(now);
        })
    };
    match played.settings.command {
        Command::Run => {
            let failed = |error| session_failure(error, &played.dir.path);
            let mut session = build().map_err(failed)?;
            context.ui.say(format_args!("resumed at {}", session.now()));
            run::play(&mut session, played.settings.speed, context).map_err(failed)?;
            let concluded = session.conclude().map_err(failed)?;
            publish(&concluded, Lateness::default(), &[], &played, context)
        }
        Command::Serve => {
            let order = serve::order(Box::new(build), exposed, devices, &played.settings);
            serve::play(vec![(played, order)], 1, context)
        }
    }
}

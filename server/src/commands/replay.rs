//! `trippoint replay`.

use crate::capture::Capture;
use crate::cli::Context;
use crate::error::Failure;
use crate::match_time::parse_time;
use crate::replay::{Outcome, Wanted, read_header, replay as rerun, scenario_of};
use clap::Args;
use sim_record::SimTime;
use sim_record::container::Reader;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Run a recording again and compare what comes out
///
/// Re-runs the input log of a recording with the scenario that is stored in it, and compares every digest of the whole
/// state. With --verify every record is compared too, and the recording must have been closed properly. The first virtual
/// time that differs is printed. Only the engine that made a recording can re-run it.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReplayArgs {
    /// The recording: a match.tpr
    file: PathBuf,
    /// Compare every record as well, and demand a proper end
    #[arg(long)]
    verify: bool,
    /// Stop at this virtual time: seconds, MM:SS or HH:MM:SS
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<SimTime>,
    /// Write the capture of all taps to this file
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  trippoint replay runs/first-watch-42/match.tpr --verify
  trippoint replay runs/first-watch-42/match.tpr --until 12:30 --pcap first-minutes.pcapng";

/// Runs the command.
pub fn replay(args: &ReplayArgs, context: &mut Context) -> Result<(), Failure> {
    let name = args.file.display().to_string();
    let capture = match &args.pcap {
        None => None,
        Some(path) => {
            let same = |at: &Path| at.canonicalize().ok();
            if same(path).is_some() && same(path) == same(&args.file) {
                return Err(Failure::usage(format!(
                    "`{name}` cannot be both recording and capture"
                ))
                .hint("name another file for --pcap"));
            }
            let header = read_header(&mut open(&args.file)?, &mut Reader::new(), &name)?;
            Some(Capture::create(path, &scenario_of(&header)?)?)
        }
    };
    let wanted = Wanted {
        verify: args.verify,
        until: args.until,
        capture,
    };
    let progress = context.ui.progress(SimTime::ZERO);
    let outcome = rerun(&mut open(&args.file)?, &name, wanted, |now, ends| {
        progress.until(args.until.unwrap_or(ends));
        progress.at(now);
    })?;
    drop(progress);
    if context.ui.json {
        context.ui.json(&outcome)?;
    } else {
        context.ui.data(&words(&outcome, args.verify))?;
    }
    verdict(&outcome, args.verify, &name)
}

/// Opens a recording.
pub(super) fn open(path: &Path) -> Result<File, Failure> {
    if path.is_dir() {
        return Err(
            Failure::usage(format!("`{}` is a folder", path.display())).hint(format!(
                "give the recording in it: {}",
                path.join(crate::storage::RECORDING_FILE).display()
            )),
        );
    }
    File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::usage(format!("there is no recording `{}`", path.display()))
        }
        _ => Failure::io(format!("cannot read `{}`", path.display()), &error),
    })
}

fn words(outcome: &Outcome, verify: bool) -> String {
    let ending = match outcome.ending {
        "over" => "the match is over",
        "failed" => "the range failed there, as it did when it was recorded",
        "stopped" => "stopped there as asked",
        "damaged" => "the file is damaged behind it",
        _ => "the recording was not closed",
    };
    let compared = if verify { "compared" } else { "counted" };
    format!(
        "{} / {} with seed {}: re-run to {}, {ending}\n{} inputs applied, {} digests compared, {} records {compared}\n",
        outcome.scenario,
        outcome.cast,
        outcome.seed,
        SimTime(outcome.reached_us),
        outcome.inputs,
        outcome.digests,
        outcome.records,
    )
}

fn verdict(outcome: &Outcome, verify: bool, name: &str) -> Result<(), Failure> {
    if let Some(difference) = &outcome.difference {
        return Err(Failure::failed(format!(
            "{} differs at {}\n  recorded: {}\n  came out: {}",
            difference.what,
            SimTime(difference.time_us),
            shortened(&difference.recorded),
            shortened(&difference.came_out),
        )));
    }
    if let Some(damage) = &outcome.damage {
        return Err(Failure::failed(format!("`{name}` is damaged: {damage}"))
            .hint("everything before that is sound"));
    }
    if verify && outcome.ending == "unfinished" {
        return Err(Failure::failed(format!("`{name}` was not closed"))
            .hint("`trippoint resume` carries a killed match on"));
    }
    Ok(())
}

const SHOWN_CHARS_MAX: usize = 300;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => text.into(),
        Some((index, _)) => format!("{}...", text.get(..index).unwrap_or_default()),
    }
}

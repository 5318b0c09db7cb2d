//! `trippoint grade`.

use crate::cli::Context;
use crate::commands::replay::open;
use crate::error::Failure;
use crate::package::read_at_most;
use crate::replay::{next_item, read_header, scenario_of};
use crate::run_dir::write_reports;
use clap::Args;
use grading::{Grader, Rubric};
use sim_authored::limits::FILE_BYTES_MAX;
use sim_record::container::{Header, Item, Reader};
use sim_scenario::ScenarioPackage;
use std::path::{Path, PathBuf};

/// Score a recording again
///
/// Reads the records of a recording and grades them by the rubric that is stored in it, or by another one. Nothing is run
/// again, so recordings of every engine can be graded, and of a match that was killed as far as it came.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct GradeArgs {
    /// The recording: a match.tpr
    file: PathBuf,
    /// Grade by this rubric instead of the scenario's
    #[arg(long, value_name = "FILE")]
    rubric: Option<PathBuf>,
    /// Write report.html and report.json into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  trippoint grade runs/first-watch-42/match.tpr
  trippoint grade runs/first-watch-42/match.tpr --rubric stricter.ron --out regraded";

/// Runs the command.
pub fn grade(args: &GradeArgs, context: &mut Context) -> Result<(), Failure> {
    let name = args.file.display().to_string();
    let mut file = open(&args.file)?;
    let mut reader = Reader::new();
    let header = read_header(&mut file, &mut reader, &name)?;
    let rubric = match &args.rubric {
        Some(path) => read_rubric(path)?,
        None => rubric_of(&header, &name)?,
    };
    let mut grader = Grader::new(rubric);
    loop {
        match next_item(&mut file, &mut reader, &name)? {
            Ok(Some(Item::Records(records))) => {
                records.iter().for_each(|record| grader.observe(record));
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(damage) => {
                context.ui.say(format_args!(
                    "warning: `{name}` is damaged: {damage}; what comes before that is graded"
                ));
                break;
            }
        }
    }
    if !reader.is_ended() {
        context.ui.say(format_args!(
            "warning: the match in `{name}` has not ended; graded up to {}",
            reader.seen().time
        ));
    }
    let report = grader.report();
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::io(format!("cannot make `{}`", folder.display()), &error))?;
        write_reports(folder, &report)?;
    }
    if context.ui.json {
        context.ui.json(&report)
    } else {
        context.ui.data(&grading::render_text(&report))
    }
}

fn read_rubric(path: &Path) -> Result<Rubric, Failure> {
    let shown = path.display();
    if !path.is_file() {
        // A pipe or device would never end.
        return Err(Failure::usage(format!("`{shown}` is not a file")));
    }
    // One byte more than is allowed, so that the check sees that.
    let bytes = read_at_most(path, FILE_BYTES_MAX.saturating_add(1))?;
    Rubric::from_ron(&bytes).map_err(|mut problems| {
        problems.iter_mut().for_each(|p| p.file = shown.to_string());
        Failure::failed(format!("the rubric `{shown}` has errors")).problems(problems)
    })
}

/// The rubric alone, so that a scenario of an older schema can still be graded.
fn rubric_of(header: &Header, name: &str) -> Result<Rubric, Failure> {
    let package = ScenarioPackage::new(header.package.iter().cloned());
    match package.files.get(&package.rubric_path()) {
        Some(bytes) => Rubric::from_ron(bytes).map_err(|_| {
            Failure::failed(format!("the rubric in `{name}` has errors in this version"))
                .hint("give one with --rubric")
        }),
        None => scenario_of(header).map(|loaded| loaded.rubric),
    }
}

//! `trippoint check`.

use crate::cli::Context;
use crate::error::Failure;
use crate::package::{self, SCENARIO_FILE, scenarios_in};
use clap::Args;
use sim_authored::Problem;
use std::path::{Path, PathBuf};

/// Find what is wrong with scenarios
///
/// Reads each scenario, its programs and its rubric, and prints every problem with its file, line, column, code, what is
/// there and what to do. A folder that holds scenarios stands for all of them. `trippoint list problems` explains the
/// codes.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// Scenarios: folders, or the scenario.ron in them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Warnings fail the check, too
    #[arg(long)]
    strict: bool,
}

const EXAMPLES: &str = "\
Examples:
  trippoint check scenarios/first-watch
  trippoint check scenarios --json";

/// One scenario and what is wrong with it.
#[derive(serde::Serialize)]
struct Checked {
    path: String,
    ok: bool,
    problems: Vec<Problem>,
}

/// Runs the command.
pub fn check(args: &CheckArgs, context: &mut Context) -> Result<(), Failure> {
    let mut all = Vec::new();
    for path in &args.paths {
        for folder in folders(path)? {
            all.push(check_one(&folder, args.strict)?);
        }
    }
    if context.ui.json {
        context.ui.json(&all)?;
    } else {
        for checked in &all {
            let text = words(checked, context.ui.terminal);
            context.ui.data(&text)?;
        }
    }
    let bad = all.iter().filter(|checked| !checked.ok).count();
    if bad > 0 {
        let (count, verb) = (all.len(), if bad == 1 { "is" } else { "are" });
        return Err(Failure::failed(format!(
            "{bad} of {count} scenario{} {verb} not usable",
            if count == 1 { "" } else { "s" }
        )));
    }
    Ok(())
}

/// The scenario at a path, or all those in it.
fn folders(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if path.is_dir() && !path.join(SCENARIO_FILE).exists() {
        let found = scenarios_in(path);
        if !found.is_empty() {
            return Ok(found);
        }
    }
    package::scenario_folder(path).map(|folder| vec![folder])
}

fn check_one(folder: &Path, strict: bool) -> Result<Checked, Failure> {
    let files = package::read_folder(folder)?;
    let (_, _, mut problems) = package::check_files(&files);
    package::check_folder(folder, &files, &mut problems);
    Ok(Checked {
        path: folder.display().to_string(),
        ok: !package::has_errors(&problems) && (!strict || problems.is_empty()),
        problems,
    })
}

fn words(checked: &Checked, colour: bool) -> String {
    if checked.problems.is_empty() {
        return format!("{}: ok\n", checked.path);
    }
    let text = sim_authored::render_all(&checked.problems, colour);
    format!("{}:\n{text}", checked.path)
}

//! `trippoint check`.

use crate::cli::Context;
use crate::error::{Failure, Kind, Told};
use crate::package::{self, SCENARIO_FILE, scenarios_in};
use clap::Args;
use sim_authored::Problem;
use std::path::{Path, PathBuf};

/// Find what is wrong with scenarios
///
/// Reads each scenario, its programs and its rubric, and prints every problem with its file, line, column, code, what is
/// there and what to do. A folder that holds scenarios stands for all of them. `trippoint list problems` explains the
/// codes. A path that cannot be read fails alone; the others are checked all the same.
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
struct Checked {
    path: String,
    /// Why it could not be read at all.
    fault: Option<Failure>,
    problems: Vec<Problem>,
    ok: bool,
}

/// The same for a program.
#[derive(serde::Serialize)]
struct Verdict<'a> {
    path: &'a str,
    ok: bool,
    problems: &'a [Problem],
    error: Option<Told<'a>>,
}

/// Runs the command.
pub fn check(args: &CheckArgs, context: &mut Context) -> Result<(), Failure> {
    let mut all = Vec::new();
    for path in &args.paths {
        match folders(path) {
            Ok(folders) => all.extend(folders.iter().map(|folder| check_one(folder, args.strict))),
            Err(fault) => all.push(Checked::unreadable(path, fault)),
        }
    }
    if context.ui.json {
        let verdicts: Vec<Verdict<'_>> = all.iter().map(Checked::verdict).collect();
        context.ui.json(&verdicts)?;
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

fn check_one(folder: &Path, strict: bool) -> Checked {
    let files = match package::read_folder(folder) {
        Ok(files) => files,
        Err(fault) => return Checked::unreadable(folder, fault),
    };
    let (_, _, mut problems) = package::check_files(&files);
    package::check_folder(folder, &files, &mut problems);
    Checked {
        path: folder.display().to_string(),
        fault: None,
        ok: !package::has_errors(&problems) && (!strict || problems.is_empty()),
        problems,
    }
}

impl Checked {
    fn unreadable(path: &Path, fault: Failure) -> Self {
        // One path of several: the command was used rightly.
        let fault = Failure {
            kind: Kind::Failed,
            ..fault
        };
        Self {
            path: path.display().to_string(),
            fault: Some(fault),
            problems: Vec::new(),
            ok: false,
        }
    }

    fn verdict(&self) -> Verdict<'_> {
        Verdict {
            path: &self.path,
            ok: self.ok,
            problems: &self.problems,
            error: self.fault.as_ref().map(Failure::told),
        }
    }
}

fn words(checked: &Checked, colour: bool) -> String {
    let text = match &checked.fault {
        Some(fault) => fault.words(colour),
        None if checked.problems.is_empty() => return format!("{}: ok\n", checked.path),
        None => sim_authored::render_all(&checked.problems, colour),
    };
    format!("{}:\n{text}", checked.path)
}

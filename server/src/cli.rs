//! The command line: what can be typed, and the way from arguments to an exit code.

use crate::commands::{check, grade, list, modbus, replay, resume, run, serve};
use crate::error::{Failure, Kind};
use crate::interrupt::Interrupt;
use crate::ui::Ui;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// Width of help where no terminal tells one.
const HELP_WIDTH: usize = 100;

const EXAMPLES: &str = "\
Examples:
  trippoint run scenarios/first-watch              play a whole match at full speed and print the score
  trippoint run scenarios/first-watch --cast expert --seed 7
  trippoint serve scenarios/first-watch --expose   run in real time, with the PLCs on loopback ports
  trippoint replay runs/first-watch-7/match.tpr --verify
  trippoint check scenarios/*

Exit codes: 0 the match was played or the check passed; 1 it could not be finished or verified, or a check failed;
2 wrong use of the command line; 3 a fault of trippoint itself.";

/// An industrial cyber range: virtual plants with emulated controllers on a virtual network, red and blue teams, and a
/// referee that grades from records.
///
/// A match is fixed by its scenario, its seed and its input log: the same ones always give the same match, byte for byte.
/// Results go to stdout, everything else to stderr. With --json every result is a JSON document, and an error is the last
/// line on stderr: one JSON object with `code`, `exit_code`, `message`, `hints` and, where a scenario or rubric is at
/// fault, `problems` with file, line and column.
#[derive(Parser)]
#[command(name = "trippoint", version, after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct Cli {
    /// Print results and errors as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::RunArgs),
    Serve(serve::ServeArgs),
    Resume(resume::ResumeArgs),
    Check(check::CheckArgs),
    Replay(replay::ReplayArgs),
    Grade(grade::GradeArgs),
    List(list::ListArgs),
    Modbus(modbus::ModbusArgs),
}

/// The whole program.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let interrupt = Interrupt::default();
    let whole = || run_command(args, Ui::of_process, &interrupt, true);
    // The message of the panic is on stderr already.
    let code = catch_unwind(AssertUnwindSafe(whole)).unwrap_or(Kind::Internal.exit_code());
    ExitCode::from(code)
}

/// Runs one command and gives its exit code. `streams` makes the output once `--json` is known; `listen` says whether
/// signals may be caught in this process.
pub fn run_command(
    args: impl IntoIterator<Item = OsString>,
    streams: impl FnOnce(bool) -> Ui,
    interrupt: &Interrupt,
    listen: bool,
) -> u8 {
    let mut command = Cli::command().max_term_width(HELP_WIDTH);
    if !listen {
        command = command.term_width(HELP_WIDTH);
    }
    let args: Vec<OsString> = args.into_iter().collect();
    let json = args
        .iter()
        .take_while(|arg| *arg != "--")
        .any(|arg| arg == "--json");
    let parsed = command
        .try_get_matches_from_mut(args)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return explain(&error, &mut streams(json)),
    };
    let mut context = Context {
        ui: streams(cli.json),
        interrupt: interrupt.clone(),
        listen,
    };
    let result = match cli.command {
        Command::Run(args) => run::run(&args, &mut context),
        Command::Serve(args) => serve::serve(&args, &mut context),
        Command::Resume(args) => resume::resume(&args, &mut context),
        Command::Check(args) => check::check(&args, &mut context),
        Command::Replay(args) => replay::replay(&args, &mut context),
        Command::Grade(args) => grade::grade(&args, &mut context),
        Command::List(args) => list::list(&args, &mut context),
        Command::Modbus(args) => modbus::modbus(&args, &mut context),
    };
    match result {
        Ok(()) => 0,
        Err(failure) => {
            context.ui.fail(&failure);
            failure.kind.exit_code()
        }
    }
}

/// What every command gets.
pub struct Context {
    /// Streams.
    pub ui: Ui,
    /// Set when the user wants an end.
    pub interrupt: Interrupt,
    listen: bool,
}

impl Context {
    /// From here on Ctrl-C ends the match instead of the process.
    pub fn catch_signals(&self) {
        if self.listen {
            self.interrupt.listen();
        }
    }
}

/// Help and versions are data, mistakes are talk.
fn explain(error: &clap::Error, ui: &mut Ui) -> u8 {
    let plain = error.render().to_string();
    if error.use_stderr() {
        if ui.json {
            ui.fail(&misuse(&plain));
        } else if ui.terminal {
            ui.say_raw(&error.render().ansi().to_string());
        } else {
            ui.say_raw(&plain);
        }
        return Kind::Usage.exit_code();
    }
    let text = if ui.terminal {
        error.render().ansi().to_string()
    } else {
        plain
    };
    match ui.data(&text) {
        Ok(()) => 0,
        Err(Failure { kind, .. }) => kind.exit_code(),
    }
}

/// A mistake on the command line as a failure: the first paragraph is what is wrong, the others are hints.
fn misuse(text: &str) -> Failure {
    let mut paragraphs = text
        .split("\n\n")
        .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|part| !part.is_empty());
    let first = paragraphs.next().unwrap_or_default();
    let mut failure = Failure::usage(first.trim_start_matches("error: "));
    failure.hints.extend(paragraphs);
    failure
}

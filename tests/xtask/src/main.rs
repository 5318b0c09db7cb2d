//! The tasks of the house: `cargo xtask <task>`. One file a task.
#![allow(
    clippy::print_stdout,
    reason = "a command-line tool talks on standard output"
)]

mod bench;
mod ci;
mod conformance;
mod deny;
mod deps;
mod docs;
mod fuzz;
mod golden;
mod listener;
mod peers;
mod scenarios;
mod shell;
mod source;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Tasks of the house: every check and test, one by one or all together.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs every check and test in order and closes with one line of counts.
    Ci(ci::Options),
    /// Checks that no crate depends on what the design forbids it.
    Deps,
    /// Checks licences, sources and duplicates of all dependencies with cargo-deny.
    Deny,
    /// Checks what no compiler checks: file sizes, forbidden words, links, titles, lints of pure crates.
    Tidy,
    /// Writes the pages of the documentation that come from the registries.
    Docs,
    /// Installs what the tests of real clients need, or says what is missing.
    Peers,
    /// Builds and runs the fuzz targets for a fixed number of inputs.
    Fuzz(fuzz::Options),
    /// Replays the golden matches in dev and release builds.
    Golden(golden::Options),
    /// Checks every scenario of the folder `scenarios`.
    Scenarios,
    /// Measures what the design promises in numbers; writes a table and JSON.
    Bench(bench::Options),
    /// Asks our servers and those of others the same; writes a page of the documentation and JSON.
    Conformance(conformance::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Ci(options) => return ci::run(&options),
        Task::Deps => deps::run(),
        Task::Deny => deny::run(),
        Task::Tidy => tidy::run(),
        Task::Docs => docs::run(),
        Task::Peers => peers::run(),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Golden(options) => golden::run(&options),
        Task::Scenarios => scenarios::run(),
        Task::Bench(options) => bench::run(&options),
        Task::Conformance(options) => conformance::run(&options),
    };
    match outcome {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

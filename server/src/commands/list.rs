//! `trippoint list`.

use crate::cli::Context;
use crate::error::Failure;
use clap::{Args, ValueEnum};
use grading::METRICS;
use sim_authored::PROBLEMS;
use sim_plant::PLANTS;
use sim_scenario::personas::personas;

/// Print what is built in
///
/// Prints the registries from which scenarios, controllers and grading are made.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Which registry
    #[arg(value_enum)]
    what: What,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Kinds of plants, for `plants:` of a scenario
    Plants,
    /// Protocols that controllers speak
    Protocols,
    /// Kinds of devices that controllers can be, for `persona:` of a scenario
    Personas,
    /// Metrics of the grading
    Metrics,
    /// Codes of problems in scenarios and rubrics
    Problems,
}

/// One row of a registry.
#[derive(serde::Serialize)]
struct Row {
    id: &'static str,
    summary: &'static str,
}

/// Runs the command.
pub fn list(args: &ListArgs, context: &mut Context) -> Result<(), Failure> {
    let rows: Vec<Row> = match args.what {
        What::Plants => PLANTS
            .iter()
            .map(|plant| row(plant.id(), plant.summary()))
            .collect(),
        What::Protocols => PROTOCOLS
            .iter()
            .map(|(id, summary)| row(id, summary))
            .collect(),
        What::Personas => personas()
            .iter()
            .map(|persona| row(&persona.id, &persona.class))
            .collect(),
        What::Metrics => METRICS
            .iter()
            .map(|metric| row(metric.id(), metric.summary()))
            .collect(),
        What::Problems => PROBLEMS
            .iter()
            .map(|problem| row(problem.code, problem.title))
            .collect(),
    };
    if context.ui.json {
        return context.ui.json(&rows);
    }
    let width = rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
    let text: String = rows
        .iter()
        .map(|row| format!("{:width$}  {}\n", row.id, row.summary))
        .collect();
    context.ui.data(&text)
}

fn row(id: &'static str, summary: &'static str) -> Row {
    Row { id, summary }
}

/// Protocols of `sim_wire`, by id.
static PROTOCOLS: &[(&str, &str)] = &[
    (
        "engineering",
        "program store, compare and download of the engineering station (TCP 20102)",
    ),
    (
        "modbus-tcp",
        "Modbus/TCP server and client, functions 1 to 8, 11, 12, 15 to 17, 20 to 24 and 43/14 (TCP 502)",
    ),
];

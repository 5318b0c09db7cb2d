//! `trippoint list`.

use crate::cli::Context;
use crate::error::Failure;
use clap::{Args, ValueEnum};
use grading::METRICS;
use sim_authored::PROBLEMS;
use sim_plant::PLANTS;
use sim_scenario::personas::personas;
use sim_wire::{PROTOCOLS, Protocol};
use std::borrow::Cow;

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
    summary: Cow<'static, str>,
    #[serde(flatten)]
    protocol: Option<OfProtocol>,
}

/// What a row of a protocol has beside.
#[derive(serde::Serialize)]
struct OfProtocol {
    name: &'static str,
    transport: &'static str,
    port: u16,
    layer: u8,
    offers: &'static str,
}

/// Runs the command.
pub fn list(args: &ListArgs, context: &mut Context) -> Result<(), Failure> {
    let rows: Vec<Row> = match args.what {
        What::Plants => PLANTS
            .iter()
            .map(|plant| row(plant.id(), plant.summary()))
            .collect(),
        What::Protocols => PROTOCOLS.iter().map(protocol_row).collect(),
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
    Row {
        id,
        summary: summary.into(),
        protocol: None,
    }
}

fn protocol_row(protocol: &'static Protocol) -> Row {
    let of = OfProtocol {
        name: protocol.name,
        transport: protocol.transport.name(),
        port: protocol.port,
        layer: protocol.layer,
        offers: protocol.offers,
    };
    let summary = format!(
        "{}, {} {}, layer {}; {}",
        of.name, of.transport, of.port, of.layer, of.offers
    );
    Row {
        id: protocol.id,
        summary: summary.into(),
        protocol: Some(of),
    }
}

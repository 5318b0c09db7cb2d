//! Programs compile; what the compiler says is shown at its place in the program's own file. No two
//! programs of a controller write the same output.

use std::collections::BTreeMap;

use sim_authored::{FileId, Finding, Findings, Position, code, quote};
use sim_plc::memory::AccessSize;
use sim_plc::st::compile;

use crate::names::Context;
use crate::raw_v1 as raw;

/// Outputs that a file writes: first bit and the bit behind the last, in the output area.
type Outputs = Vec<(u32, u32)>;

pub(crate) fn check(context: &Context, findings: &mut Findings) {
    let mut outputs = BTreeMap::new();
    for controller in &context.raw.controllers {
        for path in &controller.programs {
            let Some(id) = context.folder.find(path) else {
                continue;
            };
            outputs
                .entry(id)
                .or_insert_with(|| compile_file(context, id, findings));
        }
        check_drivers(context, controller, &outputs, findings);
    }
}

/// Compiles a file and returns the outputs it writes; none when it does not compile.
fn compile_file(context: &Context, id: FileId, findings: &mut Findings) -> Outputs {
    let text = context.sources.file(id).map_or("", |file| file.text());
    match compile(text) {
        Ok(program) => program
            .driven_outputs()
            .iter()
            .map(|output| bits_of(*output))
            .collect(),
        Err(errors) => {
            for error in errors {
                let place = Position {
                    line: error.line,
                    column: error.column,
                };
                let span = context.sources.word_at(id, place);
                let there = format!("{} ({})", error.message, error.code);
                findings.push(Finding::new(code::ST_COMPILE, span, there, error.hint));
            }
            Outputs::new()
        }
    }
}

fn bits_of((first, size): (u32, AccessSize)) -> (u32, u32) {
    if size == AccessSize::Bit {
        return (first, first.saturating_add(1));
    }
    let start = first.saturating_mul(8);
    (start, start.saturating_add(size.bytes().saturating_mul(8)))
}

fn check_drivers(
    context: &Context,
    controller: &raw::Controller,
    outputs: &BTreeMap<FileId, Outputs>,
    findings: &mut Findings,
) {
    let outputs_of = |path: &raw::Text| context.folder.find(path).and_then(|id| outputs.get(&id));
    let mut earlier: Vec<(&raw::Text, &Outputs)> = Vec::new();
    for path in &controller.programs {
        let Some(own) = outputs_of(path) else {
            continue;
        };
        let shares = |other: &Outputs| {
            own.iter()
                .any(|a| other.iter().any(|b| a.0 < b.1 && b.0 < a.1))
        };
        if let Some((first, _)) = earlier.iter().find(|(_, other)| shares(other)) {
            let there = format!(
                "`{}` writes an output that another program writes",
                quote(path)
            );
            let help = "write each output in one program";
            let found = Finding::new(code::TWO_DRIVERS, path.span, there, help);
            findings.push(found.related(first.span, "the other program"));
        }
        earlier.push((path, own));
    }
}

//! Programs compile; what the compiler says is shown at its place in the program's own file. No two
//! programs of a controller write the same output.

use std::collections::BTreeMap;

use sim_authored::{FileId, Finding, Findings, Position, code, quote};
use sim_plc::memory::{AccessSize, MemoryLayout};
use sim_plc::st::compile_for;

use crate::lower_plc::lower_s7;
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
                .entry((id, memory_of(controller)))
                .or_insert_with(|| compile_file(context, id, &layout(controller), findings));
        }
        check_drivers(context, controller, &outputs, findings);
    }
}

/// Compiles a file and returns the outputs it writes; none when it does not compile.
fn compile_file(
    context: &Context,
    id: FileId,
    layout: &MemoryLayout,
    findings: &mut Findings,
) -> Outputs {
    let text = context.sources.file(id).map_or("", |file| file.text());
    match compile_for(text, layout) {
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

/// Whose memory a file is compiled for: that of one S7 CPU, or the one that all others have.
fn memory_of(controller: &raw::Controller) -> &str {
    match controller.s7 {
        Some(_) => &controller.id,
        None => "",
    }
}

fn layout(controller: &raw::Controller) -> MemoryLayout {
    let cpu = controller.s7.as_ref().map(|cpu| lower_s7(cpu));
    cpu.map_or_else(MemoryLayout::openplc, |cpu| cpu.memory_layout())
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
    outputs: &BTreeMap<(FileId, &str), Outputs>,
    findings: &mut Findings,
) {
    let memory = memory_of(controller);
    let outputs_of = |path: &raw::Text| {
        let id = context.folder.find(path)?;
        outputs.get(&(id, memory))
    };
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

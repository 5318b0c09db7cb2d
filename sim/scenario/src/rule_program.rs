//! Programs compile; what the compiler says is shown at its place in the program's own file.

use std::collections::BTreeSet;

use sim_authored::{Finding, Findings, Position, code};

use crate::names::Context;

pub(crate) fn check(context: &Context, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    let controllers = &context.raw.controllers;
    for path in controllers
        .iter()
        .flat_map(|controller| &controller.programs)
    {
        let Some(id) = context.sources.find(path) else {
            continue;
        };
        let Some(file) = context.sources.file(id).filter(|_| seen.insert(id)) else {
            continue;
        };
        let Err(errors) = sim_plc::st::compile(file.text()) else {
            continue;
        };
        for error in errors {
            let place = Position {
                line: error.line,
                column: error.column,
            };
            let span = context.sources.word_at(id, place);
            let there = format!("{} ({})", error.message, error.code);
            findings.push(Finding::new(code::ST_COMPILE, span, there, error.hint));
        }
    }
}

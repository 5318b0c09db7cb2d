//! Every program and script of the folder is used.

use std::collections::BTreeSet;

use sim_authored::{Finding, Findings, Span, code};

use crate::names::Context;
use crate::package::{RUBRIC_FILE, SCENARIO_FILE};

pub(crate) fn check(context: &Context, findings: &mut Findings) {
    let programs = context
        .raw
        .controllers
        .iter()
        .flat_map(|controller| &controller.programs);
    let scripts = context.raw.actors.iter().map(|(_, actor)| &actor.script);
    let mut used: BTreeSet<&str> = programs.chain(scripts).map(|path| path.as_str()).collect();
    used.extend([SCENARIO_FILE, RUBRIC_FILE]);
    for (id, file) in context.sources.files() {
        let path = file.path();
        let is_code = path.ends_with(".st") || path.ends_with(".ron");
        let own_path = context.folder.own_path(path);
        let is_used = path == SCENARIO_FILE || own_path.is_some_and(|path| used.contains(path));
        if is_code && !is_used {
            let there = "nothing names this file";
            let help = "name it in `programs` or `script`, or remove it";
            findings.push(Finding::new(
                code::UNUSED_FILE,
                Span::whole(id),
                there,
                help,
            ));
        }
    }
}

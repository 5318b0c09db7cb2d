//! From a package to a checked scenario and everything that is wrong with it.

use sim_authored::{Findings, Problem, Severity, SourceMap, code, parse_ron};

use crate::lower::{Scripts, lower};
use crate::model::Scenario;
use crate::package::{SCENARIO_FILE, ScenarioPackage, read_texts};
use crate::raw_v1 as raw;

/// Reads a package: the scenario if nothing is wrong with it but warnings, and all problems found.
///
/// Problems come sorted by file and place. The rubric is checked by `grading`.
#[must_use]
pub fn check(package: &ScenarioPackage) -> (Option<Scenario>, Vec<Problem>) {
    let (sources, mut problems) = read_texts(package);
    let mut scenario = None;
    match read_scenario(&sources, problems.is_empty()) {
        Ok(Some(raw)) => {
            let scripts = read_scripts(&raw, &sources, &mut problems);
            let findings = Findings::new();
            let clean = !findings.has_errors() && !has_errors(&problems);
            problems.extend(findings.into_problems(&sources));
            if clean {
                scenario = lower(&raw, &scripts, &sources);
            }
        }
        Ok(None) => {}
        Err(problem) => problems.push(*problem),
    }
    problems.sort_by(|a, b| {
        (&a.file, a.line, a.column, a.code).cmp(&(&b.file, b.line, b.column, b.code))
    });
    (scenario, problems)
}

fn has_errors(problems: &[Problem]) -> bool {
    problems
        .iter()
        .any(|problem| problem.severity == Severity::Error)
}

/// Reads `scenario.ron`; `None` when it is there but could not be taken in, which is reported already.
fn read_scenario(
    sources: &SourceMap,
    all_read: bool,
) -> Result<Option<raw::Scenario>, Box<Problem>> {
    let Some(file) = sources.find(SCENARIO_FILE) else {
        if !all_read {
            return Ok(None);
        }
        let there = format!("the folder has no `{SCENARIO_FILE}`");
        let help = "a scenario folder begins with this file";
        return Err(Box::new(Problem::of_file(
            code::MISSING_FILE,
            SCENARIO_FILE,
            there,
            help,
        )));
    };
    parse_ron(sources, file).map(Some)
}

fn read_scripts(raw: &raw::Scenario, sources: &SourceMap, problems: &mut Vec<Problem>) -> Scripts {
    let mut scripts = Scripts::new();
    for (_, actor) in &raw.actors {
        let path = &actor.script.value;
        let Some(file) = sources.find(path) else {
            continue;
        };
        if scripts.contains_key(path) {
            continue;
        }
        match parse_ron(sources, file) {
            Ok(steps) => {
                scripts.insert(path.clone(), steps);
            }
            Err(problem) => problems.push(*problem),
        }
    }
    scripts
}

//! From a package to a checked scenario and everything that is wrong with it.

use sim_authored::{Findings, Problem, Severity, SourceMap, code, parse_ron};

use crate::lower::{Scripts, lower};
use crate::model::Scenario;
use crate::names::{Context, Names};
use crate::package::{SCENARIO_FILE, ScenarioPackage, read_texts};
use crate::raw_v1 as raw;
use crate::variant::{self, Folder};
use crate::{
    rule_attack, rule_controller, rule_files, rule_names, rule_network, rule_persona, rule_plant,
    rule_program, rule_references, rule_script, rule_time, rule_vary,
};

/// Reads a package: the scenario if nothing is wrong with it but warnings, and all problems found.
///
/// Problems come sorted by file and place. The rubric is checked by `grading`.
#[must_use]
pub fn check(package: &ScenarioPackage) -> (Option<Scenario>, Vec<Problem>) {
    let (sources, mut problems) = read_texts(package);
    let folder = Folder::new(package, &sources);
    let mut scenario = None;
    match read_scenario(&sources, problems.is_empty()) {
        Ok(Some(raw)) => {
            let scripts = read_scripts(&raw, folder, &sources, &mut problems);
            let findings = run_rules(&raw, &scripts, (&sources, folder), package);
            let clean = !findings.has_errors() && !has_errors(&problems);
            problems.extend(findings.into_problems(&sources));
            if clean {
                scenario = lower(&raw, &scripts, folder);
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

/// Every rule, in the order of reading.
const RULES: &[fn(&Context, &mut Findings)] = &[
    rule_names::check,
    rule_plant::check,
    rule_network::check,
    rule_controller::check,
    rule_persona::check,
    rule_time::check,
    rule_references::check,
    rule_attack::check,
    rule_script::check,
    rule_vary::check,
    rule_program::check,
    rule_files::check,
];

fn run_rules(
    raw: &raw::Scenario,
    scripts: &Scripts,
    (sources, folder): (&SourceMap, Folder),
    package: &ScenarioPackage,
) -> Findings {
    let context = Context {
        raw,
        scripts,
        sources,
        folder,
        files: package
            .files
            .keys()
            .filter_map(|path| folder.own_path(path))
            .collect(),
        names: Names::new(raw),
    };
    let mut findings = Findings::new();
    for rule in RULES {
        rule(&context, &mut findings);
    }
    findings
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
    if let Some(problem) = variant::version_problem(sources, file) {
        return Err(problem);
    }
    if variant::is_variant(sources, file) {
        return variant::read(sources, file).map(Some);
    }
    parse_ron(sources, file).map(Some)
}

fn read_scripts(
    raw: &raw::Scenario,
    folder: Folder,
    sources: &SourceMap,
    problems: &mut Vec<Problem>,
) -> Scripts {
    let mut scripts = Scripts::new();
    for (_, actor) in &raw.actors {
        let path = &actor.script.value;
        let Some(file) = folder.find(path) else {
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

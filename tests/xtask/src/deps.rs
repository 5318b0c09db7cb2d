//! The forbidden dependencies: the edges that keep the core pure and the arrows one-way.
//!
//! The table is the "never depends on" column of ARCHITECTURE.md. It is checked on the graph that cargo resolved, over
//! normal dependencies and all features in use, so an edge through a third crate counts as well.

use crate::shell::{self, Outcome};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a pure crate never reaches, by whatever way: IO, clocks, threads, ambient randomness, the shells.
const IMPURE: &[&str] = &[
    "bevy",
    "chrono",
    "crossbeam-channel",
    "getrandom",
    "mio",
    "nix",
    "quinn",
    "rand",
    "rayon",
    "reqwest",
    "rustix",
    "socket2",
    "tempfile",
    "time",
    "tokio",
    "tokio-modbus",
    "trippoint",
    "windows-sys",
];

/// What a row asks of its crate.
enum Rule {
    /// None of these, however indirect.
    Never(&'static [&'static str]),
    /// Of the workspace's own crates only these, however indirect.
    Ours(&'static [&'static str]),
    /// Of all crates only these as direct dependencies.
    Direct(&'static [&'static str]),
}

/// One line of the table.
struct Row {
    package: &'static str,
    rule: Rule,
    reason: &'static str,
}

const fn row(package: &'static str, rule: Rule, reason: &'static str) -> Row {
    Row {
        package,
        rule,
        reason,
    }
}

/// The table, in the order of ARCHITECTURE.md.
const TABLE: &[Row] = &[
    row(
        "sim-record",
        Rule::Ours(&[]),
        "everything reads records, so records know nobody",
    ),
    row("sim-record", Rule::Never(IMPURE), PURE),
    row(
        "sim-authored",
        Rule::Ours(&[]),
        "scenario and rubric files share it, so it knows neither",
    ),
    row("sim-authored", Rule::Never(IMPURE), PURE),
    row(
        "sim-wire",
        Rule::Ours(&["sim-record"]),
        "a protocol reaches its device only through `DeviceModel`",
    ),
    row("sim-wire", Rule::Never(IMPURE), PURE),
    row(
        "sim-plc",
        Rule::Ours(&["sim-record", "sim-wire"]),
        "a controller knows no network, no plant and no scenario",
    ),
    row("sim-plc", Rule::Never(IMPURE), PURE),
    row(
        "sim-plant",
        Rule::Direct(&["libm", "nalgebra", "rapier3d", "thiserror"]),
        "a plant is physics and numerics, nothing else",
    ),
    row("sim-plant", Rule::Never(IMPURE), PURE),
    row(
        "sim-net",
        Rule::Ours(&["sim-record"]),
        "the network carries bytes and knows no controller and no plant",
    ),
    row("sim-net", Rule::Never(IMPURE), PURE),
    row(
        "sim-view",
        Rule::Ours(&["sim-record"]),
        "actors decide in code that cannot name the range, the network, a controller or a plant",
    ),
    row("sim-view", Rule::Never(IMPURE), PURE),
    row(
        "sim-scenario",
        Rule::Never(&["sim-net", "sim-range", "grading"]),
        "a scenario is data; the range is built from it",
    ),
    row("sim-scenario", Rule::Never(IMPURE), PURE),
    row(
        "sim-range",
        Rule::Never(&["grading"]),
        "the range tells what happened and never what it is worth",
    ),
    row("sim-range", Rule::Never(IMPURE), PURE),
    row(
        "grading",
        Rule::Ours(&["sim-authored", "sim-record"]),
        "grading reads records only and never re-runs a range",
    ),
    row("grading", Rule::Never(IMPURE), PURE),
    row(
        "trippoint",
        Rule::Never(&["bevy", "trippoint-client"]),
        "the server never builds the client",
    ),
];

const PURE: &str =
    "a pure crate reads no clock, file, socket, environment, thread or ambient randomness";

/// Packages that only one of our crates may name.
const HIDDEN: &[(&str, &str, &str)] = &[(
    "smoltcp",
    "sim-net",
    "the `Stack` type of sim-net hides the TCP/IP stack",
)];

/// Checks the table on the present dependency graph.
pub fn run() -> Outcome {
    let graph = Graph::read()?;
    let mut problems = Vec::new();
    for row in TABLE {
        graph.check(row, &mut problems);
    }
    for (package, owner, reason) in HIDDEN {
        for member in &graph.members {
            if member != owner && graph.direct(member).contains(*package) {
                problems.push(format!(
                    "{member} depends on {package}, which only {owner} may: {reason}"
                ));
            }
        }
    }
    for member in &graph.members {
        let known = TABLE.iter().any(|row| row.package == member) || HARNESS.contains(&&**member);
        if !known {
            problems.push(format!(
                "{member} has no row in the table of tests/xtask/src/deps.rs: say what it never depends on"
            ));
        }
    }
    let summary = format!(
        "deps: {} rules hold for {} crates",
        TABLE.len() + HIDDEN.len(),
        graph.members.len()
    );
    shell::verdict("forbidden dependencies", &problems, summary)
}

/// Crates of the harness: they may depend on everything.
const HARNESS: &[&str] = &["tests", "xtask"];

/// The resolved graph, by package name, over normal dependencies.
struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
    members: BTreeSet<String>,
}

impl Graph {
    fn read() -> Result<Self, String> {
        let text = shell::output(&mut shell::cargo(&[
            "metadata",
            "--format-version",
            "1",
            "--locked",
        ]))?;
        let metadata: Value =
            serde_json::from_str(&text).map_err(|e| format!("cargo metadata: {e}"))?;
        Ok(Self::of(&metadata))
    }

    fn of(metadata: &Value) -> Self {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let names: BTreeMap<String, String> = list(&metadata["packages"])
            .iter()
            .map(|package| (text(&package["id"]), text(&package["name"])))
            .collect();
        let name = |id: &Value| names.get(&text(id)).cloned().unwrap_or_default();
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let targets = edges.entry(name(&node["id"])).or_default();
            for dependency in list(&node["deps"]) {
                let normal = list(&dependency["dep_kinds"])
                    .iter()
                    .any(|kind| kind["kind"].is_null());
                if normal {
                    targets.insert(name(&dependency["pkg"]));
                }
            }
        }
        let members = list(&metadata["workspace_members"])
            .iter()
            .map(name)
            .collect();
        Self { edges, members }
    }

    fn direct(&self, package: &str) -> BTreeSet<String> {
        self.edges.get(package).cloned().unwrap_or_default()
    }

    /// Everything that `package` reaches, each with the crate that asked for it.
    fn reached(&self, package: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut pending = vec![package.to_owned()];
        while let Some(next) = pending.pop() {
            for target in self.direct(&next) {
                if target != package && !found.contains_key(&target) {
                    found.insert(target.clone(), next.clone());
                    pending.push(target);
                }
            }
        }
        found
    }

    fn check(&self, row: &Row, problems: &mut Vec<String>) {
        let package = row.package;
        if !self.members.contains(package) {
            problems.push(format!(
                "{package} has a row in the table but is not in the workspace"
            ));
            return;
        }
        let reached = self.reached(package);
        let bad: Vec<&String> = match row.rule {
            Rule::Never(names) => reached
                .keys()
                .filter(|name| names.contains(&name.as_str()))
                .collect(),
            Rule::Ours(names) => reached
                .keys()
                .filter(|name| self.members.contains(*name) && !names.contains(&name.as_str()))
                .collect(),
            Rule::Direct(names) => reached
                .iter()
                .filter(|(name, by)| *by == package && !names.contains(&name.as_str()))
                .map(|(name, _)| name)
                .collect(),
        };
        for name in bad {
            let by = reached.get(name).map_or("", String::as_str);
            let way = if by == package {
                String::new()
            } else {
                format!(" (through {by})")
            };
            problems.push(format!("{package} depends on {name}{way}: {}", row.reason));
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])], members: &[&str]) -> Graph {
        Graph {
            edges: edges
                .iter()
                .map(|(from, to)| {
                    (
                        (*from).to_owned(),
                        to.iter().map(|t| (*t).to_owned()).collect(),
                    )
                })
                .collect(),
            members: members.iter().map(|m| (*m).to_owned()).collect(),
        }
    }

    fn problems(graph: &Graph, row: &Row) -> Vec<String> {
        let mut problems = Vec::new();
        graph.check(row, &mut problems);
        problems
    }

    #[test]
    fn an_edge_through_a_third_crate_is_found_and_named() {
        let graph = graph(&[("pure", &["helper"]), ("helper", &["tokio"])], &["pure"]);
        let found = problems(&graph, &row("pure", Rule::Never(&["tokio"]), "no IO"));
        assert_eq!(
            found,
            ["pure depends on tokio (through helper): no IO".to_owned()]
        );
    }

    #[test]
    fn only_the_named_crates_of_ours_are_allowed() {
        let graph = graph(&[("a", &["b", "serde"]), ("b", &["c"])], &["a", "b", "c"]);
        let found = problems(&graph, &row("a", Rule::Ours(&["b"]), "why"));
        assert_eq!(found, ["a depends on c (through b): why".to_owned()]);
    }

    #[test]
    fn direct_rules_do_not_judge_what_others_need() {
        let graph = graph(&[("a", &["thiserror"]), ("thiserror", &["syn"])], &["a"]);
        assert!(problems(&graph, &row("a", Rule::Direct(&["thiserror"]), "why")).is_empty());
        assert_eq!(
            problems(&graph, &row("a", Rule::Direct(&["libm"]), "why")).len(),
            1
        );
    }

    #[test]
    fn a_row_of_a_lost_crate_is_a_problem() {
        let graph = graph(&[], &[]);
        assert_eq!(
            problems(&graph, &row("gone", Rule::Never(&[]), "why")).len(),
            1
        );
    }
}

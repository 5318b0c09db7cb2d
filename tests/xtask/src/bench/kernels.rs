//! The small parts: measured inside one process by the bench target of the package `tests`.

use super::{Measured, measured};
use crate::shell;
use serde_json::Value;

/// Goals by the beginning of what is measured.
const GOALS: &[(&str, &str)] = &[("scan of a program of 50 statements", "below 1.5")];

/// Scan, codec, plant, fabric.
///
/// # Errors
/// The bench target does not build or fails.
pub fn run(smoke: bool) -> Result<Vec<Measured>, String> {
    let mut arguments = vec![
        "bench",
        "--quiet",
        "--package",
        "tests",
        "--bench",
        "kernels",
        "--",
    ];
    if smoke {
        arguments.push("--smoke");
    }
    let text = shell::output(&mut shell::cargo(&arguments))?;
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let value: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
        let word = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let what = word("what").to_owned();
        let goal = GOALS
            .iter()
            .find(|(start, _)| what.starts_with(start))
            .map_or("", |(_, goal)| goal);
        let figure = value.get("value").and_then(Value::as_f64);
        let figure = figure.ok_or_else(|| format!("no value in `{line}`"))?;
        rows.push(measured(what, figure, word("unit"), goal));
    }
    if rows.is_empty() {
        return Err("the bench target `kernels` measured nothing".into());
    }
    Ok(rows)
}

//! The numbers that the design promises: measured, printed as a table, written as JSON with the machine's description.
//!
//! A row is a function that measures; a row that has no function is not printed.

use crate::shell::{self, Outcome};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Options of `bench`.
#[derive(clap::Args)]
pub struct Options {
    /// File for the JSON.
    #[arg(long, default_value = "target/bench.json")]
    pub out: PathBuf,
    /// Measures briefly: shows that every row runs, gives no numbers worth keeping.
    #[arg(long)]
    pub smoke: bool,
}

/// One measured number.
pub struct Measured {
    /// What was measured.
    pub what: &'static str,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// What the design asks for, in words.
    pub goal: &'static str,
}

/// A measurement of one or more numbers.
type Row = fn(smoke: bool) -> Result<Vec<Measured>, String>;

/// Every measurement, in the order of the table.
const ROWS: &[Row] = &[];

/// Runs every row.
pub fn run(options: &Options) -> Outcome {
    let mut measured = Vec::new();
    for row in ROWS {
        measured.extend(row(options.smoke)?);
    }
    let machine = machine();
    let rows: Vec<Value> = measured
        .iter()
        .map(|m| json!({"what": m.what, "value": m.value, "unit": m.unit, "goal": m.goal}))
        .collect();
    let text = serde_json::to_string_pretty(
        &json!({"machine": machine, "smoke": options.smoke, "rows": rows}),
    )
    .map_err(|e| e.to_string())?;
    let file = shell::root().join(&options.out);
    std::fs::write(&file, text + "\n").map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(format!(
        "{}\nwritten to {}",
        table(&measured),
        file.display()
    ))
}

fn table(measured: &[Measured]) -> String {
    let width = measured.iter().map(|m| m.what.len()).max().unwrap_or(4);
    let mut text = format!("{:width$}  {:>14}  {:10}  goal", "what", "value", "unit");
    for m in measured {
        text.push_str(&format!(
            "\n{:width$}  {:>14.3}  {:10}  {}",
            m.what, m.value, m.unit, m.goal
        ));
    }
    text
}

/// What the numbers were measured on; no name of the machine and no user.
fn machine() -> Value {
    let first_line = |file: &str, key: &str| {
        std::fs::read_to_string(file)
            .ok()
            .and_then(|text| {
                let line = text.lines().find(|line| line.starts_with(key))?.to_owned();
                Some(line.split_once(':')?.1.trim().to_owned())
            })
            .unwrap_or_default()
    };
    let rustc = shell::output(&mut shell::program("rustc", &["--version"])).unwrap_or_default();
    json!({
        "processor": first_line("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "memory": first_line("/proc/meminfo", "MemTotal"),
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "rustc": rustc.trim(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lines_up() {
        let rows = [
            Measured {
                what: "short",
                value: 1.0,
                unit: "s",
                goal: "below 2",
            },
            Measured {
                what: "a longer name",
                value: 1234.5,
                unit: "req/s",
                goal: "level",
            },
        ];
        let text = table(&rows);
        let places: Vec<Option<usize>> = text.lines().skip(1).map(|l| l.find('.')).collect();
        assert_eq!(places[0], places[1], "{text}");
    }
}

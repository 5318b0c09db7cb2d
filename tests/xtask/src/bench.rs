//! The numbers that the design promises: measured, printed as a table, written as JSON with the machine's description.
//!
//! A row is a function that measures; a row that has no function is not printed.

mod direct;
mod headless;
mod kernels;
mod live;
mod load;
pub mod process;

use crate::shell::{self, Outcome};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Options of `bench`.
#[derive(clap::Args)]
pub struct Options {
    /// File for the JSON, from the root of the checkout.
    #[arg(long, value_name = "FILE", default_value = "target/bench.json")]
    pub json: PathBuf,
    /// Page of the documentation whose table is to be written anew.
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,
    /// Measures briefly: shows that every row runs, gives no numbers worth keeping.
    #[arg(long)]
    pub smoke: bool,
    /// Only these groups.
    #[arg(long, value_name = "GROUP", value_delimiter = ',', value_parser = groups())]
    pub only: Vec<String>,
}

/// One measured number.
pub struct Measured {
    /// What was measured.
    pub what: String,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// What the design asks for, in words.
    pub goal: &'static str,
}

/// A measured number.
fn measured(
    what: impl Into<String>,
    value: f64,
    unit: impl Into<String>,
    goal: &'static str,
) -> Measured {
    Measured {
        what: what.into(),
        value,
        unit: unit.into(),
        goal,
    }
}

/// A measurement of one or more numbers.
type Group = fn(smoke: bool) -> Result<Vec<Measured>, String>;

/// Every measurement, in the order of the table.
const GROUPS: &[(&str, Group)] = &[
    ("headless", headless::run),
    ("live", live::real_time),
    ("memory", live::memory),
    ("growth", live::growth),
    ("start", headless::first_answer),
    ("resume", headless::resume),
    ("direct", direct::run),
    ("kernels", kernels::run),
];

fn groups() -> Vec<&'static str> {
    GROUPS.iter().map(|(name, _)| *name).collect()
}

/// Builds the product as users have it, then runs every group.
pub fn run(options: &Options) -> Outcome {
    shell::run(&mut shell::cargo(&[
        "build",
        "--quiet",
        "--release",
        "--package",
        "trippoint",
    ]))?;
    let busy_before = load_average();
    let mut measured = Vec::new();
    for (name, group) in GROUPS {
        if !options.only.is_empty() && !options.only.iter().any(|only| only == name) {
            continue;
        }
        eprintln!("measuring: {name}");
        let rows = group(options.smoke).map_err(|e| format!("{name}: {e}"))?;
        if rows.is_empty() || rows.iter().any(|row| !row.value.is_finite()) {
            return Err(format!("{name}: a row is missing"));
        }
        for row in &rows {
            eprintln!("  {}: {:.3} {}", row.what, row.value, row.unit);
        }
        measured.extend(rows);
    }
    let rows: Vec<Value> = measured
        .iter()
        .map(|m| json!({"what": m.what, "value": m.value, "unit": m.unit, "goal": m.goal}))
        .collect();
    let document = json!({
        "machine": machine(),
        "load_average": {"before": busy_before, "after": load_average()},
        "smoke": options.smoke,
        "rows": rows,
    });
    let text = serde_json::to_string_pretty(&document).map_err(|e| e.to_string())?;
    let file = shell::root().join(&options.json);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    std::fs::write(&file, text + "\n").map_err(|e| format!("{}: {e}", file.display()))?;
    if let Some(page) = &options.page {
        write_page(&shell::root().join(page), &document, &measured)?;
    }
    Ok(format!(
        "{}\nbench: {} rows, written to {}",
        table(&measured),
        measured.len(),
        file.display()
    ))
}

fn table(measured: &[Measured]) -> String {
    let width = measured.iter().map(|m| m.what.len()).max().unwrap_or(4);
    let mut text = format!("{:width$}  {:>14}  {:5}  goal", "what", "value", "unit");
    for m in measured {
        text.push_str(&format!(
            "\n{:width$}  {:>14.3}  {:5}  {}",
            m.what, m.value, m.unit, m.goal
        ));
    }
    text
}

/// Puts machine and table between the two marks of a page.
fn write_page(file: &Path, document: &Value, measured: &[Measured]) -> Result<(), String> {
    let problem = |e: std::io::Error| format!("{}: {e}", file.display());
    let text = std::fs::read_to_string(file).map_err(problem)?;
    let page = with_table(&text, document, measured)
        .ok_or_else(|| format!("{}: no lines `{BEGIN}` and `{END}`", file.display()))?;
    std::fs::write(file, page).map_err(problem)
}

/// Line before what is written anew.
const BEGIN: &str = "<!-- measured: begin -->";
/// Line behind it.
const END: &str = "<!-- measured: end -->";

fn with_table(page: &str, document: &Value, measured: &[Measured]) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, behind) = rest.split_once(END)?;
    let word = |path: &str| match document.pointer(path) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let mut text = format!("{before}{BEGIN}\n\n");
    for (what, path) in [
        ("Processor", "/machine/processor"),
        ("Cores", "/machine/cores"),
        ("Memory", "/machine/memory"),
        ("System", "/machine/system"),
        ("Kernel", "/machine/kernel"),
        ("Compiler", "/machine/rustc"),
        ("Load average before", "/load_average/before"),
        ("Load average after", "/load_average/after"),
    ] {
        text.push_str(&format!("- {what}: {}\n", word(path)));
    }
    text.push_str("\n| what | value | unit | goal |\n|---|--:|---|---|\n");
    for m in measured {
        let digits = if m.value.abs() < 10.0 { 2 } else { 0 };
        text.push_str(&format!(
            "| {} | {:.digits$} | {} | {} |\n",
            m.what, m.value, m.unit, m.goal
        ));
    }
    Some(format!("{text}\n{END}{behind}"))
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
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    json!({
        "processor": first_line("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "memory": first_line("/proc/meminfo", "MemTotal"),
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "kernel": kernel.trim(),
        "rustc": rustc.trim(),
    })
}

/// How many tasks wanted a processor in the last minute: more than a few say that something else was running.
fn load_average() -> f64 {
    std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lines_up() {
        let rows = [
            Measured {
                what: "short".into(),
                value: 1.0,
                unit: "s".into(),
                goal: "below 2",
            },
            Measured {
                what: "a longer name".into(),
                value: 1234.5,
                unit: "req/s".into(),
                goal: "level",
            },
        ];
        let text = table(&rows);
        let places: Vec<Option<usize>> = text.lines().skip(1).map(|l| l.find('.')).collect();
        assert_eq!(places[0], places[1], "{text}");
    }

    #[test]
    fn a_page_keeps_what_stands_around_its_table() {
        let rows = [measured("scan", 0.5, "us", "below 1.5")];
        let document = json!({"machine": {"cores": 2}});
        let page = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        let text = with_table(&page, &document, &rows).unwrap_or_default();
        assert!(text.starts_with("above\n") && text.ends_with("\nbelow\n"));
        assert!(text.contains("- Cores: 2\n") && text.contains("| scan | 0.50 | us | below 1.5 |"));
        assert!(!text.contains("old"));
        assert!(with_table("no marks", &document, &rows).is_none());
    }
}

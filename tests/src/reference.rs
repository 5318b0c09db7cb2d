//! Pages of the documentation that are written from the registries, so that they cannot fall behind.

use grading::{METRICS, Side, Visibility};
use sim_plant::{PLANTS, ParamSpec, PlantKind, SignalKind};
use std::fmt::Write;

/// Every generated page: its path from the root of the checkout, and its text.
#[must_use]
pub fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("docs/reference/metrics.md", metrics()),
        ("docs/reference/plants.md", plants()),
        ("docs/reference/problems.md", sim_authored::problems_page()),
    ]
}

fn metrics() -> String {
    let mut page = String::from(
        "# Metrics\n\nWhat a report measures. Points are of a match worth 100, unless the rubric says otherwise.\n\n\
         | id | what it measures | unit | side | points | visible |\n|---|---|---|---|---|---|\n",
    );
    for metric in METRICS {
        let side = match metric.side() {
            Side::Blue => "blue",
            Side::Red => "red",
            Side::Info => "for information",
        };
        let visible = match metric.visibility() {
            Visibility::Live => "live",
            Visibility::Debrief => "at the debrief",
        };
        let points = metric.default_points();
        line(
            &mut page,
            &format!(
                "| `{}` | {} | {} | {side} | {points} | {visible} |",
                metric.id(),
                metric.summary(),
                metric.unit(),
            ),
        );
    }
    page
}

fn plants() -> String {
    let mut page = String::from("# Plants\n\nKinds of plants that a scenario can name.\n");
    for plant in PLANTS {
        line(
            &mut page,
            &format!("\n## {}\n\n{}.\n", plant.id(), sentence(plant.summary())),
        );
        let states: Vec<String> = plant
            .initial_states()
            .iter()
            .map(|s| format!("`{s}`"))
            .collect();
        line(
            &mut page,
            &format!("Initial states: {}.", states.join(", ")),
        );
        for (kind, title) in [
            (SignalKind::Measurement, "Measurements"),
            (SignalKind::Actuator, "Actuators"),
            (SignalKind::Truth, "Truths, which only grading reads"),
        ] {
            signals(&mut page, *plant, kind, title);
        }
        numbers(&mut page, plant.params(), "Parameters");
        numbers(&mut page, plant.disturbances(), "Disturbances");
    }
    page
}

fn signals(page: &mut String, plant: &dyn PlantKind, kind: SignalKind, title: &str) {
    line(
        page,
        &format!("\n### {title}\n\n| name | unit | from | to | what |\n|---|---|---|---|---|"),
    );
    for spec in plant.signals().iter().filter(|spec| spec.kind == kind) {
        let (name, unit, what) = (spec.name, spec.unit, spec.summary);
        line(
            page,
            &format!(
                "| `{name}` | {unit} | {} | {} | {what} |",
                spec.min, spec.max
            ),
        );
    }
}

fn numbers(page: &mut String, specs: &[ParamSpec], title: &str) {
    if specs.is_empty() {
        return;
    }
    line(
        page,
        &format!(
            "\n### {title}\n\n| name | unit | usually | from | to | what |\n|---|---|---|---|---|---|"
        ),
    );
    for spec in specs {
        let (name, unit, what) = (spec.name, spec.unit, spec.summary);
        line(
            page,
            &format!(
                "| `{name}` | {unit} | {} | {} | {} | {what} |",
                spec.default, spec.min, spec.max
            ),
        );
    }
}

/// With a capital at the start.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

fn line(page: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(page, "{text}");
}

//! Numbers lie in the range of their quantity.

use std::fmt::Display;

use sim_authored::{Findings, Spanned, code};

/// Reports a number below `min` or above `max`, with the unit of its field.
pub(crate) fn within<T: PartialOrd + Display>(
    value: &Spanned<T>,
    min: T,
    max: T,
    unit: &str,
    findings: &mut Findings,
) {
    if value.value < min || value.value > max {
        let there = format!("{}{unit} is out of range", value.value);
        let help = format!("write {min} to {max}{unit}");
        findings.push(value.problem(code::OUT_OF_RANGE, there, help));
    }
}

/// Reports a number that is not above zero.
pub(crate) fn positive(value: &Spanned<f64>, unit: &str, findings: &mut Findings) {
    if value.value <= 0.0 {
        let there = format!("{}{unit} is out of range", value.value);
        findings.push(value.problem(code::OUT_OF_RANGE, there, "write a number above 0"));
    }
}

/// Reports the second of two numbers if it is not above the first.
pub(crate) fn ascending(
    low: &Spanned<f64>,
    high: &Spanned<f64>,
    words: (&str, &str),
    findings: &mut Findings,
) {
    if high.value <= low.value {
        let there = format!("{} is not above {}", high.value, low.value);
        let help = format!("the {} must be above the {}", words.1, words.0);
        let found = high.problem(code::OUT_OF_RANGE, there, help);
        findings.push(found.related(low.span, format!("the {}", words.0)));
    }
}

//! The page of the documentation: written by the run, read back by the check.

use super::probe::Finding;
use super::{Column, Table};

/// The page, from the root of the checkout.
pub const FILE: &str = "docs/conformance.md";
/// Name of our column.
pub const OURS: &str = "Trippoint";

/// The whole page.
pub fn write(tables: &[Table]) -> String {
    let mut text = HEAD.to_owned();
    for table in tables {
        text.push_str(&format!("\n## {}\n\n", table.protocol));
        for column in &table.columns {
            text.push_str(&format!("- {} {}\n", column.name, column.version));
        }
        text.push_str(&format!("\n{}", summary(table)));
        let mut group = "";
        for (row, probe) in table.probes.iter().enumerate() {
            if probe.group != group {
                group = probe.group;
                text.push_str(&format!(
                    "\n### {}: {group}\n\n{}",
                    table.protocol,
                    header(table)
                ));
            }
            text.push_str(&format!("| {} |", probe.name));
            if asks(table) {
                text.push_str(&format!(" {} |", probe.asked));
            }
            for column in &table.columns {
                let Finding { answer, then } = &column.findings[row];
                text.push_str(&format!(" {answer} | {} |", then.word()));
            }
            text.push('\n');
        }
    }
    text
}

/// Rows of our column in a page, as `(protocol, probe, answer, then)`.
pub fn read(page: &str) -> Vec<[String; 4]> {
    let mut protocol = "";
    let mut place = None;
    let mut rows = Vec::new();
    for line in page.lines() {
        if line.starts_with('#') {
            let title = line.trim_start_matches(['#', ' ']);
            protocol = title.split(':').next().unwrap_or_default();
            place = None;
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if cells.get(1) == Some(&"probe") {
            place = cells.iter().position(|cell| *cell == OURS);
        } else if let Some(place) = place
            && let (Some(probe), Some(answer), Some(then)) =
                (cells.get(1), cells.get(place), cells.get(place + 1))
            && !probe.starts_with("--")
        {
            rows.push([protocol, probe, answer, then].map(str::to_owned));
        }
    }
    rows
}

/// Rows of our column as they were measured, in the form of [`read`].
pub fn measured(tables: &[Table]) -> Vec<[String; 4]> {
    let mut rows = Vec::new();
    for table in tables {
        for column in table.columns.iter().filter(|column| column.name == OURS) {
            for (probe, finding) in table.probes.iter().zip(&column.findings) {
                rows.push([
                    table.protocol.to_owned(),
                    probe.name.clone(),
                    finding.answer.clone(),
                    finding.then.word().to_owned(),
                ]);
            }
        }
    }
    rows
}

fn header(table: &Table) -> String {
    let (asked, line) = if asks(table) {
        (" asked for |", "---|")
    } else {
        ("", "")
    };
    let mut text = format!("| probe |{asked}");
    for column in &table.columns {
        text.push_str(&format!(" {} | next |", column.name));
    }
    let lines = "---|---|".repeat(table.columns.len());
    format!("{text}\n|---|{line}{lines}\n")
}

/// Whether a specification asks for an answer in any row.
fn asks(table: &Table) -> bool {
    table.probes.iter().any(|probe| !probe.asked.is_empty())
}

/// Counts over all rows.
fn summary(table: &Table) -> String {
    let mut text = "| |".to_owned();
    for column in &table.columns {
        text.push_str(&format!(" {} |", column.name));
    }
    text.push_str(&format!("\n|---|{}\n", "--:|".repeat(table.columns.len())));
    let asked = table.probes.iter().filter(|p| !p.asked.is_empty()).count();
    let counts: [(String, Count); 7] = [
        (format!("as asked for, of {asked}"), as_asked),
        (format!("silent, of {}", table.probes.len()), |_, f| {
            f.answer == "silence"
        }),
        ("closed without an answer".into(), |_, f| {
            f.answer.starts_with("closed")
        }),
        (
            "next request served on the same connection".into(),
            |_, f| f.then == super::probe::Then::Same,
        ),
        ("next request served on a new connection".into(), |_, f| {
            f.then == super::probe::Then::New
        }),
        ("next request not served".into(), |_, f| {
            f.then == super::probe::Then::Nowhere
        }),
        (
            "panics, tracebacks and ends of the process".into(),
            |_, f| super::FATES.iter().any(|fate| f.answer.contains(fate)),
        ),
    ];
    for (what, count) in counts.into_iter().skip(usize::from(!asks(table))) {
        text.push_str(&format!("| {what} |"));
        for Column { findings, .. } in &table.columns {
            let rows = table.probes.iter().zip(findings);
            let number = rows
                .filter(|(probe, finding)| count(probe.asked, finding))
                .count();
            text.push_str(&format!(" {number} |"));
        }
        text.push('\n');
    }
    text
}

/// Whether a row counts, from what was asked for and what was found.
type Count = fn(&str, &Finding) -> bool;

fn as_asked(asked: &str, finding: &Finding) -> bool {
    !asked.is_empty() && asked.split(" or ").any(|one| one == finding.answer)
}

const HEAD: &str = "\
<!-- Generated by `cargo xtask conformance`: do not edit. -->

# Conformance

What our servers and others answer to the same bytes, sent in one run on loopback. `cargo xtask conformance` measures all
columns and writes this page; `cargo xtask conformance --check` measures ours and fails where it differs from what stands here.

Each probe has a connection of its own. *asked for* is what the protocol's specification says, and empty where that leaves the
answer to the device. Behind each server's answer stands where the next valid request was served: on the *same* connection, on a
*new* one because the same did not answer it within 2 s, or not at all. Where a probe leaves a frame or the opening of a session
unfinished, or shuts the sending side, the next request goes to a new connection at once. *silence* means that 0.4 s passed
without an answer to the probe, and that none came before that to the next request either.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::probe::{Probe, Then};

    fn column(name: &'static str, answer: &str, then: Then) -> Column {
        Column {
            name,
            version: "1".into(),
            findings: vec![Finding {
                answer: answer.into(),
                then,
            }],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let table = |protocol, answer| Table {
            protocol,
            probes: vec![Probe::new("Valid", "FC 3", "data or 01").send(*b"x")],
            columns: vec![
                column("other", "closed, panics", Then::Nowhere),
                column(OURS, answer, Then::Same),
            ],
        };
        let tables = [table("Modbus/TCP", "data"), table("S7comm", "CC")];
        let page = write(&tables);
        assert_eq!(read(&page), measured(&tables));
        let rows = [
            ["Modbus/TCP", "FC 3", "data", "same"],
            ["S7comm", "FC 3", "CC", "same"],
        ];
        assert_eq!(read(&page), rows);
        assert!(page.contains("| as asked for, of 1 | 0 | 1 |"), "{page}");
        assert!(
            page.contains("| next request not served | 1 | 0 |"),
            "{page}"
        );
    }
}

//! Our servers and those of others, asked the same: valid requests, wrong ones, and bytes that are none.
//!
//! The result is a page of the documentation and JSON. A server that crashes or freezes is a result, never the end of a run.

mod modbus;
mod page;
mod probe;
mod s7;
mod servers;

use crate::bench::process::Scratch;
use crate::listener::Listener;
use crate::peers;
use crate::shell::{self, Outcome};
use probe::{Finding, Probe, Protocol, Then};
use serde_json::{Value, json};
use servers::{Ours, Peer};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Options of `conformance`.
#[derive(clap::Args)]
pub struct Options {
    /// Measures our column only and fails where it differs from the page.
    #[arg(long)]
    pub check: bool,
}

/// JSON of a run, in the target folder.
const JSON: &str = "conformance.json";
/// What a server's standard error or its process says about its fate.
const FATES: &[&str] = &[PANICS, TRACEBACK, ENDS];
const PANICS: &str = "panics";
const TRACEBACK: &str = "traceback";
const ENDS: &str = "the process ends";
/// The answer of a server that opens no session for a probe, twice in a row.
const NO_SESSION: &str = "no session";
/// An answer may overtake what the server writes to its standard error by this much.
const WORDS_LATE: Duration = Duration::from_millis(50);

/// The probes of one protocol and what each server came to.
pub struct Table {
    protocol: &'static str,
    probes: Vec<Probe>,
    columns: Vec<Column>,
}

/// One server's findings, one for each probe.
pub struct Column {
    name: &'static str,
    version: String,
    findings: Vec<Finding>,
}

/// Measures, then writes the page or compares with it.
pub fn run(options: &Options) -> Outcome {
    if !options.check {
        peers::run()?;
    }
    let ours = Ours::start()?;
    let scratch = Scratch::new("conformance-peers")?;
    let mut tables = Vec::new();
    for (protocol, probes, endpoint, others) in [
        (
            modbus::protocol(),
            modbus::probes(),
            servers::MODBUS,
            servers::MODBUS_PEERS,
        ),
        (s7::protocol(), s7::probes(), servers::S7, servers::S7_PEERS),
    ] {
        let mut columns = Vec::new();
        if let Some(address) = ours.address(endpoint) {
            columns.push(our_column(&protocol, &probes, address)?);
        }
        if !options.check {
            for peer in others {
                columns.push(peer_column(&protocol, &probes, peer, &scratch)?);
            }
        }
        tables.push(Table {
            protocol: protocol.name,
            probes,
            columns,
        });
    }
    let capture = ours.stop()?;
    let place = shell::root().join(page::FILE);
    let problem = |e: std::io::Error| format!("{}: {e}", page::FILE);
    if options.check {
        let text = std::fs::read_to_string(&place).map_err(problem)?;
        return compare(&page::read(&text), &page::measured(&tables));
    }
    no_malformed_frame(&capture)?;
    std::fs::write(&place, page::write(&tables)).map_err(problem)?;
    let file = shell::target_dir().join(JSON);
    let text = serde_json::to_string_pretty(&document(&tables)).map_err(|e| e.to_string())?;
    std::fs::write(&file, text + "\n").map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(format!(
        "conformance: {}; written to {}",
        counts(&tables),
        page::FILE
    ))
}

fn our_column(
    protocol: &Protocol,
    probes: &[Probe],
    address: SocketAddr,
) -> Result<Column, String> {
    eprintln!("{}: {}", protocol.name, page::OURS);
    let findings: Result<_, _> = probes
        .iter()
        .map(|probe| probe::ask(protocol, address, probe))
        .collect();
    Ok(Column {
        name: page::OURS,
        version: env!("CARGO_PKG_VERSION").into(),
        findings: findings.map_err(|e| format!("{}: {e}", page::OURS))?,
    })
}

/// Probes a server of others; one that has gone or serves nobody is started anew.
fn peer_column(
    protocol: &Protocol,
    probes: &[Probe],
    peer: &Peer,
    scratch: &Scratch,
) -> Result<Column, String> {
    eprintln!("{}: {}", protocol.name, peer.name);
    let start = || -> Result<Listener, String> {
        let server = (peer.start)(scratch).map_err(|e| format!("{}: {e}", peer.name))?;
        if probe::serves(protocol, server.address) {
            Ok(server)
        } else {
            Err(format!("{} does not come up{}", peer.name, server.words()))
        }
    };
    let mut server = start()?;
    let version = server.version.clone();
    let mut findings = Vec::with_capacity(probes.len());
    let mut said = server.words().len();
    for probe in probes {
        // One that has gone since the last probe gets a second chance.
        let mut asked = probe::ask(protocol, server.address, probe);
        if asked.is_err() {
            server = start()?;
            said = 0;
            asked = probe::ask(protocol, server.address, probe);
        }
        let mut finding = asked.unwrap_or_else(|_| Finding {
            answer: NO_SESSION.into(),
            then: Then::Nowhere,
        });
        std::thread::sleep(WORDS_LATE);
        let words = server.words();
        let fate = fate(words.get(said..).unwrap_or_default(), server.is_alive());
        said = words.len();
        if let Some(fate) = fate {
            finding.answer = format!("{}, {fate}", finding.answer);
        }
        if finding.then == Then::Nowhere {
            server = start()?;
            said = 0;
        }
        findings.push(finding);
    }
    Ok(Column {
        name: peer.name,
        version,
        findings,
    })
}

fn fate(words: &str, is_alive: bool) -> Option<&'static str> {
    if !is_alive {
        Some(ENDS)
    } else if words.contains("panicked at") {
        Some(PANICS)
    } else if words.contains("Traceback") {
        Some(TRACEBACK)
    } else {
        None
    }
}

/// Says where our column and the page differ.
fn compare(page: &[[String; 4]], measured: &[[String; 4]]) -> Outcome {
    let missing = |from: &[[String; 4]], of: &[[String; 4]], what: &str| -> Vec<String> {
        of.iter()
            .filter(|row| !from.contains(row))
            .map(|[protocol, probe, answer, then]| {
                format!("{protocol}, {probe}: {what} `{answer}`, next request: {then}")
            })
            .collect()
    };
    let problems = [
        missing(measured, page, "the page says"),
        missing(page, measured, "measured"),
    ]
    .concat();
    let summary = format!("conformance: {} rows as in {}", measured.len(), page::FILE);
    shell::verdict(
        "our servers answer otherwise than the page says (`cargo xtask conformance` writes it anew)",
        &problems,
        summary,
    )
}

/// Lets tshark look at everything that our controllers sent; the probes themselves are malformed by intent.
fn no_malformed_frame(capture: &Path) -> Result<(), String> {
    let wrong = format!(
        "!(ip.src == {}) && (_ws.malformed || _ws.expert.severity == error)",
        servers::FOOTHOLD
    );
    let capture = capture.to_string_lossy();
    let mut tshark = shell::program("tshark", &["-n", "-r", &capture, "-Y", &wrong]);
    let found = shell::output(&mut tshark)?;
    if found.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "tshark finds malformed frames of ours in {capture}:\n{found}"
        ))
    }
}

fn counts(tables: &[Table]) -> String {
    tables
        .iter()
        .map(|table| {
            let (rows, columns) = (table.probes.len(), table.columns.len());
            format!("{} {rows} probes on {columns} servers", table.protocol)
        })
        .collect::<Vec<_>>()
        .join(", ")
}

fn document(tables: &[Table]) -> Value {
    let hex = |bytes: &Vec<u8>| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let tables: Vec<Value> = tables
        .iter()
        .map(|table| {
            let rows: Vec<Value> = table
                .probes
                .iter()
                .enumerate()
                .map(|(row, probe)| {
                    let findings: serde_json::Map<String, Value> = table
                        .columns
                        .iter()
                        .map(|column| {
                            let Finding { answer, then } = &column.findings[row];
                            let value = json!({"answer": answer, "next": format!("{then:?}").to_lowercase()});
                            (column.name.to_owned(), value)
                        })
                        .collect();
                    json!({
                        "group": probe.group,
                        "probe": probe.name,
                        "asked_for": probe.asked,
                        "opening": probe.opening.iter().map(hex).collect::<Vec<_>>(),
                        "segments": probe.segments.iter().map(hex).collect::<Vec<_>>(),
                        "byte_by_byte": probe.bytewise,
                        "half_close": probe.half_close,
                        "findings": findings,
                    })
                })
                .collect();
            let versions: serde_json::Map<String, Value> = table
                .columns
                .iter()
                .map(|column| (column.name.to_owned(), json!(column.version)))
                .collect();
            json!({"protocol": table.protocol, "versions": versions, "rows": rows})
        })
        .collect();
    json!({"tables": tables})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_from_both_sides() {
        let row = |answer: &str| ["Modbus/TCP", "FC 3", answer, "same"].map(str::to_owned);
        assert!(compare(&[row("data")], &[row("data")]).is_ok());
        let told = compare(&[row("data")], &[row("01")]).unwrap_err();
        assert!(
            told.contains("the page says `data`") && told.contains("measured `01`"),
            "{told}"
        );
    }

    #[test]
    fn a_server_s_fate_is_read_from_its_words() {
        assert_eq!(fate("", true), None);
        assert_eq!(fate("", false), Some(ENDS));
        assert_eq!(
            fate("thread 'main' panicked at src/a.rs", true),
            Some(PANICS)
        );
        assert_eq!(
            fate("Traceback (most recent call last)", true),
            Some(TRACEBACK)
        );
    }
}

//! Modbus: every function by every client that can send it, and tools that look for services.

use super::{compiled, life, pymodbus, scanned, sent_no_wrong_frame, techniques, tool, verifies};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use tests::product::Server;

/// Address of PLC-1 of first-watch.
const PLC1: &str = "10.30.10.11";

/// What PLC-1 answers to each function code, with its sub-function where it has some: `data` or an exception.
///
/// The one place that says which functions there are: both clients are held against it.
const FUNCTIONS: &[(&str, &str)] = &[
    ("1", "data"),
    ("2", "data"),
    ("3", "data"),
    ("4", "data"),
    ("5", "data"),
    ("6", "data"),
    ("7", "1"),
    ("8/0", "data"),
    ("8/1", "data"),
    ("8/2", "data"),
    ("8/10", "data"),
    ("8/11", "data"),
    ("8/12", "data"),
    ("8/13", "data"),
    ("8/14", "data"),
    ("8/15", "data"),
    ("8/16", "data"),
    ("8/17", "data"),
    ("8/18", "data"),
    ("8/20", "data"),
    ("11", "1"),
    ("12", "1"),
    ("15", "data"),
    ("16", "data"),
    ("17", "data"),
    ("20", "1"),
    ("21", "1"),
    ("22", "data"),
    ("23", "data"),
    ("24", "1"),
    ("43/14/1", "data"),
    ("43/14/2", "data"),
    ("43/14/3", "data"),
    ("43/14/4", "data"),
];

fn expected() -> BTreeMap<String, String> {
    FUNCTIONS
        .iter()
        .map(|(function, answer)| ((*function).to_owned(), (*answer).to_owned()))
        .collect()
}

/// Ends a match: the report counts the tool's doings, the capture has no wrong frame of PLC-1, and the match replays.
fn ends_well(server: Server, out: &Path) {
    let report = server.stop();
    assert!(!techniques(&report, "plc1").is_empty(), "{report}");
    sent_no_wrong_frame(out, PLC1);
    verifies(out);
}

#[test]
fn pymodbus_sends_every_function() {
    let (out, server) = life("pymodbus-functions", "1");
    let port = server.port("plc1-modbus");
    scanned(port);
    let told: BTreeMap<String, String> =
        serde_json::from_value(pymodbus(port, &["functions"])).unwrap();
    assert_eq!(told, expected());
    ends_well(server, &out);
}

#[test]
fn libmodbus_sends_every_function() {
    let (out, server) = life("libmodbus-functions", "1");
    let client = compiled("libmodbus_functions.c", &["-lmodbus"]);
    let port = server.port("plc1-modbus");
    scanned(port);
    let told: BTreeMap<String, String> = tool(&client, &[&port.to_string()])
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(function, answer)| (function.to_owned(), answer.to_owned()))
        .collect();
    assert_eq!(told, expected());
    ends_well(server, &out);
}

#[test]
fn mbpoll_reads_and_writes_each_table() {
    let (out, server) = life("mbpoll-tables", "1");
    let port = server.port("plc1-modbus");
    scanned(port);
    let port = port.to_string();
    let mbpoll = |table: &str, register: &str, rest: &[&str]| {
        let place = ["-m", "tcp", "-p", &port, "-a", "1", "-0", "-1"];
        let what = ["-t", table, "-r", register, "127.0.0.1"];
        tool("mbpoll", &[&place[..], &what, rest].concat())
    };
    assert!(mbpoll("0", "64", &["1"]).contains("Written 1 references."));
    assert!(mbpoll("0", "64", &[]).contains("[64]: \t1"));
    assert!(mbpoll("1", "0", &[]).contains("[0]: \t0"));
    assert!(mbpoll("3", "10", &[]).contains("[10]: \t"));
    assert!(mbpoll("4", "1124", &["1234", "4321"]).contains("Written 2 references."));
    let both = mbpoll("4:hex", "1124", &[]);
    assert!(both.contains("[1124]: \t0x04D2"), "{both}");
    ends_well(server, &out);
}

/// nmap 7.93 has no probe of its own for Modbus and asks for two dozen other services: none of these questions is a
/// frame, and a device that closes or keeps still must serve the next master.
#[test]
fn nmap_looks_for_services_and_the_controller_goes_on() {
    let (out, server) = life("nmap-services", "1");
    let port = server.port("plc1-modbus");
    scanned(port);
    let place = ["-Pn", "-n", "-p", &port.to_string(), "127.0.0.1"];
    let told = tool("nmap", &[&["-sV", "--version-light"][..], &place].concat());
    assert!(told.contains(&format!("{port}/tcp open")), "{told}");
    let tour: Value = pymodbus(port, &["tour"]);
    assert_eq!(tour["setpoint"], 2700);
    ends_well(server, &out);
}

//! S7: the library in C with every family of calls, and the end-to-end suites of its successor in Python.
//!
//! Both are held against the servers that come with them too, so that they are known to be right when they judge ours.

use super::{WRONG, filtered, script, tap_of, techniques, tool, verifies};
use serde_json::{Map, Value};
use std::process::Command;
use tests::checkout;
use tests::peer::Peer;
use tests::product::{Server, folder, text};

/// Python with the library in C.
const WITH_C: &str = "tests/venv/snap7/bin/python";
/// Python with its successor.
const WITH_PYTHON: &str = "tests/venv/bin/python";
/// Source of the successor, with its suites.
const SOURCE: &str = "tests/venv/source/python_snap7-3.3.0";

/// Why a call that a server could grant failed at the server in C.
const NOT_IN_C: &[(&str, &str)] = &[
    ("list_blocks_of_type_ob", MISSING),
    ("get_block_info_ob", MISSING),
    ("upload", UNAUTHORIZED),
    ("full_upload", UNAUTHORIZED),
    ("full_upload_ob", UNAUTHORIZED),
    ("upload_missing", UNAUTHORIZED),
    ("download_made_block", UNAUTHORIZED),
    ("download_uploaded_block", UNAUTHORIZED),
];
/// The same at the server in Python.
const NOT_IN_PYTHON: &[(&str, &str)] = &[
    ("write_multi_vars", INVALID),
    ("read_szl_mode", REFUSED),
    ("read_szl_leds", REFUSED),
    ("read_szl_diagnostics_buffer", REFUSED),
    ("get_block_info_ob", INVALID),
    ("full_upload", CUT_SHORT),
    ("full_upload_ob", MISSING),
    ("upload_missing", MISSING),
    ("download_made_block", "CPU : Download sequence failed"),
    ("download_uploaded_block", CUT_SHORT),
    ("db_write_missing", REFUSED),
    ("read_szl_missing", REFUSED),
    ("get_block_info_missing", INVALID),
];
/// What a CPU refuses that the servers of the libraries let pass.
const REFUSED_BY_OURS: &[(&str, &str)] = &[
    ("connect_to_a_wrong_slot", " ISO : Bad PDU format"),
    ("upload_missing", MISSING),
    ("delete_missing", "CPU : block delete refused"),
    ("plc_stop_again", "CPU : PLC already STOP"),
    ("plc_hot_start_again", "CPU : Cannot start PLC"),
    ("set_session_password", NO_PASSWORD),
    ("clear_session_password", NO_PASSWORD),
];
const NO_PASSWORD: &str = "CPU : No password to set or clear";
const MISSING: &str = "CPU : Item not available";
const UNAUTHORIZED: &str = "CPU : Function not authorized for current protection level";
const REFUSED: &str = "CLI : function refused by CPU (Unknown error)";
const INVALID: &str = "CLI : invalid CPU answer";
const CUT_SHORT: &str = "CLI : Invalid data size received";

/// Calls that ask for what cannot be, and how the library says so.
const REFUSALS: &[(&str, &str)] = &[
    ("db_read_missing", MISSING),
    ("db_read_beyond", "CPU : Address out of range"),
    ("db_write_missing", MISSING),
    (
        "read_21_vars",
        "CLI : too may items (>20) in multi read/write",
    ),
    ("read_szl_missing", MISSING),
    ("get_block_info_missing", MISSING),
    ("download_garbage", "CLI : Invalid block size"),
];

/// Calls whose value every server must give.
const VALUES: &[(&str, &str)] = &[
    ("connect", "true"),
    ("connect_as_operator_panel", "true"),
    ("get_pdu_length", "480"),
    ("db_write", r#""1234""#),
    ("read_area_inputs", "4"),
    ("read_area_timers", "4"),
    ("read_area_counters", "4"),
    ("write_area_db", r#""abce""#),
    ("mb_write", r#""a5""#),
    ("read_a_bit", "1"),
    ("read_a_real", r#""42f6e666""#),
    ("read_20_vars", "20"),
    ("read_more_than_one_pdu", "256"),
    ("iso_exchange_buffer", r#""000a""#),
    ("read_in_background", r#""42f6e666""#),
    ("get_last_error", "0"),
    ("disconnect", "false"),
];

fn peer(python: &str) -> Peer {
    let server = checkout::root().join("tests/peers/s7_server.py");
    Peer::start(Command::new(checkout::root().join(python)).arg(server))
}

/// Every family of calls of the library in C.
fn c_client(port: u16) -> Map<String, Value> {
    let python = text(&checkout::root().join(WITH_C));
    let told = tool(&python, &[&script("snap7_client.py"), &port.to_string()]);
    let found: Value = serde_json::from_str(&told).unwrap_or_else(|e| panic!("{e} in {told}"));
    found.as_object().unwrap().clone()
}

/// Holds the outcomes of [`c_client`] against [`VALUES`], [`REFUSALS`], and what this server cannot do.
fn judge(found: &Map<String, Value>, cannot: &[(&str, &str)]) {
    assert!(found.len() >= 60, "{} calls", found.len());
    for (call, value) in VALUES {
        let value: Value = serde_json::from_str(value).unwrap();
        assert_eq!(found[*call]["value"], value, "{call}: {}", found[*call]);
    }
    for (call, outcome) in found {
        let refusal = (cannot.iter().chain(REFUSALS))
            .find(|(name, _)| name == call)
            .map(|(_, why)| *why);
        assert_eq!(outcome["error"].as_str(), refusal, "{call}: {outcome}");
    }
}

/// The end-to-end suites of the successor; what failed for another reason than its client is in `failed`.
fn suites(port: u16) -> Value {
    let root = checkout::root();
    let (python, source) = (text(&root.join(WITH_PYTHON)), text(&root.join(SOURCE)));
    let arguments = [&script("snap7_suite.py"), &source, &port.to_string()];
    let told = tool(&python, &arguments.map(String::as_str));
    serde_json::from_str(&told).unwrap_or_else(|e| panic!("{e} in {told}"))
}

/// What nmap's script finds out about a server.
fn s7_info(port: u16) -> String {
    let port = port.to_string();
    let place = ["-Pn", "-n", "-p", &port, "127.0.0.1"];
    tool("nmap", &[&["--script", "+s7-info"][..], &place].concat())
}

fn count(told: &Value, outcome: &str) -> usize {
    let outcome = &told[outcome];
    outcome
        .as_array()
        .map(Vec::len)
        .or_else(|| outcome.as_object().map(Map::len))
        .unwrap_or_else(|| panic!("no such outcome in {told}"))
}

#[test]
fn the_c_client_finds_all_that_the_c_server_has() {
    let server = peer(WITH_C);
    let found = c_client(server.port());
    judge(&found, NOT_IN_C);
    assert_eq!(found["plc_stop"]["value"], "S7CpuStatusStop");
    assert_eq!(found["plc_hot_start"]["value"], "S7CpuStatusRun");
    assert_eq!(found["read_szl_components"]["value"]["records"], 10);
}

#[test]
fn the_c_client_finds_what_the_python_server_lacks() {
    let server = peer(WITH_PYTHON);
    let found = c_client(server.port());
    judge(&found, NOT_IN_PYTHON);
    assert_eq!(found["plc_stop"]["value"], "S7CpuStatusUnknown");
    assert_eq!(found["read_szl_components"]["value"]["records"], 0);
}

#[test]
fn nmap_reads_the_identity_of_the_c_server() {
    let server = peer(WITH_C);
    let told = s7_info(server.port());
    for line in [
        "s7-info:",
        "Module: 6ES7 315-2EH14-0AB0",
        "System Name: SNAP7-SERVER",
    ] {
        assert!(told.contains(line), "{told}");
    }
}

#[test]
fn the_suites_pass_at_both_servers_but_for_what_their_client_does_wrong() {
    for (python, wrong) in [(WITH_C, 3), (WITH_PYTHON, 0)] {
        let server = peer(python);
        let told = suites(server.port());
        assert_eq!(count(&told, "failed"), 0, "{told}");
        assert_eq!(count(&told, "wrong"), wrong, "{told}");
        assert_eq!(count(&told, "passed"), 58 - wrong, "{told}");
    }
}

/// A live match with an S7 CPU, the folder that it leaves, and the port of the CPU.
fn ours(test: &str) -> (std::path::PathBuf, Server, u16) {
    let out = folder(test).join("run");
    let scenario = text(&checkout::root().join("tests/scenarios/conformance"));
    let server = Server::serve(&scenario, &out, &["--rate-limit", "off"]);
    let port = server.port("plc2-s7");
    (out, server, port)
}

/// Ends a match: the report counts what was done, it replays, and tshark finds nothing wrong with what the CPU sent.
fn ends_well(server: Server, out: &std::path::Path) {
    let report = server.stop();
    assert!(!techniques(&report, "plc2").is_empty(), "{report}");
    verifies(out);
    let tap = tap_of(&text(&out.join("capture.pcapng")), "0");
    let sent = "ip.src == 10.1.1.12";
    assert_ne!(filtered(&tap, sent), "", "the CPU sent nothing");
    assert_eq!(filtered(&tap, &format!("{sent} && {WRONG}")), "");
}

#[test]
fn the_c_client_finds_all_at_ours_that_a_cpu_has() {
    let (out, server, port) = ours("s7-c-client");
    let found = c_client(port);
    judge(&found, REFUSED_BY_OURS);
    assert_eq!(found["plc_stop"]["value"], "S7CpuStatusStop");
    assert_eq!(found["plc_hot_start"]["value"], "S7CpuStatusRun");
    assert_eq!(found["read_szl_components"]["value"]["records"], 9);
    ends_well(server, &out);
}

#[test]
fn the_suites_pass_at_ours_but_for_what_their_client_does_wrong() {
    let (out, server, port) = ours("s7-suites");
    let told = suites(port);
    assert_eq!(count(&told, "failed"), 0, "{told}");
    assert_eq!(count(&told, "wrong"), 3, "{told}");
    assert_eq!(count(&told, "passed"), 55, "{told}");
    ends_well(server, &out);
}

#[test]
fn nmap_reads_the_identity_of_ours() {
    let (out, server, port) = ours("s7-nmap");
    let told = s7_info(port);
    for line in [
        "Module: 6ES7 315-2EH14-0AB0",
        "Version: 3.2.14",
        "System Name: Halden line 4",
        "Module Type: CPU 315-2 PN/DP",
        "Serial Number: S C-H7K310542026",
        "Plant Identification: Reactor 4",
    ] {
        assert!(told.contains(line), "{told}");
    }
    ends_well(server, &out);
}

//! Real tools against a live match: pymodbus, mbpoll, nmap, libmodbus, and tshark on the capture.
//!
//! `cargo xtask peers` installs them; the feature `real-clients` compiles these tests.

mod modbus;
mod s7;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use tests::checkout;
use tests::product::{Server, folder, scenario, succeeds, text};

/// A match of benign life alone, so that whatever happens was done by the tool.
const LIFE: [&str; 4] = ["--cast", "no-red", "--without", "blue-novice"];

fn life(test: &str, speed: &str) -> (std::path::PathBuf, Server) {
    let out = folder(test).join("run");
    let more = [&LIFE[..], &["--speed", speed]].concat();
    let server = Server::serve(&scenario("first-watch"), &out, &more);
    (out, server)
}

/// Runs a tool that must succeed, and returns what it printed.
fn tool(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{program} is missing ({e}): run `cargo xtask peers`"));
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    let errors = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(
        done.status.success(),
        "{program} {arguments:?}\n{told}\n{errors}"
    );
    told
}

fn script(name: &str) -> String {
    text(&checkout::root().join("tests/it/clients").join(name))
}

/// Builds a client in C and returns its path.
fn compiled(source: &str, libraries: &[&str]) -> String {
    let binary = text(&folder(source).join("client"));
    let source = script(source);
    let arguments = ["-O1", "-Wall", "-Werror", "-o", &binary, &source];
    tool("cc", &[&arguments[..], libraries].concat());
    binary
}

fn pymodbus(port: u16, arguments: &[&str]) -> Value {
    let python = text(&checkout::root().join("tests/venv/bin/python"));
    let (script, port) = (script("pymodbus_client.py"), port.to_string());
    let told = tool(&python, &[&[&*script, &*port][..], arguments].concat());
    serde_json::from_str(&told).unwrap_or_else(|e| panic!("{e} in {told}"))
}

/// Waits until the controller has scanned for the first time, which it does within its period.
fn scanned(port: u16) {
    let told = pymodbus(port, &["wait"]);
    assert!(told["pressure"].as_i64().unwrap() > 0, "{told}");
}

/// Attacks of a report on an asset, by technique.
fn techniques(report: &Value, asset: &str) -> Vec<String> {
    let attacks = report["attacks"].as_array().unwrap();
    attacks
        .iter()
        .filter(|attack| attack["asset"] == asset)
        .map(|attack| attack["technique"].as_str().unwrap().to_owned())
        .collect()
}

fn verifies(out: &Path) {
    let recording = text(&out.join("match.tpr"));
    let told = succeeds(&["replay", &recording, "--verify", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["difference"].is_null(), "{told}");
}

#[test]
fn pymodbus_reads_writes_and_identifies() {
    let (out, server) = life("pymodbus", "1");
    scanned(server.port("plc1-modbus"));
    let told = pymodbus(server.port("plc1-modbus"), &["tour"]);
    let inputs = told["inputs"].as_array().unwrap();
    let pressure = inputs[0].as_i64().unwrap();
    assert!((2600..2800).contains(&pressure), "{told}");
    assert_eq!(told["setpoint"], 2700);
    assert_eq!(told["written"], 2710);
    assert_eq!(told["coils_written"], true);
    assert_eq!(told["vendor"], "Halden Controls");
    assert_eq!(told["missing_register_exception"], 2);
    let report = server.stop();
    assert!(!techniques(&report, "plc1").is_empty(), "{report}");
    verifies(&out);
}

#[test]
fn a_write_by_mbpoll_moves_the_plant_and_is_graded_as_an_attack() {
    let (out, server) = life("mbpoll", "40");
    let port = server.port("plc1-modbus").to_string();
    let write = |register: &str, value: &str| {
        let common = ["-m", "tcp", "-p", &port, "-a", "1", "-0", "-1", "-t", "4"];
        tool(
            "mbpoll",
            &[&common[..], &["-r", register, "127.0.0.1", value]].concat(),
        )
    };
    assert!(write("1028", "1").contains("Written 1 references."));
    assert!(write("1029", "10000").contains("Written 1 references."));
    let highest = pressure_above(&port, 2760);
    assert!(highest > 2760, "the pressure stayed at {highest} kPa");
    let report = server.stop();
    let found = techniques(&report, "plc1");
    assert!(
        found.iter().any(|t| t == "T0836" || t == "T1692.001"),
        "{found:?}"
    );
    verifies(&out);
}

/// Lets mbpoll watch PT-101 until it is above a limit, and returns the last value seen; 2,000 readings at most.
fn pressure_above(port: &str, limit: i64) -> i64 {
    let mut child = Command::new("mbpoll")
        .args([
            "-m", "tcp", "-p", port, "-a", "1", "-0", "-t", "3", "-r", "0", "-l", "100",
        ])
        .arg("127.0.0.1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut last = 0;
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let readings = lines.map_while(Result::ok).filter_map(|line| {
        let (register, value) = line.split_once(':')?;
        let value = value.split_whitespace().next()?.parse::<i64>().ok()?;
        (register.trim() == "[0]").then_some(value)
    });
    for value in readings.take(2_000) {
        last = value;
        if value > limit {
            break;
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    last
}

#[test]
fn nmap_discovers_the_controller() {
    let (out, server) = life("nmap", "1");
    let port = server.port("sis1-modbus").to_string();
    let told = tool(
        "nmap",
        &[
            "-Pn",
            "-n",
            "-p",
            &port,
            "--script",
            "+modbus-discover",
            "127.0.0.1",
        ],
    );
    assert!(told.contains("modbus-discover"), "{told}");
    assert!(told.contains("Halden Controls HS-41 V1.3.0"), "{told}");
    let report = server.stop();
    assert!(
        techniques(&report, "sis1").contains(&"T0888".to_owned()),
        "{report}"
    );
    verifies(&out);
}

#[test]
fn libmodbus_works_every_function_that_it_knows() {
    let (out, server) = life("libmodbus", "1");
    let client = compiled("libmodbus_client.c", &["-lmodbus"]);
    scanned(server.port("plc1-modbus"));
    let port = server.port("plc1-modbus").to_string();
    let told = tool(&client, &[&port]);
    assert!(told.ends_with("all right\n"), "{told}");
    let report = server.stop();
    assert!(!techniques(&report, "plc1").is_empty(), "{report}");
    verifies(&out);
}

#[test]
fn a_killed_match_resumes_and_verifies_as_a_whole() {
    let (out, server) = life("killed", "20");
    let told = pymodbus(server.port("plc1-modbus"), &["tour"]);
    assert_eq!(told["written"], 2710);
    server.kill();
    let server = Server::resume(&out);
    let told = pymodbus(server.port("plc1-modbus"), &["tour"]);
    assert_eq!(
        told["setpoint"], 2710,
        "what was written before the kill is still there"
    );
    let report = server.stop();
    assert!(!techniques(&report, "plc1").is_empty(), "{report}");
    verifies(&out);
}

#[test]
fn tshark_finds_no_malformed_frame_from_our_devices() {
    // The second cast works the management session the most: it restores a program every minute.
    for cast in ["standard", "degenerate-restore"] {
        let place = folder("tshark").join(cast);
        let out = text(&place);
        let arguments = ["--cast", cast, "--seed", "7", "--out", &out];
        succeeds(&[&["run", &scenario("first-watch")][..], &arguments].concat());
        let capture = text(&place.join("capture.pcapng"));
        // As anybody opens it first: without an option.
        let malformed = tool("tshark", &["-r", &capture, "-Y", "_ws.malformed"]);
        assert_eq!(malformed, "", "{cast}");
        for tap in ["0", "1"] {
            let one = tap_of(&capture, tap);
            assert!(filtered(&one, "modbus").lines().count() > 1_000, "{one}");
            assert!(!filtered(&one, "arp").is_empty(), "{one}");
            assert_eq!(filtered(&one, WRONG), "", "{one}");
        }
    }
}

/// What tshark says of frames that are wrong. What a firewall rule drops is sent again: no fault of a frame.
const WRONG: &str = "(_ws.malformed || _ws.expert.severity == error || ip.checksum.status == 0 \
                     || tcp.checksum.status == 0)";

/// One tap of a capture beside it. A frame that crosses the firewall is in the capture once for each tap, and tshark takes
/// the second sight of a segment for a retransmission.
fn tap_of(capture: &str, tap: &str) -> String {
    let one = capture.replace("capture.pcapng", &format!("tap-{tap}.pcapng"));
    let of_tap = format!("frame.interface_id == {tap}");
    tool("tshark", &["-n", "-r", capture, "-Y", &of_tap, "-w", &one]);
    one
}

/// Frames of a capture that pass a filter of tshark.
fn filtered(capture: &str, filter: &str) -> String {
    let reading = ["-n", "-r", capture];
    let checking = [
        "-o",
        "ip.check_checksum:TRUE",
        "-o",
        "tcp.check_checksum:TRUE",
    ];
    tool(
        "tshark",
        &[&reading[..], &checking, &["-Y", filter]].concat(),
    )
}

/// Looks at what a controller of a run that has ended sent to a tool; it is on the tap of the controllers' zone.
fn sent_no_wrong_frame(out: &Path, address: &str) {
    let tap = tap_of(&text(&out.join("capture.pcapng")), "1");
    let sent = format!("ip.src == {address}");
    assert_ne!(filtered(&tap, &sent), "", "{address} sent nothing");
    let wrong = filtered(&tap, &format!("{sent} && {WRONG}"));
    assert_eq!(wrong, "", "tshark finds fault with what {address} sent");
}

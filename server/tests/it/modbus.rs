//! `trippoint modbus` against a served match, and where it refuses.

use crate::live::Server;
use crate::support::{Said, trippoint};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

/// Runs `trippoint modbus` on the live range in a folder.
fn modbus(range: &Path, args: &[&str]) -> Said {
    let live = ["--range", range.to_str().unwrap()];
    trippoint(&[&["modbus"][..], args, &live].concat())
}

fn json(said: &Said) -> Value {
    assert_eq!(said.code, 0, "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

/// Asks until the controller has scanned once.
fn served(dir: &Path) -> Server {
    let server = Server::start(dir, &["--expose", "--rate-limit", "off"]);
    server.serving();
    loop {
        let said = modbus(dir, &["read", "plc1-modbus", "input", "0", "--json"]);
        if json(&said)["values"][0] != 0 {
            return server;
        }
    }
}

#[test]
fn registers_are_read_and_written_in_a_live_range() {
    let dir = tempfile::tempdir().unwrap();
    let server = served(dir.path());
    let log = dir.path().join("writes.jsonl");
    let log_text = log.to_str().unwrap();
    let said = modbus(
        dir.path(),
        &[
            "write",
            "plc1-modbus",
            "holding",
            "1030",
            "4711",
            "7",
            "--log",
            log_text,
        ],
    );
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    assert!(said.err.contains("2 values written"), "{}", said.err);
    let said = modbus(
        dir.path(),
        &["read", "plc1-modbus", "holding", "1030", "2", "--json"],
    );
    assert_eq!(json(&said)["values"], serde_json::json!([4711, 7]));
    let said = modbus(dir.path(), &["read", "plc1-modbus", "holding", "1030", "2"]);
    assert_eq!(
        said.out,
        "ADDRESS  VALUE\n1030     4711   0x1267\n1031     7      0x0007\n"
    );
    // More than one request holds.
    let said = modbus(
        dir.path(),
        &["read", "plc1-modbus", "holding", "1030", "300", "--json"],
    );
    assert_eq!(json(&said)["values"].as_array().unwrap().len(), 300);
    let said = modbus(
        dir.path(),
        &["read", "plc1-modbus", "coil", "0", "9", "--json"],
    );
    assert_eq!(
        json(&said)["values"],
        serde_json::json!([0, 0, 0, 0, 0, 0, 0, 0, 0])
    );
    let lines = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "before and after");
    assert_eq!(lines[0]["write"]["values"], serde_json::json!([4711, 7]));
    assert_eq!(lines[0]["answer"], Value::Null);
    assert_eq!(lines[1]["answer"], "done");
    assert!(lines[1]["unix_ms"].as_u64().unwrap() > 1_700_000_000_000);
    let said = modbus(
        dir.path(),
        &[
            "write",
            "plc1-modbus",
            "coil",
            "8000",
            "1",
            "--log",
            log_text,
        ],
    );
    assert_eq!(said.code, 0, "{}", said.err);
    server.stop();
}

#[test]
fn a_refusal_of_the_device_is_told_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let server = served(dir.path());
    let said = modbus(dir.path(), &["read", "plc1-modbus", "input", "40000"]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("exception 02 illegal data address"),
        "{}",
        said.err
    );
    let log = dir.path().join("writes.jsonl");
    let said = modbus(
        dir.path(),
        &[
            "write",
            "plc1-modbus",
            "holding",
            "9000",
            "1",
            "--log",
            log.to_str().unwrap(),
        ],
    );
    assert_eq!(said.code, 1, "{}", said.err);
    let lines = std::fs::read_to_string(&log).unwrap();
    assert!(
        lines.lines().nth(1).unwrap().contains("exception 02"),
        "{lines}"
    );
    server.stop();
}

#[test]
fn a_device_says_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let server = served(dir.path());
    let told = json(&modbus(dir.path(), &["id", "plc1-modbus", "--json"]));
    let objects = told["identification"]["answer"]["objects"]
        .as_array()
        .unwrap();
    assert_eq!(objects[0]["name"], "vendor name");
    assert_eq!(objects[0]["value"], "Halden Controls");
    let server_id = &told["server_id"]["answer"];
    assert_eq!(
        server_id["text"], "Halden Controls HC-315 V2.8.4.",
        "the run indicator is no letter"
    );
    let said = modbus(dir.path(), &["id", "plc1-modbus"]);
    assert!(said.out.contains("product code  HC-315\n"), "{}", said.out);
    let said = modbus(
        dir.path(),
        &["id", "plc1-modbus", "--unit", "9", "--timeout-ms", "50"],
    );
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("function 17: does not answer"),
        "{}",
        said.err
    );
    server.stop();
}

#[test]
fn a_scan_finds_units_functions_and_addresses() {
    let dir = tempfile::tempdir().unwrap();
    let server = served(dir.path());
    let args = [
        "scan",
        "plc1-modbus",
        "--units",
        "0-2,255",
        "--last",
        "1100",
    ];
    let told = json(&modbus(dir.path(), &[&args[..], &["--json"]].concat()));
    let units: Vec<u64> = told["units"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["unit"].as_u64().unwrap())
        .collect();
    assert_eq!(units, [0, 1, 255]);
    let functions: Vec<u64> = told["functions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["function"].as_u64().unwrap())
        .collect();
    assert_eq!(
        functions,
        [1, 2, 3, 4, 5, 6, 8, 15, 16, 17, 22, 23, 43],
        "{told}"
    );
    let ranges = serde_json::json!([
        {"table": "coil", "first": 0, "last": 1100},
        {"table": "discrete", "first": 0, "last": 1100},
        {"table": "holding", "first": 0, "last": 1100},
        {"table": "input", "first": 0, "last": 1023},
    ]);
    assert_eq!(told["ranges"], ranges);
    let text = modbus(dir.path(), &args).out;
    assert!(text.contains("input     0      1023\n"), "{text}");
    let again = json(&modbus(
        dir.path(),
        &["read", "plc1-modbus", "holding", "1024", "--json"],
    ));
    assert_eq!(
        again["values"],
        serde_json::json!([0]),
        "nothing was written"
    );
    server.stop();
}

#[test]
fn outside_a_live_range_it_only_reads_unless_the_address_is_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let server = served(dir.path());
    let address = server.address("plc1-modbus");
    let log = dir.path().join("writes.jsonl");
    let log_text = log.to_str().unwrap();
    let said = trippoint(&["modbus", "read", &address, "input", "0"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let write = [
        "modbus", "write", &address, "holding", "1024", "5", "--log", log_text,
    ];
    let said = trippoint(&write);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("only read"), "{}", said.err);
    let said = trippoint(&[&write[..], &["--real-device", "127.0.0.1:1"]].concat());
    assert_eq!(said.code, 2, "another address");
    assert!(!log.exists(), "nothing was tried");
    let said = trippoint(&[&write[..], &["--real-device", &address, "--unit", "0"]].concat());
    assert_eq!(said.code, 2, "a broadcast");
    let said = trippoint(&[&write[..], &["--real-device", &address]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    let logged = std::fs::read_to_string(&log).unwrap();
    assert!(logged.contains("\"range\":null"), "{logged}");
    // Functions that write are not even tried there.
    let told = json(&trippoint(&[
        "modbus", "scan", &address, "--unit", "1", "--last", "1", "--json",
    ]));
    let functions = told["functions"].as_array().unwrap();
    assert!(
        functions
            .iter()
            .all(|row| ![5, 6, 15, 16, 22, 23].contains(&row["function"].as_i64().unwrap()))
    );
    server.stop();
}

#[test]
fn a_folder_is_live_only_while_it_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let server = served(dir.path());
    let file = dir.path().join("match.endpoints.json");
    let endpoints = std::fs::read(&file).unwrap();
    let said = modbus(dir.path(), &["read", "plc1-modbud", "input", "0"]);
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("did you mean `plc1-modbus`?"),
        "{}",
        said.err
    );
    server.stop();
    assert!(!file.exists());
    // As a process leaves it that was killed.
    std::fs::write(&file, endpoints).unwrap();
    let said = modbus(
        dir.path(),
        &["write", "plc1-modbus", "holding", "1024", "1"],
    );
    assert_eq!(said.code, 2);
    assert!(said.err.contains("no match is served"), "{}", said.err);
}

#[test]
fn several_addresses_are_refused() {
    for address in ["192.0.2.0/24", "192.0.2.1-9", "192.0.2.1,192.0.2.2"] {
        let said = trippoint(&["modbus", "scan", address]);
        assert_eq!(said.code, 2);
        assert!(said.err.contains("one device"), "{}", said.err);
    }
}

#[test]
fn values_that_no_request_holds_are_wrong_use() {
    let write = ["modbus", "write", "127.0.0.1:1"];
    for (args, words) in [
        (&["coil", "0", "2"][..], "no coil's value"),
        (&["holding", "65535", "1", "2"], "do not fit"),
    ] {
        let said = trippoint(&[&write[..], args].concat());
        assert_eq!(said.code, 2);
        assert!(said.err.contains(words), "{}", said.err);
    }
    let said = trippoint(&["modbus", "read", "127.0.0.1:1", "input", "65535", "2"]);
    assert_eq!(said.code, 2);
}

/// A device that gives these answers, one a connection.
fn device(answers: Vec<Vec<u8>>) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 12];
            stream.read_exact(&mut request).unwrap();
            let mut reply = request[..2].to_vec();
            reply.extend(answer);
            stream.write_all(&reply).unwrap();
        }
    });
    (address, thread)
}

#[test]
fn a_device_that_talks_nonsense_is_told_in_words() {
    let (address, thread) = device(vec![
        vec![0, 0, 0, 3, 1, 0x84, 6],
        vec![0, 0, 0, 5, 1, 3, 2, 0, 1],
        vec![0, 0, 0, 7, 1, 4, 4, 0, 1, 0, 2],
        vec![],
    ]);
    for words in [
        "06 server device busy",
        "another function",
        "byte count",
        "",
    ] {
        let said = trippoint(&["modbus", "read", &address, "input", "0"]);
        assert_eq!(said.code, 1, "{}", said.err);
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    thread.join().unwrap();
    let said = trippoint(&["modbus", "read", &address, "input", "0"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("cannot reach"), "{}", said.err);
}

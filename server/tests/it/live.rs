//! Real sockets against a served match.

use crate::support::{READ_PRESSURE, Stream, WRITE_NOTE, bench_bay, trippoint, trippoint_with};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use trippoint::interrupt::Interrupt;

/// A wait for another thread gives up after this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `serve` in another thread.
pub struct Server {
    out: Stream,
    interrupt: Interrupt,
    thread: JoinHandle<u8>,
}

impl Server {
    pub fn start(out_dir: &Path, more: &[&str]) -> Self {
        let (out, err, interrupt) = (Stream::default(), Stream::default(), Interrupt::default());
        let scenario = bench_bay();
        let mut args: Vec<String> = [
            "serve",
            scenario.to_str().unwrap(),
            "--seed",
            "5",
            "--json",
            "--out",
        ]
        .map(String::from)
        .to_vec();
        args.push(out_dir.to_str().unwrap().into());
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        let (out_there, interrupt_there) = (out.clone(), interrupt.clone());
        let thread = std::thread::spawn(move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            trippoint_with(&args, &out_there, &err, &interrupt_there)
        });
        Self {
            out,
            interrupt,
            thread,
        }
    }

    /// The first line, once it is there.
    pub fn serving(&self) -> serde_json::Value {
        let start = Instant::now();
        loop {
            if let Some((line, _)) = self.out.text().split_once('\n') {
                return serde_json::from_str(line).unwrap();
            }
            assert!(start.elapsed() < PATIENCE && !self.thread.is_finished());
            std::thread::yield_now();
        }
    }

    /// Where an endpoint is open.
    pub fn address(&self, endpoint: &str) -> String {
        let serving = self.serving();
        let endpoints = serving["endpoints"].as_array().unwrap();
        let found = endpoints
            .iter()
            .find(|row| row["endpoint"] == endpoint)
            .unwrap();
        found["address"].as_str().unwrap().to_owned()
    }

    fn connect(&self, endpoint: &str) -> TcpStream {
        let stream = TcpStream::connect(self.address(endpoint)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub fn stop(self) -> String {
        self.interrupt.set();
        assert_eq!(self.thread.join().unwrap(), 0);
        self.out.text()
    }
}

fn exchange(stream: &mut TcpStream, request: &[u8], length: usize) -> Vec<u8> {
    stream.write_all(request).unwrap();
    let mut reply = vec![0; length];
    stream.read_exact(&mut reply).unwrap();
    reply
}

#[test]
fn a_tool_reads_and_writes_the_controller_and_the_match_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--expose=laptop", "--rate-limit", "off"]);
    let mut tool = server.connect("plc1-modbus");
    // Zero until the first scan of the controller.
    let start = Instant::now();
    let pressure = loop {
        let reply = exchange(&mut tool, &READ_PRESSURE, 11);
        assert_eq!(reply[..9], [0, 1, 0, 0, 0, 5, 1, 4, 2]);
        let pressure = u16::from_be_bytes([reply[9], reply[10]]);
        if pressure > 0 || start.elapsed() > PATIENCE {
            break pressure;
        }
    };
    assert!((2_500..2_900).contains(&pressure), "{pressure} kPa");
    // A write is answered with its echo.
    assert_eq!(exchange(&mut tool, &WRITE_NOTE, 12), WRITE_NOTE);
    drop(tool);
    let out = server.stop();
    let ended: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(ended["event"], "ended");
    assert_eq!(ended["late"]["steps"], 0);
    let file = dir.path().join("match.tpr");
    let said = trippoint(&["replay", file.to_str().unwrap(), "--verify"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[test]
fn a_closed_port_accepts_and_then_resets() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--expose"]);
    let mut tool = server.connect("plc1-closed");
    let error = tool.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    server.stop();
}

#[test]
fn an_orderly_end_of_the_tool_is_answered_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--expose"]);
    let mut tool = server.connect("plc1-modbus");
    assert_eq!(exchange(&mut tool, &READ_PRESSURE, 11).len(), 11);
    tool.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(tool.read(&mut [0; 1]).unwrap(), 0, "an end, not a reset");
    server.stop();
}

#[test]
fn connections_that_come_and_go_at_one_endpoint_leave_another_alone() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &["--expose"]);
    let mut kept = server.connect("plc1-modbus");
    assert_eq!(exchange(&mut kept, &READ_PRESSURE, 11).len(), 11);
    for round in 0..10 {
        // Some are left at once, some stay until the round is over.
        let held: Vec<TcpStream> = (0..40)
            .map(|_| server.connect("plc1-closed"))
            .filter(|_| round % 2 == 0)
            .collect();
        assert_eq!(exchange(&mut kept, &READ_PRESSURE, 11).len(), 11);
        let mut further = server.connect("plc1-modbus");
        assert_eq!(exchange(&mut further, &READ_PRESSURE, 11).len(), 11);
        drop(held);
    }
    server.stop();
    let file = dir.path().join("match.tpr");
    let said = trippoint(&["replay", file.to_str().unwrap(), "--verify"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[test]
fn nothing_is_open_unless_asked_for_and_then_on_loopback() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("closed"), &[]);
    assert_eq!(server.serving()["endpoints"], serde_json::json!([]));
    server.stop();
    let server = Server::start(&dir.path().join("open"), &["--expose"]);
    let serving = server.serving();
    for row in serving["endpoints"].as_array().unwrap() {
        assert!(row["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    }
    server.stop();
}

#[test]
fn several_matches_run_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(
        dir.path(),
        &["--expose", "--matches", "3", "--workers", "2"],
    );
    let mut tool = server.connect("plc1-modbus");
    assert_eq!(exchange(&mut tool, &READ_PRESSURE, 11).len(), 11);
    let out = server.stop();
    assert_eq!(out.matches("\"event\":\"serving\"").count(), 3);
    assert_eq!(out.matches("\"event\":\"ended\"").count(), 3);
    for seed in ["5", "6", "7"] {
        let file = dir.path().join(seed).join("match.tpr");
        let said = trippoint(&["replay", file.to_str().unwrap(), "--verify"]);
        assert_eq!((said.code, said.err.as_str()), (0, ""));
    }
}

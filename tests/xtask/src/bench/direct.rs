//! Requests a second at an exposed port, beside a plain libmodbus server: same client, same run, in turn.

use super::headless::{REGISTER, serve_arguments};
use super::load::{self, Load};
use super::process::{Scratch, Server, median};
use super::{Measured, measured};
use crate::listener::{self, Listener};
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

/// Foothold and controller on one switch, nothing else.
const SCENARIO: &str = "tests/scenarios/bench-direct";
/// Its endpoint.
const ENDPOINT: &str = "plc1-modbus";
/// A controller takes 12 connections, so 50 go to the controllers of five matches on one worker.
const MATCHES: usize = 5;

/// Requests a second at each combination of connections and depth.
///
/// # Errors
/// A server fails, or libmodbus is not installed.
pub fn run(smoke: bool) -> Result<Vec<Measured>, String> {
    let (rounds, lasts) = if smoke {
        (1, Duration::from_millis(200))
    } else {
        (5, Duration::from_secs(2))
    };
    let scratch = Scratch::new("direct")?;
    let out = scratch.path().join("run");
    let out = out.to_string_lossy().into_owned();
    let matches = MATCHES.to_string();
    let mut arguments = serve_arguments(SCENARIO, &out);
    arguments.extend(["--matches", &matches, "--no-capture"]);
    let server = Server::start(&arguments, MATCHES)?;
    let ours: Result<Vec<SocketAddr>, String> =
        (0..MATCHES).map(|n| server.address(n, ENDPOINT)).collect();
    let ours = ours?;
    let peer = listener::build_libmodbus(scratch.path())?;
    let peer = Listener::start(&mut Command::new(peer))?;
    let mut rows = Vec::new();
    for (connections, depth) in [(1, 1), (50, 1), (1, 16), (50, 16)] {
        let ask = |servers: &[SocketAddr]| {
            load::run(&Load {
                servers: servers.to_vec(),
                register: REGISTER,
                connections,
                depth,
                lasts,
                pause: Duration::ZERO,
            })
        };
        let (mut mine, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let a = ask(&ours)?.rate_hz;
            let b = ask(&[peer.address])?.rate_hz;
            mine.push(a);
            theirs.push(b);
            ratios.push(a / b);
        }
        let plural = if connections == 1 { "" } else { "s" };
        let case = format!("{connections} connection{plural}, depth {depth}");
        rows.push(measured(
            format!("bench-direct, {case}: trippoint"),
            median(mine),
            "req/s",
            "",
        ));
        rows.push(measured(
            format!("bench-direct, {case}: libmodbus"),
            median(theirs),
            "req/s",
            "",
        ));
        let goal = if depth == 1 { "1, at least 0.5" } else { "2" };
        rows.push(measured(
            format!("bench-direct, {case}: ratio, median of pairs"),
            median(ratios),
            "x",
            goal,
        ));
    }
    server.stop()?;
    Ok(rows)
}

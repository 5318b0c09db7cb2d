//! A whole headless match, and a match that was killed and resumed.

use super::load::{self, Load};
use super::process::{Scratch, Server, median};
use super::{Measured, measured};
use crate::shell;
use std::process::Command;
use std::time::{Duration, Instant};

/// The scenario of the design's figures.
pub const SCENARIO: &str = "scenarios/first-watch";
/// Endpoint through which everything is asked: the engineering station's, which the firewall lets through.
pub const ENDPOINT: &str = "plc1-modbus-ews";
/// Holding register at which the controllers' markers begin.
pub const REGISTER: u16 = 1024;
/// Virtual seconds of the match at its class pace.
const MATCH_S: f64 = 1620.0;

/// User and system time of `trippoint run`, and its ratio to virtual time.
///
/// # Errors
/// A match fails.
pub fn run(smoke: bool) -> Result<Vec<Measured>, String> {
    let runs = if smoke { 1 } else { 9 };
    let scratch = Scratch::new("headless")?;
    let out = scratch.path().join("run");
    let mut rows = Vec::new();
    // The standard match ends early where the reactor is destroyed; without red it plays the whole time.
    for (cast, virtual_s) in [("standard", None), ("no-red", Some(MATCH_S))] {
        let mut cpu_s = Vec::new();
        let mut wall_s = Vec::new();
        for _ in 0..runs {
            let began = Instant::now();
            cpu_s.push(cpu_of_run(cast, &out.to_string_lossy())?);
            wall_s.push(began.elapsed().as_secs_f64());
        }
        let cpu_s = median(cpu_s);
        rows.push(measured(
            format!("headless first-watch, cast {cast}: user + system time of the process"),
            cpu_s,
            "s",
            "",
        ));
        rows.push(measured(
            format!("headless first-watch, cast {cast}: wall time"),
            median(wall_s),
            "s",
            "below 2",
        ));
        let played_s = match virtual_s {
            Some(seconds) => seconds,
            None => ended_at_s(&out)?,
        };
        rows.push(measured(
            format!("headless first-watch, cast {cast}: virtual time over CPU time"),
            played_s / cpu_s,
            "x",
            "1000",
        ));
    }
    Ok(rows)
}

/// Runs one match; the shell tells what it cost to a millisecond, which `/proc` does not.
fn cpu_of_run(cast: &str, out: &str) -> Result<f64, String> {
    let script = r#"TIMEFORMAT='%3U %3S'; time "$@" >/dev/null 2>&1"#;
    let binary = shell::release_binary().to_string_lossy().into_owned();
    let done = Command::new("bash")
        .args(["-c", script, "bash", &binary, "run", SCENARIO])
        .args(["--cast", cast, "--seed", "1", "--out", out])
        .current_dir(shell::root())
        .output()
        .map_err(|e| format!("bash: {e}"))?;
    let text = String::from_utf8_lossy(&done.stderr).into_owned();
    if !done.status.success() {
        return Err(format!("the match failed: {text}"));
    }
    let parts: Vec<f64> = text
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    match parts.as_slice() {
        [user_s, system_s] => Ok(user_s + system_s),
        _ => Err(format!("no times in `{text}`")),
    }
}

/// Virtual time at which the match in this folder ended, from the last point of its curves.
fn ended_at_s(folder: &std::path::Path) -> Result<f64, String> {
    let file = folder.join("report.json");
    let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let report: serde_json::Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    report
        .pointer("/curves/0/points")
        .and_then(serde_json::Value::as_array)
        .and_then(|points| points.last()?.get("time_us")?.as_f64())
        .map(|time_us| time_us / 1e6)
        .ok_or_else(|| "the report has no curve".into())
}

/// Time from starting the process to the first Modbus answer at an exposed port.
///
/// # Errors
/// There is no answer.
pub fn first_answer(smoke: bool) -> Result<Vec<Measured>, String> {
    let mut times_ms = Vec::new();
    for _ in 0..if smoke { 1 } else { 9 } {
        let scratch = Scratch::new("first-answer")?;
        let out = scratch.path().to_string_lossy().into_owned();
        let began = Instant::now();
        let server = Server::start(&serve_arguments(SCENARIO, &out), 1)?;
        load::run(&Load {
            servers: vec![server.address(0, ENDPOINT)?],
            register: REGISTER,
            connections: 1,
            depth: 1,
            lasts: Duration::ZERO,
            pause: Duration::ZERO,
        })?;
        times_ms.push(began.elapsed().as_secs_f64() * 1e3);
        server.stop()?;
    }
    Ok(vec![measured(
        "start of the process to the first Modbus answer",
        median(times_ms),
        "ms",
        "below 1000",
    )])
}

/// How long `resume` takes after `kill -9`.
///
/// # Errors
/// It does not come back.
pub fn resume(smoke: bool) -> Result<Vec<Measured>, String> {
    let lasts = Duration::from_secs(if smoke { 1 } else { 27 });
    let scratch = Scratch::new("resume")?;
    let out = scratch.path().to_string_lossy().into_owned();
    let mut arguments = serve_arguments(SCENARIO, &out);
    arguments.extend(["--speed", "60", "--cast", "no-red"]);
    let server = Server::start(&arguments, 1)?;
    load::run(&Load {
        servers: vec![server.address(0, ENDPOINT)?],
        register: REGISTER,
        connections: 1,
        depth: 1,
        lasts,
        pause: Duration::from_millis(20),
    })?;
    server.kill();
    let began = Instant::now();
    let server = Server::start(&["resume", &out, "--json"], 1)?;
    let back_s = began.elapsed().as_secs_f64();
    server.stop()?;
    let replay = Instant::now();
    let recording = scratch.path().join("match.tpr");
    let recording = recording.to_string_lossy();
    let binary = shell::release_binary();
    shell::output(&mut shell::program(
        binary,
        &["replay", &recording, "--verify"],
    ))?;
    Ok(vec![
        measured(
            format!(
                "resume after kill -9 at {} virtual seconds: until it serves again",
                lasts.as_secs() * 60
            ),
            back_s,
            "s",
            "",
        ),
        measured(
            "replay --verify of that match",
            replay.elapsed().as_secs_f64(),
            "s",
            "",
        ),
    ])
}

/// `trippoint serve` with its ports open, no limit, one worker.
pub fn serve_arguments<'a>(scenario: &'a str, out: &'a str) -> Vec<&'a str> {
    vec![
        "serve",
        scenario,
        "--expose",
        "--json",
        "--workers",
        "1",
        "--rate-limit",
        "off",
        "--seed",
        "1",
        "--out",
        out,
    ]
}

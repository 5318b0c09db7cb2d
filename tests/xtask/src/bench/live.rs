//! Live ranges on one worker: what they cost, how fast they answer, and whether they grow.

use super::headless::{ENDPOINT, REGISTER, SCENARIO, serve_arguments};
use super::load::{self, Answers, Load};
use super::process::{Scratch, Server, Usage};
use super::{Measured, measured};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

/// Round trip that the virtual network of first-watch itself takes between the engineering station and PLC-1: two zones of
/// 100 us a link and a router between make four links each way.
const VIRTUAL_ROUND_TRIP_US: f64 = 800.0;

/// CPU share, memory and added latency of ranges at real time.
///
/// # Errors
/// A server fails.
pub fn real_time(smoke: bool) -> Result<Vec<Measured>, String> {
    let counts: &[usize] = if smoke { &[1, 2] } else { &[1, 50, 200] };
    let (settle, window) = (seconds(smoke, 0.5, 5.0), seconds(smoke, 0.5, 20.0));
    let mut rows = Vec::new();
    let plain = echo(window / 2)?;
    rows.push(measured(
        "round trip of a plain TCP echo on loopback, p50",
        plain.quantile_us(0.5),
        "us",
        "",
    ));
    for &count in counts {
        let scratch = Scratch::new("live")?;
        let server = serve(&scratch, count, &[])?;
        std::thread::sleep(settle);
        let before = server.usage()?;
        let began = Instant::now();
        std::thread::sleep(window);
        let after = server.usage()?;
        let share_pct = 100.0 * (after.cpu_s - before.cpu_s) / began.elapsed().as_secs_f64();
        let answers = paced(&server, count - 1, window / 2)?;
        let late_steps = server.stop()?;
        let goal = if count == 200 { "below 100" } else { "" };
        rows.push(measured(
            format!("{count} live ranges at real time, recording and taps on: share of one core"),
            share_pct,
            "%",
            goal,
        ));
        rows.push(measured(
            format!("{count} live ranges: resident memory of the process"),
            after.resident_mib,
            "MiB",
            "",
        ));
        rows.push(measured(
            format!("{count} live ranges: late steps"),
            late_steps as f64,
            "",
            "0",
        ));
        rows.extend(latency(count, &answers, &plain));
    }
    Ok(rows)
}

fn latency(count: usize, answers: &Answers, plain: &Answers) -> Vec<Measured> {
    let mut rows = Vec::new();
    for (name, share, goal) in [("p50", 0.5, ""), ("p99", 0.99, "below 10000")] {
        let round_trip_us = answers.quantile_us(share);
        let added_us = round_trip_us - VIRTUAL_ROUND_TRIP_US - plain.quantile_us(0.5);
        rows.push(measured(
            format!("{count} live ranges: exposed FC3 read across the firewall, {name}"),
            round_trip_us,
            "us",
            "",
        ));
        rows.push(measured(
            format!(
                "{count} live ranges: added by us to that ({name}), beyond plain TCP and the 800 us of the virtual cables"
            ),
            added_us,
            "us",
            goal,
        ));
    }
    rows
}

/// Memory that one more range takes when it has played half an hour.
///
/// # Errors
/// A server fails.
pub fn memory(smoke: bool) -> Result<Vec<Measured>, String> {
    let (few, many) = if smoke { (1, 3) } else { (5, 45) };
    let lasts = seconds(smoke, 0.5, 30.0);
    let mut rows = Vec::new();
    for (tap, arguments) in [("off", &["--no-capture"][..]), ("on", &[])] {
        let mut resident = Vec::new();
        for count in [few, many] {
            let scratch = Scratch::new("memory")?;
            let arguments = [arguments, &["--speed", "60", "--cast", "no-red"]].concat();
            let server = serve(&scratch, count, &arguments)?;
            std::thread::sleep(lasts);
            resident.push(server.usage()?.resident_mib);
            server.kill();
        }
        let slope_mib = (resident[1] - resident[0]) / (many - few) as f64;
        rows.push(measured(
            format!(
                "memory of one more range after {} virtual minutes, recording on, capture {tap}",
                lasts.as_secs()
            ),
            slope_mib,
            "MiB",
            "4, at most 8",
        ));
    }
    Ok(rows)
}

/// Growth of a long match: an hour of virtual time.
///
/// # Errors
/// The server fails.
pub fn growth(smoke: bool) -> Result<Vec<Measured>, String> {
    let minute = seconds(smoke, 0.02, 1.0);
    let scratch = Scratch::new("growth")?;
    let arguments = ["--speed", "60", "--cast", "no-red"];
    let server = serve(&scratch, 1, &arguments)?;
    let mut resident: Vec<Usage> = Vec::new();
    for minutes in [10, 20, 30, 30] {
        std::thread::sleep(minute * minutes);
        resident.push(server.usage()?);
    }
    server.kill();
    let mut rows = Vec::new();
    for (at_min, usage) in [10, 30, 60, 90].into_iter().zip(&resident) {
        rows.push(measured(
            format!("resident memory of one range after {at_min} virtual minutes"),
            usage.resident_mib,
            "MiB",
            "no growth",
        ));
    }
    Ok(rows)
}

fn serve(scratch: &Scratch, count: usize, more: &[&str]) -> Result<Server, String> {
    let out = scratch.path().to_string_lossy().into_owned();
    let matches = count.to_string();
    let mut arguments = serve_arguments(SCENARIO, &out);
    arguments.extend(["--matches", &matches]);
    arguments.extend(more);
    Server::start(&arguments, count)
}

/// Reads at 200 requests a second, so that latency is measured and not throughput.
fn paced(server: &Server, number: usize, lasts: Duration) -> Result<Answers, String> {
    ask_paced(server.address(number, ENDPOINT)?, lasts)
}

fn ask_paced(server: SocketAddr, lasts: Duration) -> Result<Answers, String> {
    load::run(&Load {
        servers: vec![server],
        register: REGISTER,
        connections: 1,
        depth: 1,
        lasts,
        pause: Duration::from_millis(5),
    })
}

/// The same requests to a server that answers each from its receive buffer: what sockets alone take.
fn echo(lasts: Duration) -> Result<Answers, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let answering = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut request = [0; 12];
        let mut answer = [0; 29];
        while stream.read_exact(&mut request).is_ok() {
            answer[..2].copy_from_slice(&request[..2]);
            answer[5..9].copy_from_slice(&[23, 1, 3, 20]);
            stream.write_all(&answer)?;
        }
        Ok(())
    });
    let answers = ask_paced(address, lasts)?;
    let ended = answering.join().map_err(|_| "the echo failed")?;
    ended.map_err(|e| e.to_string())?;
    Ok(answers)
}

fn seconds(smoke: bool, brief: f64, full: f64) -> Duration {
    Duration::from_secs_f64(if smoke { brief } else { full })
}

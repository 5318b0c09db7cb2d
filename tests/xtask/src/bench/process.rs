//! Processes that are measured: what they cost, and where they listen. Figures come from `/proc`, so Linux alone has them.

use crate::shell;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long a server may take to say where it listens.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a server may take to end in order.
const END_TIMEOUT: Duration = Duration::from_secs(120);
/// Ticks of `/proc/PID/stat` a second: USER_HZ, which is 100 on every Linux of today.
const TICKS_PER_S: f64 = 100.0;

/// A folder for what a measurement leaves, removed when dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    /// An empty folder below the target folder.
    pub fn new(name: &str) -> Result<Self, String> {
        let folder = shell::target_dir().join("bench").join(name);
        let problem = |e: std::io::Error| format!("{}: {e}", folder.display());
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(problem)?;
        }
        std::fs::create_dir_all(&folder).map_err(problem)?;
        Ok(Self(folder))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is below the target folder, which is anybody's to delete.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// User and system time, seconds, to 10 ms.
    pub cpu_s: f64,
    /// Resident memory, MiB.
    pub resident_mib: f64,
}

/// Reads what a process has used.
///
/// # Errors
/// It has gone, or this system has no `/proc`.
pub fn usage(pid: u32) -> Result<Usage, String> {
    let read = |file: &str| {
        let path = format!("/proc/{pid}/{file}");
        std::fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))
    };
    let stat = read("stat")?;
    // The name in brackets may hold anything; fields 14 and 15 are the 12th and 13th behind it.
    let behind = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: f64 = behind
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    let status = read("status")?;
    let resident_kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .ok_or("no VmRSS")?;
    Ok(Usage {
        cpu_s: ticks / TICKS_PER_S,
        resident_mib: resident_kib / 1024.0,
    })
}

/// A running `trippoint serve` or `resume`.
pub struct Server {
    child: Child,
    lines: Receiver<Line>,
    /// Endpoints of each match, as printed.
    pub matches: Vec<Value>,
}

/// A line that a server has printed.
enum Line {
    Data(String),
    Word(String),
}

impl Server {
    /// Starts one and waits until `matches` matches are served.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start(arguments: &[&str], matches: usize) -> Result<Self, String> {
        let mut child = Command::new(shell::release_binary())
            .args(arguments)
            .current_dir(shell::root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("trippoint could not be started: {e}"))?;
        let (sender, lines) = channel();
        if let Some(stream) = child.stdout.take() {
            pump(stream, sender.clone(), Line::Data);
        }
        if let Some(stream) = child.stderr.take() {
            pump(stream, sender, Line::Word);
        }
        let mut server = Self {
            child,
            lines,
            matches: Vec::new(),
        };
        let until = Instant::now() + START_TIMEOUT;
        let mut words = String::new();
        while server.matches.len() < matches {
            let left = until.saturating_duration_since(Instant::now());
            match server.lines.recv_timeout(left) {
                Ok(Line::Data(line)) => {
                    let value: Value = serde_json::from_str(&line).map_err(|e| e.to_string())?;
                    server.matches.push(value);
                }
                Ok(Line::Word(line)) => words = words + "\n" + &line,
                Err(_) => return Err(format!("trippoint serve did not come up:{words}")),
            }
        }
        Ok(server)
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Address of an endpoint of the match of this number.
    ///
    /// # Errors
    /// There is none.
    pub fn address(&self, number: usize, endpoint: &str) -> Result<SocketAddr, String> {
        let endpoints = self
            .matches
            .get(number)
            .and_then(|m| m.get("endpoints"))
            .and_then(Value::as_array);
        endpoints
            .into_iter()
            .flatten()
            .find(|e| e.get("endpoint").and_then(Value::as_str) == Some(endpoint))
            .and_then(|e| e.get("address").and_then(Value::as_str)?.parse().ok())
            .ok_or_else(|| format!("no open endpoint `{endpoint}`"))
    }

    /// What it has used so far.
    ///
    /// # Errors
    /// See [`usage`].
    pub fn usage(&self) -> Result<Usage, String> {
        usage(self.pid())
    }

    /// Kills it without a word, as `kill -9` does.
    pub fn kill(mut self) {
        // A process that has gone by itself needs no more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends it in order and returns what each match said about late steps: times that virtual time gave way.
    ///
    /// # Errors
    /// It does not end.
    pub fn stop(mut self) -> Result<u64, String> {
        let pid = self.pid().to_string();
        shell::run(&mut shell::program("kill", &["-s", "INT", &pid]))?;
        let until = Instant::now() + END_TIMEOUT;
        let mut late_steps = 0;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(Line::Data(line)) => {
                    let value: Value = serde_json::from_str(&line).map_err(|e| e.to_string())?;
                    late_steps += value
                        .pointer("/late/steps")
                        .and_then(Value::as_u64)
                        .unwrap_or(0);
                }
                Ok(Line::Word(_)) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    return Err("trippoint serve does not end".into());
                }
            }
        }
        self.child.wait().map_err(|e| e.to_string())?;
        Ok(late_steps)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only where a measurement failed is it still there.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pump(
    stream: impl Read + Send + 'static,
    sender: std::sync::mpsc::Sender<Line>,
    kind: fn(String) -> Line,
) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if sender.send(kind(line)).is_err() {
                return;
            }
        }
    });
}

/// The middle of some figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    let middle = figures.len() / 2;
    figures.get(middle).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory() -> Result<(), String> {
        let mine = usage(std::process::id())?;
        assert!(mine.resident_mib > 0.1, "{mine:?}");
        Ok(())
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let middle = median(vec![3.0, 100.0, 1.0]);
        assert!((middle - 3.0).abs() < f64::EPSILON, "{middle}");
    }
}

//! Fuzzing with libFuzzer on the stable toolchain: the coverage passes are LLVM's, asked for by compiler flags.

use crate::shell::{self, Outcome};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// What libFuzzer needs from the compiler.
const RUSTFLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";
/// The flags above are for targets that are built for an explicit triple, so that build scripts stay plain.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// Megabytes of memory at which a target has failed.
const MEMORY_MB: u32 = 512;
/// Inputs within which the planted bug of `canary` must be found.
const CANARY_RUNS: u64 = 2_000_000;

/// A target and how many inputs the test command gives it.
struct Target {
    name: &'static str,
    runs: u64,
    /// Longest input, bytes.
    longest: u32,
    /// Processes that share the inputs, each with its own seed.
    shards: u64,
}

const TARGETS: &[Target] = &[
    target("scenario_ron", 200_000, 4096, 4),
    target("modbus_session", 2_000_000, 1024, 1),
    target("net_frame", 100_000, 4096, 1),
    target("recording", 500_000, 4096, 1),
    target("st_program", 50_000, 4096, 1),
];

const fn target(name: &'static str, runs: u64, longest: u32, shards: u64) -> Target {
    Target {
        name,
        runs,
        longest,
        shards,
    }
}

/// Options of `fuzz`.
#[derive(clap::Args)]
pub struct Options {
    /// Runs only the target with a planted bug, which must be found.
    #[arg(long)]
    pub canary: bool,
    /// Runs only this target.
    #[arg(long)]
    pub target: Option<String>,
    /// Gives each target this number of inputs instead of its own.
    #[arg(long)]
    pub runs: Option<u64>,
}

/// Builds the targets, runs them for a fixed number of inputs, and counts what libFuzzer says it did.
pub fn run(options: &Options) -> Outcome {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(format!("the fuzz targets are built for {TRIPLE} only"));
    }
    build()?;
    let mut told = Vec::new();
    if options.target.is_none() {
        told.push(canary()?);
    }
    let chosen: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| {
            !options.canary && options.target.as_deref().is_none_or(|t| t == target.name)
        })
        .collect();
    told.extend(fuzz(&chosen, options.runs)?);
    if told.is_empty() {
        let names: Vec<&str> = TARGETS.iter().map(|t| t.name).collect();
        return Err(format!("no such target; there are {}", names.join(", ")));
    }
    Ok(told.join("\n"))
}

fn build() -> Result<(), String> {
    let mut build = shell::cargo(&["build", "--release", "--locked", "--target", TRIPLE]);
    build
        .current_dir(shell::root().join("tests/fuzz"))
        .env("CARGO_TARGET_DIR", shell::target_dir().join("fuzz"))
        .env("RUSTFLAGS", RUSTFLAGS);
    shell::run(&mut build)
}

fn binary(name: &str) -> PathBuf {
    shell::target_dir()
        .join("fuzz")
        .join(TRIPLE)
        .join("release")
        .join(name)
}

/// A fresh folder for what a target finds, so that one run never depends on another.
fn workplace(name: &str) -> Result<PathBuf, String> {
    let folder = shell::target_dir().join("fuzz").join("found").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(folder)
}

fn command(name: &str, found: &Path, runs: u64, longest: u32, seed: u64) -> Command {
    let mut command = shell::program(binary(name), &[]);
    command
        .arg(format!("-runs={runs}"))
        .arg(format!("-max_len={longest}"))
        .arg(format!("-rss_limit_mb={MEMORY_MB}"))
        .arg(format!("-seed={seed}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        // The entropic schedule costs more than these short runs gain by it.
        .args(["-entropic=0", "-timeout=20", "-print_final_stats=1"])
        .arg(found);
    command
}

/// Runs the targets, as many processes at a time as there are cores, and returns a line for each.
fn fuzz(targets: &[&Target], runs: Option<u64>) -> Result<Vec<String>, String> {
    let jobs: Vec<(&Target, u64)> = targets
        .iter()
        .flat_map(|target| (0..target.shards).map(move |shard| (*target, shard)))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((target, shard)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let runs = runs.unwrap_or(target.runs).div_ceil(target.shards);
            done.push((target.name, fuzz_shard(target, *shard, runs)));
        }
        done
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let done = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_default())
            .collect::<Vec<_>>()
    });
    if done.len() != jobs.len() {
        return Err("a worker of the fuzzer was lost".into());
    }
    let mut told = Vec::new();
    for target in targets {
        let (mut executed, mut seconds) = (0, 0.0);
        for (_, outcome) in done.iter().filter(|(name, _)| *name == target.name) {
            let (units, took) = outcome.as_ref().map_err(Clone::clone)?;
            executed += units;
            seconds += took;
        }
        told.push(format!(
            "fuzz: {}: {executed} inputs, no crash, {seconds:.0} s of one core",
            target.name
        ));
    }
    Ok(told)
}

/// Runs one process and asserts from libFuzzer's own count that it had as many inputs as it was promised.
fn fuzz_shard(target: &Target, shard: u64, runs: u64) -> Result<(u64, f64), String> {
    let found = workplace(&format!("{}-{shard}", target.name))?;
    let mut command = command(target.name, &found, runs, target.longest, shard + 1);
    command.arg(shell::root().join("tests/fuzz/corpus").join(target.name));
    let started = Instant::now();
    let log = log_of(&mut command)?;
    if !log.success {
        return Err(format!(
            "{}: failed; the input lies in {}\n{}",
            target.name,
            found.display(),
            log.tail()
        ));
    }
    let executed = log
        .statistic("stat::number_of_executed_units:")
        .ok_or_else(|| format!("{}: libFuzzer told no count", target.name))?;
    if executed < runs {
        return Err(format!(
            "{}: {executed} inputs instead of {runs}",
            target.name
        ));
    }
    Ok((executed, started.elapsed().as_secs_f64()))
}

/// The fuzzer must find a bug that was planted for it: a fuzzer that finds nothing proves nothing.
fn canary() -> Result<String, String> {
    let found = workplace("canary")?;
    let log = log_of(&mut command("canary", &found, CANARY_RUNS, 64, 1))?;
    if log.success {
        return Err(format!(
            "canary: the planted bug was not found in {CANARY_RUNS} inputs"
        ));
    }
    if !log.text.contains("the canary is found") {
        return Err(format!(
            "canary: it failed otherwise than planned\n{}",
            log.tail()
        ));
    }
    Ok("fuzz: canary: the planted bug is found".into())
}

/// What a target printed, and whether it ended well.
struct Log {
    text: String,
    success: bool,
}

impl Log {
    fn statistic(&self, name: &str) -> Option<u64> {
        self.text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    fn tail(&self) -> String {
        let lines: Vec<&str> = self.text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

fn log_of(command: &mut Command) -> Result<Log, String> {
    let done = command
        .output()
        .map_err(|e| format!("`{}`: {e}", command.get_program().to_string_lossy()))?;
    Ok(Log {
        text: String::from_utf8_lossy(&done.stderr).into_owned(),
        success: done.status.success(),
    })
}

//! Every check and test, in order.

use crate::{bench, conformance, deny, deps, fuzz, golden, peers, scenarios, shell, tidy};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Options of `ci`.
#[derive(clap::Args)]
pub struct Options {
    /// Leaves out the tests of real clients (nmap, mbpoll, pymodbus, libmodbus, tshark).
    #[arg(long)]
    pub no_real_clients: bool,
}

/// What a step came to.
struct Done {
    name: &'static str,
    took: Duration,
    passed: u64,
    failed: u64,
    problem: Option<String>,
}

/// The steps so far.
#[derive(Default)]
struct Report {
    steps: Vec<Done>,
}

/// Counts of tests, read from the closing lines of test runners.
#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
}

/// Runs all steps and closes with one line `N passed, N failed`.
pub fn run(options: &Options) -> ExitCode {
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    if in_ci && options.no_real_clients {
        eprintln!("with CI=true nothing is left out: drop `--no-real-clients`");
        return ExitCode::FAILURE;
    }
    let mut report = Report::default();
    cheap_checks(&mut report);
    if !options.no_real_clients {
        report.check("peers", peers::run);
        report.check("spelling", spelling);
    }
    report.cargo(
        "clippy",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ],
    );
    report.cargo(
        "release build",
        &["build", "--release", "--package", "trippoint"],
    );
    // The first command of the README, as it stands there.
    report.cargo(
        "match",
        &["run", "--release", "--", "run", "scenarios/first-watch"],
    );
    tests(&mut report, options);
    documentation(&mut report);
    report.check("deny", deny::run);
    report.check("scenarios", scenarios::run);
    report.check("golden", || golden::run(&golden::Options { bless: false }));
    report.check("conformance", || {
        conformance::run(&conformance::Options { check: true })
    });
    report.check("bench", || {
        bench::run(&bench::Options {
            json: "target/bench-smoke.json".into(),
            page: None,
            smoke: true,
            only: Vec::new(),
        })
    });
    report.check("fuzz", || {
        fuzz::run(&fuzz::Options {
            canary: false,
            target: None,
            runs: None,
        })
    });
    if options.no_real_clients {
        println!("\nleft out: spelling and the tests of real clients");
    }
    report.close()
}

fn cheap_checks(report: &mut Report) {
    report.cargo("format", &["fmt", "--all", "--check"]);
    report.check("dependencies", deps::run);
    report.check("tidy", tidy::run);
}

/// All tests, the end-to-end ones against the release build, then the examples in the documentation.
fn tests(report: &mut Report, options: &Options) {
    let runner = if shell::is_installed("cargo-nextest") {
        "nextest run --workspace --no-fail-fast --status-level fail"
    } else {
        "test --workspace --lib --bins --tests --no-fail-fast"
    };
    let mut arguments: Vec<&str> = runner.split(' ').collect();
    if !options.no_real_clients {
        arguments.extend(["--features", "tests/real-clients"]);
    }
    let binary = shell::release_binary().to_string_lossy().into_owned();
    report.tests("tests", &arguments, &[("TRIPPOINT_BINARY", &binary)]);
    let examples = "test --workspace --exclude tests --exclude xtask --doc --no-fail-fast";
    report.tests("examples", &examples.split(' ').collect::<Vec<_>>(), &[]);
}

fn documentation(report: &mut Report) {
    let mut command = shell::cargo(&[
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]);
    // Private items are documented too, so links to them lead somewhere.
    let flags = "-D warnings -A rustdoc::private_intra_doc_links";
    command.env("RUSTDOCFLAGS", flags);
    report.check("documentation", move || {
        shell::run(&mut command).map(|()| "documentation: no warnings".into())
    });
}

fn spelling() -> shell::Outcome {
    shell::run(&mut shell::program(peers::venv().join("bin/typos"), &[]))?;
    Ok("spelling: no mistakes".into())
}

impl Report {
    /// A check that counts as one.
    fn check(&mut self, name: &'static str, check: impl FnOnce() -> shell::Outcome) {
        println!("\n== {name}");
        let started = Instant::now();
        let problem = match check() {
            Ok(summary) => {
                println!("{summary}");
                None
            }
            Err(problem) => {
                println!("{problem}");
                Some(problem)
            }
        };
        self.steps.push(Done {
            name,
            took: started.elapsed(),
            passed: u64::from(problem.is_none()),
            failed: u64::from(problem.is_some()),
            problem,
        });
    }

    /// A cargo command that counts as one check.
    fn cargo(&mut self, name: &'static str, arguments: &[&str]) {
        self.check(name, || {
            shell::run(&mut shell::cargo(arguments)).map(|()| format!("{name}: in order"))
        });
    }

    /// A test runner: counts as many as it ran, and as one failure if it ran none or ended badly without one.
    fn tests(&mut self, name: &'static str, arguments: &[&str], environment: &[(&str, &str)]) {
        println!("\n== {name}");
        let started = Instant::now();
        let mut counts = Counts::default();
        let mut command = shell::cargo(arguments);
        command.envs(environment.iter().copied());
        let ended = shell::watch(&mut command, |line| counts.see(line));
        let problem = match ended {
            Err(problem) => Some(problem),
            Ok(()) if name == "tests" && counts.passed == 0 => Some(format!("{name}: ran no test")),
            Ok(()) => None,
        };
        self.steps.push(Done {
            name,
            took: started.elapsed(),
            passed: counts.passed,
            failed: counts.failed.max(u64::from(problem.is_some())),
            problem,
        });
    }

    fn close(&self) -> ExitCode {
        println!("\n== summary");
        for step in &self.steps {
            let outcome = if step.problem.is_some() {
                "FAILED"
            } else {
                "ok"
            };
            println!(
                "{:>7.1} s  {:<6}  {}",
                step.took.as_secs_f64(),
                outcome,
                step.name
            );
        }
        for step in &self.steps {
            if let Some(problem) = &step.problem {
                println!("\n{}: {problem}", step.name);
            }
        }
        let total: Duration = self.steps.iter().map(|step| step.took).sum();
        let passed: u64 = self.steps.iter().map(|step| step.passed).sum();
        let failed: u64 = self.steps.iter().map(|step| step.failed).sum();
        println!("\n{:.0} s in all", total.as_secs_f64());
        println!("{passed} passed, {failed} failed");
        if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

impl Counts {
    /// Reads `test result: ok. 3 passed; 0 failed; ...` and `Summary [ 1 s] 3 tests run: 3 passed, 0 skipped`.
    fn see(&mut self, line: &str) {
        let line = line.trim();
        let counts = if let Some(rest) = line.strip_prefix("test result: ") {
            rest
        } else if line.starts_with("Summary [") {
            line.split_once("run: ").map_or("", |(_, rest)| rest)
        } else {
            return;
        };
        let words: Vec<&str> = counts
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        for pair in words.windows(2) {
            if let [number, word] = pair
                && let Ok(number) = number.parse::<u64>()
            {
                match *word {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_both_test_runners() {
        let mut counts = Counts::default();
        counts.see("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s");
        counts
            .see("     Summary [   3.210s] 40 tests run: 38 passed (1 slow), 2 failed, 0 skipped");
        counts.see("12 passed, 3 failed in a line that is no closing line");
        assert_eq!((counts.passed, counts.failed), (50, 2));
    }
}

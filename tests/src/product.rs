//! The binary from outside: a command that ends, and a server that runs until it is stopped or killed.

use crate::checkout;
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;

/// The binary: the one that `TRIPPOINT_BINARY` names, or one that is built here in the profile of the tests.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("TRIPPOINT_BINARY").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--package", "trippoint"])
        .current_dir(checkout::root())
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "the binary could not be built"
    );
    let target = checkout::target_dir().unwrap_or_else(|e| panic!("{e}"));
    let name = format!("trippoint{}", std::env::consts::EXE_SUFFIX);
    target.join("debug").join(name)
}

/// A fresh folder for one test.
#[must_use]
pub fn folder(test: &str) -> PathBuf {
    let target = checkout::target_dir().unwrap_or_else(|e| panic!("{e}"));
    let folder = target.join("it").join(test);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    folder
}

/// Path of a scenario of the checkout.
#[must_use]
pub fn scenario(name: &str) -> String {
    text(&checkout::root().join("scenarios").join(name))
}

/// A path as text.
#[must_use]
pub fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Runs a command to its end.
#[must_use]
pub fn trippoint(arguments: &[&str]) -> Output {
    Command::new(binary())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("{}: {e}", binary().display()))
}

/// Runs a command that must end with 0, and returns what it printed.
pub fn succeeds(arguments: &[&str]) -> String {
    let done = trippoint(arguments);
    assert_eq!(
        done.status.code(),
        Some(0),
        "{arguments:?}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap_or_else(|e| panic!("{e}"))
}

/// A running `serve` or `resume` with exposed endpoints.
pub struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    serving: Value,
}

impl Server {
    /// Serves a scenario into `out` on free ports.
    #[must_use]
    pub fn serve(scenario: &str, out: &Path, more: &[&str]) -> Self {
        let out = text(out);
        let first = ["serve", scenario, "--expose", "--json", "--seed", "7"];
        Self::start(&[&first[..], &["--out", &out], more].concat())
    }

    /// Carries on what was killed in `out`.
    #[must_use]
    pub fn resume(out: &Path) -> Self {
        Self::start(&["resume", &text(out), "--json"])
    }

    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(binary())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", binary().display()));
        let mut lines = child
            .stdout
            .take()
            .map(|stream| BufReader::new(stream).lines())
            .unwrap_or_else(|| panic!("standard output is piped"));
        let Some(Ok(first)) = lines.next() else {
            panic!("{arguments:?} serves nothing\n{}", errors(&mut child));
        };
        let serving: Value =
            serde_json::from_str(&first).unwrap_or_else(|e| panic!("{e} in {first}"));
        assert_eq!(serving["event"], "serving", "{first}");
        Self {
            child,
            lines,
            serving,
        }
    }

    /// Port on loopback of an endpoint of the scenario.
    #[must_use]
    pub fn port(&self, endpoint: &str) -> u16 {
        self.serving["endpoints"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|row| row["endpoint"] == endpoint)
            .and_then(|row| row["address"].as_str()?.rsplit_once(':')?.1.parse().ok())
            .unwrap_or_else(|| panic!("no endpoint {endpoint} in {}", self.serving))
    }

    /// Ends the match as Ctrl-C does, and returns the report.
    #[must_use]
    pub fn stop(self) -> Value {
        self.end()["report"].clone()
    }

    /// Ends the match as Ctrl-C does, and returns all that was told of it.
    #[must_use]
    pub fn end(mut self) -> Value {
        let interrupted = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(interrupted.is_ok_and(|status| status.success()));
        let mut last = String::new();
        for line in self.lines.by_ref().map_while(Result::ok) {
            last = line;
        }
        let ended = self.child.wait().ok().and_then(|status| status.code());
        assert_eq!(ended, Some(0), "{}", errors(&mut self.child));
        let ended: Value = serde_json::from_str(&last).unwrap_or_else(|e| panic!("{e} in {last}"));
        assert_eq!(ended["event"], "ended", "{last}");
        ended
    }

    /// Ends the process at once, as a crash would.
    pub fn kill(mut self) {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        assert!(killed.is_ok_and(|status| status.code().is_none()));
    }
}

impl Drop for Server {
    /// A test that fails leaves no server behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn errors(child: &mut Child) -> String {
    let mut told = String::new();
    if let Some(stream) = child.stderr.as_mut() {
        let _ = stream.read_to_string(&mut told);
    }
    told
}

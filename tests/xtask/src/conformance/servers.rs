//! The servers that are probed: ours, and those of others beside it, each in a process of its own.

use crate::bench::process::{Scratch, Server};
use crate::listener::{self, Listener};
use crate::{peers, shell};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The scenario that is served.
const SCENARIO: &str = "tests/scenarios/conformance";
/// Endpoint of its Modbus controller.
pub const MODBUS: &str = "plc1-modbus";
/// Endpoint of its S7 controller. While the scenario has none, the S7 tables have no column for ours.
pub const S7: &str = "plc2-s7";

/// Address inside the scenario from which the probes come.
pub const FOOTHOLD: &str = "10.1.1.40";
/// Name of the capture in the folder of a run.
const CAPTURE: &str = "capture.pcapng";

/// Our server while it is probed.
pub struct Ours {
    server: Server,
    out: PathBuf,
}

impl Ours {
    /// Builds the product as users have it and serves the scenario.
    ///
    /// # Errors
    /// It does not build or does not come up.
    pub fn start() -> Result<Self, String> {
        shell::run(&mut shell::cargo(&[
            "build",
            "--quiet",
            "--release",
            "--package",
            "trippoint",
        ]))?;
        let out = shell::target_dir().join("conformance");
        if out.exists() {
            std::fs::remove_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
        }
        let place = out.to_string_lossy();
        let arguments = [
            "serve",
            SCENARIO,
            "--expose",
            "--json",
            "--rate-limit",
            "off",
            "--seed",
            "1",
            "--out",
            &place,
        ];
        let server = Server::start(&arguments, 1)?;
        Ok(Self { server, out })
    }

    /// Where an endpoint is open; `None` if the scenario has no such endpoint.
    pub fn address(&self, endpoint: &str) -> Option<SocketAddr> {
        self.server.address(0, endpoint).ok()
    }

    /// Ends the match in order and returns its capture.
    ///
    /// # Errors
    /// It does not end.
    pub fn stop(self) -> Result<PathBuf, String> {
        self.server.stop()?;
        Ok(self.out.join(CAPTURE))
    }
}

/// A server of others.
pub struct Peer {
    /// Its name.
    pub name: &'static str,
    /// Starts one.
    pub start: fn(&Scratch) -> Result<Listener, String>,
}

/// Modbus servers of others.
pub const MODBUS_PEERS: &[Peer] = &[
    Peer {
        name: "libmodbus",
        start: |scratch| {
            let binary = scratch.path().join("libmodbus-server");
            if !binary.exists() {
                listener::build_libmodbus(scratch.path())?;
            }
            Listener::start(&mut Command::new(binary))
        },
    },
    Peer {
        name: "pymodbus",
        start: |_| python(&peers::venv(), "tests/peers/pymodbus_server.py"),
    },
    Peer {
        name: "tokio-modbus",
        start: |_| tokio_modbus(),
    },
];

/// S7 servers of others.
pub const S7_PEERS: &[Peer] = &[
    Peer {
        name: "snap7",
        start: |_| python(&peers::snap7_venv(), "tests/peers/s7_server.py"),
    },
    Peer {
        name: "python-snap7",
        start: |_| python(&peers::venv(), "tests/peers/s7_server.py"),
    },
];

fn python(venv: &Path, script: &str) -> Result<Listener, String> {
    Listener::start(&mut shell::program(venv.join("bin/python"), &[script]))
}

/// The example of this package, in release, since users' servers are.
fn tokio_modbus() -> Result<Listener, String> {
    const NAME: &str = "tokio_modbus_server";
    let build = ["build", "--quiet", "--release", "--package", "xtask"];
    shell::run(&mut shell::cargo(
        &[&build[..], &["--example", NAME]].concat(),
    ))?;
    let binary = shell::target_dir().join("release/examples").join(NAME);
    let mut server = Listener::start(&mut Command::new(binary))?;
    server.version = locked_version("tokio-modbus").unwrap_or_default();
    Ok(server)
}

/// Version of a crate in the lock file.
fn locked_version(name: &str) -> Option<String> {
    let text = std::fs::read_to_string(shell::root().join("Cargo.lock")).ok()?;
    let (_, behind) = text.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(behind.split_once('"')?.0.to_owned())
}

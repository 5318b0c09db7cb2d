//! A server of somebody else as a child process: it prints its port and answers until its standard input ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A running server, killed and reaped when dropped.
pub struct Peer {
    child: Child,
    port: u16,
}

impl Peer {
    /// Starts a server and waits until it has told its port.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|e| panic!("{name} is missing ({e}): run `cargo xtask peers`"));
        let mut line = String::new();
        if let Some(stream) = child.stdout.take() {
            // A server that ends without a word is told below.
            let _ = BufReader::new(stream).read_line(&mut line);
        }
        let port = line.split_whitespace().next();
        let port = port.and_then(|port| port.parse().ok());
        let mut peer = Self { child, port: 0 };
        peer.port = port.unwrap_or_else(|| panic!("{name} printed no port: {line}"));
        peer
    }

    /// Its port on loopback.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have gone by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

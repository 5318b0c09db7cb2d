//! A server of somebody else as a child process: it prints its port and answers until its standard input ends.

use crate::shell;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// Source of the server in the plainest use of libmodbus.
const LIBMODBUS: &str = "tests/peers/libmodbus_server.c";
/// Bytes of a server's standard error that are kept.
const WORDS_KEPT: u64 = 1 << 20;

/// A running server. It is killed and reaped when dropped, and ends by itself should this process vanish.
pub struct Listener {
    child: Child,
    words: Arc<Mutex<String>>,
    /// Where it listens.
    pub address: SocketAddr,
    /// The version that it told behind its port; empty if it told none.
    pub version: String,
}

impl Listener {
    /// Starts a server and waits for its port.
    ///
    /// # Errors
    /// It does not start or ends without a port.
    pub fn start(command: &mut Command) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .current_dir(shell::root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("`{name}` could not be started: {e}"))?;
        let words = Arc::new(Mutex::new(String::new()));
        if let Some(stream) = child.stderr.take() {
            keep(stream, Arc::clone(&words));
        }
        let stream = child.stdout.take();
        let mut server = Self {
            child,
            words,
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            version: String::new(),
        };
        let mut line = String::new();
        if let Some(stream) = stream {
            let mut stream = BufReader::new(stream);
            stream.read_line(&mut line).map_err(|e| e.to_string())?;
            // Whatever else it prints must find a reader.
            std::thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink()));
        }
        let line = line.trim();
        let (port, version) = line.split_once(' ').unwrap_or((line, ""));
        let port: u16 = port
            .parse()
            .map_err(|_| format!("`{name}` printed no port: {line}{}", server.words()))?;
        server.address = (Ipv4Addr::LOCALHOST, port).into();
        server.version = version.to_owned();
        Ok(server)
    }

    /// What it wrote to its standard error so far.
    pub fn words(&self) -> String {
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        words.clone()
    }

    /// Whether the process is still there.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It may have gone by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds the libmodbus server.
///
/// # Errors
/// libmodbus or a C compiler is missing.
pub fn build_libmodbus(folder: &Path) -> Result<PathBuf, String> {
    let binary = folder.join("libmodbus-server");
    let place = binary.to_string_lossy();
    let build = [LIBMODBUS, "-O2", "-Wall", "-o", &place, "-lmodbus"];
    shell::run(&mut shell::program("cc", &build)).map_err(|e| {
        format!(
            "the libmodbus server cannot be built; `cargo xtask peers` installs what it needs: {e}"
        )
    })?;
    Ok(binary)
}

fn keep(stream: impl Read + Send + 'static, words: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        let mut left = WORDS_KEPT;
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|count| count > 0)
        {
            let length = line.len() as u64;
            if length <= left {
                left -= length;
                let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
                words.push_str(&String::from_utf8_lossy(&line));
            }
            line.clear();
        }
    });
}

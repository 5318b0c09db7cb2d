//! Running other programs from the root of the checkout.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A summary for the person who asked, or the problem in words.
pub type Outcome = Result<String, String>;

/// Root of the checkout.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Folder of everything that is built.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The binary of the product, as built with `--release`.
pub fn release_binary() -> PathBuf {
    target_dir()
        .join("release")
        .join(format!("trippoint{}", std::env::consts::EXE_SUFFIX))
}

/// A cargo command in the root of the checkout.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null());
    command
}

/// Any other command in the root of the checkout.
pub fn program(name: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null());
    command
}

/// Runs a command whose output goes straight to the terminal.
pub fn run(command: &mut Command) -> Result<(), String> {
    let words = describe(command);
    let status = command
        .status()
        .map_err(|e| format!("`{words}` could not be started: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{words}` failed: {status}"))
    }
}

/// Runs a command and returns its standard output; its standard error goes to the terminal.
pub fn output(command: &mut Command) -> Result<String, String> {
    let words = describe(command);
    let done = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("`{words}` could not be started: {e}"))?;
    if !done.status.success() {
        return Err(format!("`{words}` failed: {}", done.status));
    }
    String::from_utf8(done.stdout).map_err(|_| format!("`{words}` printed no UTF-8"))
}

/// Runs a command, passes its two streams on line by line, and shows each line to `see`.
pub fn watch(command: &mut Command, mut see: impl FnMut(&str)) -> Result<(), String> {
    let words = describe(command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("`{words}` could not be started: {e}"))?;
    let (sender, lines) = std::sync::mpsc::channel();
    let streams: [Option<Box<dyn std::io::Read + Send>>; 2] = [
        child.stdout.take().map(|s| Box::new(s) as _),
        child.stderr.take().map(|s| Box::new(s) as _),
    ];
    for stream in streams.into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut bytes = Vec::new();
            while reader.read_until(b'\n', &mut bytes).is_ok_and(|n| n > 0) {
                let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                if sender.send(line).is_err() {
                    return;
                }
                bytes.clear();
            }
        });
    }
    drop(sender);
    for line in lines {
        println!("{line}");
        see(&line);
    }
    let status = child
        .wait()
        .map_err(|e| format!("`{words}` was lost: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{words}` failed: {status}"))
    }
}

/// True if a program of this name is on the search path.
pub fn is_installed(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|paths| {
        std::env::split_paths(&paths).any(|folder| folder.join(name).is_file())
    })
}

/// Every file that git tracks or would track, relative to the root, sorted.
pub fn tracked_files() -> Result<Vec<String>, String> {
    let listing = output(&mut program(
        "git",
        &["ls-files", "--cached", "--others", "--exclude-standard"],
    ))?;
    let mut files: Vec<String> = listing
        .lines()
        .filter(|file| root().join(file).is_file())
        .map(str::to_owned)
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// The folder for what is kept between runs: tools that were built once.
pub fn cache_dir() -> PathBuf {
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(target_dir)
        .join("trippoint-tools")
}

/// Joins a list of problems under a heading, or returns the summary if there are none.
pub fn verdict(heading: &str, problems: &[String], summary: String) -> Outcome {
    if problems.is_empty() {
        return Ok(summary);
    }
    let mut text = format!("{heading}: {} found", problems.len());
    for problem in problems {
        text.push_str("\n  ");
        text.push_str(problem);
    }
    Err(text)
}

fn describe(command: &Command) -> String {
    let mut words = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        words.push(' ');
        words.push_str(&argument.to_string_lossy());
    }
    words
}

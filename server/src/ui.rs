//! Where a command talks: data to stdout, talk and progress to stderr.

use crate::error::{Failure, Kind};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use sim_record::SimTime;
use std::io::{IsTerminal, Write};

/// The two streams of a command, and how to write to them.
pub struct Ui {
    /// Machine-readable results.
    pub json: bool,
    /// Talk is in colour and progress is drawn.
    pub terminal: bool,
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
}

impl Ui {
    /// The process' own streams.
    #[must_use]
    pub fn of_process(json: bool) -> Self {
        Self {
            json,
            terminal: std::io::stderr().is_terminal(),
            out: Box::new(std::io::stdout()),
            err: Box::new(std::io::stderr()),
        }
    }

    /// Other streams, without colour and progress.
    #[must_use]
    pub fn of_streams(
        json: bool,
        out: impl Write + Send + 'static,
        err: impl Write + Send + 'static,
    ) -> Self {
        Self {
            json,
            terminal: false,
            out: Box::new(out),
            err: Box::new(err),
        }
    }

    /// Writes data as it is.
    ///
    /// # Errors
    /// The stream refused it.
    pub fn data(&mut self, text: &str) -> Result<(), Failure> {
        self.out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush())
            .map_err(|error| output_failure(&error))
    }

    /// Writes one JSON document, indented, with a line end.
    ///
    /// # Errors
    /// The stream refused it.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::internal(format!("a result has no JSON form: {error}")))?;
        text.push('\n');
        self.data(&text)
    }

    /// Writes one JSON document on one line.
    ///
    /// # Errors
    /// The stream refused it.
    pub fn json_line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_string(value)
            .map_err(|error| Failure::internal(format!("a result has no JSON form: {error}")))?;
        text.push('\n');
        self.data(&text)
    }

    /// Says something to the user. Nobody listening is no failure of the command.
    pub fn say(&mut self, text: impl std::fmt::Display) {
        let _ = writeln!(self.err, "{text}");
    }

    /// Writes text to the user as it is.
    pub fn say_raw(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes());
    }

    /// A progress bar over virtual time from now to `ends`; invisible where nobody watches.
    #[must_use]
    pub fn progress(&self, ends: SimTime) -> Progress {
        let target = if self.terminal {
            ProgressDrawTarget::stderr_with_hz(PROGRESS_HZ)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(ends.0), target);
        let style = ProgressStyle::with_template("{msg} [{bar:40}] {percent}%");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        Progress { bar }
    }
}

const PROGRESS_HZ: u8 = 10;

/// A progress bar over virtual time; gone when dropped.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Says when the end is.
    pub fn until(&self, ends: SimTime) {
        self.bar.set_length(ends.0);
    }

    /// Shows the present virtual time.
    pub fn at(&self, now: SimTime) {
        if self.bar.is_hidden() {
            return;
        }
        let seconds = SimTime::from_secs(now.0 / 1_000_000);
        self.bar.set_position(now.0);
        let ends = SimTime(self.bar.length().unwrap_or_default());
        self.bar.set_message(format!("{seconds} of {ends}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn output_failure(error: &std::io::Error) -> Failure {
    let mut failure = Failure::io("cannot write the result", error);
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        failure.kind = Kind::BrokenPipe;
    }
    failure
}

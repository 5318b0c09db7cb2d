//! Where a command talks: data to stdout, talk and progress to stderr.

use crate::error::{Failure, Kind};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde::Serialize;
use sim_record::SimTime;
use std::fmt;
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

    /// Tells a failure: in words, or under `--json` as one document on one line.
    pub fn fail(&mut self, failure: &Failure) {
        if failure.kind == Kind::BrokenPipe {
            return;
        }
        match serde_json::to_string(&failure.told()) {
            Ok(text) if self.json => self.say(text),
            _ => self.say_raw(&failure.words(self.terminal)),
        }
    }

    /// A progress bar over virtual time from now to `ends`; invisible where nobody watches.
    #[must_use]
    pub fn progress(&self, ends: SimTime) -> Progress {
        Progress {
            bar: self.bar(ends.0, "{time} [{bar:40}] {percent:>3}%"),
        }
    }

    /// A progress bar over so many steps; invisible where nobody watches.
    #[must_use]
    pub fn steps(&self, count: u64) -> Steps {
        Steps {
            bar: self.bar(count, "{msg} [{bar:40}] {percent:>3}%"),
        }
    }

    fn bar(&self, length: u64, template: &str) -> ProgressBar {
        let target = if self.terminal {
            ProgressDrawTarget::stderr_with_hz(PROGRESS_HZ)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(length), target);
        let style = ProgressStyle::with_template(template);
        if let Ok(style) = style {
            // Made from the bar's own position, so that time, bar and percentage change in one stroke.
            let style = style.with_key(
                "time",
                |state: &ProgressState, line: &mut dyn fmt::Write| {
                    let now = SimTime::from_secs(state.pos() / 1_000_000);
                    let ends = SimTime(state.len().unwrap_or_default());
                    // Nothing is drawn where a line cannot be written.
                    let _ = write!(line, "{now} of {ends}");
                },
            );
            bar.set_style(style.progress_chars("=> "));
        }
        bar
    }
}

/// Rows under a heading, in columns as wide as they need to be.
#[must_use]
pub fn table<const N: usize>(
    heading: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut all = vec![heading.map(String::from)];
    all.extend(rows);
    let mut widths = [0; N];
    for row in &all {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in all {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

const PROGRESS_HZ: u8 = 10;

/// A progress bar over virtual time; gone when dropped.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Says when the end is.
    pub fn until(&self, ends: SimTime) {
        if self.bar.length() != Some(ends.0) {
            self.bar.set_length(ends.0);
        }
    }

    /// Shows the present virtual time.
    pub fn at(&self, now: SimTime) {
        self.bar.set_position(now.0);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A progress bar over steps; gone when dropped.
pub struct Steps {
    bar: ProgressBar,
}

impl Steps {
    /// So many more steps are to be done.
    pub fn stretch(&self, more: u64) {
        self.bar.inc_length(more);
    }

    /// Shows how many steps are done, and what is done now.
    pub fn at(&self, done: u64, what: impl std::fmt::Display) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_position(done);
        self.bar.set_message(what.to_string());
    }
}

impl Drop for Steps {
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

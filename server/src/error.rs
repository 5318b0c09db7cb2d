//! What can go wrong, in words a user can act on.

use serde::Serialize;
use sim_authored::Problem;
use std::fmt::{self, Write};

/// Kind of a failure; fixes the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The match could not be finished or verified, or a check failed. Exit code 1.
    Failed,
    /// The command was given something that it cannot use. Exit code 2.
    Usage,
    /// A broken invariant of this program. Exit code 3.
    Internal,
    /// Whoever read our output has gone; nobody is left to tell. Exit code 0.
    BrokenPipe,
}

impl Kind {
    /// The process' exit code.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Internal => 3,
            Self::BrokenPipe => 0,
        }
    }

    /// Its name in JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Internal => "internal",
            Self::BrokenPipe => "broken-pipe",
        }
    }
}

/// Code, in JSON, of a failure that lies in an author's files.
pub const PROBLEMS_CODE: &str = "problems";

/// A failure of a command: kind, message, problems of an author's files behind it, hints.
#[derive(Debug)]
pub struct Failure {
    /// Kind.
    pub kind: Kind,
    /// One sentence without a full stop.
    pub message: String,
    /// What is wrong in the author's files, if that is it.
    pub problems: Vec<Problem>,
    /// What the user can do, one sentence each.
    pub hints: Vec<String>,
}

impl Failure {
    /// The match could not be finished or verified, or a check failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// The command was given something that it cannot use.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// A broken invariant of this program.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// Something on disk or the network refused; `what` says what was tried.
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::failed(format!("{what}: {error}"))
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the problems of an author's files that are behind it.
    #[must_use]
    pub fn problems(mut self, problems: Vec<Problem>) -> Self {
        self.problems = problems;
        self
    }

    /// The whole for a person.
    #[must_use]
    pub fn words(&self, colour: bool) -> String {
        let prefix = match self.kind {
            Kind::Failed | Kind::Usage => "error",
            Kind::Internal => "internal error",
            Kind::BrokenPipe => return String::new(),
        };
        let mut text = format!("{prefix}: {}\n", self.message);
        if !self.problems.is_empty() {
            let problems = sim_authored::render_all(&self.problems, colour);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n{}", problems.trim_end());
        }
        for hint in self.all_hints() {
            let _ = writeln!(text, "hint: {hint}");
        }
        text
    }

    /// The whole for a program.
    #[must_use]
    pub fn told(&self) -> Told<'_> {
        Told {
            event: "error",
            code: if self.problems.is_empty() {
                self.kind.code()
            } else {
                PROBLEMS_CODE
            },
            exit_code: self.kind.exit_code(),
            message: &self.message,
            hints: self.all_hints().collect(),
            problems: &self.problems,
        }
    }

    fn all_hints(&self) -> impl Iterator<Item = &str> {
        let report = (self.kind == Kind::Internal)
            .then_some("this is a fault of trippoint; please report it with the recording");
        self.hints.iter().map(String::as_str).chain(report)
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            problems: Vec::new(),
            hints: Vec::new(),
        }
    }
}

/// What a program is told of a failure under `--json`.
#[derive(Debug, Serialize)]
pub struct Told<'a> {
    /// Always `error`.
    pub event: &'static str,
    /// The kind's name, or [`PROBLEMS_CODE`].
    pub code: &'static str,
    /// The process' exit code.
    pub exit_code: u8,
    /// One sentence.
    pub message: &'a str,
    /// What the user can do, one sentence each.
    pub hints: Vec<&'a str>,
    /// With file, line and column, what is wrong in an author's files.
    pub problems: &'a [Problem],
}

/// A message about a name that does not exist, with the nearest one or all there are as hint.
#[must_use]
pub fn unknown_name<'a>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Failure {
    let failure = Failure::usage(format!("there is no {what} named `{name}`"));
    if let Some(near) = sim_authored::nearest(name, known.clone()) {
        return failure.hint(format!("did you mean `{near}`?"));
    }
    let all: Vec<&str> = known.collect();
    if all.is_empty() {
        failure.hint(format!("there is no {what} at all"))
    } else {
        failure.hint(format!("there are: {}", all.join(", ")))
    }
}

//! What can go wrong, in words a user can act on.

use std::fmt;

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
}

/// A failure of a command: kind, message, hints.
#[derive(Debug)]
pub struct Failure {
    /// Kind.
    pub kind: Kind,
    /// One sentence without a full stop.
    pub message: String,
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

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hints: Vec::new(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.kind {
            Kind::Failed | Kind::Usage => "error",
            Kind::Internal => "internal error",
            Kind::BrokenPipe => return Ok(()),
        };
        writeln!(f, "{prefix}: {}", self.message)?;
        self.hints
            .iter()
            .try_for_each(|hint| writeln!(f, "hint: {hint}"))?;
        if self.kind == Kind::Internal {
            writeln!(
                f,
                "hint: this is a fault of trippoint; please report it with the recording"
            )?;
        }
        Ok(())
    }
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

//! Reading what authors write: RON with places, limits, and problems that say what to do.
//!
//! A folder's files go into a [`SourceMap`], which checks size, count and encoding. [`parse_ron`]
//! reads one of them into types whose leaves are [`Spanned`], so that a rule that looks at a value
//! later can still say where it stands: `value.problem(code, what_is_there, what_to_do)` makes a
//! [`Finding`], and [`Findings::into_problems`] turns them into [`Problem`]s with file, line and
//! column. Every kind of problem has a code in [`PROBLEMS`].
//!
//! Adding a kind of problem: one row in `codes.rs`, one bad fixture named after the fault.

pub mod codes;
pub mod limits;

mod parse;
mod placed;
mod problem;
mod scan;
mod source;
mod spanned;
mod suggest;

pub use codes::{PROBLEMS, ProblemKind, code, kind_of, problems_page};
pub use parse::{parse_ron, peek_ron};
pub use problem::{Finding, Findings, Problem, Related, Severity, is_about_folder, render_all};
pub use source::{FileId, Position, SourceFile, SourceMap, Span};
pub use spanned::{Entries, Spanned, report_duplicates};
pub use suggest::{did_you_mean, nearest, quote};

//! Reading a RON file into types with places, and saying what is wrong when that fails.

use std::cell::RefCell;

use ron::Error;
use ron::extensions::Extensions;
use serde::de::{Deserialize, DeserializeOwned};

use crate::codes::code;
use crate::limits::{LIST_MAX, NESTING_MAX};
use crate::placed::{Context, Fault, FaultKind, Placed};
use crate::problem::{Finding, Problem};
use crate::scan::{self, Objection};
use crate::source::{FileId, SourceFile, SourceMap, Span, count};
use crate::suggest::{did_you_mean, quote};

/// Reads a RON file; its [`crate::Spanned`] values know their places in `sources`.
///
/// `Some` may be left out; other extensions of RON are off and cannot be switched on.
///
/// # Errors
/// Returns the first thing that is wrong with its place, what is there and what to do.
pub fn parse_ron<'s, T: Deserialize<'s>>(
    sources: &'s SourceMap,
    file: FileId,
) -> Result<T, Box<Problem>> {
    let Some(source) = sources.file(file) else {
        let there = "the file was not read".to_owned();
        return Err(Box::new(Problem::of_file(
            code::MISSING_FILE,
            "",
            there,
            "name another",
        )));
    };
    read(source, file).map_err(|finding| Box::new(Problem::new(sources, &finding)))
}

/// Reads only the fields that `T` has and skips the others; `None` when that fails.
///
/// For looking at a header, such as a version, before the whole can be read.
#[must_use]
pub fn peek_ron<T: DeserializeOwned>(sources: &SourceMap, file: FileId) -> Option<T> {
    let text = sources.file(file)?.text();
    scan::check(text).ok()?;
    options().from_str(text).ok()
}

/// Returns the options with which every RON text is read.
pub(crate) fn options() -> ron::Options {
    ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME)
}

/// Returns the byte offset of a position as `ron` reports it.
pub(crate) fn offset_of(text: &str, position: ron::error::Position) -> usize {
    let lines = position.line.saturating_sub(1);
    let start = if lines == 0 {
        0
    } else {
        let newline = text.match_indices('\n').nth(lines.saturating_sub(1));
        newline.map_or(text.len(), |(at, _)| at.saturating_add(1))
    };
    let rest = text.get(start..).unwrap_or_default();
    let column = position.col.saturating_sub(1);
    let width = rest
        .char_indices()
        .nth(column)
        .map_or(rest.len(), |(at, _)| at);
    start.saturating_add(width)
}

fn read<'s, T: Deserialize<'s>>(source: &'s SourceFile, file: FileId) -> Result<T, Finding> {
    let text = source.text();
    scan::check(text).map_err(|objection| refusal(objection, file))?;
    let fault = RefCell::new(None);
    let context = Context {
        text,
        file,
        fault: &fault,
    };
    let result = read_whole(text, context);
    result.map_err(|error| {
        let at = (
            offset_of(text, error.span.start),
            offset_of(text, error.span.end),
        );
        let first = fault.borrow_mut().take();
        let first = first.unwrap_or(Fault {
            kind: FaultKind::Ron(error.code),
            place: None,
        });
        explain(text, file, first, at)
    })
}

fn read_whole<'s, T: Deserialize<'s>>(
    text: &'s str,
    context: Context<'_, 's>,
) -> Result<T, ron::error::SpannedError> {
    let mut deserializer = ron::Deserializer::from_str_with_options(text, &options())?;
    let result = T::deserialize(Placed::new(&mut deserializer, context));
    let ended = result.and_then(|value| deserializer.end().map(|()| value));
    ended.map_err(|error| deserializer.span_error(error))
}

fn refusal(objection: Objection, file: FileId) -> Finding {
    let span = |start, end| Span::new(file, count(start), count(end));
    match objection {
        Objection::TooDeep(start, end) => Finding::new(
            code::NESTING,
            span(start, end),
            format!(
                "this bracket is the {}th inside one another",
                NESTING_MAX + 1
            ),
            "nest less deeply",
        ),
        Objection::Attribute(start, end) => Finding::new(
            code::ATTRIBUTE,
            span(start, end),
            "an attribute starts here",
            "remove it; `Some` may be left out without it",
        ),
        Objection::Unclosed(start, end) => Finding::new(
            code::SYNTAX,
            span(start, end),
            "this never ends",
            "close the string or comment",
        ),
    }
}

/// Turns a fault into a finding; `at` is where the outermost reader stood.
fn explain(text: &str, file: FileId, fault: Fault, at: (usize, usize)) -> Finding {
    let known = fault
        .place
        .map(|(start, end)| (start as usize, end as usize));
    let (start, end) = tighten(text, known.unwrap_or(at));
    let span = |(start, end): (usize, usize)| Span::new(file, count(start), count(end));
    let here = span((start, end));
    let there = quote(text.get(start..end).unwrap_or_default());
    match fault.kind {
        FaultKind::NotFinite => Finding::new(
            code::NOT_FINITE,
            here,
            format!("`{there}` is not a finite number"),
            "write a number below 1.7e308 in size",
        ),
        FaultKind::ListTooLong => Finding::new(
            code::LIST_TOO_LONG,
            here,
            format!("this list has more than {LIST_MAX} elements"),
            "write fewer",
        ),
        FaultKind::UnknownField(fields) => unknown_field(text, (start, end), file, fields),
        FaultKind::Ron(Error::TrailingCharacters) if there.parse::<f64>().is_ok() => {
            explain_ron(text, Error::ExpectedInteger, here, &there)
        }
        FaultKind::Ron(error) => explain_ron(text, error, here, &there),
    }
}

/// Explains a field that its type would have skipped; the reader stands just before its value.
fn unknown_field(
    text: &str,
    (start, end): (usize, usize),
    file: FileId,
    fields: &'static [&'static str],
) -> Finding {
    let here = Span::new(file, count(start), count(end));
    let head = text.get(..start).unwrap_or_default().trim_end();
    let head = head.strip_suffix(':').unwrap_or(head).trim_end();
    let stem = head.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
    let found = head.get(stem.len()..).unwrap_or_default();
    let error = Error::NoSuchStructField {
        expected: fields,
        found: found.to_owned(),
        outer: None,
    };
    explain_ron(text, error, here, found)
}

fn explain_ron(text: &str, error: Error, here: Span, there: &str) -> Finding {
    match error {
        Error::NoSuchStructField {
            expected,
            found,
            outer,
        } => Finding::new(
            code::UNKNOWN_FIELD,
            word_before(text, here, &found),
            format!(
                "`{}` is not a field{}",
                quote(&found),
                in_struct("of", outer.as_deref())
            ),
            did_you_mean(&found, expected.iter().copied()),
        ),
        Error::MissingStructField { field, outer } => Finding::new(
            code::MISSING_FIELD,
            opening(text, here),
            format!("`{field}` is missing{}", in_struct("in", outer.as_deref())),
            format!("add `{field}: ...`"),
        ),
        Error::DuplicateStructField { field, outer } => Finding::new(
            code::DUPLICATE_FIELD,
            word_before(text, here, field),
            format!(
                "`{field}` is written a second time{}",
                in_struct("in", outer.as_deref())
            ),
            "remove one of the two",
        ),
        Error::NoSuchEnumVariant {
            expected, found, ..
        } => Finding::new(
            code::UNKNOWN_VARIANT,
            word_before(text, here, &found),
            format!("`{}` is not one of the choices here", quote(&found)),
            did_you_mean(&found, expected.iter().copied()),
        ),
        Error::IntegerOutOfBounds => Finding::new(
            code::INTEGER_RANGE,
            here,
            format!("`{there}` does not fit in the type of this field"),
            "write a number that fits",
        ),
        Error::ExceededRecursionLimit => Finding::new(
            code::NESTING,
            here,
            "this is nested too deeply",
            "nest less deeply",
        ),
        other => match wanted(&other) {
            Some(wanted) => Finding::new(
                code::WRONG_TYPE,
                here,
                if there.is_empty() {
                    format!("{wanted} should stand here")
                } else {
                    format!("`{there}` stands where {wanted} should")
                },
                format!("write {wanted}"),
            ),
            None => Finding::new(
                code::SYNTAX,
                here,
                lower_first(&other.to_string()),
                "check commas, colons, quotes and brackets here and just before",
            ),
        },
    }
}

/// Returns what should have stood there, for errors of type.
fn wanted(error: &Error) -> Option<String> {
    let fixed = match error {
        Error::ExpectedBoolean => "`true` or `false`",
        Error::ExpectedInteger => "an integer",
        Error::InvalidIntegerDigit { .. } => "an integer in decimal digits",
        Error::ExpectedFloat => "a number",
        Error::ExpectedString => "a string in quotes",
        Error::ExpectedChar => "a character in single quotes",
        Error::ExpectedArray => "a list `[...]`",
        Error::ExpectedMap => "a map `{...}`",
        Error::ExpectedUnit => "`()`",
        Error::ExpectedStructLike | Error::ExpectedNamedStructLike(_) => "`(...)` with fields",
        Error::ExpectedOption => "`Some(...)` or `None`",
        Error::ExpectedDifferentStructName { expected, .. } => {
            return Some(format!("`{expected}(...)`"));
        }
        Error::InvalidValueForType { expected, .. }
        | Error::ExpectedDifferentLength { expected, .. } => return Some(expected.clone()),
        _ => return None,
    };
    Some(fixed.to_owned())
}

fn in_struct(preposition: &str, outer: Option<&str>) -> String {
    match outer {
        Some(name) => format!(" {preposition} `{name}`"),
        None => String::new(),
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// Leaves out white space at both ends; an empty range grows to the character that follows.
fn tighten(text: &str, (start, end): (usize, usize)) -> (usize, usize) {
    let slice = text.get(start..end).unwrap_or_default();
    let trimmed = slice.trim();
    if trimmed.is_empty() {
        let rest = text.get(end..).unwrap_or_default();
        let skipped = rest.len().saturating_sub(rest.trim_start().len());
        let at = end.saturating_add(skipped);
        let width = rest.trim_start().chars().next().map_or(0, char::len_utf8);
        return (at, at.saturating_add(width));
    }
    let from = start.saturating_add(slice.len().saturating_sub(slice.trim_start().len()));
    (from, from.saturating_add(trimmed.len()))
}

/// Returns the range of a word that ends at or before the given place, or the place itself.
fn word_before(text: &str, here: Span, word: &str) -> Span {
    let until = text.get(..here.end as usize).unwrap_or_default();
    let whole = |at: &usize| {
        let tail = text
            .get(at.saturating_add(word.len())..)
            .unwrap_or_default();
        let head = text.get(..*at).unwrap_or_default();
        let part = |c: char| c.is_alphanumeric() || c == '_';
        !head.ends_with(part) && !tail.starts_with(part)
    };
    match until.rmatch_indices(word).map(|(at, _)| at).find(whole) {
        Some(at) if !word.is_empty() => {
            Span::new(here.file, count(at), count(at.saturating_add(word.len())))
        }
        _ => here,
    }
}

/// Returns the range of the bracket that is open here, with the name before it.
fn opening(text: &str, here: Span) -> Span {
    let Some(bracket) = scan::open_bracket_at(text, here.start as usize) else {
        return here;
    };
    let head = text.get(..bracket).unwrap_or_default();
    let named = head.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
    Span::new(
        here.file,
        count(named.len()),
        count(bracket.saturating_add(1)),
    )
}

//! What is wrong with an author's file: where, what is there and what to do.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use crate::codes::{code, kind_of};
use crate::limits::{PROBLEMS_MAX, SNIPPET_CHARS_MAX};
use crate::source::{SourceFile, SourceMap, Span, count};

/// How much a problem weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The folder cannot be used.
    Error,
    /// The folder can be used, and the author should look at this.
    Warning,
}

/// Another place that has to do with a problem, such as the first of two equal names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Related {
    /// Path of the file, relative to its folder.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is there.
    pub there: String,
}

/// One problem with its place, complete in itself: it can be shown without the files at hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Code of its kind in [`crate::PROBLEMS`].
    pub code: &'static str,
    /// How much it weighs; codes with `W` are warnings.
    pub severity: Severity,
    /// Title of its kind.
    pub title: &'static str,
    /// Path of the file, relative to its folder.
    pub file: String,
    /// First line, from 1.
    pub line: u32,
    /// First column in characters, from 1.
    pub column: u32,
    /// Last line, from 1.
    pub end_line: u32,
    /// Column behind the last character, from 1.
    pub end_column: u32,
    /// What is there.
    pub there: String,
    /// What to do.
    pub help: String,
    /// The first line in question, or a part of it; empty for a file as a whole.
    pub snippet: String,
    /// Column of the first character of `snippet`, from 1.
    pub snippet_column: u32,
    /// Other places that have to do with it.
    pub related: Vec<Related>,
}

/// A problem at a span, before the span is turned into file, line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a finding says something only when it is collected"]
pub struct Finding {
    /// Code of its kind in [`crate::PROBLEMS`].
    pub code: &'static str,
    /// Where it is.
    pub span: Span,
    /// What is there.
    pub there: String,
    /// What to do.
    pub help: String,
    /// Other places that have to do with it, and what is there.
    pub related: Vec<(Span, String)>,
}

/// Collects what rules find, up to a limit.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
    dropped: usize,
}

impl Finding {
    /// Makes a finding at a place.
    pub fn new(
        code: &'static str,
        span: Span,
        there: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            code,
            span,
            there: there.into(),
            help: help.into(),
            related: Vec::new(),
        }
    }

    /// Adds another place that has to do with it.
    pub fn related(mut self, span: Span, there: impl Into<String>) -> Self {
        self.related.push((span, there.into()));
        self
    }
}

impl Findings {
    /// Makes an empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding; beyond [`PROBLEMS_MAX`] it is only counted.
    pub fn push(&mut self, finding: Finding) {
        if self.is_full() {
            self.dropped = self.dropped.saturating_add(1);
        } else {
            self.list.push(finding);
        }
    }

    /// Returns whether there is an error among them; warnings do not count.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.dropped > 0
            || self
                .list
                .iter()
                .any(|found| severity_of(found.code) == Severity::Error)
    }

    /// Returns whether another finding would only be counted; a rule may then skip writing it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.list.len() >= PROBLEMS_MAX
    }

    /// Returns what was collected.
    pub fn as_slice(&self) -> &[Finding] {
        &self.list
    }

    /// Turns findings into problems, sorted by place, and drops repetitions.
    #[must_use]
    pub fn into_problems(self, sources: &SourceMap) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self
            .list
            .iter()
            .map(|finding| Problem::new(sources, finding))
            .collect();
        problems.sort_by(|a, b| a.order().cmp(&b.order()));
        problems.dedup();
        problems
    }
}

impl Problem {
    /// Resolves a finding to file, line and column.
    #[must_use]
    pub fn new(sources: &SourceMap, finding: &Finding) -> Self {
        let span = finding.span;
        let Some(source) = sources.file(span.file) else {
            return Self::of_file(finding.code, "", finding.there.clone(), &finding.help);
        };
        let start = source.position(span.start);
        let end = source.position(span.end.max(span.start));
        let mut problem = Self::of_file(
            finding.code,
            source.name(),
            finding.there.clone(),
            &finding.help,
        );
        problem.line = start.line;
        problem.column = start.column;
        problem.end_line = end.line;
        problem.end_column = end.column;
        (problem.snippet, problem.snippet_column) = snippet_of(source, start.line, start.column);
        problem.related = finding
            .related
            .iter()
            .filter_map(|(span, there)| related(sources, *span, there))
            .collect();
        problem
    }

    /// Makes a problem of a file as a whole, or of one that is not there.
    #[must_use]
    pub fn of_file(code: &'static str, file: &str, there: String, help: &str) -> Self {
        Self {
            code,
            severity: severity_of(code),
            title: kind_of(code).map_or("problem", |kind| kind.title),
            file: file.to_owned(),
            line: 1,
            column: 1,
            end_line: 1,
            end_column: 1,
            there,
            help: help.to_owned(),
            snippet: String::new(),
            snippet_column: 1,
            related: Vec::new(),
        }
    }

    /// Writes the problem for a person, with the line in question.
    ///
    /// With `color` the text carries ANSI escapes; without, it is plain ASCII art and the text.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let origin = Origin::path(self.file.as_str())
            .line(self.line as usize)
            .char_column(self.column as usize);
        let title = level.primary_title(self.title).id(self.code);
        let marked = AnnotationKind::Primary.span(self.marked_bytes());
        let snippet = Snippet::source(self.snippet.as_str())
            .line_start(self.line as usize)
            .annotation(marked.label(self.there.as_str()));
        let mut group = if self.snippet.is_empty() {
            let note = Level::NOTE.message(self.there.as_str());
            title.element(origin).element(note)
        } else if self.snippet_column == 1 {
            title.element(snippet.path(self.file.as_str()))
        } else {
            // The renderer would count columns from the cut.
            title.element(origin).element(snippet)
        };
        for related in &self.related {
            let Related {
                file,
                line,
                column,
                there,
            } = related;
            let note = format!("{there} ({file}:{line}:{column})");
            group = group.element(Level::NOTE.message(note));
        }
        let group = group.element(Level::HELP.message(self.help.as_str()));
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.decor_style(DecorStyle::Ascii).render(&[group])
    }

    fn order(&self) -> (&str, u32, u32, &str, &str) {
        (&self.file, self.line, self.column, self.code, &self.there)
    }

    /// Returns the bytes of the snippet that the problem is about.
    fn marked_bytes(&self) -> std::ops::Range<usize> {
        let byte_of = |column: u32| {
            let skipped = column.saturating_sub(self.snippet_column) as usize;
            let found = self.snippet.char_indices().nth(skipped);
            found.map_or(self.snippet.len(), |(index, _)| index)
        };
        let start = byte_of(self.column);
        let end = if self.end_line > self.line {
            self.snippet.len()
        } else {
            byte_of(self.end_column)
        };
        start..end.max(start)
    }
}

/// Writes problems for a person, one after the other, with their number at the end.
#[must_use]
pub fn render_all(problems: &[Problem], color: bool) -> String {
    let mut text = String::new();
    for problem in problems {
        text.push_str(&problem.render(color));
        text.push_str("\n\n");
    }
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .count();
    let warnings = problems.len().saturating_sub(errors);
    let plural = |number: usize| if number == 1 { "" } else { "s" };
    text.push_str(&format!(
        "{errors} error{}, {warnings} warning{}\n",
        plural(errors),
        plural(warnings)
    ));
    text
}

fn severity_of(code: &str) -> Severity {
    if code.starts_with('W') {
        Severity::Warning
    } else {
        Severity::Error
    }
}

fn related(sources: &SourceMap, span: Span, there: &str) -> Option<Related> {
    let source = sources.file(span.file)?;
    let position = source.position(span.start);
    Some(Related {
        file: source.name().to_owned(),
        line: position.line,
        column: position.column,
        there: there.to_owned(),
    })
}

/// Cuts the part of a line around a column that is short enough to quote.
fn snippet_of(source: &SourceFile, line: u32, column: u32) -> (String, u32) {
    let line = source.line(line.saturating_sub(1) as usize);
    let before = column.saturating_sub(1) as usize;
    let fits = line.chars().nth(SNIPPET_CHARS_MAX).is_none();
    let skipped = if fits || before < SNIPPET_CHARS_MAX / 2 {
        0
    } else {
        before.saturating_sub(SNIPPET_CHARS_MAX / 2)
    };
    let kept = line.chars().skip(skipped).take(SNIPPET_CHARS_MAX).collect();
    (kept, count(skipped).saturating_add(1))
}

/// Kinds that say the folder as a whole cannot be read, whatever its files say.
#[must_use]
pub fn is_about_folder(problem: &Problem) -> bool {
    [code::FOLDER_TOO_LARGE, code::TOO_MANY_FILES].contains(&problem.code)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::source::FileId;

    fn sources(text: &str) -> SourceMap {
        let mut map = SourceMap::new();
        map.add("dir/scenario.ron", text.as_bytes()).unwrap();
        map
    }

    fn at(start: u32, end: u32) -> Span {
        Span::new(FileId(0), start, end)
    }

    #[test]
    fn a_problem_renders_with_place_quotation_and_help() {
        let map = sources("(\n    pland: 3,\n)");
        let finding = Finding::new(
            code::UNKNOWN_FIELD,
            at(6, 11),
            "`pland` is not a field of `Scenario`",
            "did you mean `plant`?",
        );
        let problem = Problem::new(&map, &finding);
        assert_eq!(
            problem.render(false),
            "error[E0113]: unknown field\n --> dir/scenario.ron:2:5\n  |\n2 |     pland: 3,\n  \
             |     ^^^^^ `pland` is not a field of `Scenario`\n  |\n  = help: did you mean `plant`?"
        );
        assert!(problem.render(true).contains("\u{1b}["));
    }

    #[test]
    fn other_places_are_named() {
        let map = sources("[\"a\",\n\"a\"]");
        let finding = Finding::new(code::DUPLICATE_NAME, at(6, 9), "`a` again", "rename one")
            .related(at(1, 4), "first here");
        let text = Problem::new(&map, &finding).render(false);
        assert!(
            text.contains("= note: first here (dir/scenario.ron:1:2)"),
            "{text}"
        );
    }

    #[test]
    fn a_problem_of_a_whole_file_has_no_quotation() {
        let problem = Problem::of_file(
            code::MISSING_FILE,
            "plc/a.st",
            "there is no such file".into(),
            "write it",
        );
        assert_eq!(
            problem.render(false),
            "error[E0107]: missing file\n--> plc/a.st:1:1\n = note: there is no such file\n \
             = help: write it"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!("[{}, bad]", "1, ".repeat(2000));
        let map = sources(&text);
        let start = u32::try_from(text.len()).unwrap() - 4;
        let finding = Finding::new(code::WRONG_TYPE, at(start, start + 3), "a word", "a number");
        let problem = Problem::new(&map, &finding);
        assert!(problem.snippet.chars().count() <= SNIPPET_CHARS_MAX);
        assert_eq!(&problem.snippet[problem.marked_bytes()], "bad");
        assert_eq!(problem.column, start + 1);
        assert!(problem.render(false).contains(&format!(":1:{}", start + 1)));
    }

    #[test]
    fn problems_serialise_for_tools() {
        let map = sources("(a: 1)");
        let finding = Finding::new(code::OUT_OF_RANGE, at(4, 5), "1 is too small", "write 2");
        let json = serde_json::to_value(Problem::new(&map, &finding)).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "code": "E0301", "severity": "error", "title": "value out of range",
                "file": "dir/scenario.ron", "line": 1, "column": 5, "end_line": 1, "end_column": 6,
                "there": "1 is too small", "help": "write 2",
                "snippet": "(a: 1)", "snippet_column": 1, "related": [],
            })
        );
    }

    #[test]
    fn findings_come_out_sorted_without_repetition_and_bounded() {
        let map = sources("(a: 1, b: 2)");
        let mut findings = Findings::new();
        assert!(!findings.has_errors());
        for start in [10, 4, 10] {
            findings.push(Finding::new(
                code::OUT_OF_RANGE,
                at(start, start + 1),
                "x",
                "y",
            ));
        }
        assert!(findings.has_errors());
        let problems = findings.into_problems(&map);
        let columns: Vec<u32> = problems.iter().map(|problem| problem.column).collect();
        assert_eq!(columns, [5, 11]);
        let mut many = Findings::new();
        for start in 0..1000 {
            many.push(Finding::new(code::OUT_OF_RANGE, at(start, start), "x", "y"));
        }
        assert_eq!(many.as_slice().len(), PROBLEMS_MAX);
    }

    #[test]
    fn a_list_ends_with_its_count() {
        let problem = Problem::of_file(code::EMPTY_FILE, "a", "it is empty".into(), "write it");
        assert!(render_all(&[problem], false).ends_with("\n\n1 error, 0 warnings\n"));
    }
}

//! The files of a folder and the places in them.

use std::collections::BTreeMap;

use crate::codes::code;
use crate::limits::{FILE_BYTES_MAX, FILES_MAX, FOLDER_BYTES_MAX, SNIPPET_CHARS_MAX};
use crate::problem::Problem;

/// Number of a file in a [`SourceMap`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u16);

/// A range of bytes in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

/// A line and column, both counted from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One text file of a folder.
#[derive(Clone, Debug)]
pub struct SourceFile {
    path: String,
    name: String,
    text: String,
    line_starts: Vec<u32>,
}

/// All text files of a folder, checked for size, count and encoding as they come in.
///
/// Spans refer to files by number, so a map must outlive the reporting of problems in its files.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
    ids: BTreeMap<String, FileId>,
    bytes: usize,
}

impl Span {
    /// Makes a span of `file` from `start` up to, not including, `end`.
    #[must_use]
    pub fn new(file: FileId, start: u32, end: u32) -> Self {
        Self { file, start, end }
    }

    /// Returns the span of the first character of a file, for problems of the file as a whole.
    #[must_use]
    pub fn whole(file: FileId) -> Self {
        Self::new(file, 0, 0)
    }
}

impl SourceFile {
    /// Returns the path under which [`SourceMap::find`] has the file.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the path that people are shown, relative to the folder, with forward slashes.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the line and column of a byte offset; past the end it gives the end.
    #[must_use]
    pub fn position(&self, offset: u32) -> Position {
        let line_index = self
            .line_starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1);
        let line_start = self.line_start(line_index);
        let end = floor_char_boundary(&self.text, offset as usize);
        let before = self.text.get(line_start..end).unwrap_or_default();
        Position {
            line: count(line_index).saturating_add(1),
            column: count(before.chars().count()).saturating_add(1),
        }
    }

    /// Returns the byte offset of a line and column; past the end of a line it gives that end.
    #[must_use]
    pub fn offset(&self, position: Position) -> u32 {
        let line_index = position.line.saturating_sub(1) as usize;
        if line_index >= self.line_starts.len() {
            return count(self.text.len());
        }
        let skipped = position.column.saturating_sub(1) as usize;
        let line = self.line(line_index);
        let in_line = line
            .char_indices()
            .nth(skipped)
            .map_or(line.len(), |(index, _)| index);
        count(self.line_start(line_index).saturating_add(in_line))
    }

    /// Returns a line (counted from 0) without its line end, empty when there is none.
    #[must_use]
    pub fn line(&self, line_index: usize) -> &str {
        let start = self.line_start(line_index);
        let end = self
            .line_starts
            .get(line_index.saturating_add(1))
            .map_or(self.text.len(), |next| *next as usize);
        let line = self.text.get(start..end).unwrap_or_default();
        line.trim_end_matches(['\n', '\r'])
    }

    fn new(path: &str, name: &str, text: &str) -> Self {
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| count(at) + 1))
            .collect();
        Self {
            path: path.to_owned(),
            name: name.to_owned(),
            text: text.to_owned(),
            line_starts,
        }
    }

    fn line_start(&self, line_index: usize) -> usize {
        self.line_starts
            .get(line_index)
            .map_or(self.text.len(), |start| *start as usize)
    }
}

impl SourceMap {
    /// Makes a map without files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file under its path relative to the folder.
    ///
    /// # Errors
    /// Returns a problem, with its place, for a file that is too large, empty or not UTF-8, for a
    /// name that is already there, and for one file or byte too many.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<FileId, Box<Problem>> {
        self.add_as(name, name, bytes)
    }

    /// Adds a file that is found under `path` and shown to people as `name`, for one that lies elsewhere on their disk.
    ///
    /// # Errors
    /// As [`SourceMap::add`].
    pub fn add_as(&mut self, path: &str, name: &str, bytes: &[u8]) -> Result<FileId, Box<Problem>> {
        let refuse = |code, there: String, help: &str| {
            Err(Box::new(Problem::of_file(code, name, there, help)))
        };
        if bytes.len() > FILE_BYTES_MAX {
            // Whoever read the file stopped there, so how long it is nobody knows.
            let there = format!("the file has more than {FILE_BYTES_MAX} bytes");
            let help = "make it smaller, or split it";
            return refuse(code::FILE_TOO_LARGE, there, help);
        }
        if self.files.len() >= FILES_MAX {
            let there = format!("there are more than {FILES_MAX} files");
            return refuse(
                code::TOO_MANY_FILES,
                there,
                "remove files that nothing uses",
            );
        }
        if self.bytes.saturating_add(bytes.len()) > FOLDER_BYTES_MAX {
            let there = format!("the files have more than {FOLDER_BYTES_MAX} bytes together");
            return refuse(
                code::FOLDER_TOO_LARGE,
                there,
                "remove files that nothing uses",
            );
        }
        if self.ids.contains_key(path) {
            let there = format!("`{name}` comes twice");
            return refuse(code::DUPLICATE_NAME, there, "give each file its own path");
        }
        let text = decode(name, bytes)?;
        let id = FileId(u16::try_from(self.files.len()).unwrap_or(u16::MAX));
        self.files.push(SourceFile::new(path, name, text));
        self.ids.insert(path.to_owned(), id);
        self.bytes = self.bytes.saturating_add(bytes.len());
        Ok(id)
    }

    /// Returns a file by its number.
    #[must_use]
    pub fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(usize::from(id.0))
    }

    /// Returns the number of the file with this path.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<FileId> {
        self.ids.get(name).copied()
    }

    /// Returns all files with their numbers, in the order in which they were added.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        (0_u16..).map(FileId).zip(&self.files)
    }

    /// Returns the text that a span covers, empty when it lies outside the file.
    #[must_use]
    pub fn text_of(&self, span: Span) -> &str {
        self.file(span.file)
            .and_then(|file| file.text.get(span.start as usize..span.end as usize))
            .unwrap_or_default()
    }

    /// Returns the span of the word that begins at a line and column.
    ///
    /// Compilers of included files report only where something starts; this gives it a width.
    #[must_use]
    pub fn word_at(&self, file: FileId, position: Position) -> Span {
        let Some(source) = self.file(file) else {
            return Span::whole(file);
        };
        let start = source.offset(position);
        let rest = source.text.get(start as usize..).unwrap_or_default();
        let width = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let one = rest.chars().next().filter(|c| *c != '\n' && *c != '\r');
        let width = width.max(one.map_or(0, char::len_utf8));
        Span::new(file, start, start.saturating_add(count(width)))
    }
}

/// Turns a length into an offset; files are far below 4 GiB, so nothing is lost.
pub(crate) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Returns the greatest character boundary not above `offset`.
pub(crate) fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at = at.saturating_sub(1);
    }
    at
}

fn decode<'b>(name: &str, bytes: &'b [u8]) -> Result<&'b str, Box<Problem>> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(Box::new(bad_utf8(name, bytes, error.valid_up_to()))),
    };
    if text.starts_with('\u{feff}') {
        let there = "the file begins with a byte order mark".to_owned();
        let help = "save it as UTF-8 without a byte order mark";
        return Err(Box::new(Problem::of_file(
            code::BAD_UTF8,
            name,
            there,
            help,
        )));
    }
    if text.trim().is_empty() {
        let there = "the file is empty".to_owned();
        let help = "write its contents, or remove it and whatever names it";
        return Err(Box::new(Problem::of_file(
            code::EMPTY_FILE,
            name,
            there,
            help,
        )));
    }
    Ok(text)
}

fn bad_utf8(name: &str, bytes: &[u8], valid_up_to: usize) -> Problem {
    let valid = bytes.get(..valid_up_to).unwrap_or_default();
    let source = SourceFile::new(name, name, &String::from_utf8_lossy(valid));
    let byte = bytes.get(valid_up_to).copied().unwrap_or_default();
    let there = format!("the byte 0x{byte:02X} is not valid UTF-8 here");
    let mut problem = Problem::of_file(code::BAD_UTF8, name, there, "save the file as UTF-8");
    let position = source.position(count(valid_up_to));
    problem.line = position.line;
    problem.column = position.column;
    problem.end_line = position.line;
    problem.end_column = position.column.saturating_add(1);
    let line = source.line(position.line.saturating_sub(1) as usize);
    let tail = line.chars().rev().take(SNIPPET_CHARS_MAX / 2);
    let kept: Vec<char> = tail.collect();
    problem.snippet = kept.iter().rev().chain(&['\u{fffd}']).collect();
    problem.snippet_column = position.column.saturating_sub(count(kept.len()));
    problem
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn one(text: &str) -> SourceMap {
        let mut map = SourceMap::new();
        map.add("a.ron", text.as_bytes()).unwrap();
        map
    }

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let map = one("ab\nä€c\r\nlast");
        let file = map.file(FileId(0)).unwrap();
        let at = |offset| {
            let p = file.position(offset);
            (p.line, p.column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(2), (1, 3));
        assert_eq!(at(3), (2, 1));
        assert_eq!(at(5), (2, 2));
        assert_eq!(at(8), (2, 3));
        assert_eq!(at(11), (3, 1));
        assert_eq!(at(999), (3, 5));
        assert_eq!(file.offset(Position { line: 2, column: 3 }), 8);
        assert_eq!(
            file.offset(Position {
                line: 2,
                column: 99
            }),
            9
        );
        assert_eq!(
            file.offset(Position {
                line: 99,
                column: 1
            }),
            15
        );
        assert_eq!(file.line(1), "ä€c");
    }

    #[test]
    fn a_word_is_as_wide_as_its_letters() {
        let map = one("level_m := 3;");
        let at = |column| map.text_of(map.word_at(FileId(0), Position { line: 1, column }));
        assert_eq!(at(1), "level_m");
        assert_eq!(at(9), ":");
        assert_eq!(at(99), "");
    }

    #[test]
    fn bad_utf8_is_refused_with_its_place() {
        let problem = SourceMap::new().add("x.st", b"ok\nA := \xFF;").unwrap_err();
        assert_eq!(problem.code, code::BAD_UTF8);
        assert_eq!((problem.line, problem.column), (2, 6));
        assert_eq!(problem.there, "the byte 0xFF is not valid UTF-8 here");
        assert_eq!(problem.snippet, "A := \u{fffd}");
    }

    #[test]
    fn empty_large_and_repeated_files_are_refused() {
        let mut map = SourceMap::new();
        let code_of = |result: Result<FileId, Box<Problem>>| result.unwrap_err().code;
        assert_eq!(code_of(map.add("e", b" \n\t")), code::EMPTY_FILE);
        assert_eq!(
            code_of(map.add("m", "\u{feff}()".as_bytes())),
            code::BAD_UTF8
        );
        let large = vec![b' '; FILE_BYTES_MAX + 1];
        assert_eq!(code_of(map.add("l", &large)), code::FILE_TOO_LARGE);
        map.add("a", b"()").unwrap();
        assert_eq!(code_of(map.add("a", b"()")), code::DUPLICATE_NAME);
        assert_eq!(map.find("a"), Some(FileId(0)));
        map.add_as("base/a", "../b/a", b"()").unwrap();
        assert_eq!(code_of(map.add("base/a", b"()")), code::DUPLICATE_NAME);
        let file = map.file(FileId(1)).unwrap();
        assert_eq!((file.path(), file.name()), ("base/a", "../b/a"));
    }

    #[test]
    fn a_folder_has_bounds_in_files_and_bytes() {
        let mut map = SourceMap::new();
        for index in 0..FILES_MAX {
            map.add(&format!("{index}"), b"x").unwrap();
        }
        assert_eq!(
            map.add("one more", b"x").unwrap_err().code,
            code::TOO_MANY_FILES
        );
        let mut map = SourceMap::new();
        let full = vec![b'x'; FILE_BYTES_MAX];
        for index in 0..FOLDER_BYTES_MAX / FILE_BYTES_MAX {
            map.add(&format!("{index}"), &full).unwrap();
        }
        assert_eq!(
            map.add("one more", b"x").unwrap_err().code,
            code::FOLDER_TOO_LARGE
        );
    }
}

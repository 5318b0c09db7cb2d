//! A pass over RON text that knows only brackets, strings and comments.
//!
//! It runs before the parser, so that nesting is refused before anything recurses into it, and it
//! finds the brackets around a place for better messages.

use crate::limits::NESTING_MAX;

/// What the pass objects to, with the byte range in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    /// A bracket opens deeper than [`NESTING_MAX`].
    TooDeep(usize, usize),
    /// A `#![...]` attribute.
    Attribute(usize, usize),
    /// A block comment, string or character that never ends.
    Unclosed(usize, usize),
}

/// Checks the text before it is parsed.
pub(crate) fn check(text: &str) -> Result<(), Objection> {
    let mut scanner = Scanner::new(text);
    let mut depth = 0_usize;
    while let Some((at, byte)) = scanner.next_significant()? {
        match byte {
            b'(' | b'[' | b'{' => {
                depth = depth.saturating_add(1);
                if depth > NESTING_MAX {
                    return Err(Objection::TooDeep(at, at.saturating_add(1)));
                }
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'#' if scanner.rest().starts_with("![") => {
                return Err(Objection::Attribute(at, at.saturating_add(3)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns the offset of the innermost bracket that is open at `offset`.
pub(crate) fn open_bracket_at(text: &str, offset: usize) -> Option<usize> {
    let mut scanner = Scanner::new(text);
    let mut open = Vec::new();
    while let Ok(Some((at, byte))) = scanner.next_significant() {
        if at >= offset {
            break;
        }
        match byte {
            b'(' | b'[' | b'{' => open.push(at),
            b')' | b']' | b'}' => drop(open.pop()),
            _ => {}
        }
    }
    open.pop()
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Start of the first plain string that goes on over the end of its line.
    long_string: Option<usize>,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            long_string: None,
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text
            .as_bytes()
            .get(self.at.saturating_add(ahead))
            .copied()
    }

    /// Returns the next byte outside strings and comments.
    fn next_significant(&mut self) -> Result<Option<(usize, u8)>, Objection> {
        loop {
            let start = self.at;
            let Some(byte) = self.byte(0) else {
                return Ok(None);
            };
            match (byte, self.byte(1)) {
                (b'/', Some(b'/')) => self.skip_line(),
                (b'/', Some(b'*')) => self.skip_block(start)?,
                (b'"', _) => self.skip_string(start)?,
                (b'r', Some(b'"' | b'#')) if !self.follows_word(start) => {
                    self.skip_raw_string(start)?;
                }
                (b'\'', _) => self.skip_char(),
                _ => {
                    self.at = self.at.saturating_add(1);
                    return Ok(Some((start, byte)));
                }
            }
        }
    }

    /// Returns whether the byte before is part of a word; `b` alone may precede a raw string.
    fn follows_word(&self, start: usize) -> bool {
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
        let bytes = self.text.as_bytes();
        let before = |back: usize| start.checked_sub(back).and_then(|at| bytes.get(at));
        match before(1) {
            Some(b'b') => before(2).is_some_and(word),
            other => other.is_some_and(word),
        }
    }

    fn skip_line(&mut self) {
        let length = self.rest().find('\n').unwrap_or(self.rest().len());
        self.at = self.at.saturating_add(length);
    }

    fn skip_block(&mut self, start: usize) -> Result<(), Objection> {
        let mut level = 0_usize;
        loop {
            match (self.byte(0), self.byte(1)) {
                (Some(b'/'), Some(b'*')) => {
                    level = level.saturating_add(1);
                    self.at = self.at.saturating_add(2);
                }
                (Some(b'*'), Some(b'/')) => {
                    level = level.saturating_sub(1);
                    self.at = self.at.saturating_add(2);
                    if level == 0 {
                        return Ok(());
                    }
                }
                (Some(_), _) => self.at = self.at.saturating_add(1),
                (None, _) => return Err(Objection::Unclosed(start, start.saturating_add(2))),
            }
        }
    }

    fn skip_string(&mut self, start: usize) -> Result<(), Objection> {
        self.at = self.at.saturating_add(1);
        loop {
            match self.byte(0) {
                Some(b'\\') => self.at = self.at.saturating_add(2),
                Some(b'"') => {
                    self.at = self.at.saturating_add(1);
                    return Ok(());
                }
                Some(b'\n') => {
                    self.long_string.get_or_insert(start);
                    self.at = self.at.saturating_add(1);
                }
                Some(_) => self.at = self.at.saturating_add(1),
                // A missing quote swaps inside and outside for the rest of the file, so the quote
                // that has no partner is far from the one that is missing.
                None => {
                    let first = self.long_string.unwrap_or(start);
                    return Err(Objection::Unclosed(first, first.saturating_add(1)));
                }
            }
        }
    }

    fn skip_raw_string(&mut self, start: usize) -> Result<(), Objection> {
        self.at = self.at.saturating_add(1);
        let rest = self.rest();
        let hashes = rest
            .len()
            .saturating_sub(rest.trim_start_matches('#').len());
        let body = rest.get(hashes..).unwrap_or_default();
        if !body.starts_with('"') {
            return Ok(()); // a raw identifier such as r#type
        }
        let body = body.get(1..).unwrap_or_default();
        let mut searched = 0_usize;
        while let Some(quote) = body.get(searched..).and_then(|tail| tail.find('"')) {
            let behind = searched.saturating_add(quote).saturating_add(1);
            let tail = body.get(behind..).unwrap_or_default();
            if tail.len() >= hashes && tail.bytes().take(hashes).all(|byte| byte == b'#') {
                let length = hashes
                    .saturating_add(1)
                    .saturating_add(behind)
                    .saturating_add(hashes);
                self.at = self.at.saturating_add(length);
                return Ok(());
            }
            searched = behind;
        }
        Err(Objection::Unclosed(start, start.saturating_add(1)))
    }

    /// Skips a character literal; a lone quote is left to the parser to refuse.
    fn skip_char(&mut self) {
        self.at = self.at.saturating_add(1);
        let rest = self.rest();
        let escaped = rest.starts_with('\\');
        let from = if escaped {
            2
        } else {
            rest.chars().next().map_or(0, char::len_utf8)
        };
        let tail = rest.get(from..).unwrap_or_default();
        let longest = tail
            .char_indices()
            .nth(CHAR_ESCAPE_MAX)
            .map_or(tail.len(), |(at, _)| at);
        let window = tail.get(..longest).unwrap_or_default();
        let end = if escaped {
            window.find('\'')
        } else {
            window.starts_with('\'').then_some(0)
        };
        if let Some(end) = end {
            self.at = self
                .at
                .saturating_add(from)
                .saturating_add(end)
                .saturating_add(1);
        }
    }
}

/// Longest escape in a character literal, in characters: `u{10FFFF}`.
const CHAR_ESCAPE_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        let quiet = format!(
            "\"{0}\\\"{0}\" // {0}\n/* {0} /* {0} */ */ r#\"{0}\"{0}\"#",
            "(".repeat(100)
        );
        assert_eq!(check(&quiet), Ok(()));
        assert_eq!(
            check(&format!("{}{}", "'('".repeat(100), r"'\'' '\u{28}'")),
            Ok(())
        );
    }

    #[test]
    fn nesting_is_refused_where_it_goes_too_deep() {
        let text = format!("  {}", "[".repeat(100_000));
        let at = 2 + NESTING_MAX;
        assert_eq!(check(&text), Err(Objection::TooDeep(at, at + 1)));
        let fits = format!("{}{}", "(".repeat(NESTING_MAX), ")".repeat(NESTING_MAX));
        assert_eq!(check(&fits), Ok(()));
    }

    #[test]
    fn attributes_and_unclosed_text_are_refused() {
        assert_eq!(
            check("#![enable(implicit_some)] ()"),
            Err(Objection::Attribute(0, 3))
        );
        assert_eq!(check("( /* never"), Err(Objection::Unclosed(2, 4)));
        assert_eq!(check("( \"never"), Err(Objection::Unclosed(2, 3)));
        assert_eq!(
            check("(a: \"b,\n c: \"d\")"),
            Err(Objection::Unclosed(4, 5))
        );
        assert_eq!(check("( r##\"never\"#"), Err(Objection::Unclosed(2, 3)));
        assert_eq!(check("(r#type: 1, bar\"x\")"), Ok(()));
    }

    #[test]
    fn the_open_bracket_around_a_place_is_found() {
        let text = "( a: [1, 2], b: { \"(\": 3 } )";
        assert_eq!(open_bracket_at(text, 7), Some(5));
        assert_eq!(open_bracket_at(text, 13), Some(0));
        assert_eq!(open_bracket_at(text, 24), Some(16));
        assert_eq!(open_bracket_at(text, 0), None);
    }
}

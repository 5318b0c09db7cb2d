//! Where the program organisation units of a source file stand, without compiling it.

use super::MAX_SOURCE_BYTES;

/// Kinds of program organisation units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitKind {
    /// FUNCTION.
    Function,
    /// FUNCTION_BLOCK.
    FunctionBlock,
    /// PROGRAM.
    Program,
}

/// A unit: bytes `start..end` of the source, from its keyword to the end of its END keyword.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Kind.
    pub kind: UnitKind,
    /// Name in upper case.
    pub name: String,
    /// First byte.
    pub start: usize,
    /// First byte behind it.
    pub end: usize,
}

/// Finds the units of a source file in order; what is between them belongs to none. A unit without its END, and what
/// follows it, is left out, as is a file beyond [`MAX_SOURCE_BYTES`].
#[must_use]
pub fn sections(source: &str) -> Vec<Section> {
    let mut found = Vec::new();
    if source.len() > MAX_SOURCE_BYTES {
        return found;
    }
    let mut words = Words { source, at: 0 };
    let mut configuration = false;
    while let Some((word, start, _)) = words.next_word() {
        // PROGRAM inside a CONFIGURATION is an instance.
        match word.as_str() {
            "CONFIGURATION" => configuration = true,
            "END_CONFIGURATION" => configuration = false,
            _ => {}
        }
        let Some((kind, closing)) = opening(&word).filter(|_| !configuration) else {
            continue;
        };
        let Some((name, ..)) = words.next_word() else {
            break;
        };
        let end = loop {
            match words.next_word() {
                Some((word, _, end)) if word == closing => break Some(end),
                Some(_) => {}
                None => break None,
            }
        };
        let Some(end) = end else { break };
        found.push(Section {
            kind,
            name,
            start,
            end,
        });
    }
    found
}

fn opening(word: &str) -> Option<(UnitKind, &'static str)> {
    match word {
        "FUNCTION" => Some((UnitKind::Function, "END_FUNCTION")),
        "FUNCTION_BLOCK" => Some((UnitKind::FunctionBlock, "END_FUNCTION_BLOCK")),
        "PROGRAM" => Some((UnitKind::Program, "END_PROGRAM")),
        _ => None,
    }
}

/// Words of a source, comments, pragmas and texts skipped.
struct Words<'a> {
    source: &'a str,
    at: usize,
}

impl Words<'_> {
    /// The next word in upper case, its first byte and the byte behind it.
    fn next_word(&mut self) -> Option<(String, usize, usize)> {
        let bytes = self.source.as_bytes();
        loop {
            let byte = *bytes.get(self.at)?;
            let rest = bytes.get(self.at..)?;
            if rest.starts_with(b"(*") {
                self.skip_nested();
            } else if rest.starts_with(b"/*") {
                self.skip_past(2, b"*/");
            } else if rest.starts_with(b"//") {
                self.skip_past(2, b"\n");
            } else if byte == b'{' {
                self.skip_past(1, b"}");
            } else if byte == b'\'' || byte == b'"' {
                self.skip_text(byte);
            } else if byte.is_ascii_alphabetic() || byte == b'_' {
                let start = self.at;
                let length = rest
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
                    .count();
                self.at += length;
                let word = self.source.get(start..self.at)?;
                return Some((word.to_ascii_uppercase(), start, self.at));
            } else if byte.is_ascii_digit() {
                let length = rest
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
                    .count();
                self.at += length;
            } else {
                self.at += 1;
            }
        }
    }

    fn skip_past(&mut self, opening: usize, closing: &[u8]) {
        let from = self.at + opening;
        let rest = self.source.as_bytes().get(from..).unwrap_or_default();
        let found = rest.windows(closing.len()).position(|w| w == closing);
        self.at = found.map_or(self.source.len(), |i| from + i + closing.len());
    }

    fn skip_nested(&mut self) {
        let bytes = self.source.as_bytes();
        let mut depth = 0_usize;
        while self.at < bytes.len() {
            let rest = bytes.get(self.at..).unwrap_or_default();
            if rest.starts_with(b"(*") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with(b"*)") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.at += 1;
            }
        }
    }

    /// A text ends at its quote; `$` makes the next character part of it.
    fn skip_text(&mut self, quote: u8) {
        let bytes = self.source.as_bytes();
        self.at += 1;
        while let Some(byte) = bytes.get(self.at) {
            self.at += if *byte == b'$' { 2 } else { 1 };
            if *byte == quote {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_found_whatever_stands_in_comments_and_texts() {
        let source = "(* PROGRAM no (* nested *) *) TYPE t : INT; END_TYPE\n\
                      FUNCTION_BLOCK Valve VAR s : STRING := 'END_FUNCTION_BLOCK $' {'; END_VAR // PROGRAM x\n\
                      END_FUNCTION_BLOCK\nfunction Half : INT Half := 1; end_function\n\
                      {PROGRAM}PROGRAM main x := 16#FF; END_PROGRAM\n\
                      CONFIGURATION c PROGRAM p WITH t : main; END_CONFIGURATION";
        let found = sections(source);
        let names: Vec<_> = found.iter().map(|s| (s.kind, s.name.as_str())).collect();
        assert_eq!(
            names,
            [
                (UnitKind::FunctionBlock, "VALVE"),
                (UnitKind::Function, "HALF"),
                (UnitKind::Program, "MAIN"),
            ]
        );
        assert!(source[found[0].start..found[0].end].starts_with("FUNCTION_BLOCK Valve"));
        assert!(source[found[2].start..found[2].end].ends_with("END_PROGRAM"));
    }

    proptest! {
        #[test]
        fn any_text_has_ordered_sections_on_character_borders(
            parts in proptest::collection::vec(prop_oneof![
                Just("PROGRAM".to_owned()), Just("END_PROGRAM".to_owned()), Just("FUNCTION".to_owned()),
                Just("END_FUNCTION ".to_owned()), Just("(*".to_owned()), Just("*)".to_owned()), Just("'".to_owned()),
                Just("$".to_owned()), Just("{".to_owned()), ".{0,6}",
            ], 0..40),
        ) {
            let source = parts.join(" ");
            let mut at = 0;
            for section in sections(&source) {
                prop_assert!(at <= section.start && section.start < section.end);
                prop_assert!(source.get(section.start..section.end).is_some());
                at = section.end;
            }
        }
    }
}

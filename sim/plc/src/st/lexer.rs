//! Text to tokens. Never fails: what it cannot read becomes an error and is skipped.

use sim_wire::device::Area;

use super::MAX_IDENTIFIER_CHARS;
use super::dates;
use super::error::{CompileError, Errors, Pos};
use super::text::MAX_CHARS;
use super::types::Ty;
use crate::memory::{AccessSize, DirectAddress};

/// One token with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub kind: Tok,
    pub pos: Pos,
}

/// What a token is. Identifiers and keywords are in upper case, since the language ignores case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tok {
    Ident(String),
    /// `INT#`, `COLOR#`: the name before the hash; a literal or identifier follows.
    TypePrefix(String),
    Int(u64),
    Real(f64),
    /// Duration, date or time of day in microseconds.
    Moment(Ty, i64),
    /// Text between quotes, one byte a character.
    Text(Vec<u8>),
    Direct(DirectAddress),
    Sym(&'static str),
    End,
}

/// Symbols, longest first so that the first match is the right one.
const SYMBOLS: [&str; 24] = [
    ":=", "=>", "<=", ">=", "<>", "**", "..", "+", "-", "*", "/", "&", "=", "<", ">", "(", ")",
    "[", "]", ",", ";", ":", ".", "|",
];

/// Splits `source` into tokens; the last one is always [`Tok::End`].
pub(crate) fn tokens(source: &str, errors: &mut Errors) -> Vec<Token> {
    let mut lexer = Lexer {
        rest: source,
        pos: Pos { line: 1, column: 1 },
        errors,
    };
    let mut out = Vec::new();
    loop {
        lexer.skip_blank();
        let pos = lexer.pos;
        if lexer.rest.is_empty() {
            out.push(Token {
                kind: Tok::End,
                pos,
            });
            return out;
        }
        if let Some(kind) = lexer.token() {
            out.push(Token { kind, pos });
        }
        if lexer.errors.full() {
            out.push(Token {
                kind: Tok::End,
                pos: lexer.pos,
            });
            return out;
        }
    }
}

struct Lexer<'a, 'e> {
    rest: &'a str,
    pos: Pos,
    errors: &'e mut Errors,
}

impl<'a> Lexer<'a, '_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = self.rest.get(c.len_utf8()..).unwrap_or("");
        if c == '\n' {
            self.pos.line = self.pos.line.saturating_add(1);
            self.pos.column = 1;
        } else {
            self.pos.column = self.pos.column.saturating_add(1);
        }
        Some(c)
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let before = self.rest;
        while self.peek().is_some_and(&accept) {
            self.bump();
        }
        self.taken_since(before)
    }

    /// What was read since `rest` was `before`.
    fn taken_since(&self, before: &'a str) -> &'a str {
        before.get(..before.len() - self.rest.len()).unwrap_or("")
    }

    fn error(&mut self, pos: Pos, code: &'static str, message: String, hint: &str) {
        self.errors
            .push(CompileError::new(pos, code, message, hint));
    }

    fn skip_blank(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if self.rest.starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.rest.starts_with("(*") || self.rest.starts_with("/*") {
                self.comment();
            } else if self.rest.starts_with('{') {
                // Pragmas are for other tools.
                self.take_while(|c| c != '}');
                self.bump();
            } else {
                return;
            }
        }
    }

    /// A comment; `(* *)` nests, as IEC 61131-3 edition 3 allows.
    fn comment(&mut self) {
        let start = self.pos;
        let close = if self.rest.starts_with("(*") {
            "*)"
        } else {
            "*/"
        };
        let open = if close == "*)" { "(*" } else { "/*" };
        let mut depth = 0_u32;
        loop {
            if self.rest.starts_with(open) {
                depth = depth.saturating_add(1);
                self.bump();
                self.bump();
            } else if self.rest.starts_with(close) {
                self.bump();
                self.bump();
                depth -= 1;
                if depth == 0 {
                    return;
                }
            } else if self.bump().is_none() {
                self.error(
                    start,
                    "ST002",
                    "the comment is never closed".into(),
                    "close it with *)",
                );
                return;
            }
        }
    }

    fn token(&mut self) -> Option<Tok> {
        let pos = self.pos;
        let c = self.peek()?;
        if c.is_ascii_alphabetic() || c == '_' {
            return self.word();
        }
        if c.is_ascii_digit() {
            return self.number();
        }
        if c == '%' {
            return self.direct();
        }
        for symbol in SYMBOLS {
            if self.rest.starts_with(symbol) {
                for _ in 0..symbol.len() {
                    self.bump();
                }
                return Some(Tok::Sym(symbol));
            }
        }
        if c == '\'' {
            return self.text();
        }
        self.bump();
        if c == '"' {
            self.take_while(|d| d != c && d != '\n');
            self.bump();
            self.error(
                pos,
                "ST003",
                "WSTRING is not part of this language".into(),
                "use a STRING, in single quotes",
            );
        } else {
            self.error(
                pos,
                "ST001",
                format!("character {c:?} has no meaning here"),
                "remove it",
            );
        }
        None
    }

    fn word(&mut self) -> Option<Tok> {
        let pos = self.pos;
        let text = self
            .take_while(|c| c.is_ascii_alphanumeric() || c == '_')
            .to_ascii_uppercase();
        if text.len() > MAX_IDENTIFIER_CHARS {
            self.error(
                pos,
                "ST008",
                format!("the name has {} characters", text.len()),
                "names have at most 128 characters",
            );
            return None;
        }
        if self.peek() != Some('#') {
            return Some(Tok::Ident(text));
        }
        self.bump();
        // An enumeration may have one of these names; then a value follows, not a digit.
        let digit = self.peek().is_some_and(|c| c.is_ascii_digit());
        match text.as_str() {
            "T" | "TIME" | "LT" | "LTIME" => self.duration(pos),
            "D" | "DATE" if digit => self.moment(pos, Ty::Date),
            "TOD" | "TIME_OF_DAY" if digit => self.moment(pos, Ty::Tod),
            "DT" | "DATE_AND_TIME" if digit => self.moment(pos, Ty::Dt),
            _ => Some(Tok::TypePrefix(text)),
        }
    }

    fn number(&mut self) -> Option<Tok> {
        let pos = self.pos;
        let digits = self
            .take_while(|c| c.is_ascii_digit() || c == '_')
            .replace('_', "");
        if self.peek() == Some('#') {
            self.bump();
            return self.based(pos, &digits);
        }
        let mut tail = self.rest.chars().skip(1);
        if self.peek() == Some('.') && tail.next().is_some_and(|c| c.is_ascii_digit()) {
            return self.real(pos, digits);
        }
        if self.peek().is_some_and(|c| c == 'e' || c == 'E')
            && self
                .rest
                .chars()
                .nth(1)
                .is_some_and(|c| c.is_ascii_digit() || c == '-' || c == '+')
        {
            return self.real(pos, digits);
        }
        match digits.parse::<u64>() {
            Ok(value) => Some(Tok::Int(value)),
            Err(_) => {
                self.error(
                    pos,
                    "ST004",
                    format!("number {digits} is too large"),
                    "the largest integer is 18446744073709551615",
                );
                Some(Tok::Int(0))
            }
        }
    }

    fn real(&mut self, pos: Pos, mut text: String) -> Option<Tok> {
        if self.peek() == Some('.') {
            self.bump();
            text.push('.');
            text.push_str(
                &self
                    .take_while(|c| c.is_ascii_digit() || c == '_')
                    .replace('_', ""),
            );
        }
        if self.peek().is_some_and(|c| c == 'e' || c == 'E') {
            self.bump();
            text.push('e');
            if let Some(sign) = self.peek().filter(|c| matches!(c, '+' | '-')) {
                self.bump();
                text.push(sign);
            }
            text.push_str(self.take_while(|c| c.is_ascii_digit()));
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Some(Tok::Real(value)),
            _ => {
                self.error(
                    pos,
                    "ST004",
                    format!("number {text} cannot be represented"),
                    "use a value that LREAL can hold",
                );
                Some(Tok::Real(0.0))
            }
        }
    }

    fn based(&mut self, pos: Pos, base: &str) -> Option<Tok> {
        let digits = self
            .take_while(|c| c.is_ascii_alphanumeric() || c == '_')
            .replace('_', "");
        let value = match base {
            "2" => u64::from_str_radix(&digits, 2),
            "8" => u64::from_str_radix(&digits, 8),
            "16" => u64::from_str_radix(&digits, 16),
            _ => {
                self.error(
                    pos,
                    "ST004",
                    format!("base {base} is not a base of this language"),
                    "use 2#, 8# or 16#",
                );
                return Some(Tok::Int(0));
            }
        };
        match value {
            Ok(value) => Some(Tok::Int(value)),
            Err(_) => {
                self.error(
                    pos,
                    "ST004",
                    format!("{base}#{digits} is not a number of base {base}"),
                    "check the digits and the length",
                );
                Some(Tok::Int(0))
            }
        }
    }

    /// The part of a duration after the hash, such as `1h30m` or `-2.5s`.
    fn duration(&mut self, pos: Pos) -> Option<Tok> {
        let before = self.rest;
        if self.peek() == Some('-') {
            self.bump();
        }
        self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
        let value = dates::duration_us(self.taken_since(before));
        if value.is_none() {
            self.error(
                pos,
                "ST005",
                "the duration cannot be read".into(),
                "write for example T#1h30m or T#2.5s; units are d h m s ms us ns",
            );
        }
        Some(Tok::Moment(Ty::Time, value.unwrap_or(0)))
    }

    /// The part of a date or time of day after the hash.
    fn moment(&mut self, pos: Pos, ty: Ty) -> Option<Tok> {
        let text = self.take_while(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | '.'));
        let value = match ty {
            Ty::Date => dates::date_us(text),
            Ty::Tod => dates::time_of_day_us(text),
            _ => dates::date_and_time_us(text),
        };
        if value.is_none() {
            self.error(
                pos,
                "ST005",
                format!("{text} is no {}", ty.name()),
                "write for example D#2024-05-17, TOD#12:30:15.25 or DT#2024-05-17-12:30:15, from 1970 to 9999",
            );
        }
        Some(Tok::Moment(ty, value.unwrap_or(0)))
    }

    /// A text in single quotes with its escapes (IEC 61131-3, two-character combinations).
    fn text(&mut self) -> Option<Tok> {
        let pos = self.pos;
        self.bump();
        let mut bytes = Vec::new();
        loop {
            let here = self.pos;
            let c = match self.peek() {
                None | Some('\n') => {
                    self.error(
                        pos,
                        "ST003",
                        "the text is never closed".into(),
                        "close it with ' on the same line; a quote inside is $'",
                    );
                    return None;
                }
                Some(c) => c,
            };
            self.bump();
            let byte = match c {
                '\'' => break,
                '$' => self.escape(),
                c => u8::try_from(c).ok(),
            };
            match byte {
                Some(byte) => bytes.push(byte),
                None => self.error(
                    here,
                    "ST007",
                    "this character cannot stand in a STRING".into(),
                    "a STRING has the characters of ISO 8859-1; escapes are $$ $' $L $N $P $R $T and $hh",
                ),
            }
        }
        if bytes.len() > usize::from(MAX_CHARS) {
            self.error(
                pos,
                "ST004",
                format!("the text has {} characters", bytes.len()),
                "a STRING has at most 254",
            );
        }
        Some(Tok::Text(bytes))
    }

    /// What follows a `$`.
    fn escape(&mut self) -> Option<u8> {
        let c = self.peek()?;
        self.bump();
        Some(match c.to_ascii_uppercase() {
            '$' | '\'' | '"' => u8::try_from(c).ok()?,
            'L' | 'N' => b'\n',
            'P' => 0x0c,
            'R' => b'\r',
            'T' => b'\t',
            high => {
                let low = self.peek()?.to_digit(16)?;
                let value = high.to_digit(16)? * 16 + low;
                self.bump();
                u8::try_from(value).ok()?
            }
        })
    }

    fn direct(&mut self) -> Option<Tok> {
        let pos = self.pos;
        self.bump();
        let text = self
            .take_while(|c| c.is_ascii_alphanumeric() || c == '.')
            .to_ascii_uppercase();
        match direct_address(&text) {
            Some(address) => Some(Tok::Direct(address)),
            None => {
                self.error(
                    pos,
                    "ST006",
                    format!("%{text} is not an address"),
                    "write for example %IX0.0, %QW3, %MD10 or %DB1.DBW2",
                );
                None
            }
        }
    }
}

/// Reads an address without its `%`, in upper case: `IX0.0`, `I0.0`, `MW10`, `DB1.DBD4`.
pub(crate) fn direct_address(text: &str) -> Option<DirectAddress> {
    if let Some(rest) = text.strip_prefix("DB") {
        let (number, rest) = rest.split_once('.')?;
        let (size, rest) = sized(rest.strip_prefix("DB")?)?;
        return with_index(Area::DataBlock(number.parse().ok()?), size, rest);
    }
    let mut chars = text.chars();
    let area = match chars.next()? {
        'I' => Area::Input,
        'Q' => Area::Output,
        'M' => Area::Marker,
        _ => return None,
    };
    let (size, rest) = sized(chars.as_str())?;
    with_index(area, size, rest)
}

fn sized(text: &str) -> Option<(AccessSize, &str)> {
    let size = match text.chars().next()? {
        'X' => AccessSize::Bit,
        'B' => AccessSize::Byte,
        'W' => AccessSize::Word,
        'D' => AccessSize::Dword,
        'L' => AccessSize::Lword,
        '0'..='9' => return Some((AccessSize::Bit, text)),
        _ => return None,
    };
    Some((size, text.get(1..)?))
}

fn with_index(area: Area, size: AccessSize, text: &str) -> Option<DirectAddress> {
    let all_digits =
        |s: &str| !s.is_empty() && s.len() <= 9 && s.bytes().all(|b| b.is_ascii_digit());
    let (index, bit) = match (size, text.split_once('.')) {
        (AccessSize::Bit, Some((index, bit))) if all_digits(bit) => {
            (index, bit.parse().ok().filter(|b| *b < 8)?)
        }
        (AccessSize::Bit, _) | (_, Some(_)) => return None,
        (_, None) => (text, 0),
    };
    all_digits(index)
        .then(|| index.parse().ok())?
        .map(|index| DirectAddress {
            area,
            size,
            index,
            bit,
        })
}

//! Reading Rust source as text: what is code, what is comment, what is a test.

/// Returns the text with comments and the contents of string literals blanked; lines stay where they were.
pub fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest, &out) {
            length
        } else if rest.starts_with('"') {
            quoted(rest)
        } else {
            character(rest).unwrap_or_default()
        };
        if skip == 0 {
            let first = rest.chars().next().unwrap_or(' ');
            out.push(first);
            at += first.len_utf8();
        } else {
            let skipped = &rest[..skip];
            out.push(' ');
            out.extend(skipped.chars().filter(|c| *c == '\n'));
            at += skip;
        }
    }
    out
}

/// Blanks modules behind `#[cfg(test)]` in text that [`code_only`] returned; lines stay where they were.
pub fn without_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..start]);
        let tail = &rest[start..];
        let length = item_length(tail);
        out.extend(tail[..length].chars().filter(|c| *c == '\n'));
        rest = &tail[length..];
    }
    out.push_str(rest);
    out
}

/// Length of an item from its attributes to its closing brace or semicolon.
fn item_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn raw_string(text: &str, before: &str) -> Option<usize> {
    if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let body = text.strip_prefix('b').unwrap_or(text).strip_prefix('r')?;
    let hashes = body.bytes().take_while(|b| *b == b'#').count();
    body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let from = text.len() - body.len() + hashes + 1;
    Some(
        text[from..]
            .find(&end)
            .map_or(text.len(), |at| from + at + end.len()),
    )
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of a character literal; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    if chars.next()?.1 != '\'' {
        return None;
    }
    let (_, first) = chars.next()?;
    if first == '\\' {
        let (_, _) = chars.next()?;
        return chars.find(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
    }
    let (at, next) = chars.next()?;
    (next == '\'').then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blank_and_lines_stay() {
        let text = "let a = \"HashMap\"; // HashMap\n/* HashMap\n */ let b = r#\"HashMap \" \"#;\nlet c: &'a str = '\"';";
        let code = code_only(text);
        assert!(!code.contains("HashMap"), "{code}");
        assert_eq!(code.lines().count(), text.lines().count());
        assert!(code.contains("let b =") && code.contains("let c: &'a str ="));
    }

    #[test]
    fn an_escaped_quote_does_not_end_a_string() {
        assert_eq!(code_only(r#"f("a\"b", HashMap)"#), "f( , HashMap)");
    }

    #[test]
    fn test_modules_are_blank_and_what_follows_is_not() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { x(); }\n}\nfn c() {}\n";
        let product = without_tests(code);
        assert!(!product.contains("fn b"));
        assert!(product.contains("fn a") && product.contains("fn c"));
        assert_eq!(product.lines().count(), code.lines().count());
    }

    #[test]
    fn a_test_module_in_its_own_file_ends_at_the_semicolon() {
        assert_eq!(
            without_tests("#[cfg(test)]\nmod tests;\nfn a() {}").trim(),
            "fn a() {}"
        );
    }
}

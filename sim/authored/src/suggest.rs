//! "Did you mean": the nearest of a list of names.

use crate::limits::QUOTE_CHARS_MAX;

/// Longest name for which a nearest one is looked up, in bytes; the cost is quadratic in it.
const NAME_BYTES_MAX: usize = 80;

/// Most names among which the nearest one is looked up.
const CANDIDATES_MAX: usize = 1000;

/// Largest edit distance at which another name is proposed.
const DISTANCE_MAX: usize = 2;

/// Shortest beginning that counts as an abbreviation of a name, in bytes.
const PREFIX_BYTES_MIN: usize = 2;

/// Returns the name nearest to `found`: at most two edits away, or one that it begins.
///
/// Of several the nearest wins; of equally near ones a beginning, then the first.
pub fn nearest<'a>(found: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if found.len() > NAME_BYTES_MAX {
        return None;
    }
    let lower = found.to_lowercase();
    let mut best: Option<((usize, bool), &'a str)> = None;
    for name in names.into_iter().take(CANDIDATES_MAX) {
        if name.len() > NAME_BYTES_MAX {
            continue;
        }
        let candidate = name.to_lowercase();
        let edits = strsim::osa_distance(&lower, &candidate);
        // A name of three letters is two edits from nearly every other.
        let near = edits <= DISTANCE_MAX && edits.saturating_mul(2) < lower.len().max(2);
        let prefix = lower.len() >= PREFIX_BYTES_MIN
            && candidate.len() >= PREFIX_BYTES_MIN
            && (candidate.starts_with(&lower) || lower.starts_with(&candidate));
        let edits = if near { edits } else { DISTANCE_MAX + 1 };
        let rank = (edits, !prefix);
        if (near || prefix) && best.is_none_or(|(least, _)| rank < least) {
            best = Some((rank, name));
        }
    }
    best.map(|(_, name)| name)
}

/// Writes what to do about an unknown name: the nearest one, or the choices there are.
pub fn did_you_mean<'a, I>(found: &str, names: I) -> String
where
    I: IntoIterator<Item = &'a str> + Clone,
{
    if let Some(name) = nearest(found, names.clone()) {
        return format!("did you mean `{name}`?");
    }
    let listed: Vec<&str> = names.into_iter().collect();
    match listed.as_slice() {
        [] => "nothing of this kind is defined".to_owned(),
        [only] => format!("the only choice is `{only}`"),
        all if all.len() <= CHOICES_MAX => format!("the choices are {}", quoted_list(all)),
        all => {
            let shown = all.get(..CHOICES_MAX).unwrap_or_default();
            let more = all.len().saturating_sub(CHOICES_MAX);
            format!("the choices are {} and {more} more", quoted_list(shown))
        }
    }
}

/// Shortens an author's text for quoting in a message, with control characters escaped.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::new();
    for (index, character) in text.trim().chars().enumerate() {
        if index >= QUOTE_CHARS_MAX {
            quoted.push('…');
            break;
        }
        if character.is_control() {
            quoted.extend(character.escape_default());
        } else {
            quoted.push(character);
        }
    }
    quoted
}

/// Most choices that a hint lists.
const CHOICES_MAX: usize = 12;

fn quoted_list(names: &[&str]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", quote(name)))
        .collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_and_beginnings_are_proposed() {
        let names = ["period_ms", "plant", "plcs", "zones"];
        assert_eq!(nearest("zoens", names), Some("zones"));
        assert_eq!(nearest("Plant", names), Some("plant"));
        assert_eq!(nearest("period", names), Some("period_ms"));
        assert_eq!(nearest("period_us", names), Some("period_ms"));
        assert_eq!(nearest("plc", names), Some("plcs"));
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest("colour", names), None);
        assert_eq!(nearest(&"z".repeat(10_000), names), None);
    }

    #[test]
    fn hints_name_the_nearest_or_the_choices() {
        assert_eq!(did_you_mean("zone", ["zones"]), "did you mean `zones`?");
        assert_eq!(did_you_mean("qq", ["a", "b"]), "the choices are `a`, `b`");
        assert_eq!(did_you_mean("qq", ["a"]), "the only choice is `a`");
        assert_eq!(did_you_mean("qq", []), "nothing of this kind is defined");
    }

    #[test]
    fn quotations_are_short_and_without_control_characters() {
        assert_eq!(quote(" a\n\u{1b}[31m "), "a\\n\\u{1b}[31m");
        assert_eq!(
            quote(&"x".repeat(1000)).chars().count(),
            QUOTE_CHARS_MAX + 1
        );
    }
}

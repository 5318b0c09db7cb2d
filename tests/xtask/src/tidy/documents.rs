//! Markdown: one title a file, no link into nothing or out of the book, no page that the book forgot.

use super::TextFile;
use std::collections::BTreeSet;
use std::path::Path;

/// Folder of the book and its table of contents.
const BOOK: &str = "docs/";
const CONTENTS: &str = "docs/SUMMARY.md";

pub fn check(root: &Path, files: &[TextFile], problems: &mut Vec<String>) {
    let pages: Vec<&TextFile> = files.iter().filter(|f| f.path.ends_with(".md")).collect();
    for page in &pages {
        // In the table of contents such lines name the parts of the book.
        if page.path != CONTENTS {
            one_title(page, problems);
        }
        links_resolve(root, page, &pages, problems);
    }
    let contents: BTreeSet<String> = pages
        .iter()
        .filter(|page| page.path == CONTENTS)
        .flat_map(|page| links(&page.text))
        .map(|(_, target)| format!("{BOOK}{}", target.trim_start_matches("./")))
        .collect();
    for page in pages {
        let listed = page.path == CONTENTS || contents.contains(&page.path);
        if page.path.starts_with(BOOK) && !listed {
            problems.push(format!("{}: not in {CONTENTS}", page.path));
        }
    }
}

fn one_title(page: &TextFile, problems: &mut Vec<String>) {
    let titles = prose(&page.text)
        .filter(|(_, line)| line.starts_with("# "))
        .count();
    if titles != 1 {
        problems.push(format!(
            "{}: {titles} titles (lines that start with one `#`), one is expected",
            page.path
        ));
    }
}

fn links_resolve(root: &Path, page: &TextFile, pages: &[&TextFile], problems: &mut Vec<String>) {
    for (number, target) in links(&page.text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (file, anchor) = target
            .split_once('#')
            .map_or((&*target, None), |(file, anchor)| (file, Some(anchor)));
        let path = if file.is_empty() {
            page.path.clone()
        } else {
            join(&page.path, file)
        };
        if !root.join(&path).exists() {
            problems.push(format!(
                "{}:{number}: link to {path}, which does not exist",
                page.path
            ));
            continue;
        }
        if page.path.starts_with(BOOK) && !path.starts_with(BOOK) {
            problems.push(format!(
                "{}:{number}: link to {path}, which is not in the book",
                page.path
            ));
        }
        let aim = pages.iter().find(|p| p.path == path);
        if let (Some(anchor), Some(aim)) = (anchor, aim)
            && !anchors(&aim.text).contains(anchor)
        {
            problems.push(format!(
                "{}:{number}: {path} has no heading `#{anchor}`",
                page.path
            ));
        }
    }
}

/// Lines outside fenced code, with their numbers from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some((index + 1, line))
    })
}

/// Targets of inline links, with the numbers of their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let mut rest = line;
        while let Some(start) = rest.find("](") {
            rest = &rest[start + 2..];
            if let Some(end) = rest.find(')') {
                found.push((number, rest[..end].to_owned()));
            }
        }
    }
    found
}

/// What the headings of a page are called in links.
fn anchors(text: &str) -> BTreeSet<String> {
    prose(text)
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(_, line)| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

/// A path relative to the folder of `from`, with `..` taken out.
fn join(from: &str, to: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(path: &str, text: &str) -> TextFile {
        TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    fn problems(files: &[TextFile]) -> Vec<String> {
        let mut problems = Vec::new();
        check(Path::new("/nowhere"), files, &mut problems);
        problems
    }

    #[test]
    fn a_hash_in_a_code_block_is_no_title() {
        let text = "# Title\n\n```sh\n# a comment\n```\n";
        assert!(problems(&[page("README.md", text)]).is_empty());
        assert_eq!(problems(&[page("README.md", "# A\n\n# B\n")]).len(), 1);
        assert_eq!(problems(&[page("README.md", "text\n")]).len(), 1);
    }

    #[test]
    fn a_link_into_nothing_is_found_with_its_line() {
        let found = problems(&[page("docs/SUMMARY.md", "# S\n\n- [x](gone.md)\n")]);
        assert_eq!(
            found,
            ["docs/SUMMARY.md:3: link to docs/gone.md, which does not exist"]
        );
    }

    #[test]
    fn a_link_out_of_the_book_is_found_and_one_into_it_is_not() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut found = Vec::new();
        let files = [
            page("docs/SUMMARY.md", "- [a](players.md)\n"),
            page("docs/players.md", "# A\n\n[out](../README.md)\n"),
            page("README.md", "# B\n\n[in](docs/players.md)\n"),
        ];
        check(&root, &files, &mut found);
        assert_eq!(
            found,
            ["docs/players.md:3: link to README.md, which is not in the book"]
        );
    }

    #[test]
    fn a_page_that_the_contents_forgot_is_found() {
        let found = problems(&[
            page("docs/SUMMARY.md", "# S\n"),
            page("docs/lost.md", "# Lost\n"),
        ]);
        assert_eq!(found, ["docs/lost.md: not in docs/SUMMARY.md"]);
    }

    #[test]
    fn links_and_anchors_are_read_as_the_book_reads_them() {
        assert_eq!(
            join("docs/how-to/a.md", "../glossary.md"),
            "docs/glossary.md"
        );
        assert!(anchors("## Add a plant, step by step\n").contains("add-a-plant-step-by-step"));
        assert_eq!(links("[a](b.md) and [c](d.md#e)").len(), 2);
    }
}

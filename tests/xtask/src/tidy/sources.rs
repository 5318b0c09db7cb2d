//! Rust sources and manifests.

use super::TextFile;
use crate::source::{code_only, without_tests};

/// Lines of a Rust file at most. Functions are bounded by clippy (`too-many-lines-threshold`).
const FILE_LINES_MAX: usize = 900;

/// Never in any Rust file, and why.
const FORBIDDEN: &[(&str, &str)] = &[
    ("todo!", "unfinished code is not committed"),
    ("unimplemented!", "unfinished code is not committed"),
    ("#[ignore", "a test runs or does not exist"),
    (
        "#[should_panic",
        "assert the error; a panic is not an interface",
    ),
    ("dbg!", "a trace of debugging"),
];

/// Never in the product code of a pure crate: what clippy's lists in clippy.toml do not reach.
const IMPURE: &[(&str, &str)] = &[
    ("std::time::Instant", "virtual time is an argument"),
    ("std::time::SystemTime", "virtual time is an argument"),
    ("std::fs", "side effects are returned as data"),
    ("std::env", "configuration arrives through the scenario"),
    ("std::thread", "a range is single-threaded"),
    ("std::process", "side effects are returned as data"),
    ("std::sync::Mutex", "no lock as architecture"),
    ("std::net::Tcp", "side effects are returned as data"),
    ("std::net::Udp", "side effects are returned as data"),
    ("std::io::std", "side effects are returned as data"),
    (
        "HashMap",
        "iteration order is not deterministic; use BTreeMap",
    ),
    (
        "HashSet",
        "iteration order is not deterministic; use BTreeSet",
    ),
    ("thread_local!", "a range is single-threaded"),
    ("static mut", "state belongs to the range"),
    ("unsafe ", "pure crates are safe code"),
    ("println!", "the shell talks"),
];

/// Words that promise instead of describe; in code, comments and documents.
const PROMISES: &[&str] = &[
    concat!("place", "holder"),
    concat!("for ", "now,"),
    concat!("not yet ", "implemented"),
    concat!("simplified ", "for"),
    concat!("work in ", "progress"),
    concat!("coming ", "soon"),
];

pub fn check(files: &[TextFile], problems: &mut Vec<String>) {
    let rust = files.iter().filter(|file| file.path.ends_with(".rs"));
    for file in rust {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            problems.push(format!(
                "{}: {lines} lines, {FILE_LINES_MAX} are allowed; split it",
                file.path
            ));
        }
        let code = code_only(&file.text);
        find(file, &code, FORBIDDEN, problems);
        if is_pure(&file.path) {
            find(file, &without_tests(&code), IMPURE, problems);
        }
    }
    promises(files, problems);
    manifests(files, problems);
}

fn find(file: &TextFile, code: &str, words: &[(&str, &str)], problems: &mut Vec<String>) {
    for (number, line) in code.lines().enumerate() {
        for (word, reason) in words {
            if line.contains(word) {
                problems.push(format!("{}:{}: `{word}`: {reason}", file.path, number + 1));
            }
        }
    }
}

/// Product code of a pure crate: its `src`, but for files that only tests include.
fn is_pure(path: &str) -> bool {
    let pure = path.starts_with("sim/") || path.starts_with("grading/");
    pure && path.contains("/src/") && !path.ends_with("/tests.rs") && !path.contains("/tests/")
}

fn promises(files: &[TextFile], problems: &mut Vec<String>) {
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let line = line.to_lowercase();
            for word in PROMISES.iter().filter(|word| line.contains(*word)) {
                problems.push(format!(
                    "{}:{}: \"{word}\": say what is, not what will be",
                    file.path,
                    number + 1
                ));
            }
        }
    }
}

/// Every member takes the workspace's lints, and every pure crate has the same list of bans.
fn manifests(files: &[TextFile], problems: &mut Vec<String>) {
    let text = |path: &str| files.iter().find(|f| f.path == path).map(|f| &f.text);
    let bans = text("sim/record/clippy.toml");
    for file in files {
        let Some(folder) = file.path.strip_suffix("/Cargo.toml") else {
            continue;
        };
        // The fuzz targets are a workspace of their own, built by another compiler line.
        if folder != "tests/fuzz" && !file.text.contains("[lints]\nworkspace = true") {
            problems.push(format!("{}: lacks `[lints] workspace = true`", file.path));
        }
        if folder.starts_with("sim/") || folder == "grading" {
            let own = text(&format!("{folder}/clippy.toml"));
            if own.is_none() || own != bans {
                problems.push(format!(
                    "{folder}/clippy.toml: differs from sim/record/clippy.toml; pure crates share one list of bans"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let file = TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        check(&[file], &mut problems);
        problems
    }

    #[test]
    fn a_clock_in_a_pure_crate_is_found_and_one_in_the_shell_is_not() {
        let text = "fn now() { let t = std::time::Instant::now(); }\n";
        assert_eq!(
            problems("sim/net/src/link.rs", text),
            ["sim/net/src/link.rs:1: `std::time::Instant`: virtual time is an argument"]
        );
        assert!(problems("server/src/pacing.rs", text).is_empty());
    }

    #[test]
    fn addresses_are_data_and_allowed() {
        assert!(problems("sim/net/src/a.rs", "use std::net::Ipv4Addr;\n").is_empty());
    }

    #[test]
    fn long_files_and_skipped_tests_are_found() {
        let long = "//\n".repeat(FILE_LINES_MAX + 1);
        assert!(problems("server/src/a.rs", &long)[0].contains("901 lines"));
        let skipped = format!("{}]\nfn a() {{}}\n", "#[ignore");
        assert_eq!(problems("server/src/a.rs", &skipped).len(), 1);
    }

    #[test]
    fn promises_are_found_in_documents() {
        let text = format!("# A\n\nThis is {} the real one.\n", PROMISES[0]);
        assert_eq!(problems("docs/a.md", &text).len(), 1);
    }

    #[test]
    fn a_pure_crate_without_the_bans_is_found() {
        let manifest = "[package]\n[lints]\nworkspace = true\n";
        assert_eq!(problems("sim/new/Cargo.toml", manifest).len(), 1);
        assert!(problems("server/Cargo.toml", manifest).is_empty());
    }
}

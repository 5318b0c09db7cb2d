//! Following the pages that show how to add a part, exactly as their text says.

use std::process::Command;
use tests::checkout::{copy, root, target_dir};
use tests::page::{apply, steps};

/// What a copy of the checkout needs so that a crate of it can be built and tested.
const PARTS: &[&str] = &[
    ".cargo",
    "Cargo.lock",
    "Cargo.toml",
    "assets",
    "clippy.toml",
    "grading",
    "scenarios",
    "server",
    "sim",
    "tests",
];

#[test]
fn add_a_plant() {
    follow("add-a-plant");
}

#[test]
fn add_a_metric() {
    follow("add-a-metric");
}

/// Applies every step of a page to a fresh copy of the checkout and runs its commands there, offline.
fn follow(name: &str) {
    let page = std::fs::read_to_string(root().join(format!("docs/how-to/{name}.md"))).unwrap();
    let target = target_dir().unwrap();
    let place = target.join("how-to").join(name);
    copy(PARTS, &place).unwrap();
    let commands = apply(&steps(&page), &place).unwrap();
    assert!(!commands.is_empty(), "the page runs nothing");
    for words in commands {
        let done = Command::new(&words[0])
            .args(&words[1..])
            .current_dir(&place)
            // What the checkout has built from the registry is used again.
            .env("CARGO_TARGET_DIR", &target)
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TERM_COLOR", "never")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&done.stderr).into_owned()
            + &String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{}:\n{told}", words.join(" "));
        let warned = told.lines().any(|line| line.starts_with("warning: "));
        assert!(!warned, "{}:\n{told}", words.join(" "));
    }
    std::fs::remove_dir_all(&place).unwrap();
}

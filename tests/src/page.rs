//! Pages of the documentation that can be followed by a program.
//!
//! A fenced block is a step when its first line names what to do: `rust file=PATH` writes a file, `diff file=PATH`
//! changes one, `sh` is a list of commands. All other blocks are only shown.

use std::path::Path;

/// A step of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Writes a new file.
    Create {
        /// Path from the root of the checkout.
        path: String,
        /// Contents.
        text: String,
    },
    /// Replaces lines of a file that are there exactly once.
    Change {
        /// Path from the root of the checkout.
        path: String,
        /// Lines as they are.
        before: String,
        /// Lines as they become.
        after: String,
    },
    /// Runs a command.
    Run {
        /// Its words.
        words: Vec<String>,
    },
}

/// Reads the steps of a page, in order.
#[must_use]
pub fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let body: Vec<&str> = lines
            .by_ref()
            .take_while(|line| !line.starts_with("```"))
            .collect();
        let path = info.split_once("file=").map(|(_, path)| path.to_owned());
        match (info.split(' ').next(), path) {
            (Some("diff"), Some(path)) => steps.push(Step::Change {
                path,
                before: side(&body, '+'),
                after: side(&body, '-'),
            }),
            (Some(_), Some(path)) => steps.push(Step::Create {
                path,
                text: body.join("\n") + "\n",
            }),
            (Some("sh"), None) => steps.extend(body.iter().map(|line| Step::Run {
                words: line.split_whitespace().map(str::to_owned).collect(),
            })),
            _ => {}
        }
    }
    steps
}

/// Lines of a diff but for those of the other side.
fn side(diff: &[&str], other: char) -> String {
    diff.iter()
        .filter(|line| !line.starts_with(other))
        .map(|line| format!("{}\n", line.get(1..).unwrap_or_default()))
        .collect()
}

/// Carries out the steps that write files below `root`, and returns the commands that remain to be run.
///
/// # Errors
/// A file that should be new is there, or lines that should be changed are not there exactly once.
pub fn apply(steps: &[Step], root: &Path) -> Result<Vec<Vec<String>>, String> {
    let mut commands = Vec::new();
    for step in steps {
        match step {
            Step::Create { path, text } => {
                let file = root.join(path);
                if file.exists() {
                    return Err(format!("{path} is there already"));
                }
                if let Some(folder) = file.parent() {
                    std::fs::create_dir_all(folder).map_err(|e| format!("{path}: {e}"))?;
                }
                std::fs::write(&file, text).map_err(|e| format!("{path}: {e}"))?;
            }
            Step::Change {
                path,
                before,
                after,
            } => {
                let file = root.join(path);
                let text = std::fs::read_to_string(&file).map_err(|e| format!("{path}: {e}"))?;
                let found = text.matches(before.as_str()).count();
                if found != 1 {
                    return Err(format!(
                        "{path} holds these lines {found} times instead of once:\n{before}"
                    ));
                }
                let text = text.replacen(before.as_str(), after, 1);
                std::fs::write(&file, text).map_err(|e| format!("{path}: {e}"))?;
            }
            Step::Run { words } => commands.push(words.clone()),
        }
    }
    Ok(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Title\n\n```rust file=src/a.rs\nfn a() {}\n```\n\n```diff file=src/b.rs\n one\n-two\n+three\n```\n\n\
                        ```sh\ncargo test\n```\n\n```text\nshown only\n```\n";

    #[test]
    fn blocks_with_a_file_or_a_command_are_steps() {
        assert_eq!(
            steps(PAGE),
            [
                Step::Create {
                    path: "src/a.rs".into(),
                    text: "fn a() {}\n".into()
                },
                Step::Change {
                    path: "src/b.rs".into(),
                    before: "one\ntwo\n".into(),
                    after: "one\nthree\n".into()
                },
                Step::Run {
                    words: vec!["cargo".into(), "test".into()]
                },
            ]
        );
    }

    #[test]
    fn a_change_of_lines_that_are_not_there_is_refused() {
        let folder = std::env::temp_dir().join(format!("trippoint-page-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("src")).unwrap();
        std::fs::write(folder.join("src/b.rs"), "one\ntwo\n").unwrap();
        let commands = apply(&steps(PAGE), &folder).unwrap();
        assert_eq!(commands, [["cargo", "test"]]);
        let changed = std::fs::read_to_string(folder.join("src/b.rs")).unwrap();
        assert_eq!(changed, "one\nthree\n");
        let again = apply(&steps(PAGE), &folder).unwrap_err();
        assert_eq!(again, "src/a.rs is there already");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

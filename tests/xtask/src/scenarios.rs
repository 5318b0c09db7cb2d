//! Checks every scenario, with the command that an author uses.

use crate::shell::{self, Outcome};

/// Runs `trippoint check` on every folder of `scenarios` that holds a `scenario.ron`.
pub fn run() -> Outcome {
    let folder = shell::root().join("scenarios");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
        let path = entry.map_err(|e| e.to_string())?.path();
        if path.join("scenario.ron").is_file() {
            found.push(path.to_string_lossy().into_owned());
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(format!("{} holds no scenario", folder.display()));
    }
    shell::run(&mut shell::cargo(&[
        "build",
        "--quiet",
        "--release",
        "--package",
        "trippoint",
    ]))?;
    let mut arguments = vec!["check"];
    arguments.extend(found.iter().map(String::as_str));
    shell::run(&mut shell::program(shell::release_binary(), &arguments))?;
    Ok(format!("scenarios: {} are in order", found.len()))
}

//! Computes the engine fingerprint: a hash of the pure crates' sources, the personas, the versions of their dependencies and rustc.
//! No commit, time, path, host, profile or worker count enters it.

#![allow(
    clippy::disallowed_methods,
    reason = "a build script is no part of the engine"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Crates whose sources decide what a range does.
const ENGINE_CRATES: &[&str] = &[
    "record", "authored", "wire", "plc", "plant", "net", "scenario", "view", "range",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut hasher = blake3::Hasher::new();
    for name in ENGINE_CRATES {
        let dir = root.join("sim").join(name);
        println!("cargo::rerun-if-changed={}", dir.join("src").display());
        for file in sorted_files(&dir.join("src"), "rs")? {
            let relative = file
                .strip_prefix(&dir)?
                .to_string_lossy()
                .replace('\\', "/");
            let text = std::fs::read_to_string(&file)?.replace("\r\n", "\n");
            hasher
                .update(format!("{name}/{relative}:{}:", text.len()).as_bytes())
                .update(text.as_bytes());
        }
    }
    let personas = root.join("assets/personas");
    println!("cargo::rerun-if-changed={}", personas.display());
    for file in sorted_files(&personas, "ron")? {
        let text = std::fs::read_to_string(&file)?.replace("\r\n", "\n");
        hasher
            .update(format!("personas:{}:", text.len()).as_bytes())
            .update(text.as_bytes());
    }
    let lock = root.join("Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    hasher.update(dependency_closure(&std::fs::read_to_string(&lock)?, "sim-range").as_bytes());
    hasher.update(&rustc_version()?);
    println!(
        "cargo::rustc-env=TRIPPOINT_ENGINE_FINGERPRINT={}",
        &hasher.finalize().to_hex()[..32]
    );
    Ok(())
}

fn sorted_files(dir: &Path, ending: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut pending = vec![dir.to_path_buf()];
    while let Some(next) = pending.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// `name version` of every package that `package` needs, sorted, from the text of a Cargo.lock.
fn dependency_closure(lock: &str, package: &str) -> String {
    let mut packages: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    for block in lock.split("[[package]]").skip(1) {
        let field = |key: &str| {
            block.lines().find_map(|l| {
                l.strip_prefix(key)
                    .map(|v| v.trim_matches(|c| " =\"".contains(c)).to_owned())
            })
        };
        let dependencies = block
            .lines()
            .filter_map(|l| l.strip_prefix(" \""))
            .map(|l| l.trim_end_matches(['"', ',']).to_owned())
            .collect();
        let (Some(name), Some(version)) = (field("name"), field("version")) else {
            continue;
        };
        packages.insert(format!("{name} {version}"), (name, dependencies));
    }
    let mut seen = BTreeSet::new();
    let mut pending = vec![package.to_owned()];
    while let Some(next) = pending.pop() {
        let found: Vec<_> = packages
            .iter()
            .filter(|(key, (name, _))| {
                if next.contains(' ') {
                    **key == next
                } else {
                    *name == next
                }
            })
            .map(|(key, (_, dependencies))| (key.clone(), dependencies.clone()))
            .collect();
        for (key, dependencies) in found {
            if seen.insert(key) {
                pending.extend(dependencies);
            }
        }
    }
    seen.into_iter().collect::<Vec<_>>().join("\n")
}

fn rustc_version() -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    Ok(std::process::Command::new(rustc)
        .arg("--version")
        .output()?
        .stdout)
}

//! Checks that no compiler makes: sizes, forbidden words, purity beyond clippy's reach, documents.

mod documents;
mod sources;

use crate::shell::{self, Outcome};
use std::path::Path;

/// Bytes of a tracked file at most; assets and captures of real traffic have their own bound.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Bytes of a tracked file below `assets` or a `corpus` at most.
const ASSET_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// A tracked text file.
pub struct TextFile {
    /// Path from the root, with forward slashes.
    pub path: String,
    /// Contents.
    pub text: String,
}

/// Runs every check on the present checkout.
pub fn run() -> Outcome {
    let root = shell::root();
    let paths = shell::tracked_files()?;
    let mut problems = Vec::new();
    large_files(&root, &paths, &mut problems);
    let files = read(&root, &paths)?;
    sources::check(&files, &mut problems);
    documents::check(&root, &files, &mut problems);
    let summary = format!("tidy: {} files are in order", paths.len());
    shell::verdict("tidy", &problems, summary)
}

fn large_files(root: &Path, paths: &[String], problems: &mut Vec<String>) {
    for path in paths {
        let limit = if path.starts_with("assets/") || path.contains("/corpus/") {
            ASSET_BYTES_MAX
        } else {
            FILE_BYTES_MAX
        };
        let bytes = root.join(path).metadata().map_or(0, |m| m.len());
        if bytes > limit {
            problems.push(format!("{path}: {bytes} bytes, {limit} are allowed"));
        }
    }
}

fn read(root: &Path, paths: &[String]) -> Result<Vec<TextFile>, String> {
    let is_text = |path: &str| {
        [".rs", ".md", ".toml", ".sh", ".py", ".st", ".ron"]
            .iter()
            .any(|end| path.ends_with(end))
    };
    paths
        .iter()
        .filter(|path| is_text(path))
        // Fixtures of broken input are broken on purpose.
        .filter(|path| !path.contains("/invalid/") && !path.contains("/corpus/"))
        .map(|path| {
            let text =
                std::fs::read_to_string(root.join(path)).map_err(|e| format!("{path}: {e}"))?;
            Ok(TextFile {
                path: path.clone(),
                text,
            })
        })
        .collect()
}

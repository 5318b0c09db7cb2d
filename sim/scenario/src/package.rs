//! A scenario folder as data: paths and bytes, checked before anything is read.

use std::collections::BTreeMap;

use sim_authored::limits::{FILE_BYTES_MAX, FILES_MAX, FOLDER_BYTES_MAX, PATH_BYTES_MAX};
use sim_authored::{Problem, SourceMap, code};

use crate::variant::{BASE_FOLDER, base_of};

/// Path of the file in which a scenario begins.
pub const SCENARIO_FILE: &str = "scenario.ron";

/// Path of the grading rubric, which `grading` checks.
pub const RUBRIC_FILE: &str = "rubric.ron";

/// Endings of the files that are text and read by rules.
const TEXT_ENDINGS: [&str; 3] = [".ron", ".st", ".md"];

/// Folder with what `prove` wrote; not read by rules.
const EXPECTED_FOLDER: &str = "expected/";

/// Every file of a scenario folder, by its path relative to the folder, with forward slashes.
///
/// The shell reads the folder; this crate never touches a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScenarioPackage {
    /// Bytes of each file by path.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl ScenarioPackage {
    /// Makes a package from paths and bytes.
    pub fn new<P, B>(files: impl IntoIterator<Item = (P, B)>) -> Self
    where
        P: Into<String>,
        B: Into<Vec<u8>>,
    {
        let files = files
            .into_iter()
            .map(|(path, bytes)| (path.into(), bytes.into()))
            .collect();
        Self { files }
    }

    /// Returns the name of the scenario of which this one is a variant, if it is one.
    #[must_use]
    pub fn base(&self) -> Option<String> {
        self.files
            .get(SCENARIO_FILE)
            .and_then(|bytes| base_of(bytes))
    }

    /// Returns the path of the rubric in the package: a variant is graded as its base is.
    #[must_use]
    pub fn rubric_path(&self) -> String {
        match self.base() {
            Some(_) => format!("{BASE_FOLDER}{RUBRIC_FILE}"),
            None => RUBRIC_FILE.to_owned(),
        }
    }

    /// Returns how people are shown the file at `path`: where it lies on the disk, seen from the scenario's folder.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        shown(self.base().as_deref(), path)
    }
}

/// Why a path may not be used, if it may not.
pub(crate) fn path_fault(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("the path is empty");
    }
    if path.len() > PATH_BYTES_MAX {
        return Some("the path is too long");
    }
    if path.starts_with('/') || path.contains(':') {
        return Some("the path is not relative");
    }
    if path.contains('\\') || path.chars().any(char::is_control) {
        return Some("the path has a backslash or control character");
    }
    let part_fault = |part: &str| part.is_empty() || part == "." || part == "..";
    path.split('/')
        .any(part_fault)
        .then_some("the path has an empty part, `.` or `..`")
}

/// Takes the text files of a package into a source map and reports what cannot be read.
///
/// When the folder as a whole breaks a limit, nothing is read.
pub(crate) fn read_texts(package: &ScenarioPackage) -> (SourceMap, Vec<Problem>) {
    let mut sources = SourceMap::new();
    let mut problems = folder_problems(package);
    if !problems.is_empty() {
        return (sources, problems);
    }
    let base = package.base();
    for (path, bytes) in &package.files {
        let name = shown(base.as_deref(), path);
        if let Some(fault) = path_fault(path) {
            let help = "name files relative to the folder, with forward slashes";
            problems.push(Problem::of_file(
                code::PATH_ESCAPES,
                &name,
                fault.to_owned(),
                help,
            ));
            continue;
        }
        let is_text = TEXT_ENDINGS.iter().any(|ending| path.ends_with(ending));
        let inside = path.strip_prefix(BASE_FOLDER).unwrap_or(path);
        if is_text && !inside.starts_with(EXPECTED_FOLDER) {
            if let Err(problem) = sources.add_as(path, &name, bytes) {
                problems.push(*problem);
            }
        } else if bytes.len() > FILE_BYTES_MAX {
            let there = format!("the file has more than {FILE_BYTES_MAX} bytes");
            let help = "make it smaller, or split it";
            problems.push(Problem::of_file(code::FILE_TOO_LARGE, &name, there, help));
        }
    }
    (sources, problems)
}

fn shown(base: Option<&str>, path: &str) -> String {
    match (base, path.strip_prefix(BASE_FOLDER)) {
        (Some(base), Some(inside)) => format!("../{base}/{inside}"),
        _ => path.to_owned(),
    }
}

fn folder_problems(package: &ScenarioPackage) -> Vec<Problem> {
    let mut problems = Vec::new();
    if package.files.len() > FILES_MAX {
        // Whoever read the folder stopped there; so it is with the bytes.
        problems.push(Problem::of_file(
            code::TOO_MANY_FILES,
            SCENARIO_FILE,
            format!("the folder has more than {FILES_MAX} files"),
            "remove files that nothing uses",
        ));
    }
    let bytes = package
        .files
        .values()
        .fold(0_usize, |sum, file| sum.saturating_add(file.len()));
    if bytes > FOLDER_BYTES_MAX {
        problems.push(Problem::of_file(
            code::FOLDER_TOO_LARGE,
            SCENARIO_FILE,
            format!("the files have more than {FOLDER_BYTES_MAX} bytes together"),
            "remove files that nothing uses",
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_folder() {
        for good in ["scenario.ron", "plc/a.st", "a b/ü.md", "..a/b"] {
            assert_eq!(path_fault(good), None, "{good}");
        }
        let long = "x".repeat(PATH_BYTES_MAX + 1);
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "./a",
            "a/",
            "C:\\x",
            "c:x",
            "a\\b",
            "a\0b",
            &long,
        ] {
            assert!(path_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_folder_has_a_limit_in_files_and_bytes() {
        let many = ScenarioPackage::new((0..=FILES_MAX).map(|n| (format!("{n}.png"), vec![0])));
        assert_eq!(read_texts(&many).1[0].code, code::TOO_MANY_FILES);
        let file = vec![b'x'; FILE_BYTES_MAX];
        let parts = FOLDER_BYTES_MAX / FILE_BYTES_MAX + 1;
        let big = ScenarioPackage::new((0..parts).map(|n| (format!("{n}.bin"), file.clone())));
        assert_eq!(read_texts(&big).1[0].code, code::FOLDER_TOO_LARGE);
        let one = ScenarioPackage::new([("picture.png", vec![0; FILE_BYTES_MAX + 1])]);
        assert_eq!(read_texts(&one).1[0].code, code::FILE_TOO_LARGE);
    }
}

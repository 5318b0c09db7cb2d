//! Variants: a scenario that is another one, whole, with another variation.
//!
//! A variant's folder holds little more than its `scenario.ron`, which names the folder beside it that holds the rest.
//! In a package the files of that base lie under [`BASE_FOLDER`], so that a recording holds everything and no path
//! leaves it; people are shown them where they lie on the disk, as `../NAME/...`.

use serde::Deserialize;
use serde::de::IgnoredAny;
use sim_authored::{FileId, Finding, Problem, SourceMap, code, parse_ron, peek_ron, quote};

use crate::package::{SCENARIO_FILE, ScenarioPackage};
use crate::raw_v1 as raw;
use crate::rule_names::is_name;

/// Where the files of a variant's base lie in its package.
pub const BASE_FOLDER: &str = "base/";

/// Returns the name of the base's folder, which lies beside the variant's, when `scenario_file` is a variant's.
///
/// A name that could lead out of that place is no name.
#[must_use]
pub fn base_of(scenario_file: &[u8]) -> Option<String> {
    let mut sources = SourceMap::new();
    let file = sources.add(SCENARIO_FILE, scenario_file).ok()?;
    let Base { variant_of } = peek_ron(&sources, file)?;
    is_name(&variant_of).then_some(variant_of)
}

#[derive(Deserialize)]
struct Base {
    variant_of: String,
}

/// The files of a package by the paths that the scenario's own text uses.
#[derive(Clone, Copy)]
pub(crate) struct Folder<'a> {
    sources: &'a SourceMap,
    prefix: &'static str,
}

impl<'a> Folder<'a> {
    pub fn new(package: &ScenarioPackage, sources: &'a SourceMap) -> Self {
        let prefix = if package.base().is_some() {
            BASE_FOLDER
        } else {
            ""
        };
        Self { sources, prefix }
    }

    pub fn find(&self, path: &str) -> Option<FileId> {
        self.sources.find(&format!("{}{path}", self.prefix))
    }

    pub fn text(&self, path: &str) -> Option<&'a str> {
        Some(self.sources.file(self.find(path)?)?.text())
    }

    /// The path that the scenario's text would use for a file of the package, if it can name it.
    pub fn own_path<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(self.prefix)
    }
}

/// Whether a file is a variant's, however wrong it is otherwise.
pub(crate) fn is_variant(sources: &SourceMap, file: FileId) -> bool {
    #[derive(Deserialize)]
    struct Header {
        variant_of: Option<IgnoredAny>,
    }
    peek_ron(sources, file).is_some_and(|header: Header| header.variant_of.is_some())
}

/// Reads a variant: its base with what the variant says instead.
pub(crate) fn read(sources: &SourceMap, file: FileId) -> Result<raw::Scenario, Box<Problem>> {
    let variant: raw::Variant = parse_ron(sources, file)?;
    let refuse = |code, there: String, help: &str| {
        let finding = variant.variant_of.problem(code, there, help);
        Err(Box::new(Problem::new(sources, &finding)))
    };
    let name = quote(&variant.variant_of);
    if !is_name(&variant.variant_of) {
        let help = "write the name of a folder that lies beside this one";
        return refuse(
            code::BAD_NAME,
            format!("`{name}` is not the name of a folder"),
            help,
        );
    }
    let Some(base) = sources.find(&format!("{BASE_FOLDER}{SCENARIO_FILE}")) else {
        let help = "name a folder with a scenario that lies beside this one";
        return refuse(
            code::UNKNOWN_BASE,
            format!("there is no scenario `{name}` beside this one"),
            help,
        );
    };
    if is_variant(sources, base) {
        let help = "name the scenario of which that one is a variant";
        return refuse(
            code::UNKNOWN_BASE,
            format!("`{name}` is itself a variant"),
            help,
        );
    }
    if let Some(problem) = version_problem(sources, base) {
        return Err(problem);
    }
    let mut scenario: raw::Scenario = parse_ron(sources, base)?;
    scenario.id = variant.id;
    scenario.title = variant.title;
    scenario.vary = variant.vary;
    if let Some(default_cast) = variant.default_cast {
        scenario.default_cast = default_cast;
    }
    Ok(scenario)
}

/// Refuses a version that this program does not know before its unknown fields confuse anybody.
pub(crate) fn version_problem(sources: &SourceMap, file: FileId) -> Option<Box<Problem>> {
    #[derive(Deserialize)]
    struct Header {
        version: u32,
    }
    let header: Header = peek_ron(sources, file)?;
    if header.version == raw::VERSION {
        return None;
    }
    let text = sources.file(file)?.text();
    let start = text
        .find("version")
        .and_then(|at| u32::try_from(at).ok())
        .unwrap_or(0);
    let position = sources.file(file)?.position(start);
    let finding = Finding::new(
        code::SCHEMA_VERSION,
        sources.word_at(file, position),
        format!("this is version {}", header.version),
        format!("write `version: {}`, or use a newer program", raw::VERSION),
    );
    Some(Box::new(Problem::new(sources, &finding)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_a_name_and_never_a_path() {
        let base = |name: &str| {
            let text = format!("(version: 1, variant_of: {name:?}, id: \"x\")");
            base_of(text.as_bytes())
        };
        assert_eq!(base("first-watch").as_deref(), Some("first-watch"));
        for path in ["", ".", "..", "../x", "/etc", "a/b", "a\\b", "c:x"] {
            assert_eq!(base(path), None, "{path}");
        }
        assert_eq!(base_of(b"(version: 1, id: \"x\")"), None);
        assert_eq!(base_of(b"\xff"), None);
        assert_eq!(base_of(b""), None);
    }
}

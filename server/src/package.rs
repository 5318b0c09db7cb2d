//! Scenario folders: from disk, or from a recording, to checked scenarios.

use crate::error::{Failure, unknown_name};
use grading::Rubric;
use sim_authored::limits::{FILE_BYTES_MAX, FILES_MAX, FOLDER_BYTES_MAX};
use sim_authored::{Finding, Problem, Severity, SourceMap, Span};
use sim_scenario::model::Scenario;
use sim_scenario::{BASE_FOLDER, ScenarioPackage};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The file that makes a folder a scenario.
pub const SCENARIO_FILE: &str = "scenario.ron";

/// The file with the weights of the grading.
pub const RUBRIC_FILE: &str = "rubric.ron";

/// Deepest folder inside a scenario.
const DEPTH_MAX: usize = 8;

/// All files of a scenario by path, with forward slashes.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A scenario that passed its checks.
#[derive(Clone)]
pub struct Loaded {
    /// All files.
    pub files: Files,
    /// Checked, not yet instantiated with a seed.
    pub scenario: Scenario,
    /// How it is graded.
    pub rubric: Rubric,
}

/// Why a scenario was not loaded.
pub enum LoadError {
    /// It could not be read.
    Failure(Failure),
    /// It has errors; warnings may be among them.
    Problems(Vec<Problem>),
}

impl From<Failure> for LoadError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl LoadError {
    /// The failure of a command that cannot go on without the scenario.
    #[must_use]
    pub fn into_failure(self, path: &str) -> Failure {
        match self {
            Self::Failure(failure) => failure,
            Self::Problems(problems) => {
                Failure::failed(format!("the scenario `{path}` has errors"))
                    .problems(problems)
                    .hint(format!(
                        "`trippoint check {path}` shows them again after a change"
                    ))
            }
        }
    }
}

/// Reads and checks the scenario at `path`: its folder, or the `scenario.ron` in it.
///
/// # Errors
/// There is none, it cannot be read, or it has errors.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    from_files(read_folder(&scenario_folder(path)?)?)
}

/// Checks a scenario that is already in memory.
///
/// # Errors
/// It has errors.
pub fn from_files(files: Files) -> Result<Loaded, LoadError> {
    let (scenario, rubric, problems) = check_files(&files);
    match (scenario, rubric) {
        (Some(scenario), Some(rubric)) if !has_errors(&problems) => Ok(Loaded {
            files,
            scenario,
            rubric,
        }),
        _ => Err(LoadError::Problems(problems)),
    }
}

/// Checks all that can be checked, rubric included.
#[must_use]
pub fn check_files(files: &Files) -> (Option<Scenario>, Option<Rubric>, Vec<Problem>) {
    let package = ScenarioPackage::new(files.clone());
    let (scenario, mut problems) = sim_scenario::check(&package);
    let rubric_path = package.rubric_path();
    let rubric_name = package.shown(&rubric_path);
    let rubric = match files.get(&rubric_path) {
        // That the base is not there has been said.
        None if problems
            .iter()
            .any(|p| p.code == sim_authored::code::UNKNOWN_BASE) =>
        {
            None
        }
        None => {
            problems.push(Problem::of_file(
                sim_authored::code::MISSING_FILE,
                &rubric_name,
                "there is no such file".into(),
                "write it: a match without a rubric cannot be graded",
            ));
            None
        }
        Some(bytes) => match Rubric::from_ron(bytes) {
            Ok(rubric) => Some(rubric),
            Err(found) => {
                problems.extend(found.into_iter().map(|problem| Problem {
                    file: rubric_name.clone(),
                    ..problem
                }));
                None
            }
        },
    };
    (scenario, rubric, problems)
}

/// Checks what only the place on the disk tells: the folder is named as the scenario is, and its base lies beside it.
pub fn check_folder(folder: &Path, files: &Files, problems: &mut Vec<Problem>) {
    let Ok(place) = folder.canonicalize() else {
        return;
    };
    let name = place.file_name().map(|name| name.to_string_lossy());
    if let Some(problem) = name.and_then(|name| folder_name_problem(&name, files)) {
        problems.push(problem);
    }
    let unknown_base = problems
        .iter_mut()
        .find(|problem| problem.code == sim_authored::code::UNKNOWN_BASE);
    let base = ScenarioPackage::new(files.clone()).base();
    if let (Some(problem), Some(base), Some(beside)) = (unknown_base, base, place.parent()) {
        let others = scenarios_in(beside);
        let names: Vec<String> = others
            .iter()
            .filter(|other| **other != place)
            .filter_map(|other| Some(other.file_name()?.to_string_lossy().into_owned()))
            .collect();
        if let Some(near) = sim_authored::nearest(&base, names.iter().map(String::as_str)) {
            problem.help = format!("did you mean `{near}`?");
        }
    }
}

fn folder_name_problem(name: &str, files: &Files) -> Option<Problem> {
    #[derive(serde::Deserialize)]
    struct Named {
        id: String,
    }
    let mut sources = SourceMap::new();
    let file = sources.add(SCENARIO_FILE, files.get(SCENARIO_FILE)?).ok()?;
    let Named { id } = sim_authored::peek_ron(&sources, file)?;
    if id == name {
        return None;
    }
    let text = sources.file(file)?.text();
    let quoted = format!("\"{id}\"");
    let field = text.find("id:").unwrap_or(0);
    let start = text.get(field..)?.find(&quoted).map_or(0, |at| field + at);
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let finding = Finding::new(
        sim_authored::code::FOLDER_NAME,
        Span::new(file, offset(start), offset(start + quoted.len())),
        format!("the folder is named `{}`", sim_authored::quote(name)),
        "give the folder and the scenario the same name",
    );
    Some(Problem::new(&sources, &finding))
}

/// True where at least one problem is an error.
#[must_use]
pub fn has_errors(problems: &[Problem]) -> bool {
    problems
        .iter()
        .any(|problem| problem.severity == Severity::Error)
}

/// The folder of the scenario that `path` names.
///
/// # Errors
/// There is no such scenario; the hint names the nearest one.
pub fn scenario_folder(path: &Path) -> Result<PathBuf, Failure> {
    if path.is_dir() {
        return Ok(path.to_path_buf());
    }
    if path.file_name().is_some_and(|name| name == SCENARIO_FILE) && path.is_file() {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        return Ok(parent.unwrap_or(Path::new(".")).to_path_buf());
    }
    if path.is_file() {
        return Err(
            Failure::usage(format!("`{}` is not a scenario", path.display()))
                .hint(format!("give the folder, or the `{SCENARIO_FILE}` in it")),
        );
    }
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let mut known = scenarios_in(parent.unwrap_or(Path::new(".")));
    if parent.is_none() {
        known.extend(scenarios_in(Path::new("scenarios")));
    }
    let text: Vec<String> = known
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let by_path = unknown_name(
        "scenario",
        &path.display().to_string(),
        text.iter().map(String::as_str),
    );
    let near = name.and_then(|name| {
        known.iter().zip(&text).find_map(|(path, text)| {
            let folder = path.file_name()?.to_string_lossy().into_owned();
            sim_authored::nearest(&name, [folder.as_str()]).map(|_| text.clone())
        })
    });
    Err(match near {
        Some(near) => Failure::usage(by_path.message).hint(format!("did you mean `{near}`?")),
        None => by_path,
    })
}

/// Folders of scenarios directly below `folder`, in order of their names.
#[must_use]
pub fn scenarios_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.join(SCENARIO_FILE).is_file())
        .map(|path| path.strip_prefix("./").unwrap_or(&path).to_path_buf())
        .collect();
    found.sort();
    found
}

/// Reads all files of a folder, and those of its base where it is a variant's. Hidden files and links are left out; a file
/// or folder beyond the limits is read just far enough for the check to see that.
///
/// # Errors
/// Something cannot be read, or a name is not UTF-8.
pub fn read_folder(folder: &Path) -> Result<Files, Failure> {
    let mut files = Files::new();
    let mut bytes_left = FOLDER_BYTES_MAX.saturating_add(1);
    read_into(folder, "", 0, &mut files, &mut bytes_left)?;
    let base = files
        .get(SCENARIO_FILE)
        .and_then(|bytes| sim_scenario::base_of(bytes));
    // A folder that was unpacked from a recording has its base inside.
    let has_base = files.keys().any(|path| path.starts_with(BASE_FOLDER));
    if let Some(base) = base.filter(|_| !has_base) {
        let base = folder.join("..").join(base);
        if base.is_dir() {
            read_into(&base, BASE_FOLDER, 0, &mut files, &mut bytes_left)?;
        }
    }
    Ok(files)
}

fn read_into(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut Files,
    bytes_left: &mut usize,
) -> Result<(), Failure> {
    let cannot =
        |error: &std::io::Error| Failure::io(format!("cannot read `{}`", folder.display()), error);
    if depth > DEPTH_MAX {
        return Err(Failure::failed(format!(
            "`{}` is nested too deeply for a scenario (at most {DEPTH_MAX})",
            folder.display()
        )));
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| cannot(&error))? {
        entries.push(entry.map_err(|error| cannot(&error))?);
    }
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let Ok(name) = entry.file_name().into_string() else {
            return Err(Failure::failed(format!(
                "`{}` has a name that is not UTF-8",
                entry.path().display()
            )));
        };
        let kind = entry.file_type().map_err(|error| cannot(&error))?;
        if name.starts_with('.') || kind.is_symlink() {
            continue;
        }
        let path = format!("{prefix}{name}");
        if kind.is_dir() {
            read_into(
                &entry.path(),
                &format!("{path}/"),
                depth + 1,
                files,
                bytes_left,
            )?;
        } else if !kind.is_file() {
            // A pipe or device would never end.
            continue;
        } else if files.len() <= FILES_MAX && *bytes_left > 0 {
            let limit = FILE_BYTES_MAX.saturating_add(1).min(*bytes_left);
            let bytes = read_at_most(&entry.path(), limit)?;
            *bytes_left = bytes_left.saturating_sub(bytes.len());
            files.insert(path, bytes);
        }
    }
    Ok(())
}

/// Reads a file, or the first `limit` bytes of it.
///
/// # Errors
/// It cannot be read.
pub fn read_at_most(path: &Path, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(limit as u64).read_to_end(&mut bytes))
        .map_err(|error| Failure::io(format!("cannot read `{}`", path.display()), &error))?;
    Ok(bytes)
}

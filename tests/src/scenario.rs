//! Scenario folders for the tests that play matches in memory.

use crate::checkout;
use grading::Rubric;
use sim_authored::render_all;
use sim_scenario::model::Scenario;
use sim_scenario::{BASE_FOLDER, ScenarioPackage};
use std::path::Path;

/// A scenario and how it is graded.
#[derive(Clone)]
pub struct Loaded {
    /// Checked, not yet instantiated with a seed.
    pub scenario: Scenario,
    /// The rubric.
    pub rubric: Rubric,
}

/// Loads a folder of the checkout, such as `scenarios/first-watch`.
///
/// # Errors
/// It cannot be read, or has errors.
pub fn load(folder: &str) -> Result<Loaded, String> {
    let package = read(&checkout::root().join(folder))?;
    let rubric = package
        .files
        .get(&package.rubric_path())
        .ok_or_else(|| format!("{folder} has no rubric"))?;
    let rubric = Rubric::from_ron(rubric).map_err(|problems| render_all(&problems, false))?;
    let (scenario, problems) = sim_scenario::check(&package);
    let scenario = scenario.ok_or_else(|| render_all(&problems, false))?;
    Ok(Loaded { scenario, rubric })
}

/// Reads a folder with the files of its base, where it has one.
///
/// # Errors
/// It cannot be read.
pub fn read(folder: &Path) -> Result<ScenarioPackage, String> {
    let mut package = ScenarioPackage::default();
    read_into(folder, "", &mut package)?;
    if let Some(base) = package.base() {
        read_into(&folder.join("..").join(base), BASE_FOLDER, &mut package)?;
    }
    Ok(package)
}

fn read_into(folder: &Path, prefix: &str, package: &mut ScenarioPackage) -> Result<(), String> {
    let told = |e: std::io::Error| format!("{}: {e}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let entry = entry.map_err(told)?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            read_into(&entry.path(), &format!("{path}/"), package)?;
        } else {
            let bytes = std::fs::read(entry.path()).map_err(told)?;
            package.files.insert(path, bytes);
        }
    }
    Ok(())
}

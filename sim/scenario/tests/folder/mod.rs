//! Reading a scenario folder, as the shell does.

use std::path::{Path, PathBuf};

use sim_scenario::ScenarioPackage;

/// Returns a path in the repository.
pub fn repository(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(relative)
}

/// Reads every file of a folder.
pub fn read_folder(root: &Path) -> ScenarioPackage {
    let mut package = ScenarioPackage::default();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .replace('\\', "/");
                package.files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    package
}

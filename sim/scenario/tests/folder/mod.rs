//! Reading a scenario folder, as the shell does.

use std::path::{Path, PathBuf};

use sim_scenario::{BASE_FOLDER, ScenarioPackage};

/// Returns a path in the repository.
pub fn repository(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(relative)
}

/// Reads every file of a folder, and of its base where it is a variant's.
pub fn read_folder(root: &Path) -> ScenarioPackage {
    let mut package = ScenarioPackage::default();
    read_into(root, "", &mut package);
    if let Some(base) = package.base() {
        let base = root.join("..").join(base);
        if base.is_dir() {
            read_into(&base, BASE_FOLDER, &mut package);
        }
    }
    package
}

fn read_into(root: &Path, prefix: &str, package: &mut ScenarioPackage) {
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let inside = path.strip_prefix(root).unwrap().to_str().unwrap();
                let name = format!("{prefix}{}", inside.replace('\\', "/"));
                package.files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
}

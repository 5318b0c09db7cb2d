//! The shipped scenario loads.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests"
)]

use std::path::{Path, PathBuf};

use sim_authored::render_all;
use sim_scenario::{ScenarioPackage, check};

fn folder(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(relative)
}

fn read_folder(root: &Path) -> ScenarioPackage {
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

#[test]
fn first_watch_loads_without_a_problem() {
    let (scenario, problems) = check(&read_folder(&folder("scenarios/first-watch")));
    assert!(problems.is_empty(), "{}", render_all(&problems, false));
    let scenario = scenario.unwrap();
    assert_eq!(scenario.id, "first-watch");
    assert_eq!(scenario.hosts.len(), 9);
    assert_eq!(scenario.tags["PIC-101.SP"].address, 1024);
    assert_eq!(scenario.actors["red-standard"].script.steps.len(), 8);
}

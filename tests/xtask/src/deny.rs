//! Licences, sources and bans of all dependencies, by cargo-deny and deny.toml.

use crate::shell::{self, Outcome};
use std::path::PathBuf;

/// The version that is built once into the user's cache where no cargo-deny is installed.
const VERSION: &str = "0.20.2";

/// Runs what can be checked without the network, then the advisories if their database can be fetched.
pub fn run() -> Outcome {
    let deny = program()?;
    let check = |what: &[&str]| {
        let arguments = [&["--all-features", "check", "--hide-inclusion-graph"], what].concat();
        shell::run(&mut shell::program(&deny, &arguments))
    };
    check(&["licenses", "bans", "sources"])?;
    let fetched = shell::program(&deny, &["fetch", "db"]).output();
    if !fetched.is_ok_and(|done| done.status.success()) {
        return Ok(
            "deny: licences, bans and sources are in order; advisories were not checked, \
             because their database could not be fetched"
                .into(),
        );
    }
    check(&["advisories"])?;
    Ok("deny: licences, bans, sources and advisories are in order".into())
}

/// The installed cargo-deny, or one that is built here: unoptimised, because it builds five times as fast.
fn program() -> Result<PathBuf, String> {
    if shell::is_installed("cargo-deny") {
        return Ok("cargo-deny".into());
    }
    let place = shell::cache_dir().join(format!("cargo-deny-{VERSION}"));
    let built = place.join("bin/cargo-deny");
    if !built.is_file() {
        let folder = place.to_string_lossy().into_owned();
        let mut install = shell::cargo(&["install", "--locked", "--debug", "--quiet"]);
        install
            .args(["--version", VERSION, "--root", &folder, "cargo-deny"])
            .current_dir(std::env::temp_dir())
            .env("CARGO_TARGET_DIR", place.join("build"));
        shell::run(&mut install)?;
        // The build folder is large and of no more use.
        let _ = std::fs::remove_dir_all(place.join("build"));
    }
    Ok(built)
}

//! Golden matches: the engine of today must reproduce the committed digests, in dev and in release builds.

use crate::shell::{self, Outcome};

/// Options of `golden`.
#[derive(clap::Args)]
pub struct Options {
    /// Writes the digests that the engine gives now; say in the commit why they changed.
    #[arg(long)]
    pub bless: bool,
}

/// Replays all goldens in both builds; the replay itself is the binary `golden` of the package `tests`.
pub fn run(options: &Options) -> Outcome {
    let mut arguments = vec![
        "run",
        "--quiet",
        "--package",
        "tests",
        "--bin",
        "golden",
        "--release",
    ];
    if options.bless {
        arguments.extend(["--", "--bless"]);
    }
    shell::run(&mut shell::cargo(&arguments))?;
    let dev = ["run", "--quiet", "--package", "tests", "--bin", "golden"];
    shell::run(&mut shell::cargo(&dev))?;
    Ok("golden: every digest is reproduced in dev and release builds".into())
}

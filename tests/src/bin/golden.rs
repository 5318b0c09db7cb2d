//! Replays the golden matches, with one and with two workers and in pieces of all sizes; with `--bless` it writes the
//! digests that the engine gives now.
#![allow(
    clippy::print_stdout,
    reason = "a command-line tool talks on standard output"
)]

use std::process::ExitCode;
use tests::golden;

fn main() -> ExitCode {
    let bless = std::env::args()
        .skip(1)
        .any(|argument| argument == "--bless");
    match run(bless) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(bless: bool) -> Result<String, String> {
    let goldens = golden::all()?;
    if goldens.is_empty() {
        return Err("tests/golden holds no golden".into());
    }
    if bless {
        let changed = golden::bless(&goldens)?;
        println!("golden: {} changed {changed:?}", changed.len());
    }
    for (workers, seed) in [(1, 1), (2, 1000)] {
        let wrong = golden::verify(&goldens, workers, seed)?;
        if !wrong.is_empty() {
            return Err(format!(
                "golden, with workers: {workers}\n{}\nif that was meant, say why in tests/golden/blessed.txt and run \
                 `cargo xtask golden --bless`",
                wrong.join("\n")
            ));
        }
    }
    Ok(format!("golden: {} matches are reproduced", goldens.len()))
}

//! Writes the generated pages of the documentation.

use std::process::ExitCode;
use tests::{checkout, reference};

fn main() -> ExitCode {
    for (path, text) in reference::pages() {
        if let Err(error) = std::fs::write(checkout::root().join(path), text) {
            eprintln!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

//! Pages of the documentation that come from the registries.

use crate::shell::{self, Outcome};

/// Writes them; the text is made by the binary `reference` of the package `tests`.
pub fn run() -> Outcome {
    let arguments = ["run", "--quiet", "--package", "tests", "--bin", "reference"];
    shell::run(&mut shell::cargo(&arguments))?;
    Ok("docs: the generated pages are as the registries say".into())
}

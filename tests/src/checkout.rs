//! The checkout and a copy of it.

use std::path::{Path, PathBuf};

/// Root of the checkout.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Folder of everything that is built: where this program lies, three levels up (`deps`, profile, target).
///
/// # Errors
/// The program's own path cannot be told.
pub fn target_dir() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| format!("{} lies in no target folder", program.display()))
}

/// Copies folders and files of the checkout to `to`, anew; what is built and hidden folders other than `.cargo` stay.
///
/// # Errors
/// What the file system says.
pub fn copy(parts: &[&str], to: &Path) -> Result<(), String> {
    let _ = std::fs::remove_dir_all(to);
    parts
        .iter()
        .try_for_each(|part| copy_tree(&root().join(part), &to.join(part)))
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), String> {
    let told = |e: std::io::Error| format!("{}: {e}", from.display());
    if from.is_dir() {
        let name = from.file_name().unwrap_or_default();
        if ["target", "venv", "corpus"]
            .iter()
            .any(|skip| name == *skip)
        {
            return Ok(());
        }
        for entry in std::fs::read_dir(from).map_err(told)? {
            let name = entry.map_err(told)?.file_name();
            copy_tree(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(told)?;
    }
    std::fs::copy(from, to).map(drop).map_err(told)
}

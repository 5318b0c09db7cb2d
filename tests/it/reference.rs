//! The generated pages are as the registries say.

use tests::{checkout, reference};

#[test]
fn every_row_of_every_registry_is_documented() {
    for (path, text) in reference::pages() {
        let there = std::fs::read_to_string(checkout::root().join(path)).unwrap_or_default();
        let same = there.replace("\r\n", "\n") == text;
        assert!(same, "{path} has fallen behind: run `cargo xtask docs`");
    }
}

//! Runs every script under the workspace's `tests/scripts`.

use std::path::{Path, PathBuf};

fn scripts(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(directory).expect("the directory of the scripts");
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            scripts(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "pkt") {
            found.push(path);
        }
    }
}

#[test]
fn every_script_passes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts");
    let mut found = Vec::new();
    scripts(&root, &mut found);
    found.sort();
    assert!(found.len() >= 25, "only {} scripts", found.len());
    let mut failures = Vec::new();
    for path in &found {
        let text = std::fs::read_to_string(path).expect("a script");
        if let Err(failure) = sockeye_script::check(&text) {
            failures.push(format!("{}:{failure}", path.display()));
        }
    }
    assert!(failures.is_empty(), "{} of {} failed:\n{}", failures.len(), found.len(), failures.join("\n"));
}

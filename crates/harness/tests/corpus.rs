//! The inputs that the fuzzers began with, and what they found.

use std::path::Path;

#[test]
fn every_input_is_borne() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in sockeye_harness::TARGETS {
        let mut inputs: Vec<_> = std::fs::read_dir(corpus.join(name))
            .expect(name)
            .map(|entry| entry.expect("an entry").path())
            .collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "{name} has no inputs");
        for input in inputs {
            println!("{}", input.display());
            target(&std::fs::read(&input).expect("an input"));
        }
    }
}

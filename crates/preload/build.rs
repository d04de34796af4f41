//! Compiles this crate's code once more, as the object: a shared library that needs no other. Everything it takes is rustc and the
//! linker that rustc finds.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=src");
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let object = Path::new(&variable("OUT_DIR")).join("object.so");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args([
        "src/lib.rs",
        "--crate-name=sockeye_object",
        "--crate-type=cdylib",
        "--edition=2024",
        "--cfg=object",
    ]);
    rustc.args([
        "-Copt-level=2",
        "-Cpanic=abort",
        "-Ccodegen-units=1",
        "-Cstrip=symbols",
        "-Crelocation-model=pic",
    ]);
    // It is loaded beside whichever libc the program has: musl's as well.
    rustc.args(["-Ctarget-feature=-crt-static", "-Clink-arg=-nostdlib", "-Clink-arg=-nostartfiles"]);
    rustc.arg(format!("--target={}", variable("TARGET"))).arg("-o").arg(&object);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    let done = rustc.status().unwrap_or_else(|error| panic!("{rustc:?}: {error}"));
    assert!(done.success(), "the object could not be made: {rustc:?}");
}

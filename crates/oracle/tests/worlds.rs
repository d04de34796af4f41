//! Each behaviour on the kernel and in each world of ours: they must say the same.

use std::process::Command;
use std::thread;

use sockeye_oracle::differences::{DIFFERENCES, World, compare};
use sockeye_oracle::{Library, find};

/// What `oracle` exits with where the kernel gives nobody a network of his own.
const NO_SUCH_WORLD: i32 = 77;

/// What the program `oracle` prints; nothing where there is no such world.
fn said(world: &str, behaviour: &str) -> Option<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oracle"));
    let output = command.args([world, behaviour]).output().expect("oracle starts");
    if output.status.code() == Some(NO_SUCH_WORLD) {
        return None;
    }
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{world} {behaviour}: {}\n{text}\n{errors}", output.status);
    Some(text.into_owned())
}

/// Runs a behaviour on the kernel and in a world, at the same time, for most of it may be waiting; and compares.
fn ask(behaviour: &'static str, world: World) {
    let linux = thread::spawn(move || said("kernel", behaviour));
    let here = match world {
        World::Library => Library::run(find(behaviour).expect("it is in the list")),
        World::Run => said("run", behaviour).expect("a world of ours"),
        World::Fast => said("fast", behaviour).expect("a world of ours"),
        World::Exact => said("exact", behaviour).expect("a world of ours"),
    };
    let linux = linux.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let Some(linux) = linux else {
        println!("skipped: it takes root or user namespaces, and ip(8)");
        return;
    };
    if let Some(wrong) = compare(behaviour, world, &linux, &here) {
        panic!("{wrong}");
    }
}

macro_rules! tests {
    ($($subject:ident { $($name:ident $([$($setting:literal)*])?)* })*) => {
        $(mod $subject {
            $(mod $name {
                use super::super::{World, ask};
                const NAME: &str = concat!(stringify!($subject), "::", stringify!($name));

                #[test]
                fn library() {
                    ask(NAME, World::Library);
                }
                #[test]
                fn run() {
                    ask(NAME, World::Run);
                }
                #[test]
                fn fast() {
                    ask(NAME, World::Fast);
                }
                #[test]
                fn exact() {
                    ask(NAME, World::Exact);
                }
            })*
        })*
    };
}

sockeye_oracle::all_behaviours!(tests);

#[test]
fn differences_are_documented() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compatibility.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    for row in DIFFERENCES {
        assert!(find(row.behaviour).is_some(), "{}: no such behaviour", row.behaviour);
        assert!(page.contains(row.why), "{:?} is not on the page", row.why);
    }
}

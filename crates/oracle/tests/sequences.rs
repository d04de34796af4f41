//! Random sequences of calls on the kernel and through the library.

use std::process::Command;

use sockeye_oracle::Library;
use sockeye_oracle::sequences::{Pace, STEPS, run_many};

/// What `oracle` exits with where the kernel gives nobody a network of his own.
const NO_SUCH_WORLD: i32 = 77;
/// How many are tried; SOCKEYE_SEQUENCES says otherwise.
const COUNT: u64 = 2000;

fn on_kernel(pace: &str, (first, count): (u64, u64), without: &[usize]) -> Option<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oracle"));
    command.args(["sequences", pace]).args([first, count].map(|number| number.to_string()));
    let output = command.args(without.iter().map(usize::to_string)).output().expect("oracle starts");
    if output.status.code() == Some(NO_SUCH_WORLD) {
        return None;
    }
    assert!(output.status.success(), "{first}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn through_library((first, count): (u64, u64), without: &[usize]) -> String {
    let (seeds, without): (Vec<u64>, Vec<usize>) = ((first..first + count).collect(), without.to_vec());
    Library::on_pukaki(&[], move || run_many(Library::default(), &seeds, (&without, Pace::Fast)))
}

/// Whether a sequence differs, when the kernel is given time.
fn differs(seed: u64, without: &[usize]) -> bool {
    let linux = on_kernel("slow", (seed, 1), without).expect("it was there before");
    linux != through_library((seed, 1), without)
}

/// The few steps of a sequence that make it differ, and what both say of them.
fn shrunk(seed: u64) -> String {
    let mut without = Vec::new();
    for step in (0..STEPS).rev() {
        without.push(step);
        if !differs(seed, &without) {
            without.pop();
        }
    }
    let linux = on_kernel("slow", (seed, 1), &without).expect("it was there before");
    let here = through_library((seed, 1), &without);
    let mut text = String::new();
    for (old, new) in linux.lines().zip(here.lines()) {
        text += &if old == new { format!("  {old}\n") } else { format!("- {old}\n+ {new}\n") };
    }
    text
}

#[test]
fn kernel_and_library_say_the_same() {
    let count = std::env::var("SOCKEYE_SEQUENCES").ok().and_then(|text| text.parse().ok()).unwrap_or(COUNT);
    let Some(linux) = on_kernel("fast", (0, count), &[]) else {
        println!("skipped: it takes root or user namespaces, and ip(8)");
        return;
    };
    let here = through_library((0, count), &[]);
    let sections = |text: &str| -> Vec<String> { text.split("seed ").skip(1).map(str::to_owned).collect() };
    let (linux, here) = (sections(&linux), sections(&here));
    let mut wrong = String::new();
    for (seed, _) in (0..).zip(linux.iter().zip(&here)).filter(|(_, (linux, here))| linux != here) {
        if differs(seed, &[]) {
            wrong += &format!("sequence {seed} (- Linux, + library)\n{}", shrunk(seed));
            // A few at once are enough to think about.
            if wrong.matches("sequence").count() >= 5 {
                break;
            }
        }
    }
    assert!(linux.len() == here.len() && wrong.is_empty(), "not as on Linux\n{wrong}");
}

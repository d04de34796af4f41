//! `oracle kernel|bare|library|run|fast|exact NAME`: runs a behaviour in a world, and prints what it says. `oracle list` names all.
//!
//! `kernel` is the kernel, in a network of its own; `bare` whatever this process finds; `run`, `fast` and `exact` start `bare` under
//! Sockeye's supervisor, `fast` with the object that is preloaded.

use std::ffi::OsString;
use std::process::ExitCode;

use sockeye_oracle::sequences::{Pace, run_many};
use sockeye_oracle::{BEHAVIOURS, Behaviour, Kernel, Library, Trial, find, namespace};
use sockeye_run::{Options, Program};

/// What exit status says that this machine has no such world.
const NO_SUCH_WORLD: u8 = 77;
/// No behaviour takes so many seconds; what does hangs.
const BOUND: u32 = 60;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["list"] => {
            BEHAVIOURS.iter().for_each(|behaviour| println!("{}", behaviour.name));
            ExitCode::SUCCESS
        }
        ["sequences", pace, first, count, ref without @ ..] => sequences(pace, (first, count), without),
        [world, name] => match find(name) {
            Some(behaviour) => in_world(world, behaviour),
            None => complain(&format!("there is no behaviour {name}")),
        },
        _ => complain(
            "usage: oracle kernel|bare|library|run|fast|exact NAME, or oracle list; or oracle sequences \
             fast|slow FIRST COUNT STEPS-LEFT-OUT...",
        ),
    }
}

/// Random sequences on the kernel.
fn sequences(pace: &str, (first, count): (&str, &str), without: &[&str]) -> ExitCode {
    let pace = if pace == "slow" { Pace::Slow } else { Pace::Fast };
    let without: Result<Vec<usize>, _> = without.iter().map(|step| step.parse()).collect();
    let (Ok(first), Ok(count), Ok(without)) = (first.parse::<u64>(), count.parse::<u64>(), without) else {
        return complain("a number is none");
    };
    if let Err(error) = namespace::enter(&[]) {
        eprintln!("oracle: no network of its own: {error}");
        return ExitCode::from(NO_SUCH_WORLD);
    }
    be_ready();
    let seeds: Vec<u64> = (first..first + count).collect();
    print!("{}", run_many(Kernel, &seeds, (&without, pace)));
    ExitCode::SUCCESS
}

fn complain(what: &str) -> ExitCode {
    eprintln!("oracle: {what}");
    ExitCode::from(2)
}

fn in_world(world: &str, behaviour: &Behaviour) -> ExitCode {
    match world {
        "kernel" => {
            if let Err(error) = namespace::enter(&behaviour.settings()) {
                eprintln!("oracle: no network of its own: {error}");
                return ExitCode::from(NO_SUCH_WORLD);
            }
            bare(behaviour)
        }
        "bare" => bare(behaviour),
        "library" => {
            print!("{}", Library::run(behaviour));
            ExitCode::SUCCESS
        }
        "run" => supervised(behaviour, Options { exact: Some(false), ..Options::default() }),
        "fast" => supervised(behaviour, Options { exact: Some(false), object: true, ..Options::default() }),
        "exact" => supervised(behaviour, Options { exact: Some(true), ..Options::default() }),
        _ => complain(&format!("there is no world {world}")),
    }
}

fn bare(behaviour: &Behaviour) -> ExitCode {
    be_ready();
    let mut trial = Trial::new(Kernel);
    (behaviour.run)(&mut trial);
    print!("{}", trial.into_text());
    ExitCode::SUCCESS
}

fn be_ready() {
    // SAFETY: no handler runs: EPIPE is told by errno, and who hangs is ended.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::alarm(BOUND);
    }
}

fn supervised(behaviour: &Behaviour, options: Options) -> ExitCode {
    let arguments = ["bare", behaviour.name].map(OsString::from).to_vec();
    let program = Program { name: "/proc/self/exe".into(), arguments };
    let settings = behaviour.settings().into_iter();
    let options = Options {
        sysctls: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        seed: Some(1),
        ..options
    };
    match sockeye_run::run(&program, &options) {
        Ok(ended) => ExitCode::from(u8::try_from(ended.status).unwrap_or(1)),
        Err(error) => {
            eprintln!("oracle: {error}");
            ExitCode::from(1)
        }
    }
}

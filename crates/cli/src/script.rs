//! `sockeye script`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use clap::Args;
use sockeye_device::{CaptureInterface, CaptureWriter, LinkType, Seen};
use sockeye_wire::Frame;

const AFTER_HELP: &str = "\
A script is in packetdrill's language: packets that come in ('<') and are expected to go out ('>'), and system calls \
with their results, each at its time. It runs against a virtual host of its own, in virtual time.

Examples:
  sockeye script tests/scripts
  sockeye script --list handshake.pkt close.pkt

Exit status:
  0 if all scripts passed, 1 if one did not, 2 for a wrong command line or a file that can't be read.";

/// Exit statuses.
const FAILED: u8 = 1;
const UNREADABLE: u8 = 2;

/// Run packet scripts against Sockeye's own TCP/IP.
#[derive(Args)]
#[command(after_long_help = AFTER_HELP, after_help = "Use --help for examples and exit statuses.")]
pub(crate) struct Arguments {
    /// Print a line for each script, also for those that pass
    #[arg(long)]
    list: bool,

    /// How many scripts run at once; the number of processors if not given
    #[arg(long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,

    /// Write the packets of all scripts to FILE, one script after the other, in pcapng's format
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,

    /// Put VALUE for the word NAME in all scripts
    #[arg(short = 'D', long, value_name = "NAME=VALUE", value_parser = definition)]
    define: Vec<(String, String)>,

    /// Scripts, and directories that are searched for files whose names end in .pkt
    #[arg(required = true, value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
}

/// What became of one script.
enum Outcome {
    Passed,
    Failed(String),
    Unreadable(String),
}

/// What became of one script, and the packets that crossed its link.
type Run = (Outcome, Vec<sockeye_script::Captured>);

/// Runs them; gives the exit status.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let mut files = Vec::new();
    for path in &arguments.files {
        if let Err(error) = find(path, &mut files) {
            let _ = writeln!(std::io::stderr(), "sockeye: {}: {error}", path.display());
            return ExitCode::from(UNREADABLE);
        }
    }
    let runs = run_all(&files, &arguments.define, arguments.jobs.map_or_else(processors, usize::from));
    if let Some(path) = &arguments.pcap
        && let Err(error) = File::create(path).and_then(|file| capture(BufWriter::new(file), &files, &runs))
    {
        let _ = writeln!(std::io::stderr(), "sockeye: {}: {error}", path.display());
        return ExitCode::from(UNREADABLE);
    }
    report(&files, &runs, arguments.list)
}

/// All scripts below a path, in the order of their names.
fn find(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !std::fs::metadata(path)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries = std::fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // Links to directories are not followed: they may lead around in circles.
        if entry.file_type()?.is_dir() || path.extension().is_some_and(|extension| extension == "pkt") {
            find(&path, files)?;
        }
    }
    Ok(())
}

/// `NAME=VALUE`.
pub(crate) fn definition(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("there is no '=' in it")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs the scripts, so many at once; what became of them, in their order.
fn run_all(files: &[PathBuf], definitions: &[(String, String)], jobs: usize) -> Vec<Run> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(files.len()).max(1) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = files.get(index) else { return };
                    if sender.send((index, run_one(file, definitions))).is_err() {
                        return;
                    }
                }
            });
        }
    });
    drop(sender);
    let mut runs: Vec<(usize, Run)> = receiver.into_iter().collect();
    runs.sort_by_key(|(index, _)| *index);
    runs.into_iter().map(|(_, run)| run).collect()
}

fn run_one(file: &Path, definitions: &[(String, String)]) -> Run {
    let text = match std::fs::read(file) {
        Ok(bytes) => sockeye_script::define(&String::from_utf8_lossy(&bytes), definitions),
        Err(error) => return (Outcome::Unreadable(format!("{}: {error}", file.display())), Vec::new()),
    };
    let (result, captured) = match sockeye_script::parse(&text) {
        Ok(script) => sockeye_script::run(&script),
        Err(failure) => (Err(failure), Vec::new()),
    };
    let outcome = match result {
        Ok(()) => Outcome::Passed,
        Err(failure) => Outcome::Failed(format!("{}:{failure}", file.display())),
    };
    (outcome, captured)
}

/// Writes a capture file: an interface for each script. Each starts where the one before ended.
fn capture(mut out: impl Write, files: &[PathBuf], runs: &[Run]) -> std::io::Result<()> {
    let mut writer = CaptureWriter::new(usize::MAX);
    let mut start = std::time::Duration::ZERO;
    for (number, (file, (_, captured))) in files.iter().zip(runs).enumerate() {
        let name = Some(file.display().to_string());
        writer.interface(&CaptureInterface { name, link_type: LinkType::Raw });
        for packet in captured {
            let frame = Frame::packet(packet.packet.clone());
            let seen = Seen { at: start + packet.at, interface: number, comment: None, direction: None };
            writer.frame(&seen, &frame);
        }
        out.write_all(writer.bytes())?;
        writer.bytes().clear();
        start += captured.last().map_or(std::time::Duration::ZERO, |last| last.at);
    }
    out.flush()
}

/// Prints what became of the scripts; gives the exit status. Nobody may be there to read it.
fn report(files: &[PathBuf], runs: &[Run], list: bool) -> ExitCode {
    let mut out = std::io::stdout().lock();
    let (mut failed, mut unreadable) = (0, 0);
    for (file, (outcome, _)) in files.iter().zip(runs) {
        let _ = match outcome {
            Outcome::Passed if list => writeln!(out, "pass {}", file.display()),
            Outcome::Passed => Ok(()),
            Outcome::Failed(failure) => {
                failed += 1;
                writeln!(out, "FAIL {failure}")
            }
            Outcome::Unreadable(error) => {
                unreadable += 1;
                writeln!(std::io::stderr(), "sockeye: {error}")
            }
        };
    }
    let passed = runs.len() - failed - unreadable;
    let _ = writeln!(out, "{passed} passed, {failed} failed");
    match (failed, unreadable) {
        (0, 0) => ExitCode::SUCCESS,
        (_, 0) => ExitCode::from(FAILED),
        _ => ExitCode::from(UNREADABLE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_found_run_and_captured() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts");
        let mut files = Vec::new();
        find(&root, &mut files).expect("the directory of the scripts");
        assert!(files.len() >= 25 && files.is_sorted());
        files.truncate(5);
        files.push(root.join("there is none.pkt"));
        let runs = run_all(&files, &[], 3);
        assert!(runs.iter().take(5).all(|(outcome, _)| matches!(outcome, Outcome::Passed)));
        assert!(matches!(runs.last(), Some((Outcome::Unreadable(_), _))));
        let packets: usize = runs.iter().map(|(_, captured)| captured.len()).sum();
        // 24 bytes of a file header, 16 in front of each packet, and no packet has less than 28.
        let mut file = Vec::new();
        capture(&mut file, &files, &runs).unwrap();
        let mut reader = sockeye_device::CaptureReader::new(&file[..]).unwrap();
        let written = std::iter::from_fn(|| reader.advance().unwrap().then_some(())).count();
        assert_eq!(written, packets);
        assert!(find(Path::new("/there is none"), &mut files).is_err());
    }
}

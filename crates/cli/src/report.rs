//! What a program asked for and did not get: written as JSON, and read back as a table (`sockeye report`).

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use sockeye_run::{Ended, Report};

use crate::output::print;

/// The version of the file's form. Fields may be added to it; what is there keeps its meaning.
const FORM: u64 = 1;
/// No report is longer.
const LONGEST: u64 = 16 << 20;

/// Print a report that sockeye run --report has written.
#[derive(Args)]
#[command(
    after_help = "Exit status:\n  0; 1 if the file can't be read or is no report; 2 for a wrong command line."
)]
pub(crate) struct Arguments {
    /// The report
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// A report that is to be written. Its file is there from the beginning, so that a wrong name is noticed then.
pub(crate) struct ReportFile {
    path: PathBuf,
    file: File,
    command: Vec<String>,
}

impl ReportFile {
    pub(crate) fn create(path: &Path, command: &[OsString]) -> Result<ReportFile, String> {
        let file = File::create(path).map_err(|error| failed(path, &error))?;
        let command = command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Ok(ReportFile { path: path.to_owned(), file, command })
    }

    pub(crate) fn write(mut self, ended: &Ended) -> Result<(), String> {
        let mut text = format!("{:#}", as_json(&self.command, ended));
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(|error| failed(&self.path, &error))
    }
}

fn as_json(command: &[String], ended: &Ended) -> Value {
    let rows = ended.report.rows.iter().map(|(row, count)| {
        json!({ "program": row.program, "call": row.call, "what": row.what, "errno": row.errno, "count": count })
    });
    json!({
        "sockeye": env!("CARGO_PKG_VERSION"),
        "form": FORM,
        "command": command,
        "status": ended.status,
        "unmet": rows.collect::<Vec<_>>(),
        "beyond": ended.report.beyond,
    })
}

/// Says on standard error what was not honoured. Nobody may be there.
pub(crate) fn summarize(report: &Report) {
    let rows = report.rows.iter().map(|(row, count)| Row {
        program: &row.program,
        call: row.call,
        what: &row.what,
        errno: row.errno.unwrap_or("-"),
        count: *count,
    });
    let rows = rows.collect::<Vec<_>>();
    let text = match rows.len() {
        0 => "sockeye: all that was asked for was honoured\n".to_owned(),
        _ => format!("sockeye: asked for and not honoured:\n{}", table(&rows, report.beyond)),
    };
    let _ = io::stderr().write_all(text.as_bytes());
}

/// `sockeye report`.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match read(&arguments.file) {
        Ok(text) => print(&text),
        Err(why) => {
            let _ = writeln!(io::stderr(), "sockeye: {why}");
            ExitCode::FAILURE
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| failed(path, &error))?;
    file.take(LONGEST).read_to_string(&mut text).map_err(|error| failed(path, &error))?;
    let report = serde_json::from_str(&text).ok();
    report.as_ref().and_then(shown).ok_or_else(|| format!("{}: is no report of sockeye run", path.display()))
}

/// A report as a table; `None` if it is none, or of a form that is not known.
fn shown(report: &Value) -> Option<String> {
    if report.get("form")?.as_u64()? != FORM {
        return None;
    }
    let command = report.get("command")?.as_array()?.iter().map(|word| word.as_str().map(clean));
    let command = command.collect::<Option<Vec<_>>>()?.join(" ");
    let unmet = report.get("unmet")?.as_array()?;
    let rows = unmet.iter().map(|row| {
        Some(Row {
            program: row.get("program")?.as_str()?,
            call: row.get("call")?.as_str()?,
            what: row.get("what")?.as_str()?,
            errno: row.get("errno")?.as_str().unwrap_or("-"),
            count: row.get("count")?.as_u64()?,
        })
    });
    let rows = rows.collect::<Option<Vec<_>>>()?;
    let status = report.get("status")?.as_i64()?;
    let mut text = format!("{command}: ended with status {status}\n");
    if rows.is_empty() {
        text += "all that was asked for was honoured\n";
    } else {
        text += &table(&rows, report.get("beyond")?.as_u64()?);
    }
    Some(text)
}

/// A line of the table.
struct Row<'a> {
    program: &'a str,
    call: &'a str,
    what: &'a str,
    errno: &'a str,
    count: u64,
}

fn table(rows: &[Row<'_>], beyond: u64) -> String {
    let mut text =
        format!("{:<16} {:<15} {:<33} {:<16} {:>7}\n", "PROGRAM", "CALL", "WHAT", "ERROR", "TIMES");
    for Row { program, call, what, errno, count } in rows {
        let (program, call, what, errno) = (clean(program), clean(call), clean(what), clean(errno));
        let _ = writeln!(text, "{program:<16} {call:<15} {what:<33} {errno:<16} {count:>7}");
    }
    if beyond > 0 {
        let _ = writeln!(text, "and more, {beyond} times");
    }
    text
}

/// A file may hold anything, and a terminal may do as it says.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn failed(path: &Path, error: &io::Error) -> String {
    let text = error.to_string();
    format!("{}: {}", path.display(), text.split_once(" (os error").map_or(text.as_str(), |(text, _)| text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_run::Unmet;

    #[test]
    fn what_is_written_is_read_back() {
        let row = |program: &str, errno| Unmet {
            program: program.to_owned(),
            call: "socket",
            what: "AF_VSOCK".to_owned(),
            errno,
        };
        let rows = [(row("a", Some("EAFNOSUPPORT")), 3), (row("b\u{1b}[2J", None), 1)].into();
        let ended = Ended { status: 4, report: Report { rows, beyond: 2 } };
        let json = as_json(&["x".to_owned(), "-y".to_owned()], &ended);
        let text = shown(&json).expect("a report");
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["x", "-y:", "ended", "with", "status", "4"]);
        assert_eq!(lines[2], ["a", "socket", "AF_VSOCK", "EAFNOSUPPORT", "3"]);
        assert_eq!(lines[3], ["b?[2J", "socket", "AF_VSOCK", "-", "1"]);
        assert_eq!(lines[4], ["and", "more,", "2", "times"]);
    }

    #[test]
    fn what_is_no_report_is_told_from_one() {
        let good = as_json(&[], &Ended { status: 0, report: Report::default() });
        assert!(shown(&good).is_some_and(|text| text.contains("all that was asked for was honoured")));
        for name in ["form", "command", "status", "unmet"] {
            let mut bad = good.clone();
            bad[name] = json!("x");
            assert_eq!(shown(&bad), None, "{name}");
        }
        assert_eq!(shown(&json!([])), None);
        let mut later = good;
        later["form"] = json!(2);
        assert_eq!(shown(&later), None);
    }
}

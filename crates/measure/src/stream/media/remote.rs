//! A process that measures for us, under `sockeye run`: it is told on its standard input how many messages to carry, and
//! answers with the nanoseconds that took, a line each.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::{Channel, kernel};

/// The process; dropping ends it.
pub(super) struct Remote {
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Remote {
    /// Starts it: this command, with the size of messages and whether small ones are to go at once.
    pub(super) fn start(command: &[OsString], size: usize, nodelay: bool) -> io::Result<Remote> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no command for what runs under sockeye run",
            ));
        };
        let mut command = Command::new(program);
        // A group of its own: a ^C is for us, who then end it.
        command.args(arguments).arg(format!("{size}:{nodelay}")).process_group(0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (ask, answers) = pipes.ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Remote { child, ask: Some(ask), answers: BufReader::new(answers) })
    }
}

impl Channel for Remote {
    fn carry(&mut self, messages: u64) -> io::Result<Duration> {
        let ask = self.ask.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(ask, "{messages}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let nanoseconds = line.trim().parse().map_err(|_| {
            io::Error::other(format!("the process under sockeye run ended or said '{}'", line.trim()))
        })?;
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // The end of its input ends it, and its supervisor.
        self.ask = None;
        let _ = self.child.wait();
    }
}

/// What that process does, asked `size:nodelay`: carries over TCP on whatever its loopback is.
///
/// # Errors
/// Those of the calls that are measured, and of standard input and output.
pub fn serve(asked: &str) -> io::Result<()> {
    let wrong = || io::Error::from(io::ErrorKind::InvalidInput);
    let (size, nodelay) = asked.split_once(':').ok_or_else(wrong)?;
    let (size, nodelay) = (size.parse().map_err(|_| wrong())?, nodelay.parse().map_err(|_| wrong())?);
    let mut channel = kernel::tcp(size, nodelay)?;
    for line in io::stdin().lock().lines() {
        let took = channel.carry(line?.parse().map_err(|_| wrong())?)?;
        let mut out = io::stdout();
        writeln!(out, "{}", took.as_nanos())?;
        out.flush()?;
    }
    Ok(())
}

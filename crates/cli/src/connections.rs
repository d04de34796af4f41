//! The connections of a capture, or of a running network, for commands that show them.

use std::io::{self, BufReader, Write};
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clap::Args;
use sockeye_device::CaptureError;
use sockeye_look::{Network, Wanted};
use sockeye_view::{Exchange, Exchanges, Filter, Flow, Flows};

use crate::captures::{self, Reader};
use crate::tcpdump::Names;

/// Which connections, of which file or network.
#[derive(Args)]
pub(crate) struct Selection {
    /// Which connection, if there are several: 1 is the first
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    connection: Option<u32>,

    #[command(flatten)]
    interfaces: captures::Interfaces,

    /// In place of a file, look at a running network for so long, or until it ends; 10s if only --of is given
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    span: Option<Duration>,

    /// Which running network, by its name or a process's number, if there are several
    #[arg(long, value_name = "NETWORK")]
    of: Option<String>,

    /// The capture file; - is standard input
    #[arg(value_name = "FILE", required_unless_present_any = ["span", "of"])]
    file: Option<PathBuf>,

    /// Which packets, in the language of sockeye tcpdump
    #[arg(value_name = "FILTER", trailing_var_arg = true)]
    filter: Vec<String>,
}

/// What is in a capture.
pub(crate) struct Connections {
    /// Of TCP, in the order they began.
    pub(crate) flows: Vec<Flow>,
    /// All else.
    pub(crate) exchanges: Vec<Exchange>,
}

/// How long a network is looked at.
const USUAL: Duration = Duration::from_secs(10);

impl Selection {
    /// Them, or what is wrong with the file, the network or the filter.
    pub(crate) fn read(&self) -> Result<Connections, String> {
        let live = self.span.is_some() || self.of.is_some();
        // Without a file the first word is the filter's.
        let first = self.file.as_ref().filter(|_| live).map(|word| word.to_string_lossy().into_owned());
        let words: Vec<String> = first.into_iter().chain(self.filter.iter().cloned()).collect();
        let filter = Filter::parse(&words.join(" "), &Names).map_err(|error| error.to_string())?;
        let file = self.file.as_deref().unwrap_or(Path::new("-"));
        let failed = |error: &dyn std::fmt::Display| match live {
            true => error.to_string(),
            false => format!("{}: {error}", file.display()),
        };
        let mut reader =
            if live { self.look()? } else { captures::open(file).map_err(|error| failed(&error))? };
        let (mut flows, mut exchanges) = (Flows::new(), Exchanges::new());
        loop {
            match reader.advance() {
                Ok(true) => {}
                Ok(false) => break,
                // The time was over in the middle of a packet.
                Err(CaptureError::Truncated(_)) if live => break,
                Err(error) => return Err(failed(&error)),
            }
            let Some(record) = reader.record() else { break };
            let (wanted, link) =
                captures::wanted(&reader, &record, &filter).map_err(|error| failed(&error))?;
            if wanted && self.interfaces.want(&reader, &record) {
                let dropped = record.comment.and_then(|comment| comment.strip_prefix("dropped: "));
                let frame = captures::frame_unchecked(link, &record);
                flows.add(record.at, &frame, dropped);
                exchanges.add(record.at, &frame, dropped);
            } else {
                flows.skip();
            }
        }
        if flows.left_out() > 0 {
            let why = "belong to more connections than are told apart, and were left out";
            let _ = writeln!(io::stderr(), "sockeye: {} segments {why}", flows.left_out());
        }
        Ok(Connections { flows: self.chosen(flows.into_vec()), exchanges: self.chosen(exchanges.into_vec()) })
    }

    /// What passes a running network until the time is over.
    fn look(&self) -> Result<Reader, String> {
        let said = |error: sockeye_look::Error| error.to_string();
        let mut network = Network::open(self.of.as_deref()).map_err(said)?;
        let frames = network.frames(&Wanted::default()).map_err(said)?;
        let end = frames.handle().map_err(said)?;
        let span = self.span.unwrap_or(USUAL);
        thread::spawn(move || {
            thread::sleep(span);
            // If the network has ended, so has this.
            let _ = end.shutdown(Shutdown::Both);
        });
        Reader::new(BufReader::with_capacity(1 << 16, Box::new(frames))).map_err(|error| error.to_string())
    }

    fn chosen<T>(&self, all: Vec<T>) -> Vec<T> {
        match self.connection {
            Some(number) => all.into_iter().skip(number as usize - 1).take(1).collect(),
            None => all,
        }
    }
}

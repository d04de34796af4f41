//! The connections of a capture, for commands that show them.

use std::path::PathBuf;

use clap::Args;
use sockeye_view::{Filter, Flow, Flows};

use crate::captures;
use crate::tcpdump::Names;

/// Which connections, of which file.
#[derive(Args)]
pub(crate) struct Selection {
    /// Which connection, if there are several: 1 is the first
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    connection: Option<u32>,

    #[command(flatten)]
    interfaces: captures::Interfaces,

    /// The capture file; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Which packets, in the language of sockeye tcpdump
    #[arg(value_name = "FILTER", trailing_var_arg = true)]
    filter: Vec<String>,
}

impl Selection {
    /// The connections, in the order they began; what is wrong with the file or the filter.
    pub(crate) fn read(&self) -> Result<Vec<Flow>, String> {
        let filter = Filter::parse(&self.filter.join(" "), &Names).map_err(|error| error.to_string())?;
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", self.file.display());
        let mut reader = captures::open(&self.file).map_err(|error| failed(&error))?;
        let mut flows = Flows::new();
        while reader.advance().map_err(|error| failed(&error))? {
            let Some(record) = reader.record() else { break };
            let link = captures::link_of(&reader, &record).map_err(|error| failed(&error))?;
            if self.interfaces.want(&reader, &record) && filter.wants(link, record.bytes, record.length) {
                let dropped = record.comment.and_then(|comment| comment.strip_prefix("dropped: "));
                flows.add(record.at, &captures::frame_unchecked(link, &record), dropped);
            } else {
                flows.skip();
            }
        }
        let flows = flows.into_vec();
        Ok(match self.connection {
            Some(number) => flows.into_iter().skip(number as usize - 1).take(1).collect(),
            None => flows,
        })
    }
}

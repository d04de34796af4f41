//! What is printed and written: a line for each row, and the JSON file.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{fs, io};

use crate::Figures;

/// A row before it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// What is done.
    pub(crate) name: &'static str,
    /// Of both figures.
    pub(crate) unit: &'static str,
    /// Which way is better.
    pub(crate) better: Better,
    /// Whom it is compared with.
    pub(crate) peer_name: &'static str,
    /// The least ratio aimed at; the ratio is turned so that more is better.
    pub(crate) target: f64,
}

/// Which figures are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    /// Rates.
    More,
    /// Costs.
    Less,
}

/// The rows measured.
pub(crate) struct Report {
    rows: Vec<(Row, Figures, f64)>,
}

impl Report {
    /// Prints the head of the table.
    pub(crate) fn begin() -> Report {
        println!(
            "{:<52} {:>12} {:>5} {:>12} {:>5} {:<10} {:>7} {:>7}  peer",
            "", "Sockeye", "", "peer", "", "unit", "ratio", "target"
        );
        Report { rows: Vec::new() }
    }

    /// Prints a row and keeps it.
    pub(crate) fn add(&mut self, row: Row, figures: Figures) {
        let ratio = match row.better {
            Better::More => figures.sockeye / figures.peer,
            Better::Less => figures.peer / figures.sockeye,
        };
        println!(
            "{:<52} {:>12} {:>5} {:>12} {:>5} {:<10} {:>7.2} {:>7.2}  {}",
            row.name,
            shown(figures.sockeye),
            apart(figures.spreads[0]),
            shown(figures.peer),
            apart(figures.spreads[1]),
            row.unit,
            ratio,
            row.target,
            row.peer_name
        );
        self.rows.push((row, figures, ratio));
    }

    /// Writes `target/ratios.json` of the workspace; says where that is.
    pub(crate) fn write(&self) -> io::Result<PathBuf> {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let target = root.canonicalize()?.join("target");
        fs::create_dir_all(&target)?;
        let path = target.join("ratios.json");
        fs::write(&path, self.json())?;
        Ok(path)
    }

    /// Names and units are plain ASCII without quotes, so nothing needs escaping.
    fn json(&self) -> String {
        let mut json = String::from("[");
        for (i, (row, figures, ratio)) in self.rows.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let _ = write!(
                json,
                "{comma}\n  {{\"name\": \"{}\", \"unit\": \"{}\", \"sockeye\": {:.4}, \"peer\": {:.4}, \
                 \"peer_name\": \"{}\", \"ratio\": {ratio:.4}, \"target\": {:.2}}}",
                row.name, row.unit, figures.sockeye, figures.peer, row.peer_name, row.target
            );
        }
        json.push_str("\n]\n");
        json
    }
}

/// How far the middle half of the samples lie apart.
fn apart(spread: f64) -> String {
    if spread.is_nan() { String::new() } else { format!("±{:.0}%", spread * 50.0) }
}

/// A figure with about three digits that count.
fn shown(figure: f64) -> String {
    match figure {
        f if f >= 100.0 => format!("{f:.0}"),
        f if f >= 10.0 => format!("{f:.1}"),
        f => format!("{f:.2}"),
    }
}

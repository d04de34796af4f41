//! What a course's notes on sockets found in the 1990s, beside what is found now.
//!
//! The course measured throughput over buffer sizes between two processes of a workstation, and over its 10 Mb/s
//! Ethernet; its figures are in Mb/s.

use serde::Serialize;

use super::{Medium, Row};

/// One finding: what it is, in which unit, what the text says and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What it is.
    pub name: &'static str,
    /// Its unit; empty if it is a ratio.
    pub unit: &'static str,
    /// The text's.
    pub text: f64,
    /// Today's, if what it takes was measured.
    pub now: Option<f64>,
    /// With messages of so many bytes, if that says something.
    pub size: Option<usize>,
}

/// The size at which the text's memory copy is.
const COPY: usize = 1024;
/// A size is as good as the best if it gets so much of it.
const AS_GOOD: f64 = 0.9;

/// The text's findings beside these rows.
pub fn findings(rows: &[Row]) -> Vec<Finding> {
    let of = |medium: Medium| rows.iter().filter(move |row| row.medium == medium);
    let best = |medium: Medium| {
        let best = of(medium).max_by(|a, b| a.rate.median.total_cmp(&b.rate.median))?;
        Some((best.rate.median / 1e6, best.size))
    };
    let best_finding = |name, unit, text, medium| {
        let (now, size) = best(medium).unzip();
        Finding { name, unit, text, now, size }
    };
    let copy = of(Medium::Copy).find(|row| row.size == COPY).map(|row| row.rate.median / 1e6);
    let tcp = best(Medium::KernelTcp).map(|(rate, _)| rate);
    let pipe = best(Medium::Pipe).map(|(rate, _)| rate);
    let ratio = |name, text, below: Option<f64>| Finding {
        name,
        unit: "",
        text,
        now: tcp.zip(below).map(|(tcp, below)| tcp / below),
        size: None,
    };
    let enough = best(Medium::KernelTcp).and_then(|(most, _)| {
        of(Medium::KernelTcp).find(|row| row.rate.median / 1e6 >= AS_GOOD * most).map(|row| row.size)
    });
    vec![
        best_finding("TCP on one host, at best", "Mb/s", 71.6, Medium::KernelTcp),
        best_finding("a pipe, at best", "Mb/s", 324.0, Medium::Pipe),
        Finding { name: "a memory copy of 1 KiB", unit: "Mb/s", text: 545.0, now: copy, size: None },
        ratio("TCP by the pipe", 0.22, pipe),
        ratio("TCP by the memory copy", 0.13, copy),
        Finding {
            name: "smallest message with 0.9 of TCP's best",
            unit: "B",
            text: 32_768.0,
            now: enough.map(|size| size as f64),
            size: None,
        },
        best_finding("TCP on a 10 Mb/s Ethernet, at best", "Mb/s", 6.9, Medium::Lan),
    ]
}

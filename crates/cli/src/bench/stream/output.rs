//! What was measured, as tables, JSON, comma-separated values and a chart.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::json;
use sockeye_measure::stream::{Finding, Medium, Row, findings};
use sockeye_view::{Axis, Chart, Point, Scale, Series};

use super::super::numbers::{bytes, digits, rate};

const CELL: usize = 17;

/// Sizes down, media across: medians, and their ratios to the kernel's TCP; then the text's findings.
pub(super) fn table(rows: &[Row]) -> String {
    let media: BTreeSet<Medium> = rows.iter().map(|row| row.medium).collect();
    let sizes: BTreeSet<usize> = rows.iter().map(|row| row.size).collect();
    let mut text = format!("{:>8}", "message");
    for medium in &media {
        let _ = write!(text, "{:>CELL$}", medium.name());
    }
    for size in sizes {
        let _ = write!(text, "\n{:>8}", bytes(size));
        for medium in &media {
            let cell = rows.iter().find(|row| row.size == size && row.medium == *medium).map_or_else(
                || "-".to_owned(),
                |row| match row.ratio {
                    Some(ratio) => format!("{} {:>5}", rate(row.rate.median), digits(ratio)),
                    None => rate(row.rate.median),
                },
            );
            let _ = write!(text, "{cell:>CELL$}");
        }
    }
    text.push_str("\n\n");
    for medium in media {
        let _ = writeln!(text, "{:>8}  {}", medium.name(), medium.description());
    }
    text + "\n" + &findings_table(rows)
}

/// A line for each size and medium.
pub(super) fn long(rows: &[Row]) -> String {
    let mut text = format!(
        "{:>8} {:<8} {:>5} {:>10} {:>10} {:>10} {:>23} {:>6}\n",
        "message", "medium", "runs", "median", "mean", "deviation", "95 % interval of mean", "ratio"
    );
    for row in rows {
        let of = &row.rate;
        let interval = format!("{} - {}", rate(of.interval.0.max(0.0)), rate(of.interval.1));
        let ratio = row.ratio.map_or_else(|| "-".to_owned(), digits);
        let _ = writeln!(
            text,
            "{:>8} {:<8} {:>5} {:>10} {:>10} {:>10} {interval:>23} {ratio:>6}",
            bytes(row.size),
            row.medium.name(),
            of.samples,
            rate(of.median),
            rate(of.mean),
            rate(of.deviation)
        );
    }
    text + "\n" + &findings_table(rows)
}

/// All of it; rates in bits per second.
pub(super) fn json(rows: &[Row]) -> String {
    format!("{:#}\n", json!({ "unit": "bit/s", "rows": rows, "findings": findings(rows) }))
}

/// A line for each size and medium; rates in bits per second.
pub(super) fn csv(rows: &[Row]) -> String {
    let mut text = "size,medium,runs,median,mean,deviation,low,high,ratio\n".to_owned();
    for row in rows {
        let of = &row.rate;
        let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.4}"));
        let _ = writeln!(
            text,
            "{},{},{},{:.0},{:.0},{:.0},{:.0},{:.0},{ratio}",
            row.size,
            row.medium.name(),
            of.samples,
            of.median,
            of.mean,
            of.deviation,
            of.interval.0,
            of.interval.1
        );
    }
    text
}

/// Both axes logarithmic: medians, and the 95 % intervals of the means.
pub(super) fn chart(rows: &[Row]) -> Chart {
    let media: BTreeSet<Medium> = rows.iter().map(|row| row.medium).collect();
    let series = media.into_iter().map(|medium| {
        let of = rows.iter().filter(|row| row.medium == medium);
        let point =
            |row: &Row| Point { x: row.size as f64, y: row.rate.median, spread: Some(row.rate.interval) };
        Series { name: medium.name().to_owned(), points: of.map(point).collect() }
    });
    Chart {
        title: "Throughput over message sizes".to_owned(),
        x: Axis {
            label: "bytes of a message".to_owned(),
            scale: Scale::Logarithmic(2),
            number: |size| bytes(size as usize),
        },
        y: Axis {
            label: "bits per second: median, and 95 % interval of the mean".to_owned(),
            scale: Scale::Logarithmic(10),
            number: power_of_ten,
        },
        series: series.collect(),
    }
}

fn findings_table(rows: &[Row]) -> String {
    let mut text = format!("{:<40} {:>12} {:>12}\n", "", "the text", "here");
    for finding in findings(rows) {
        let Finding { name, unit, text: then, now, size } = finding;
        let value = |value: f64| match unit {
            "B" => format!("{} B", bytes(value as usize)),
            "" => digits(value),
            _ => format!("{} {unit}", digits(value)),
        };
        let now = now.map_or_else(|| "-".to_owned(), value);
        let at = size.map_or_else(String::new, |size| format!("  at {}", bytes(size)));
        let _ = writeln!(text, "{name:<40} {:>12} {now:>12}{at}", value(then));
    }
    text + "The text: a course's notes on sockets, workstations of the 1990s.\n"
}

fn power_of_ten(bits: f64) -> String {
    rate(bits).replace(".00", "").replace(".0", "")
}

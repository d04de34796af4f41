//! Pictures of connections: SVG that needs nothing else, on a light page and on a dark one.

// What is drawn decides nothing.
#![allow(clippy::float_arithmetic)]

mod diagram;

use std::collections::BTreeMap;

use svg::Document;
use svg::node::element::path::Data;
use svg::node::element::{Group, Line, Path, Rectangle, Style, Text, Title};

use crate::exchange::Exchange;
use crate::flow::{Flow, Side};
use crate::ladder::{Kind, Ladder, Rung};
use crate::trace::{Fate, Trace};
pub use diagram::state_picture;

/// Colours by what they say, for light pages and dark ones. (No variables: not every reader of SVG knows them.)
const STYLE: &str = "\
text { font: 12px ui-sans-serif, system-ui, sans-serif; fill: #1a1a1a; stroke: none }
.state, .end { font-weight: 600 }
path { fill: none; stroke-width: 1.5 }
.page { fill: #ffffff }
.rule { stroke: #dddddd }
.life { stroke: #8a8a8a; stroke-width: 2 }
.pure { stroke: #1a1a1a }
.data { stroke: #1f5fbf } text.data { fill: #1f5fbf; stroke: none }
.bad { stroke: #c62828; stroke-width: 2 } text.bad { fill: #c62828; stroke: none }
.ack { stroke: #2e7d32 } text.ack { fill: #2e7d32; stroke: none }
.sack { stroke: #6a3fb5 } text.sack { fill: #6a3fb5; stroke: none }
.window { stroke: #b26a00 } text.window { fill: #b26a00; stroke: none }
text.faint { fill: #767676 }
@media (prefers-color-scheme: dark) {
text { fill: #e8e8e8 }
.page { fill: #16181c }
.rule { stroke: #33373d }
.pure { stroke: #e8e8e8 }
.data { stroke: #7ab0ff } text.data { fill: #7ab0ff }
.bad { stroke: #ff7b72 } text.bad { fill: #ff7b72 }
.ack { stroke: #7bd88f } text.ack { fill: #7bd88f }
.sack { stroke: #c6a0ff } text.sack { fill: #c6a0ff }
.window { stroke: #ffb454 } text.window { fill: #ffb454 }
text.faint { fill: #9aa0a6 }
}";

/// A ladder has no more rungs; the rest is said to be left out.
const MOST_RUNGS: usize = 400;

/// A connection as a ladder: its segments between its ends, and their states.
pub fn ladder_picture(flow: &Flow) -> String {
    Ladder::from(flow).to_picture()
}

/// What two hosts say to each other without TCP, as [`ladder_picture`] has it.
pub fn exchange_picture(exchange: &Exchange) -> String {
    Ladder::from(exchange).to_picture()
}

/// Where the two ends are.
const ENDS: [f64; 2] = [250.0, 710.0];

impl Ladder {
    fn to_picture(&self) -> String {
        const WIDTH: f64 = 960.0;
        const TOP: f64 = 70.0;
        const RUNG: f64 = 28.0;
        let rungs = &self.rungs[..self.rungs.len().min(MOST_RUNGS)];
        let left_out = self.rungs.len() - rungs.len() + self.left_out;
        let bottom = TOP + RUNG * (rungs.len() as f64 + 1.0);
        let mut page = page(WIDTH, bottom + 40.0, self.title);
        let state = |i: usize, y: f64, state: &str| {
            let (x, anchor) = if i == 0 { (ENDS[0] - 12.0, "end") } else { (ENDS[1] + 12.0, "start") };
            text(x, y, "state", anchor, state)
        };
        for (i, x) in ENDS.into_iter().enumerate() {
            page = page.add(text(x, 28.0, "end", "middle", &self.ends[i]));
            page = page.add(line((x, TOP - 14.0), (x, bottom), "life"));
            page = page.add(state(i, TOP - 8.0, &self.first[i]));
        }
        for (number, rung) in rungs.iter().enumerate() {
            let y = TOP + RUNG * (number as f64 + 0.6);
            let at = format!("{:.6} s", rung.at.as_secs_f64());
            page = page.add(text(12.0, y + 4.0, "faint", "start", &at)).add(rung.to_picture(y));
            for (i, now) in rung.states.iter().enumerate() {
                let arrives = (i == 0) != (rung.from == Side::Client);
                if let Some(now) = now {
                    page = page.add(state(i, y + if arrives { 14.0 } else { 2.0 }, now));
                }
            }
        }
        if left_out > 0 {
            let words = format!("and {left_out} more");
            page = page.add(text(WIDTH / 2.0, bottom + 20.0, "faint", "middle", &words));
        }
        page.to_string()
    }
}

impl Rung {
    /// An arrow, or as far as it came.
    fn to_picture(&self, y: f64) -> Group {
        /// Characters that find room between the ends.
        const ROOM: usize = 72;
        let (from, to) = if self.from == Side::Client { (ENDS[0], ENDS[1]) } else { (ENDS[1], ENDS[0]) };
        let lost = self.dropped.is_some();
        let class = match (lost, self.kind) {
            (true, _) | (false, Kind::Again) => "bad",
            (false, Kind::Data) => "data",
            (false, Kind::Other) => "pure",
        };
        let toward = (to - from).signum();
        let (end, slope) = if lost { ((from + to) / 2.0, 5.0) } else { (to, 10.0) };
        let tip = (end, y + slope);
        let mut group = Group::new().add(line((from, y), tip, class));
        let head = if lost {
            let data = Data::new().move_to((tip.0 - 5.0, tip.1 - 5.0)).line_by((10.0, 10.0));
            data.move_to((tip.0 - 5.0, tip.1 + 5.0)).line_by((10.0, -10.0))
        } else {
            let back = (tip.0 - 8.0 * toward, tip.1);
            Data::new().move_to((back.0, back.1 - 4.5)).line_to(tip).line_to((back.0, back.1 + 4.0))
        };
        group = group.add(Path::new().set("class", class).set("d", head));
        let class = if class == "pure" { "" } else { class };
        let mut words = match &self.dropped {
            Some(why) => format!("{} — {why}", self.words),
            None => self.words.clone(),
        };
        if words.chars().count() > ROOM {
            words = words.chars().take(ROOM - 1).chain(['…']).collect();
        }
        group.add(text((ENDS[0] + ENDS[1]) / 2.0, y - 3.0, class, "middle", &words))
    }
}

/// The data of the side that sent more, over time: what was sent, what was sent again, what was acknowledged, also selectively,
/// and how far the receiver's window let it go. `None` if nobody sent data.
pub fn sequence_picture(flow: &Flow) -> Option<String> {
    let trace = Trace::new(flow)?;
    let plot = Plot { duration: trace.duration, highest: trace.highest * 1.05 };
    let mut page = plot.page(flow, trace.sender);
    if flow.left_out > 0 {
        let words = format!("{} segments more were left out", flow.left_out);
        page = page.add(text(Plot::LEFT, Plot::BOTTOM + 38.0, "faint", "start", &words));
    }
    for (class, fate) in [("data", Fate::Sent), ("bad", Fate::Again), ("bad", Fate::Lost)] {
        let pieces = trace.data.iter().filter(|data| data.3 == fate);
        let bars = plot.bars(pieces.map(|(time, from, to, _)| (*time, *from, *to)));
        let mut way = Data::new();
        for (x, low, high) in bars {
            way = way.move_to((x, low)).line_to((x, high));
            if fate == Fate::Lost {
                way = way.move_to((x - 3.0, high)).line_by((6.0, 0.0));
            }
        }
        if !way.is_empty() {
            page = page.add(Path::new().set("class", class).set("d", way));
        }
    }
    let mut sacks = Data::new();
    for (x, low, high) in plot.bars(trace.sacks.iter().copied()) {
        sacks = sacks.move_to((x, low)).line_to((x, high));
    }
    let edge = |edge: &(f64, f64, f64)| (edge.0, edge.2);
    let window = plot.stairs(trace.acks.iter().map(edge));
    let acknowledged = plot.stairs(trace.acks.iter().map(|ack| (ack.0, ack.1)));
    for (class, way) in [("sack", sacks), ("window", window), ("ack", acknowledged)] {
        if !way.is_empty() {
            page = page.add(Path::new().set("class", class).set("d", way));
        }
    }
    Some(page.to_string())
}

/// Where times and sequence numbers are on the page.
struct Plot {
    duration: f64,
    highest: f64,
}

impl Plot {
    const WIDTH: f64 = 1000.0;
    const HEIGHT: f64 = 620.0;
    const LEFT: f64 = 90.0;
    const RIGHT: f64 = 970.0;
    const TOP: f64 = 70.0;
    const BOTTOM: f64 = 560.0;

    fn x(&self, time: f64) -> f64 {
        Plot::LEFT + (Plot::RIGHT - Plot::LEFT) * time / self.duration
    }

    fn y(&self, sequence: f64) -> f64 {
        Plot::BOTTOM - (Plot::BOTTOM - Plot::TOP) * sequence / self.highest
    }

    /// Vertical bars: x, and from where to where on the page. Those that lie in the same place are one, so that there are never
    /// more than the page has room for.
    fn bars(&self, pieces: impl Iterator<Item = (f64, f64, f64)>) -> Vec<(f64, f64, f64)> {
        /// Bars are told apart to a quarter of the page's unit.
        const GRAIN: f64 = 4.0;
        let mut columns: BTreeMap<i64, Vec<(f64, f64)>> = BTreeMap::new();
        for (time, from, to) in pieces {
            let (low, high) = (self.y(from), self.y(to));
            // However small, it can be seen.
            let high = high.min(low - 1.5);
            let column = columns.entry((self.x(time) * GRAIN) as i64).or_default();
            let is_full = column.len() >= 300;
            match column.last_mut() {
                Some(last) if is_full || high <= last.0 + 0.5 && low >= last.1 - 0.5 => {
                    *last = (last.0.max(low), last.1.min(high));
                }
                Some(_) | None => column.push((low, high)),
            }
        }
        let bars = columns.into_iter().flat_map(|(column, bars)| {
            bars.into_iter().map(move |(low, high)| (column as f64 / GRAIN, low, high))
        });
        bars.collect()
    }

    /// A line that keeps its height until the next point. What lies above the page is at its edge.
    fn stairs(&self, points: impl Iterator<Item = (f64, f64)>) -> Data {
        let mut way = Data::new();
        let mut before: Option<(f64, f64)> = None;
        for (time, number) in points {
            let (x, y) = (self.x(time), self.y(number.min(self.highest)));
            match before {
                None => way = way.move_to((x, y)),
                // Too near to be told apart.
                Some(old) if (x - old.0).abs() < 0.25 && (y - old.1).abs() < 0.25 => continue,
                Some(old) => way = way.line_to((x, old.1)).line_to((x, y)),
            }
            before = Some((x, y));
        }
        way
    }

    /// The page with its axes and what the colours mean.
    fn page(&self, flow: &Flow, sender: Side) -> Document {
        let (from, to) = match sender {
            Side::Client => (flow.ends[0], flow.ends[1]),
            Side::Server => (flow.ends[1], flow.ends[0]),
        };
        let mut page = page(Plot::WIDTH, Plot::HEIGHT, "The data of a TCP connection over time");
        page = page.add(text(Plot::LEFT, 28.0, "end", "start", &format!("{from} to {to}")));
        let legend = [
            ("data", "sent"),
            ("bad", "sent again, or lost (with a cap)"),
            ("ack", "acknowledged"),
            ("sack", "selectively"),
            ("window", "end of the receiver's window"),
        ];
        let mut x = Plot::LEFT;
        for (class, words) in legend {
            page = page.add(line((x, 46.0), (x + 18.0, 46.0), class)).add(text(
                x + 24.0,
                50.0,
                class,
                "start",
                words,
            ));
            x += 56.0 + 6.6 * words.len() as f64;
        }
        for time in ticks(self.duration) {
            let x = self.x(time);
            page = page.add(line((x, Plot::TOP), (x, Plot::BOTTOM), "rule")).add(text(
                x,
                Plot::BOTTOM + 18.0,
                "faint",
                "middle",
                &number(time),
            ));
        }
        for sequence in ticks(self.highest) {
            let y = self.y(sequence);
            page = page.add(line((Plot::LEFT, y), (Plot::RIGHT, y), "rule")).add(text(
                Plot::LEFT - 8.0,
                y + 4.0,
                "faint",
                "end",
                &number(sequence),
            ));
        }
        page.add(text(Plot::RIGHT, Plot::BOTTOM + 38.0, "faint", "end", "seconds")).add(text(
            Plot::LEFT - 8.0,
            Plot::TOP - 8.0,
            "faint",
            "end",
            "bytes",
        ))
    }
}

/// Round numbers from 0 to a most, about eight of them.
pub(crate) fn ticks(most: f64) -> impl Iterator<Item = f64> {
    let rough = most / 8.0;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * magnitude).find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    (0..).map(move |i| f64::from(i) * step).take_while(move |tick| *tick <= most)
}

/// A number in few digits, with thousands as k and M.
fn number(value: f64) -> String {
    let (scaled, unit) = match value {
        1e9.. => (value / 1e9, "G"),
        1e6.. => (value / 1e6, "M"),
        1e4.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = format!("{scaled:.6}");
    format!("{}{unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// An empty page, with what it is called.
pub(crate) fn page(width: f64, height: f64, title: &str) -> Document {
    Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("width", width)
        .set("height", height)
        .add(Title::new(title))
        .add(Style::new(STYLE))
        .add(Rectangle::new().set("class", "page").set("width", width).set("height", height))
}

pub(crate) fn line(from: (f64, f64), to: (f64, f64), class: &str) -> Line {
    Line::new().set("class", class).set("x1", from.0).set("y1", from.1).set("x2", to.0).set("y2", to.1)
}

pub(crate) fn text(x: f64, y: f64, class: &str, anchor: &str, words: &str) -> Text {
    Text::new(words).set("class", class).set("x", x).set("y", y).set("text-anchor", anchor)
}

//! Pictures of connections: SVG that needs nothing else, on a light page and on a dark one.

// What is drawn decides nothing.
#![allow(clippy::float_arithmetic)]

use std::time::Duration;

use svg::Document;
use svg::node::element::path::Data;
use svg::node::element::{Group, Line, Path, Rectangle, Style, Text, Title};

use crate::flow::{Flow, Side, State, Step};
use crate::ladder::label;

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
.window { stroke: #ffb454 } text.window { fill: #ffb454 }
text.faint { fill: #9aa0a6 }
}";

/// What a picture of a connection is called.
const TITLE: &str = "A TCP connection";

/// A ladder has no more rungs; the rest is said to be left out.
const MOST_RUNGS: usize = 400;

/// A connection as a ladder: its segments between its ends, and their states.
pub fn ladder_picture(flow: &Flow) -> String {
    const WIDTH: f64 = 960.0;
    const ENDS: [f64; 2] = [250.0, 710.0];
    const TOP: f64 = 70.0;
    const RUNG: f64 = 28.0;
    let rungs = &flow.steps[..flow.steps.len().min(MOST_RUNGS)];
    let left_out = flow.steps.len() - rungs.len() + flow.left_out;
    let bottom = TOP + RUNG * (rungs.len() as f64 + 1.0);
    let mut page = page(WIDTH, bottom + 40.0, TITLE);
    for (i, x) in ENDS.into_iter().enumerate() {
        page = page.add(text(x, 28.0, "end", "middle", &flow.ends[i].to_string())).add(line(
            (x, TOP - 14.0),
            (x, bottom),
            "life",
        ));
    }
    let state = |i: usize, y: f64, state: State| {
        let (x, anchor) = if i == 0 { (ENDS[0] - 12.0, "end") } else { (ENDS[1] + 12.0, "start") };
        text(x, y, "state", anchor, &state.to_string())
    };
    let mut states = flow.first_states();
    for (i, first) in states.into_iter().enumerate() {
        page = page.add(state(i, TOP - 8.0, first));
    }
    let began = rungs.first().map_or(Duration::ZERO, |step| step.at);
    for (number, step) in rungs.iter().enumerate() {
        let y = TOP + RUNG * (number as f64 + 0.6);
        let at = step.at.saturating_sub(began).as_secs_f64();
        page =
            page.add(text(12.0, y + 4.0, "faint", "start", &format!("{at:.6} s"))).add(rung(step, ENDS, y));
        for (i, (now, before)) in step.states.into_iter().zip(states).enumerate() {
            if now != before {
                let arrives = (i == 0) != (step.from == Side::Client);
                page = page.add(state(i, y + if arrives { 14.0 } else { 2.0 }, now));
            }
        }
        states = step.states;
    }
    if left_out > 0 {
        let words = format!("and {left_out} segments more");
        page = page.add(text(WIDTH / 2.0, bottom + 20.0, "faint", "middle", &words));
    }
    page.to_string()
}

/// A segment as an arrow, or as far as it came.
fn rung(step: &Step, ends: [f64; 2], y: f64) -> Group {
    let (from, to) = if step.from == Side::Client { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
    let class = match (&step.dropped, step.again, step.len) {
        (Some(_), _, _) | (None, true, _) => "bad",
        (None, false, 1..) => "data",
        (None, false, 0) => "pure",
    };
    let toward = (to - from).signum();
    let (end, slope) = if step.dropped.is_some() { ((from + to) / 2.0, 5.0) } else { (to, 10.0) };
    let tip = (end, y + slope);
    let mut group = Group::new().add(line((from, y), tip, class));
    let head = if step.dropped.is_some() {
        let data = Data::new().move_to((tip.0 - 5.0, tip.1 - 5.0)).line_by((10.0, 10.0));
        data.move_to((tip.0 - 5.0, tip.1 + 5.0)).line_by((10.0, -10.0))
    } else {
        let back = (tip.0 - 8.0 * toward, tip.1);
        Data::new().move_to((back.0, back.1 - 4.5)).line_to(tip).line_to((back.0, back.1 + 4.0))
    };
    group = group.add(Path::new().set("class", class).set("d", head));
    let class = if class == "pure" { "" } else { class };
    let words = match &step.dropped {
        Some(why) => format!("{} — {why}", label(step)),
        None => label(step),
    };
    group.add(text((ends[0] + ends[1]) / 2.0, y - 3.0, class, "middle", &words))
}

/// The data of the side that sent more, over time: what was sent, what was sent again, what was acknowledged, and how far
/// the receiver's window let it go. `None` if nobody sent data.
pub fn sequence_picture(flow: &Flow) -> Option<String> {
    let bytes =
        |side: Side| flow.steps.iter().filter(|s| s.from == side).map(|s| u64::from(s.len)).sum::<u64>();
    let sender = if bytes(Side::Server) > bytes(Side::Client) { Side::Server } else { Side::Client };
    if bytes(sender) == 0 {
        return None;
    }
    // What was sent before the capture began has numbers before its first: it is not drawn.
    let number = |step: &Step| if step.from == sender { step.seq } else { step.ack.unwrap_or(0) };
    let steps: Vec<&Step> = flow.steps.iter().filter(|step| number(step) >= 0).collect();
    let began = steps.first()?.at;
    let time = |step: &Step| step.at.saturating_sub(began).as_secs_f64();
    let acks = |step: &&&Step| step.from != sender && step.ack.is_some() && step.dropped.is_none();
    let highest = steps
        .iter()
        .map(|step| number(step) as f64 + if step.from == sender { f64::from(step.len) } else { 0.0 });
    let highest = highest.fold(1.0, f64::max);
    let duration = steps.last().map_or(0.0, |step| time(step)).max(1e-6);
    let plot = Plot { duration, highest: highest * 1.05 };
    let mut page = plot.page(flow, sender);
    let (mut first, mut again, mut lost) = (Data::new(), Data::new(), Data::new());
    for step in steps.iter().filter(|step| step.from == sender && step.len > 0) {
        let x = plot.x(time(step));
        let (low, high) = (plot.y(step.seq as f64), plot.y(step.seq as f64 + f64::from(step.len)));
        // However small, it can be seen.
        let high = high.min(low - 1.5);
        let data = match (&step.dropped, step.again) {
            (Some(_), _) => &mut lost,
            (None, true) => &mut again,
            (None, false) => &mut first,
        };
        *data = std::mem::take(data).move_to((x, low)).line_to((x, high));
        if step.dropped.is_some() {
            *data = std::mem::take(data).move_to((x - 3.0, high)).line_by((6.0, 0.0));
        }
    }
    let (mut acknowledged, mut window) = (Data::new(), Data::new());
    let mut before: Option<(f64, f64)> = None;
    for step in steps.iter().filter(acks) {
        let (x, ack) = (plot.x(time(step)), step.ack.unwrap_or(0) as f64);
        let points = (plot.y(ack), plot.y((ack + f64::from(step.window)).min(plot.highest)));
        (acknowledged, window) = match before {
            None => (acknowledged.move_to((x, points.0)), window.move_to((x, points.1))),
            Some(old) => (
                acknowledged.line_to((x, old.0)).line_to((x, points.0)),
                window.line_to((x, old.1)).line_to((x, points.1)),
            ),
        };
        before = Some(points);
    }
    for (class, data) in
        [("window", window), ("ack", acknowledged), ("data", first), ("bad", again), ("bad", lost)]
    {
        if !data.is_empty() {
            page = page.add(Path::new().set("class", class).set("d", data));
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

    /// The page with its axes and what the colours mean.
    fn page(&self, flow: &Flow, sender: Side) -> Document {
        let (from, to) = match sender {
            Side::Client => (flow.ends[0], flow.ends[1]),
            Side::Server => (flow.ends[1], flow.ends[0]),
        };
        let mut page = page(Plot::WIDTH, Plot::HEIGHT, TITLE);
        page = page.add(text(Plot::LEFT, 28.0, "end", "start", &format!("{from} to {to}")));
        let legend = [
            ("data", "sent"),
            ("bad", "sent again, or lost (with a cap)"),
            ("ack", "acknowledged"),
            ("window", "as far as the receiver's window goes"),
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

//! The state diagram as a picture.

use svg::Document;
use svg::node::element::path::Data;
use svg::node::element::{Circle, Group, Path, Rectangle, Style};

use sockeye_tcp::State::{
    CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, SynReceived, SynSent, TimeWait,
};

use super::{page, text};
use crate::diagram::{ARROWS, Arrow, Transition};
use crate::flow::{Flow, Side, State};

const WIDTH: f64 = 1000.0;
/// Behind the diagram both ways are written down.
const BELOW: f64 = 800.0;
const LINE: f64 = 18.0;
/// Half of a state's box.
const HALF: (f64, f64) = (68.0, 18.0);
/// Ways of two sides by the same arrow are so far apart.
const APART: f64 = 5.0;
/// No way is longer that a connection can take; a hostile capture's may be.
const MOST_STEPS: usize = 40;

/// Where the states are. CLOSED is there twice, so that arrows to it need no detours.
const PLACES: [(State, (f64, f64)); 12] = [
    (State::Of(Closed), (500.0, 80.0)),
    (State::Listen, (500.0, 185.0)),
    (State::Of(SynReceived), (190.0, 280.0)),
    (State::Of(SynSent), (810.0, 280.0)),
    (State::Of(Established), (500.0, 385.0)),
    (State::Of(FinWait1), (190.0, 475.0)),
    (State::Of(CloseWait), (810.0, 475.0)),
    (State::Of(FinWait2), (190.0, 630.0)),
    (State::Of(Closing), (500.0, 550.0)),
    (State::Of(LastAck), (810.0, 605.0)),
    (State::Of(TimeWait), (500.0, 725.0)),
    (State::Of(Closed), END),
];
const END: (f64, f64) = (810.0, 725.0);

const STYLE: &str = "\
.box { fill: #f4f4f4; stroke: #8a8a8a } .box.client { stroke: #1f5fbf; stroke-width: 2.5 } .box.server { stroke: #b26a00; \
stroke-width: 2.5 } .box.both { stroke: #1a1a1a; stroke-width: 2.5 }
.arrow { stroke: #b4b4b4 } .client { stroke: #1f5fbf; stroke-width: 3 } .server { stroke: #b26a00; stroke-width: 3 }
text.client { fill: #1f5fbf; stroke: none } text.server { fill: #b26a00; stroke: none }
.badge.client { fill: #1f5fbf } .badge.server { fill: #b26a00 } text.number { fill: #ffffff; font-weight: 700 }
text.why { font-size: 11px; fill: #6a6a6a; paint-order: stroke; stroke: #ffffff; stroke-width: 4 }
.unusual { stroke-dasharray: 6 4 }
@media (prefers-color-scheme: dark) {
.box { fill: #24272d; stroke: #767676 } .box.client { stroke: #7ab0ff } .box.server { stroke: #ffb454 } .box.both { stroke: #e8e8e8 }
.arrow { stroke: #565b63 } .client { stroke: #7ab0ff } .server { stroke: #ffb454 }
text.client { fill: #7ab0ff } text.server { fill: #ffb454 }
.badge.client { fill: #7ab0ff } .badge.server { fill: #ffb454 } text.number { fill: #16181c }
text.why { fill: #a8adb3; stroke: #16181c }
}";

/// The state diagram, with the ways of both sides through it: their arrows are bold and numbered.
pub fn state_picture(flow: &Flow) -> String {
    let paths = [Side::Client, Side::Server].map(|side| {
        let mut path = flow.path(side);
        path.truncate(MOST_STEPS);
        path
    });
    let lines = paths.iter().map(Vec::len).max().unwrap_or(0);
    let height = BELOW + LINE * (lines as f64 + 1.0);
    let mut page = page(WIDTH, height, "The states of a TCP connection").add(Style::new(STYLE));
    let takes = |path: &[Transition], arrow: &Arrow| {
        path.iter().any(|step| (step.from, step.to, step.why) == (arrow.from, arrow.to, arrow.why))
    };
    for arrow in ARROWS.iter().filter(|arrow| !paths.iter().any(|path| takes(path, arrow))) {
        page = page.add(line(arrow, "arrow", 0.0));
    }
    let mut badges = Group::new();
    for side in [Side::Client, Side::Server] {
        let other = &paths[side.other().index()];
        let (arrows, numbers) = way(side, &paths[side.index()], |arrow| takes(other, arrow));
        page = page.add(arrows);
        badges = badges.add(numbers);
    }
    for arrow in &ARROWS {
        let (x, y) = along(ends(arrow), 0.5, 0.0);
        page = page.add(text(x, y + shift(arrow), "why", "middle", arrow.why));
    }
    page = page.add(badges);
    for (state, (x, y)) in PLACES {
        let went = |side: Side| {
            let path = &paths[side.index()];
            let first = flow.first_states()[side.index()] == state && (x, y) != END;
            first || path.iter().any(|step| step.to == state && place_of(step.to, true) == (x, y))
        };
        let class = match (went(Side::Client), went(Side::Server)) {
            (true, true) => "box both",
            (true, false) => "box client",
            (false, true) => "box server",
            (false, false) => "box",
        };
        let corner = (x - HALF.0, y - HALF.1);
        let shape = Rectangle::new().set("class", class).set("x", corner.0).set("y", corner.1).set("rx", 8);
        let shape = shape.set("width", 2.0 * HALF.0).set("height", 2.0 * HALF.1);
        page = page.add(shape).add(text(x, y + 4.5, "state", "middle", &state.to_string()));
    }
    written(page, flow, &paths).to_string()
}

/// Where a state is; CLOSED is below for who comes to it.
fn place_of(state: State, comes: bool) -> (f64, f64) {
    if comes && state == State::Of(Closed) {
        return END;
    }
    PLACES.iter().find(|(other, _)| *other == state).map_or(END, |(_, place)| *place)
}

fn ends(arrow: &Arrow) -> ((f64, f64), (f64, f64)) {
    // Back to where nothing has begun.
    let early = matches!(arrow.from, State::Listen | State::Of(SynSent));
    (place_of(arrow.from, false), place_of(arrow.to, !early))
}

/// A place on the way between the borders of two boxes, at a part of it, so far to its left.
fn along((from, to): ((f64, f64), (f64, f64)), part: f64, left: f64) -> (f64, f64) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(1.0);
    // How much of the line lies in a box.
    let inside = (HALF.0 / dx.abs().max(0.1)).min(HALF.1 / dy.abs().max(0.1));
    let part = inside + (1.0 - 2.0 * inside) * part;
    (from.0 + dx * part + dy / length * left, from.1 + dy * part - dx / length * left)
}

/// How far a label is from the middle of its arrow, so that labels of arrows that cross or meet do not lie upon each other.
fn shift(arrow: &Arrow) -> f64 {
    match (arrow.from, arrow.to) {
        (State::Of(SynSent), State::Of(SynReceived)) => 14.0,
        (State::Listen, State::Of(Closed)) => 18.0,
        (State::Of(Closed), State::Listen) => -6.0,
        (State::Of(SynSent), State::Of(Closed)) => 16.0,
        (State::Of(Closed), State::Of(SynSent)) => -8.0,
        (State::Of(TimeWait), State::Of(Closed)) => 34.0,
        (State::Of(FinWait1), State::Of(TimeWait)) => 8.0,
        (State::Of(FinWait2), State::Of(TimeWait)) => 12.0,
        _ => 4.0,
    }
}

fn line(arrow: &Arrow, class: &str, left: f64) -> Group {
    stroke(ends(arrow), class, left + back(arrow))
}

/// How far an arrow is from the straight line: there and back are beside each other.
fn back(arrow: &Arrow) -> f64 {
    let has = ARROWS.iter().any(|other| (other.from, other.to) == (arrow.to, arrow.from));
    if has { 9.0 } else { 0.0 }
}

fn stroke(ends: ((f64, f64), (f64, f64)), class: &str, left: f64) -> Group {
    let (from, to) = (along(ends, 0.0, left), along(ends, 1.0, left));
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(1.0);
    let (ux, uy) = (dx / length, dy / length);
    let wing = |side: f64| (to.0 - 10.0 * ux - 5.0 * side * uy, to.1 - 10.0 * uy + 5.0 * side * ux);
    let way = Data::new().move_to(from).line_to(to);
    let head = Data::new().move_to(wing(1.0)).line_to(to).line_to(wing(-1.0));
    Group::new()
        .add(Path::new().set("class", class).set("d", way))
        .add(Path::new().set("class", class.replace("unusual", "")).set("d", head))
}

/// A side's way: bold arrows, and their numbers. Those that both sides take lie beside each other.
fn way(side: Side, path: &[Transition], shared: impl Fn(&Arrow) -> bool) -> (Group, Group) {
    let class = side.to_string();
    let (left, part) = if side == Side::Client { (APART, 0.18) } else { (-APART, 0.78) };
    let (mut group, mut numbers) = (Group::new(), Group::new());
    let mut taken: Vec<(State, State)> = Vec::new();
    for (number, step) in path.iter().enumerate() {
        let known =
            ARROWS.iter().find(|arrow| (arrow.from, arrow.to, arrow.why) == (step.from, step.to, step.why));
        let between = known.map_or_else(|| (place_of(step.from, false), place_of(step.to, true)), ends);
        group = group.add(match known {
            Some(arrow) => line(arrow, &class, if shared(arrow) { left } else { 0.0 }),
            None => stroke(between, &format!("{class} unusual"), 0.0),
        });
        // By the same arrow again: its number stands beside the first.
        let before = taken.iter().filter(|taken| **taken == (step.from, step.to)).count();
        taken.push((step.from, step.to));
        let (x, y) = along(between, part, known.map_or(0.0, back));
        let x = x + 20.0 * before as f64;
        let badge =
            Circle::new().set("class", format!("badge {class}")).set("cx", x).set("cy", y).set("r", 9);
        numbers = numbers.add(badge).add(text(x, y + 4.0, "number", "middle", &(number + 1).to_string()));
    }
    (group, numbers)
}

/// Who the sides are, and their ways in words.
fn written(mut page: Document, flow: &Flow, paths: &[Vec<Transition>; 2]) -> Document {
    for (side, x) in [(Side::Client, 30.0), (Side::Server, 520.0)] {
        let path = &paths[side.index()];
        let first = flow.first_states()[side.index()];
        let class = format!("end {side}");
        let title = format!("{side} {}: {first}", flow.ends[side.index()]);
        page = page.add(text(x, 30.0, &class, "start", &format!("{side} {}", flow.ends[side.index()])));
        page = page.add(text(x, BELOW - 12.0, &class, "start", &title));
        for (number, step) in path.iter().enumerate() {
            let y = BELOW + LINE * (number as f64 + 0.5);
            let words = format!("{}  {:.6} s  {}: {}", number + 1, step.at.as_secs_f64(), step.to, step.why);
            page = page.add(text(x, y, "", "start", &words));
        }
    }
    page
}

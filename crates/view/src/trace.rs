//! What a sequence diagram shows: the data of the side that sent more, over time; and such a diagram as text.

// What is drawn decides nothing.
#![allow(clippy::float_arithmetic)]

use std::time::Duration;

use crate::flow::{Flow, Side};

/// What became of a piece of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Sent,
    Again,
    Lost,
}

/// Data over time; times are seconds from its first segment on, numbers count bytes from the connection's beginning.
pub(crate) struct Trace {
    pub(crate) sender: Side,
    pub(crate) duration: f64,
    pub(crate) highest: f64,
    /// When, from where to where, and what became of it.
    pub(crate) data: Vec<(f64, f64, f64, Fate)>,
    /// When, what was acknowledged, and how far the window went.
    pub(crate) acks: Vec<(f64, f64, f64)>,
    /// When, and what had come beyond a gap.
    pub(crate) sacks: Vec<(f64, f64, f64)>,
}

impl Trace {
    /// Of the side that sent more; `None` if nobody sent data.
    pub(crate) fn new(flow: &Flow) -> Option<Trace> {
        let bytes =
            |side: Side| flow.steps.iter().filter(|s| s.from == side).map(|s| u64::from(s.len)).sum::<u64>();
        let sender = if bytes(Side::Server) > bytes(Side::Client) { Side::Server } else { Side::Client };
        if bytes(sender) == 0 {
            return None;
        }
        let began = flow.steps.first()?.at;
        let mut trace = Trace {
            sender,
            duration: 1e-6,
            highest: 1.0,
            data: Vec::new(),
            acks: Vec::new(),
            sacks: Vec::new(),
        };
        let mut latest = Duration::ZERO;
        for step in &flow.steps {
            latest = latest.max(step.at.saturating_sub(began));
            let time = latest.as_secs_f64();
            if step.from == sender {
                // What is older than the capture is not drawn.
                if step.len > 0 && step.seq >= 0 {
                    let fate = match (&step.dropped, step.again) {
                        (Some(_), _) => Fate::Lost,
                        (None, true) => Fate::Again,
                        (None, false) => Fate::Sent,
                    };
                    let end = step.seq as f64 + f64::from(step.len);
                    trace.highest = trace.highest.max(end);
                    trace.data.push((time, step.seq as f64, end, fate));
                }
            } else if let Some(ack) = step.ack.filter(|ack| *ack >= 0 && step.dropped.is_none()) {
                trace.highest = trace.highest.max(ack as f64);
                trace.acks.push((time, ack as f64, ack as f64 + f64::from(step.window)));
                let sacks = step.sack.iter().filter(|(from, to)| *from >= 0 && from < to);
                trace.sacks.extend(sacks.map(|(from, to)| (time, *from as f64, *to as f64)));
            }
        }
        trace.duration = latest.as_secs_f64().max(1e-6);
        // A hostile acknowledgement may be of anything.
        let highest = trace.highest;
        trace.sacks.retain(|(.., to)| *to <= highest);
        Some(trace)
    }
}

/// Data over time as text, so many columns wide and lines high; `None` if nobody sent data.
///
/// `.` is data that was sent, `R` sent again, `x` lost, `s` told to have come by a selective acknowledgement, `_` acknowledged,
/// `w` the end of the receiver's window.
pub fn sequence(flow: &Flow, width: usize, height: usize) -> Option<String> {
    /// Columns for the numbers.
    const NUMBERS: usize = 11;
    let trace = Trace::new(flow)?;
    let (columns, lines) = (width.saturating_sub(NUMBERS + 1).clamp(10, 1000), height.clamp(4, 1000));
    let mut grid = vec![vec![' '; columns]; lines];
    let column = |time: f64| ((time / trace.duration * (columns - 1) as f64) as usize).min(columns - 1);
    let line = |number: f64| ((number / trace.highest * (lines - 1) as f64) as usize).min(lines - 1);
    let mut put = |time: f64, (from, to): (f64, f64), mark: char| {
        for row in &mut grid[line(from)..=line(to)] {
            row[column(time)] = mark;
        }
    };
    for (time, _, edge) in &trace.acks {
        if *edge <= trace.highest {
            put(*time, (*edge, *edge), 'w');
        }
    }
    // What was acknowledged holds until the next acknowledgement, in every column between.
    let mut acks = trace.acks.iter().peekable();
    while let Some((time, ack, _)) = acks.next() {
        let until = acks.peek().map_or(trace.duration, |(time, ..)| *time);
        for at in column(*time)..=column(until) {
            put(at as f64 / (columns - 1) as f64 * trace.duration, (*ack, *ack), '_');
        }
    }
    for (time, from, to) in &trace.sacks {
        put(*time, (*from, *to), 's');
    }
    for (fate, mark) in [(Fate::Sent, '.'), (Fate::Again, 'R'), (Fate::Lost, 'x')] {
        for (time, from, to, _) in trace.data.iter().filter(|data| data.3 == fate) {
            put(*time, (*from, (to - 1.0).max(*from)), mark);
        }
    }
    let [from, to] = [trace.sender, trace.sender.other()].map(|side| flow.ends[side.index()]);
    let mut out = format!(
        "{from} to {to}: . sent  R again  x lost  s selectively acknowledged  _ acknowledged  w window\n"
    );
    for (number, row) in grid.iter().enumerate().rev() {
        let bytes = trace.highest * number as f64 / (lines - 1) as f64;
        let text: String = row.iter().collect();
        out.push_str(format!("{bytes:>NUMBERS$.0} {text}").trim_end());
        out.push('\n');
    }
    let end = format!("{:.6} s", trace.duration);
    out.push_str(&format!("{:>NUMBERS$} 0{end:>space$}\n", "", space = columns - 1));
    if flow.left_out > 0 {
        out.push_str(&format!("{} segments more were left out\n", flow.left_out));
    }
    Some(out)
}

//! What was found, in words.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{Cause, Evidence, Explanation, Finding, Outcome};
use crate::flow::{Flow, Side};

/// Of less data a rate says nothing.
const LEAST_RATED: u64 = 10_000;

/// What a finding is, with its numbers, and what would change it.
pub(super) fn of(
    cause: Cause,
    side: Option<Side>,
    flow: &Flow,
    explanation: &Explanation,
) -> (String, Option<String>) {
    let sender = side.unwrap_or(Side::Client);
    let receiver = sender.other();
    let direction = explanation.directions[sender.index()];
    let window = bytes(direction.widest_window);
    let round_trip = explanation.round_trip.map_or_else(|| "a round trip".to_owned(), time);
    match cause {
        Cause::Handshake => (
            "the handshake: SYN, its answer, and the acknowledgement of that".to_owned(),
            Some("keep connections and use them again, or send data in the SYN (TCP Fast Open: MSG_FASTOPEN, TCP_FASTOPEN)".to_owned()),
        ),
        Cause::NoAnswer => (
            format!("no answer from the {sender}, to the end"),
            Some("is the host up, and does a firewall drop it? How long one waits: net.ipv4.tcp_syn_retries, tcp_retries2, TCP_USER_TIMEOUT".to_owned()),
        ),
        Cause::SlowStart => (
            format!("slow start: the {sender} sent a burst and waited {round_trip} for leave to send more, which doubled each time"),
            Some("one connection for all (each begins with ten segments), or more to begin with: 'ip route … initcwnd'; net.ipv4.tcp_slow_start_after_idle=0 keeps what was found".to_owned()),
        ),
        Cause::CongestionWindow => (
            format!(
                "the {sender}'s congestion window, which grows slowly {} (at most {} were under way)",
                if direction.repeated > 0 { "after a loss" } else { "once slow start has ended" },
                bytes(direction.most_under_way)
            ),
            Some("fewer losses; or another congestion control, by net.ipv4.tcp_congestion_control or TCP_CONGESTION".to_owned()),
        ),
        Cause::WindowSmall => (
            format!("the {receiver}'s window, always full: {window} a round trip of {round_trip} and no more{}", per_second(direction.widest_window, explanation.round_trip.filter(|time| *time >= Duration::from_millis(1)))),
            Some(small_window(flow, receiver)),
        ),
        Cause::WindowClosed => (
            format!("the {receiver}'s program read too slowly: its window was closed{} or nearly", times(direction.closed_windows)),
            Some(format!("the {receiver}'s program: read more, or in a thread of its own; a larger SO_RCVBUF only puts it off")),
        ),
        Cause::SendBuffer => (
            format!("never more than {} under way, though window and path had room: the {sender}'s send buffer held no more, or its program waits for each piece", bytes(direction.most_under_way)),
            Some("do not set SO_SNDBUF (it then grows by itself), or set it to rate times round trip; net.ipv4.tcp_wmem is the bound".to_owned()),
        ),
        Cause::Nagle => (
            format!("Nagle's algorithm against delayed acknowledgements: {} small segments of the {sender} waited until the {receiver} acknowledged the one before", direction.held_small),
            Some(format!("write what belongs together by one call (writev, MSG_MORE, TCP_CORK) on the {sender}, or set TCP_NODELAY there; TCP_QUICKACK on the {receiver}")),
        ),
        Cause::FastRetransmit => (
            lost((&direction, direction.repairs.fast_retransmit), sender, "shown by duplicate acknowledgements and repaired at once (fast retransmit)"),
            Some("the losses; selective acknowledgements (net.ipv4.tcp_sack) repair several at a time".to_owned()),
        ),
        Cause::Sack => (
            lost((&direction, direction.repairs.sack), sender, "shown by selective acknowledgements and repaired"),
            Some("the losses: a full queue on the way, or a bad link".to_owned()),
        ),
        Cause::Rack => (
            lost((&direction, direction.repairs.rack), sender, "shown by when later segments came (RACK), and repaired"),
            Some("the losses; net.ipv4.tcp_recovery is how they are found".to_owned()),
        ),
        Cause::TailLossProbe if direction.repairs.tail_loss_probe == 0 => (
            format!("acknowledgements of the {receiver} were overdue, and the {sender} asked for them by something new (tail loss probe): they were lost, or very late"),
            Some("the losses on the way back".to_owned()),
        ),
        Cause::TailLossProbe => (
            lost((&direction, direction.repairs.tail_loss_probe), sender, "with nothing behind to show it: the last segment was sent again to ask (tail loss probe)"),
            Some("the losses; net.ipv4.tcp_early_retrans allows the probe".to_owned()),
        ),
        Cause::TimeOut => (
            lost((&direction, direction.repairs.time_out), sender, "and nothing told so: the retransmission timer had to run out (of a single segment, a tail loss probe looks the same)"),
            Some("the losses, above all of what is last or alone; 'ip route … rto_min' is the shortest wait".to_owned()),
        ),
        Cause::LinkRate => (
            format!("the path's rate: it carried {} to the {receiver} and no more, and packets queued before it, up to {}", rate(direction.rate), time(direction.longest_queue)),
            Some("a faster link, or less to send (compression); a shorter queue makes it no faster, but others wait less (fq_codel)".to_owned()),
        ),
        Cause::Application => match side {
            Some(side) => (
                format!("the {side}'s program had nothing to send yet: it was at work, or waited for something else, or for its turn on a busy machine"),
                Some(format!("the {side}'s program")),
            ),
            None => ("neither program had anything to send".to_owned(), Some("the programs".to_owned())),
        },
        Cause::RoundTrip => (
            format!("the way: data and their acknowledgements travelled, {round_trip} there and back"),
            Some("fewer round trips: ask for several things at once; or a nearer host".to_owned()),
        ),
        Cause::Unknown => (unknown(flow, sender), None),
    }
}

/// Why it can't be told.
fn unknown(flow: &Flow, sender: Side) -> String {
    if flow.scales().is_none() {
        return "can't tell without the handshake: the receiver's window, or the sender's buffer".to_owned();
    }
    format!(
        "can't tell from this side: the {sender}'s program had nothing to send, or what it sent was lost before it came to where \
         the capture was made"
    )
}

fn lost((direction, count): (&super::Direction, u64), sender: Side, how: &str) -> String {
    let count = count.max(1);
    let (what, was) = if count == 1 { ("segment", "was") } else { ("segments", "were") };
    if direction.in_vain >= direction.repeated.max(1) {
        return format!(
            "{count} {what} of the {sender} {was} sent again, though it had arrived: its acknowledgement was late, or lost"
        );
    }
    format!("{count} {what} of the {sender} {was} sent again: a loss, {how}")
}

fn small_window(flow: &Flow, receiver: Side) -> String {
    match flow.offers {
        [Some(a), Some(b)] if a.window_scale.is_none() || b.window_scale.is_none() => {
            "windows are not scaled, so that 64 KiB is the most: net.ipv4.tcp_window_scaling on both"
                .to_owned()
        }
        _ => format!(
            "the {receiver}'s receive buffer: do not set SO_RCVBUF (it then grows by itself), or set it before the connection \
             to rate times round trip; net.ipv4.tcp_rmem is the bound"
        ),
    }
}

/// What else there is to know of a connection.
pub(super) fn notes(flow: &Flow, explanation: &Explanation) -> Vec<String> {
    let mut notes = Vec::new();
    if let [Some(client), Some(server)] = explanation.distances {
        let all = client + server;
        if all > Duration::from_micros(200) {
            notes.push(if client * 10 < all {
                format!("captured at the client: the server is {} away, there and back", time(server))
            } else if server * 10 < all {
                format!("captured at the server: the client is {} away, there and back", time(client))
            } else {
                format!(
                    "captured on the way, or where each packet was sent: {} to the client and back, {} to the server and back",
                    time(client),
                    time(server)
                )
            });
        }
    }
    if flow.steps.first().is_some_and(|step| !step.flags.contains(sockeye_wire::tcp::Flags::SYN)) {
        notes.push("the handshake is not in the capture, so windows can't be told in bytes".to_owned());
    }
    for side in [Side::Client, Side::Server] {
        let direction = explanation.directions[side.index()];
        if direction.in_vain > 0 {
            notes.push(format!(
                "{} of the {side}'s repetitions were in vain: the receiver had it already (D-SACK)",
                direction.in_vain
            ));
        }
        if direction.overtaken > 0 {
            notes.push(format!("{} of the {side}'s segments were overtaken on the way", direction.overtaken));
        }
    }
    let dropped = flow.steps.iter().filter_map(|step| step.dropped.as_deref());
    let mut reasons: BTreeMap<&str, u64> = Default::default();
    dropped.for_each(|why| *reasons.entry(why).or_default() += 1);
    for (why, count) in reasons {
        notes.push(format!("the capture knows of {count} dropped: {why}"));
    }
    for error in flow.errors.iter().take(3) {
        notes.push(format!(
            "{} said to the {}: {} (packet {})",
            error.from, error.to, error.words, error.number
        ));
    }
    if flow.left_out > 0 {
        notes.push(format!(
            "{} more segments were left out: this is about the first {}",
            flow.left_out,
            flow.steps.len()
        ));
    }
    notes
}

impl Cause {
    /// Its name, one word.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Handshake => "handshake",
            Cause::NoAnswer => "no-answer",
            Cause::SlowStart => "slow-start",
            Cause::CongestionWindow => "congestion-window",
            Cause::WindowSmall => "receive-window",
            Cause::WindowClosed => "window-closed",
            Cause::SendBuffer => "send-buffer",
            Cause::Nagle => "nagle",
            Cause::FastRetransmit => "fast-retransmit",
            Cause::Sack => "sack",
            Cause::Rack => "rack",
            Cause::TailLossProbe => "tail-loss-probe",
            Cause::TimeOut => "time-out",
            Cause::LinkRate => "link-rate",
            Cause::Application => "application",
            Cause::RoundTrip => "round-trip",
            Cause::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Closed => write!(f, "closed by both"),
            Outcome::Open => write!(f, "not closed yet by both"),
            Outcome::Reset(side) => write!(f, "reset by the {side}"),
            Outcome::Refused => write!(f, "refused: nobody listens there"),
            Outcome::NeverAnswered(None) => write!(f, "never answered"),
            Outcome::NeverAnswered(Some(why)) => write!(f, "never answered: {why}"),
            Outcome::Silent(side) => write!(f, "the {side} stopped answering"),
        }
    }
}

impl fmt::Display for Explanation {
    /// A page of text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [client, server] = self.ends;
        writeln!(f, "{client} to {server}: {}, {}", time(self.life), self.outcome)?;
        for side in [Side::Client, Side::Server] {
            let direction = self.directions[side.index()];
            write!(f, "  the {side} sent {} in {} segments", bytes(direction.bytes), direction.segments)?;
            if direction.repeated > 0 {
                write!(f, ", {} of them again", direction.repeated)?;
            }
            if direction.bytes >= LEAST_RATED {
                write!(f, ", at best {}", rate(direction.rate))?;
            }
            writeln!(f)?;
        }
        if let Some(round_trip) = self.round_trip {
            writeln!(f, "  a round trip took {} at least", time(round_trip))?;
        }
        writeln!(f)?;
        for finding in &self.findings {
            // What was less than a thousandth is not worth a line.
            if finding.share > 0 {
                write!(f, "{finding}")?;
            }
        }
        for note in &self.notes {
            put(f, "  note: ", note)?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = format!("{}.{}", self.share / 10, self.share % 10);
        put(f, &format!("{share:>5} %  {:>9}  ", time(self.time)), &self.words)?;
        let shown: Vec<String> = self.evidence.iter().map(ToString::to_string).collect();
        let more = match self.times.saturating_sub(self.evidence.len()) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let margin = " ".repeat(MARGIN);
        if !shown.is_empty() {
            put(f, &margin, &format!("seen: {}{more}", shown.join("; ")))?;
        }
        match &self.advice {
            Some(advice) => put(f, &margin, &format!("change: {advice}")),
            None => Ok(()),
        }
    }
}

/// Columns before the words of a finding, and of a line.
const MARGIN: usize = 20;
const WIDTH: usize = 100;

/// Words behind a beginning, in lines that are no longer than they must be.
fn put(f: &mut fmt::Formatter<'_>, beginning: &str, words: &str) -> fmt::Result {
    let (mut line, mut empty) = (beginning.to_owned(), true);
    for word in words.split(' ') {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(f, "{line}")?;
            (line, empty) = (" ".repeat(beginning.chars().count() + 2), true);
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    writeln!(f, "{line}")
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.as_nanos() / 1000;
        let (seconds, micros) = (at / 1_000_000, at % 1_000_000);
        let (first, last) = self.packets;
        write!(f, "packets {first}-{last} at {seconds}.{micros:06} s for {}", time(self.time))
    }
}

/// `three times`, unless it is none.
fn times(count: u64) -> String {
    match count {
        0 => String::new(),
        1 => " once".to_owned(),
        _ => format!(" {count} times"),
    }
}

/// A time with three digits that count.
pub(super) fn time(time: Duration) -> String {
    let nanos = time.as_nanos();
    let (unit, name) = match nanos {
        1_000_000_000.. => (1_000_000_000, "s"),
        1_000_000.. => (1_000_000, "ms"),
        1_000.. => (1_000, "us"),
        _ => return format!("{nanos} ns"),
    };
    let (whole, rest) = (nanos / unit, nanos % unit * 1000 / unit);
    match whole {
        100.. => format!("{whole} {name}"),
        10.. => format!("{whole}.{} {name}", rest / 100),
        _ => format!("{whole}.{:02} {name}", rest / 10),
    }
}

/// Bytes, in the unit that fits.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes {
        10_000_000.. => format!("{} MB", bytes / 1_000_000),
        10_000.. => format!("{} kB", bytes / 1000),
        _ => format!("{bytes} bytes"),
    }
}

/// Bytes a second, as bits.
fn rate(bytes: u64) -> String {
    let bits = u128::from(bytes) * 8;
    let (unit, name) = match bits {
        1_000_000_000.. => (1_000_000_000, "Gb/s"),
        1_000_000.. => (1_000_000, "Mb/s"),
        _ => (1_000, "kb/s"),
    };
    let (whole, tenth) = (bits / unit, bits % unit * 10 / unit);
    if whole < 100 { format!("{whole}.{tenth} {name}") } else { format!("{whole} {name}") }
}

/// What a window lets through, if the round trip is known.
fn per_second(window: u64, round_trip: Option<Duration>) -> String {
    let nanos = round_trip.map_or(0, |round_trip| round_trip.as_nanos());
    let per_second = (u128::from(window) * 1_000_000_000).checked_div(nanos);
    per_second.map_or(String::new(), |bytes| {
        format!(", that is {}", rate(u64::try_from(bytes).unwrap_or(u64::MAX)))
    })
}

//! TCP segments in tcpdump's words.

use crate::tcp::{FastOpen, Field, Flags, Segment, Timestamps};

use super::connections::Start;
use super::{http, put};

/// What stands behind the addresses.
pub(super) fn print(segment: &Segment, start: Start, out: &mut String) {
    let len = segment.payload.len();
    let has = |flags| segment.flags.intersects(flags);
    out.push_str("Flags [");
    match segment.flags.is_empty() {
        true => out.push_str("none"),
        false => out.extend(Flags::LETTERS.iter().filter(|(flag, _)| has(*flag)).map(|(_, letter)| letter)),
    }
    out.push(']');
    if len > 0 || has(Flags::SYN | Flags::FIN | Flags::RST) {
        let seq = segment.seq.offset_from(start.seq);
        put(out, format_args!(", seq {seq}"));
        if len > 0 {
            put(out, format_args!(":{}", seq.wrapping_add(len as u32)));
        }
    }
    if has(Flags::ACK) {
        put(out, format_args!(", ack {}", segment.ack.offset_from(start.ack)));
    }
    put(out, format_args!(", win {}", segment.window));
    if has(Flags::URG) {
        put(out, format_args!(", urg {}", segment.urgent));
    }
    options(segment, start, out);
    put(out, format_args!(", length {len}"));
    if len > 0 && !has(Flags::RST) && [segment.source, segment.destination].iter().any(http::is_port) {
        http::print(&segment.payload, out);
    }
}

fn options(segment: &Segment, start: Start, out: &mut String) {
    let mut before = ", options [";
    for field in segment.options.fields() {
        out.push_str(before);
        before = ",";
        match field {
            Field::NoOperation => out.push_str("nop"),
            Field::Mss(mss) => put(out, format_args!("mss {mss}")),
            Field::WindowScale(shift) => put(out, format_args!("wscale {shift}")),
            Field::SackPermitted => out.push_str("sackOK"),
            Field::Timestamps(Timestamps { value, echo }) => {
                put(out, format_args!("TS val {value} ecr {echo}"))
            }
            Field::Sack(blocks) => {
                put(out, format_args!("sack {} ", blocks.len()));
                for (left, right) in blocks {
                    let [left, right] = [left, right].map(|edge| edge.offset_from(start.sack));
                    put(out, format_args!("{{{left}:{right}}}"));
                }
            }
            Field::FastOpen(FastOpen { cookie, experimental }) => {
                out.push_str(if experimental { "exp-tfo" } else { "tfo " });
                match cookie {
                    Some(cookie) => put(out, format_args!(" cookie {cookie}")),
                    None => out.push_str(" cookiereq"),
                }
            }
        }
    }
    if before == "," {
        out.push(']');
    }
}

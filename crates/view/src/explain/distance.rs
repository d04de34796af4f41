//! How far each end is from where the capture was made: the shortest time, there and back, in which something that passed by
//! on its way to that end was answered by it. Where each packet was captured at its sender, as Sockeye does, the link's delay
//! shows on both sides.

use std::collections::{BTreeMap, VecDeque};

use crate::flow::{Flow, Side};

/// Segments that wait for their acknowledgement, and time stamps that wait for their echo.
const MOST_WAITING: usize = 1000;

/// In nanoseconds, to client and server and back; `None` if nothing tells.
pub(super) fn find(flow: &Flow, times: &[u64]) -> [Option<u64>; 2] {
    [Side::Client, Side::Server].map(|side| {
        [by_acknowledgements(flow, times, side), by_echoes(flow, times, side)].into_iter().flatten().min()
    })
}

/// An acknowledgement of all of a segment was made when that came, or later. (One that was sent twice says nothing.)
fn by_acknowledgements(flow: &Flow, times: &[u64], side: Side) -> Option<u64> {
    let mut waiting: VecDeque<(i64, u64)> = VecDeque::new();
    let mut repeated = i64::MIN;
    let mut least = None;
    for (step, time) in flow.steps.iter().zip(times).filter(|(step, _)| step.dropped.is_none()) {
        if step.from != side {
            if step.again {
                repeated = repeated.max(step.end());
            } else if step.end() != step.seq && waiting.len() < MOST_WAITING {
                waiting.push_back((step.end(), *time));
            }
            continue;
        }
        let Some(ack) = step.ack else { continue };
        while let Some((end, sent)) = waiting.front().copied().filter(|(end, _)| *end <= ack) {
            waiting.pop_front();
            if end == ack && end > repeated {
                let took = time.saturating_sub(sent);
                least = Some(least.map_or(took, |least: u64| least.min(took)));
            }
        }
    }
    least
}

/// An echo was made when the time stamp had come (RFC 7323, section 4).
fn by_echoes(flow: &Flow, times: &[u64], side: Side) -> Option<u64> {
    let mut stamps: BTreeMap<u32, u64> = BTreeMap::new();
    let mut least = None;
    for (step, time) in flow.steps.iter().zip(times).filter(|(step, _)| step.dropped.is_none()) {
        let Some((value, echo)) = step.timestamps else { continue };
        if step.from != side {
            if stamps.len() >= MOST_WAITING {
                stamps.pop_first();
            }
            stamps.entry(value).or_insert(*time);
        } else if let Some(sent) = stamps.get(&echo) {
            let took = time.saturating_sub(*sent);
            least = Some(least.map_or(took, |least: u64| least.min(took)));
        }
    }
    least
}

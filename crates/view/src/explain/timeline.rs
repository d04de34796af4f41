//! Who has a moment that several claim, so that every moment of a connection's life is somebody's, and nobody's twice.

use std::collections::BTreeSet;

use super::{Cause, Finding};
use crate::flow::Side;

/// How much a claim counts: the first has the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// The handshake, and silence at the end.
    Handshake,
    /// What held back the side that sent more.
    Held,
    /// What held back the other.
    HeldOther,
    /// A program's time, that of the side that sent more.
    Program,
    /// The other program's.
    ProgramOther,
    /// Something is on its way.
    Way,
    /// Nobody has claimed it.
    Nobody,
}

/// A stretch of time, in nanoseconds, and what it was spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) cause: Cause,
    pub(super) side: Option<Side>,
    rank: Rank,
}

impl Claim {
    pub(super) fn new((from, to): (u64, u64), cause: Cause, side: Side) -> Claim {
        let rank = match cause {
            Cause::Application | Cause::Unknown => Rank::Program,
            Cause::RoundTrip => Rank::Way,
            Cause::Handshake
            | Cause::NoAnswer
            | Cause::SlowStart
            | Cause::CongestionWindow
            | Cause::WindowSmall
            | Cause::WindowClosed
            | Cause::SendBuffer
            | Cause::Nagle
            | Cause::FastRetransmit
            | Cause::Sack
            | Cause::Rack
            | Cause::TailLossProbe
            | Cause::TimeOut
            | Cause::LinkRate => Rank::Held,
        };
        // The way is nobody's.
        let both = matches!(cause, Cause::RoundTrip | Cause::Handshake);
        Claim { from, to, cause, side: (!both).then_some(side), rank }
    }

    pub(super) fn ranked(self, rank: Rank) -> Claim {
        Claim { rank, ..self }
    }

    /// As a claim of the side that sent more, or of the other.
    pub(super) fn of_direction(self, main: bool) -> Claim {
        let rank = match self.rank {
            Rank::Held if !main => Rank::HeldOther,
            Rank::Program if !main => Rank::ProgramOther,
            rank => rank,
        };
        Claim { rank, ..self }
    }

    pub(super) fn span(&self) -> u64 {
        self.to - self.from
    }
}

/// The life from 0 on, cut into stretches that each belong to one claim.
pub(super) fn settle(claims: Vec<Claim>, life: u64) -> Vec<Claim> {
    let mut claims: Vec<Claim> = claims
        .into_iter()
        .map(|claim| Claim { from: claim.from.min(life), to: claim.to.min(life), ..claim })
        .filter(|claim| claim.from < claim.to)
        .collect();
    let whole = Claim::new((0, life), Cause::Application, Side::Client);
    claims.push(Claim { side: None, ..whole.ranked(Rank::Nobody) });
    let ends = claims.iter().enumerate().flat_map(|(number, claim)| {
        // At the same time ends come first.
        [(claim.to, false, number), (claim.from, true, number)]
    });
    let mut ends: Vec<_> = ends.collect();
    ends.sort_unstable();
    // Of equal rank the one that began later is nearer to what happens.
    let order = |number: usize| (claims[number].rank, std::cmp::Reverse(claims[number].from), number);
    let mut open: BTreeSet<(Rank, std::cmp::Reverse<u64>, usize)> = BTreeSet::new();
    let mut settled: Vec<Claim> = Vec::new();
    let mut since = 0;
    for (at, begins, number) in ends {
        if let Some((.., first)) = open.first().filter(|_| at > since) {
            let claim = Claim { from: since, to: at, ..claims[*first] };
            match settled.last_mut() {
                // One stretch, cut by the ends of claims that count less.
                Some(last) if (last.to, last.cause, last.side) == (since, claim.cause, claim.side) => {
                    last.to = at;
                }
                Some(_) | None => settled.push(claim),
            }
        }
        since = at;
        if begins {
            open.insert(order(number));
        } else {
            open.remove(&order(number));
        }
    }
    settled
}

/// Gives each finding its share, so that they add up: what rounding leaves goes to those that lost most by it.
pub(super) fn share_out(findings: &mut [Finding], life: u64) {
    const WHOLE: u128 = 1000;
    if life == 0 {
        if let Some(first) = findings.first_mut() {
            first.share = WHOLE as u32;
        }
        return;
    }
    let mut rest: Vec<(u128, usize)> = Vec::new();
    let mut given = 0;
    for (number, finding) in findings.iter_mut().enumerate() {
        let exact = finding.time.as_nanos() * WHOLE;
        finding.share = (exact / u128::from(life)) as u32;
        given += u128::from(finding.share);
        rest.push((exact % u128::from(life), number));
    }
    rest.sort_by_key(|(lost, number)| (std::cmp::Reverse(*lost), *number));
    for (_, number) in rest.into_iter().take(WHOLE.saturating_sub(given) as usize) {
        findings[number].share += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn claim(from: u64, to: u64, cause: Cause) -> Claim {
        Claim::new((from, to), cause, Side::Client)
    }

    #[test]
    fn every_moment_is_somebodys_once() {
        let claims = vec![
            claim(10, 50, Cause::Application),
            claim(20, 30, Cause::TimeOut),
            claim(40, 80, Cause::RoundTrip),
            claim(90, 200, Cause::LinkRate),
            claim(5, 5, Cause::Nagle),
        ];
        let settled = settle(claims, 100);
        let spans: Vec<_> = settled.iter().map(|claim| (claim.from, claim.to, claim.cause)).collect();
        assert_eq!(
            spans,
            [
                (0, 10, Cause::Application),
                (10, 20, Cause::Application),
                (20, 30, Cause::TimeOut),
                (30, 50, Cause::Application),
                (50, 80, Cause::RoundTrip),
                (80, 90, Cause::Application),
                (90, 100, Cause::LinkRate),
            ]
        );
        assert_eq!((settled[0].side, settled[1].side), (None, Some(Side::Client)));
    }

    #[test]
    fn shares_add_up() {
        let finding = |nanos| Finding {
            cause: Cause::Application,
            side: None,
            time: Duration::from_nanos(nanos),
            share: 0,
            times: 1,
            evidence: Vec::new(),
            words: String::new(),
            advice: None,
        };
        let mut findings = [finding(333), finding(333), finding(333), finding(1)];
        share_out(&mut findings, 1000);
        assert_eq!(findings.iter().map(|finding| finding.share).sum::<u32>(), 1000);
        let mut findings = [finding(1), finding(1), finding(1)];
        share_out(&mut findings, 3);
        assert_eq!(findings.map(|finding| finding.share), [334, 333, 333]);
    }
}

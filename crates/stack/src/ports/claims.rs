//! What is claimed on one port, and how often.

use std::collections::BTreeMap;

use super::Claim;

/// Claims with their counts. An ephemeral port mostly has one, and there are many such ports.
#[derive(Debug)]
pub(super) enum Claims {
    One(Claim, u32),
    Many(BTreeMap<Claim, u32>),
}

impl Default for Claims {
    fn default() -> Claims {
        Claims::Many(BTreeMap::new())
    }
}

impl Claims {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Claims::One(_, count) => *count == 0,
            Claims::Many(counts) => counts.is_empty(),
        }
    }

    pub(super) fn any(&self, test: impl Fn(&Claim) -> bool) -> bool {
        match self {
            Claims::One(claim, count) => *count > 0 && test(claim),
            Claims::Many(counts) => counts.keys().any(test),
        }
    }

    /// The same, one that is `own` not counted.
    pub(super) fn any_other(&self, own: &Claim, test: impl Fn(&Claim) -> bool) -> bool {
        let twice = |claim: &Claim, count: u32| claim != own || count > 1;
        match self {
            Claims::One(claim, count) => *count > 0 && twice(claim, *count) && test(claim),
            Claims::Many(counts) => counts.iter().any(|(claim, count)| twice(claim, *count) && test(claim)),
        }
    }

    /// One more.
    pub(super) fn count(&mut self, claim: Claim) {
        if self.is_empty() {
            *self = Claims::One(claim, 0);
        }
        match self {
            Claims::One(held, count) if *held == claim => *count += 1,
            Claims::One(held, count) => *self = Claims::Many([(*held, *count), (claim, 1)].into()),
            Claims::Many(counts) => *counts.entry(claim).or_default() += 1,
        }
    }

    /// One less.
    pub(super) fn uncount(&mut self, claim: &Claim) {
        match self {
            Claims::One(held, count) if held == claim => *count = count.saturating_sub(1),
            Claims::One(..) => {}
            Claims::Many(counts) => {
                if let Some(count) = counts.get_mut(claim) {
                    *count -= 1;
                    if *count == 0 {
                        counts.remove(claim);
                    }
                }
            }
        }
    }
}

//! What an interface still has to tell the routers of its link about groups, and when: a host's side of IGMPv3 (RFC 3376,
//! section 5) and MLDv2 (RFC 3810, section 6), and of the versions before them while somebody asks in these.
//!
//! A state machine: changes and queries come in, messages come out when they are due. Times are Linux's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sockeye_base::{Duration, Instant, Rng};
use sockeye_wire::membership::RecordKind;

use super::filter::{Filter, FilterMode};
use crate::timers::Timer;

/// Changes made within this time go together (two of Linux's ticks).
const GATHER: Duration = Duration::from_millis(8);
/// Between the repetitions of a report that nobody asked for: at most this (RFC 3376, section 8.11; RFC 3810, section 9.11).
const UNSOLICITED: Duration = Duration::from_secs(1);
/// The same in older versions (RFC 2236, section 8.10; RFC 2710, section 7.10).
const UNSOLICITED_OLD: Duration = Duration::from_secs(10);
/// How long answers may wait where a query doesn't say (RFC 3376, section 8.3).
const RESPONSE: Duration = Duration::from_secs(10);
/// Between two queries, unless they say (RFC 3376, section 8.2).
const INTERVAL: Duration = Duration::from_secs(125);

/// Groups whose changes are still to be told, and sources of one; of more, those hear who ask.
const MOST: usize = 4096;

/// How old the language is that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// IGMPv1: nobody says that he leaves.
    Oldest,
    /// IGMPv2, MLDv1.
    Older,
    /// IGMPv3, MLDv2.
    Current,
}

/// A query.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) version: Version,
    /// None: whatever group.
    pub(crate) group: Option<IpAddr>,
    /// None: whatever source.
    pub(crate) sources: BTreeSet<IpAddr>,
    /// Answers may wait this long.
    pub(crate) within: Duration,
    /// The querier's robustness and the time between its queries, where it says.
    pub(crate) robustness: Option<u32>,
    pub(crate) interval: Option<Duration>,
}

/// A message to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// What is wanted, or what has changed in that.
    Report(Vec<(RecordKind, IpAddr, Vec<IpAddr>)>),
    /// In an older version: it is in this group.
    Member(Version, IpAddr),
    /// In an older version: it has left.
    Left(IpAddr),
}

/// What is wanted of each group.
pub(crate) type Wanted = BTreeMap<IpAddr, Filter>;

/// How often a change is still to be told (RFC 3376, section 5.1).
#[derive(Debug, Default)]
struct Change {
    mode: u32,
    sources: BTreeMap<IpAddr, u32>,
}

/// What is to be said of one group.
#[derive(Debug)]
struct Single {
    at: Instant,
    /// How often, this time included.
    times: u32,
    /// None: of all sources.
    sources: Option<BTreeSet<IpAddr>>,
}

/// One interface, one family.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    pub(crate) timer: Timer,
    changes: BTreeMap<IpAddr, Change>,
    changes_at: Option<Instant>,
    /// An answer to a query for all groups.
    general_at: Option<Instant>,
    singles: BTreeMap<IpAddr, Single>,
    /// Groups of which somebody else said last that he is in.
    silenced: BTreeSet<IpAddr>,
    /// Until when queriers that speak them are taken to be there.
    oldest_until: Option<Instant>,
    older_until: Option<Instant>,
    robustness: Option<u32>,
    interval: Option<Duration>,
}

impl Reporter {
    /// When the next message is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let singles = self.singles.values().map(|single| single.at);
        singles.chain(self.changes_at).chain(self.general_at).min()
    }

    /// What is spoken now (RFC 3376, section 7.2.1; RFC 3810, section 8.2.1).
    fn version(&self, now: Instant) -> Version {
        let lasts = |until: Option<Instant>| until.is_some_and(|until| now < until);
        match (lasts(self.oldest_until), lasts(self.older_until)) {
            (true, _) => Version::Oldest,
            (false, true) => Version::Older,
            (false, false) => Version::Current,
        }
    }

    /// Another thing is wanted of a group. What is told at once comes back. `robustness` is the host's own.
    pub(crate) fn changed(
        &mut self,
        now: Instant,
        robustness: u32,
        group: IpAddr,
        (old, new): (&Filter, &Filter),
    ) -> Option<Told> {
        if old == new {
            return None;
        }
        let times = self.robustness.unwrap_or(robustness).max(1);
        let version = self.version(now);
        let (joins, leaves) = (*old == Filter::nobody(), *new == Filter::nobody());
        if leaves {
            self.singles.remove(&group);
        }
        let silenced = if joins || leaves { self.silenced.remove(&group) } else { false };
        if version == Version::Current {
            if self.changes.len() >= MOST && !self.changes.contains_key(&group) {
                return None;
            }
            let change = self.changes.entry(group).or_default();
            if old.mode == new.mode {
                let sources = old.sources.symmetric_difference(&new.sources);
                let room = MOST.saturating_sub(change.sources.len());
                change.sources.extend(sources.take(room).map(|source| (*source, times)));
            } else {
                *change = Change { mode: times, sources: BTreeMap::new() };
            }
            let at = now + GATHER;
            self.changes_at = Some(self.changes_at.map_or(at, |earlier| earlier.min(at)));
        } else if joins {
            self.singles.insert(group, Single { at: now + GATHER, times, sources: None });
        } else if leaves && version == Version::Older && !silenced {
            return Some(Told::Left(group));
        }
        None
    }

    /// A querier asks.
    pub(crate) fn asked(
        &mut self,
        now: Instant,
        robustness: u32,
        asked: Asked,
        wanted: &Wanted,
        rng: &mut Rng,
    ) {
        let before = self.version(now);
        match asked.version {
            Version::Current => {
                self.robustness = asked.robustness.filter(|robustness| *robustness != 0);
                self.interval = asked.interval.filter(|interval| !interval.is_zero());
            }
            // RFC 3376, section 8.12; RFC 3810, section 9.12.
            old => {
                let times = self.robustness.unwrap_or(robustness);
                let until = Some(now + self.interval.unwrap_or(INTERVAL) * times.min(255) + RESPONSE);
                match old {
                    Version::Oldest => self.oldest_until = until,
                    Version::Older | Version::Current => self.older_until = until,
                }
            }
        }
        let version = self.version(now);
        // RFC 3376, section 7.2.1: what was to be said in another version is not said.
        if version != before {
            (self.changes_at, self.general_at) = (None, None);
            self.changes.clear();
            self.singles.clear();
        }
        let within = if version == Version::Oldest { RESPONSE } else { asked.within };
        match asked.group {
            None if version == Version::Current => {
                // (To ask for sources of no group means nothing.)
                if asked.sources.is_empty() {
                    let at = now + up_to(within, rng);
                    self.general_at = Some(self.general_at.map_or(at, |earlier| earlier.min(at)));
                }
            }
            None => {
                for group in wanted.keys() {
                    self.owe(now + up_to(within, rng), *group, None);
                }
            }
            Some(group) => {
                let Some(filter) = wanted.get(&group) else { return };
                let all = asked.sources.is_empty() || version != Version::Current;
                // RFC 3376, section 5.2, as Linux has it: all is said of a group that excludes.
                let sources = match filter.mode {
                    _ if all => None,
                    FilterMode::Exclude if asked.sources.is_subset(&filter.sources) => return,
                    FilterMode::Exclude => None,
                    FilterMode::Include if asked.sources.is_disjoint(&filter.sources) => return,
                    FilterMode::Include => Some(&asked.sources & &filter.sources),
                };
                self.owe(now + up_to(within, rng), group, sources);
            }
        }
    }

    /// An answer of one group: with the one that is owed already, if there is one.
    fn owe(&mut self, at: Instant, group: IpAddr, sources: Option<BTreeSet<IpAddr>>) {
        match self.singles.get_mut(&group) {
            Some(owed) => {
                owed.at = owed.at.min(at);
                owed.sources = match (owed.sources.take(), sources) {
                    (Some(some), Some(more)) => Some(&some | &more),
                    (None, _) | (_, None) => None,
                };
            }
            None => {
                self.singles.insert(group, Single { at, times: 1, sources });
            }
        }
    }

    /// Another host says in an older version that it is in a group: that is enough (RFC 2236, section 3; RFC 2710,
    /// section 4).
    pub(crate) fn heard(&mut self, now: Instant, group: IpAddr, wanted: &Wanted) {
        if self.version(now) != Version::Current && wanted.contains_key(&group) {
            self.singles.remove(&group);
            self.silenced.insert(group);
        }
    }

    /// What is to be said now.
    pub(crate) fn due(&mut self, now: Instant, wanted: &Wanted, rng: &mut Rng) -> Vec<Told> {
        let is_due = |at: &mut Option<Instant>| at.take_if(|at| *at <= now).is_some();
        let version = self.version(now);
        let mut told = Vec::new();
        if is_due(&mut self.general_at) {
            let all = wanted.iter().map(|(group, filter)| state(*group, filter, None));
            told.push(Told::Report(all.collect()));
        }
        if is_due(&mut self.changes_at) {
            told.push(Told::Report(self.tell_changes(wanted)));
            self.changes_at = (!self.changes.is_empty()).then(|| now + up_to(UNSOLICITED, rng));
        }
        let due: Vec<IpAddr> =
            self.singles.iter().filter(|(_, single)| single.at <= now).map(|(group, _)| *group).collect();
        for group in due {
            let Some(mut single) = self.singles.remove(&group) else { continue };
            let Some(filter) = wanted.get(&group) else { continue };
            if version == Version::Current {
                told.push(Told::Report(vec![state(group, filter, single.sources)]));
                continue;
            }
            self.silenced.remove(&group);
            told.push(Told::Member(version, group));
            if single.times > 1 {
                (single.times, single.at) = (single.times - 1, now + up_to(UNSOLICITED_OLD, rng));
                self.singles.insert(group, single);
            }
        }
        told.retain(|told| !matches!(told, Told::Report(records) if records.is_empty()));
        told
    }

    /// Each change once more. A new mode comes with all its sources, so theirs are told by that.
    fn tell_changes(&mut self, wanted: &Wanted) -> Vec<(RecordKind, IpAddr, Vec<IpAddr>)> {
        let mut records = Vec::new();
        let nobody = Filter::nobody();
        for (group, change) in &mut self.changes {
            let filter = wanted.get(group).unwrap_or(&nobody);
            if change.mode > 0 {
                change.mode -= 1;
                let kind = match filter.mode {
                    FilterMode::Include => RecordKind::ToInclude,
                    FilterMode::Exclude => RecordKind::ToExclude,
                };
                records.push((kind, *group, filter.sources.iter().copied().collect()));
            } else {
                let (allowed, blocked): (Vec<_>, Vec<_>) =
                    change.sources.keys().copied().partition(|source| filter.passes(*source));
                let both = [(RecordKind::Allow, allowed), (RecordKind::Block, blocked)];
                let some = both.into_iter().filter(|(_, sources)| !sources.is_empty());
                records.extend(some.map(|(kind, sources)| (kind, *group, sources)));
            }
            change.sources.retain(|_, times| {
                *times -= 1;
                *times > 0
            });
        }
        self.changes.retain(|_, change| change.mode > 0 || !change.sources.is_empty());
        records
    }
}

/// What a group's state is; of some sources.
fn state(
    group: IpAddr,
    filter: &Filter,
    sources: Option<BTreeSet<IpAddr>>,
) -> (RecordKind, IpAddr, Vec<IpAddr>) {
    match (filter.mode, sources) {
        (FilterMode::Include, Some(asked)) => {
            (RecordKind::IsInclude, group, asked.intersection(&filter.sources).copied().collect())
        }
        (FilterMode::Include, None) => {
            (RecordKind::IsInclude, group, filter.sources.iter().copied().collect())
        }
        (FilterMode::Exclude, _) => (RecordKind::IsExclude, group, filter.sources.iter().copied().collect()),
    }
}

/// A time by chance, so that not all hosts speak at once.
fn up_to(span: Duration, rng: &mut Rng) -> Duration {
    Duration::from_nanos(rng.below(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX).max(1)))
}

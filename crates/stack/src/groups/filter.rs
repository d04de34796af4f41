//! Whose packets to a group are heard (RFC 3376, sections 3.1 and 3.2; RFC 3810, sections 4.1 and 4.2).

use std::collections::BTreeSet;
use std::net::IpAddr;

/// How a list of sources is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterMode {
    /// Only they are heard.
    Include,
    /// All but they are heard.
    Exclude,
}

impl FilterMode {
    /// Whether a source is heard that is in the list, or isn't.
    pub(crate) fn passes(self, listed: bool) -> bool {
        match self {
            FilterMode::Include => listed,
            FilterMode::Exclude => !listed,
        }
    }
}

/// What an interface wants of a group: the sum of what its sockets want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) mode: FilterMode,
    pub(crate) sources: BTreeSet<IpAddr>,
}

impl Filter {
    /// Nobody is heard: it is no member.
    pub(crate) fn nobody() -> Filter {
        Filter { mode: FilterMode::Include, sources: BTreeSet::new() }
    }

    /// All are heard.
    pub(crate) fn everybody() -> Filter {
        Filter { mode: FilterMode::Exclude, sources: BTreeSet::new() }
    }

    /// Whether a source is heard.
    pub(crate) fn passes(&self, source: IpAddr) -> bool {
        self.mode.passes(self.sources.contains(&source))
    }

    /// RFC 3376, section 3.2: who is heard by one is heard. If one excludes, only those are excluded whom all such exclude
    /// and nobody includes.
    pub(crate) fn sum<'a>(wishes: impl Iterator<Item = (FilterMode, &'a [IpAddr])>) -> Filter {
        let mut included = BTreeSet::new();
        let mut excluded: Option<BTreeSet<IpAddr>> = None;
        for (mode, sources) in wishes {
            let sources = sources.iter().copied();
            match (mode, &mut excluded) {
                (FilterMode::Include, _) => included.extend(sources),
                (FilterMode::Exclude, None) => excluded = Some(sources.collect()),
                (FilterMode::Exclude, Some(all)) => {
                    let own: BTreeSet<IpAddr> = sources.collect();
                    all.retain(|source| own.contains(source));
                }
            }
        }
        match excluded {
            None => Filter { mode: FilterMode::Include, sources: included },
            Some(mut sources) => {
                sources.retain(|source| !included.contains(source));
                Filter { mode: FilterMode::Exclude, sources }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The examples of RFC 3376, section 3.2.
    #[test]
    fn wishes_add_up() {
        use FilterMode::{Exclude, Include};
        let list = |names: &str| -> Vec<IpAddr> {
            names.bytes().map(|letter| IpAddr::from([10, 0, 0, letter])).collect()
        };
        let sum = |wishes: &[(FilterMode, &str)]| {
            let lists: Vec<_> = wishes.iter().map(|(mode, names)| (*mode, list(names))).collect();
            Filter::sum(lists.iter().map(|(mode, sources)| (*mode, sources.as_slice())))
        };
        let filter = |mode, names| Filter { mode, sources: list(names).into_iter().collect() };
        assert_eq!(sum(&[(Exclude, "abcd"), (Exclude, "bcde"), (Include, "def")]), filter(Exclude, "bc"));
        assert_eq!(sum(&[(Include, "abc"), (Include, "bcd"), (Include, "ef")]), filter(Include, "abcdef"));
        assert_eq!(sum(&[]), Filter::nobody());
        assert!(filter(Exclude, "a").passes(list("b")[0]) && !filter(Include, "a").passes(list("b")[0]));
    }
}

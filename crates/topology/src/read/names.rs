//! What is called what.

use std::collections::BTreeMap;

use crate::problem::Found;
use crate::table::At;

/// The names that a file gives.
#[derive(Default)]
pub(super) struct Names {
    /// Hosts, then switches.
    pub(super) ends: List,
    pub(super) links: List,
    pub(super) programs: List,
}

/// Names of one kind, each with its place among them.
#[derive(Default)]
pub(super) struct List {
    places: BTreeMap<String, usize>,
    count: usize,
}

impl List {
    /// Gives a name its place, the next; it has to be new.
    pub(super) fn add(&mut self, name: &At<&str>, found: &Found) {
        if self.has(name.value) {
            found.add(&name.span, format!("there is a {:?} already", name.value));
        } else {
            self.places.insert(name.value.to_owned(), self.count);
        }
        self.count += 1;
    }

    /// What has no name has a place.
    pub(super) fn add_nameless(&mut self) {
        self.count += 1;
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// The place of a name. It is a problem if it has none among the first so many.
    pub(super) fn find_among(
        &self,
        most: usize,
        name: &At<&str>,
        kind: &str,
        found: &Found,
    ) -> Option<usize> {
        let place = self.places.get(name.value).copied().filter(|place| *place < most);
        if place.is_none() {
            let known = self.places.iter().filter(|(_, place)| **place < most);
            let hint = found.hint(name.value, known.map(|(known, _)| known.as_str()));
            found.add(&name.span, format!("there is no {kind} {}{hint}", name.value));
        }
        place
    }

    pub(super) fn find(&self, name: &At<&str>, kind: &str, found: &Found) -> Option<usize> {
        self.find_among(self.count, name, kind, found)
    }
}

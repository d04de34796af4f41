//! What is called what.

use crate::problem::{Found, nearest};
use crate::table::At;

/// The names that a file gives.
#[derive(Default)]
pub(super) struct Names {
    /// Hosts, then switches.
    pub(super) ends: List,
    pub(super) links: List,
    pub(super) programs: List,
}

/// Names of one kind, in their order.
#[derive(Default)]
pub(super) struct List(Vec<String>);

impl List {
    /// Gives a name its place, the next; it has to be new.
    pub(super) fn add(&mut self, name: &At<&str>, found: &Found) {
        if self.0.iter().any(|known| known == name.value) {
            found.add(&name.span, format!("there is a {} already", name.value));
        }
        self.0.push(name.value.to_owned());
    }

    /// The place of a name. It is a problem if it has none among the first so many.
    pub(super) fn find_among(
        &self,
        most: usize,
        name: &At<&str>,
        kind: &str,
        found: &Found,
    ) -> Option<usize> {
        let known = &self.0[..most.min(self.0.len())];
        let place = known.iter().position(|known| known == name.value);
        if place.is_none() {
            let hint = nearest(name.value, known.iter().map(String::as_str));
            found.add(&name.span, format!("there is no {kind} {}{hint}", name.value));
        }
        place
    }

    pub(super) fn find(&self, name: &At<&str>, kind: &str, found: &Found) -> Option<usize> {
        self.find_among(self.0.len(), name, kind, found)
    }
}

//! What connections have from their listener: its options as they were when the handshake was done, whenever `accept` comes
//! (as Linux, which makes the socket then). Kept only where a listener's options changed meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::host::SocketId;
use crate::options::Options;

/// By listener: how many of those that wait, from the first on, have which options. The rest have its own.
#[derive(Default)]
pub(crate) struct Heirs(BTreeMap<SocketId, VecDeque<(usize, Arc<Options>)>>);

impl Heirs {
    /// A listener's options, which `waiting` connections have, are about to change.
    pub(crate) fn keep(&mut self, listener: SocketId, waiting: usize, options: &Arc<Options>) {
        let known: usize = self.0.get(&listener).into_iter().flatten().map(|(count, _)| count).sum();
        if waiting > known {
            self.0.entry(listener).or_default().push_back((waiting - known, Arc::clone(options)));
        }
    }

    /// The first that waits is accepted: its options, unless they are the listener's own.
    pub(crate) fn next(&mut self, listener: SocketId) -> Option<Arc<Options>> {
        let kept = self.0.get_mut(&listener)?;
        let (count, options) = kept.front_mut()?;
        *count -= 1;
        let (left, options) = (*count, Arc::clone(options));
        if left == 0 {
            kept.pop_front();
        }
        if kept.is_empty() {
            self.0.remove(&listener);
        }
        Some(options)
    }

    /// It listens no more.
    pub(crate) fn forget(&mut self, listener: SocketId) {
        self.0.remove(&listener);
    }
}

//! So many at a time.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::lock;

/// Lets so many in at a time. Handles of one gate are cheap to clone.
#[derive(Clone)]
pub(crate) struct Gate {
    inside: Arc<(Mutex<usize>, Condvar)>,
    most: usize,
}

/// A place inside, until it is dropped.
pub(crate) struct Place(Arc<(Mutex<usize>, Condvar)>);

impl Gate {
    pub(crate) fn of(most: usize) -> Gate {
        Gate { inside: Arc::default(), most }
    }

    /// Waits for a place.
    pub(crate) fn enter(&self) -> Place {
        let (count, changed) = &*self.inside;
        let most = self.most;
        let inside = changed.wait_while(lock(count), |count| *count >= most);
        *inside.unwrap_or_else(std::sync::PoisonError::into_inner) += 1;
        Place(self.inside.clone())
    }

    /// Waits until nobody is inside, for so long at most.
    pub(crate) fn wait_until_empty(&self, span: Duration) {
        let (count, changed) = &*self.inside;
        drop(changed.wait_timeout_while(lock(count), span, |count| *count > 0));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let (count, changed) = &*self.0;
        *lock(count) -= 1;
        changed.notify_all();
    }
}

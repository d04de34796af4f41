//! Tables of things that are called by keys, of which many stay empty.

use slotmap::{Key, SlotMap};

/// A [`SlotMap`] that takes no memory before there is something in it: a host has a dozen, and needs few.
#[derive(Debug)]
pub struct Table<K: Key, V>(Option<SlotMap<K, V>>);

impl<K: Key, V> Default for Table<K, V> {
    fn default() -> Table<K, V> {
        Table(None)
    }
}

impl<K: Key, V> Table<K, V> {
    /// Puts something in; gives the key it is called by, which never comes again.
    pub fn insert(&mut self, value: V) -> K {
        self.0.get_or_insert_with(|| SlotMap::with_capacity_and_key(1)).insert(value)
    }

    /// Takes something out.
    pub fn remove(&mut self, key: K) -> Option<V> {
        self.0.as_mut()?.remove(key)
    }

    /// Takes out all there is.
    pub fn drain(&mut self) -> impl Iterator<Item = (K, V)> {
        self.0.iter_mut().flat_map(SlotMap::drain)
    }

    /// What has this key.
    #[inline]
    pub fn get(&self, key: K) -> Option<&V> {
        self.0.as_ref()?.get(key)
    }

    /// The same, to change.
    #[inline]
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.0.as_mut()?.get_mut(key)
    }

    /// Several at once, to change; `None` if one isn't there, or is named twice.
    pub fn get_disjoint_mut<const N: usize>(&mut self, keys: [K; N]) -> Option<[&mut V; N]> {
        self.0.as_mut()?.get_disjoint_mut(keys)
    }

    /// Whether something has this key.
    pub fn contains_key(&self, key: K) -> bool {
        self.0.as_ref().is_some_and(|entries| entries.contains_key(key))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, SlotMap::len)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.0.iter().flat_map(SlotMap::iter)
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = K> {
        self.0.iter().flat_map(SlotMap::keys)
    }

    /// All of them, without their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().flat_map(SlotMap::values)
    }

    /// The same, to change.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().flat_map(SlotMap::values_mut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::DefaultKey;

    #[test]
    fn keys_never_come_again() {
        let mut table = Table::default();
        assert!(table.is_empty() && table.remove(DefaultKey::default()).is_none());
        let first = table.insert('a');
        assert_eq!((table.get(first), table.len()), (Some(&'a'), 1));
        assert_eq!((table.remove(first), table.is_empty()), (Some('a'), true));
        assert_ne!(table.insert('b'), first);
        assert_eq!((table.contains_key(first), table.values().collect::<String>()), (false, "b".to_owned()));
    }
}

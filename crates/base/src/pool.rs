//! Pooled chunks: user bytes are copied once into them, and the chunks are used again when nobody holds them.

use std::collections::VecDeque;

use bytes::BytesMut;

use crate::Chain;

/// The largest chunk.
const CHUNK: usize = 64 * 1024;
/// The first, if nothing longer is to go in: all that a quiet host needs.
const FIRST: usize = 2048;
/// How many chunks in use the pool remembers, to find free ones among them; those beyond go to the allocator.
const REMEMBERED: usize = 128;

/// A pool of chunks of 2 to 64 KiB: they are twice as large as before whenever those there are held by somebody. Plain data
/// of one owner; it never holds more than it handed out.
#[derive(Debug, Default)]
pub struct Pool {
    current: BytesMut,
    /// How large chunks are by now; 0 before the first.
    size: usize,
    used: VecDeque<BytesMut>,
}

impl Pool {
    /// A pool that holds nothing yet.
    pub fn new() -> Pool {
        Pool::default()
    }

    /// Reads once where the next bytes will go, and gives something made of it, so that it is read.
    pub fn look_ahead(&self) -> u64 {
        (self.current.capacity() ^ self.size) as u64
    }

    /// Copies bytes into pooled chunks; very few into the chain itself.
    pub fn copy_in(&mut self, mut bytes: &[u8]) -> Chain {
        if let Some(few) = Chain::copy_of_few(bytes) {
            return few;
        }
        let mut chain = Chain::new();
        while !bytes.is_empty() {
            let room = self.current.capacity() - self.current.len();
            // A small piece isn't worth being two.
            if room == 0 || (room < bytes.len() && bytes.len() <= self.size / 8) {
                self.next_chunk(bytes.len());
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            // Its own part first: who counts those that hold a chunk waits until all is written.
            let mut part = self.cut(now.len());
            part.extend_from_slice(now);
            chain.push(part.freeze());
            bytes = later;
        }
        chain
    }

    /// Room in a chunk for so many bytes in one piece, nothing in it yet; more than a chunk holds are the allocator's.
    pub fn room(&mut self, len: usize) -> BytesMut {
        if len > CHUNK {
            return BytesMut::with_capacity(len);
        }
        if self.current.capacity() < len {
            self.next_chunk(len);
        }
        self.cut(len)
    }

    /// Room for so many bytes of the chunk, which has it.
    fn cut(&mut self, len: usize) -> BytesMut {
        let rest = self.current.split_off(len);
        std::mem::replace(&mut self.current, rest)
    }

    /// Makes a chunk with room current: an old one that nobody holds any more, else a new one. It has room for so many
    /// bytes, or as many as a chunk can hold.
    fn next_chunk(&mut self, wanted: usize) {
        let full = std::mem::take(&mut self.current);
        if wanted.min(CHUNK) <= self.size {
            self.used.push_back(full);
            // A stream frees its chunks in the order it filled them, so the oldest are the likeliest to be free.
            for _ in 0..4.min(self.used.len()) {
                let Some(mut oldest) = self.used.pop_front() else { break };
                if oldest.try_reclaim(self.size) {
                    self.current = oldest;
                    return;
                }
                self.used.push_back(oldest);
            }
        }
        if self.size < CHUNK {
            // Those of the old size go with the last who holds them.
            self.size = wanted.next_power_of_two().max(self.size * 2).clamp(FIRST, CHUNK);
            self.used.clear();
        } else if self.used.len() > REMEMBERED {
            self.used.pop_front();
        }
        self.current = BytesMut::with_capacity(self.size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_uses_chunks_again() {
        let mut pool = Pool::new();
        let text: Vec<u8> = (0..200_000u32).map(|i| i as u8).collect();
        for _ in 0..100 {
            assert_eq!(pool.copy_in(&text).to_vec(), text);
        }
        assert!(pool.used.len() < 10, "{} chunks remembered", pool.used.len());
    }

    #[test]
    fn chunks_grow_with_what_is_held() {
        let mut pool = Pool::new();
        for _ in 0..1000 {
            assert_eq!(pool.copy_in(&[7; 100]).piece_count(), 1);
        }
        assert_eq!(pool.size, FIRST);
        let held: Vec<Chain> = (0..1000).map(|_| pool.copy_in(&[7; 100])).collect();
        assert_eq!(pool.size, CHUNK);
        assert!(held.iter().all(|chain| *chain == vec![7; 100].into()));
        let mut pool = Pool::new();
        assert_eq!(pool.copy_in(&[7; 50_000]).piece_count(), 1);
    }

    #[test]
    fn room_is_used_again() {
        let mut pool = Pool::new();
        for round in 0..1000usize {
            let len = (round * 7919) % 70_000;
            let mut room = pool.room(len);
            assert!(room.is_empty() && room.capacity() >= len);
            room.extend_from_slice(&vec![round as u8; len]);
            assert_eq!(pool.copy_in(b"some of another, longer than what a chain holds").len(), 47);
            assert!(room.iter().all(|byte| *byte == round as u8));
        }
        assert!(pool.used.len() < 10, "{} chunks remembered", pool.used.len());
    }

    #[test]
    fn small_writes_share_a_chunk() {
        let mut pool = Pool::new();
        let held: Vec<Chain> = (0..1000u32).map(|i| pool.copy_in(&i.to_be_bytes().repeat(8))).collect();
        assert!(pool.used.len() <= 1);
        assert_eq!(held[999].to_vec(), 999u32.to_be_bytes().repeat(8));
    }
}

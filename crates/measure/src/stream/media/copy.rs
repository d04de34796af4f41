//! A copy in memory.

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use super::Channel;

/// Two buffers, as hot as they can be.
pub(super) struct Copy {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Copy {
    pub(super) fn new(size: usize) -> Copy {
        Copy { from: vec![1; size], to: vec![0; size] }
    }
}

impl Channel for Copy {
    fn carry(&mut self, messages: u64) -> io::Result<Duration> {
        let start = Instant::now();
        for _ in 0..messages {
            black_box(&mut self.to).copy_from_slice(black_box(&self.from));
        }
        Ok(start.elapsed())
    }
}

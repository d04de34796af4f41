//! A request's body on its way in: its framing is taken off and its bytes are counted and hashed, not kept. Bytes come in
//! slices of any size; of chunked framing (RFC 9112, section 7.1) at most one line is held.

use sha2::{Digest, Sha256};

use super::head::{Bad, Framing};
use super::response::Status;

/// The longest line of chunked framing, chunk extensions and trailer fields included.
const LINE_LIMIT: usize = 1024;
/// The most trailer fields.
const MAX_TRAILERS: u32 = 100;

/// A body being read.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    part: Part,
    line: Vec<u8>,
    hash: Sha256,
    len: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// That much data of a body of known length.
    Data(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    /// Trailer fields, so many so far.
    Trailer(u32),
    Done,
}

impl Upload {
    pub(crate) fn new(framing: Framing) -> Upload {
        let part = match framing {
            Framing::Length(0) => Part::Done,
            Framing::Length(len) => Part::Data(len),
            Framing::Chunked => Part::ChunkSize,
        };
        Upload { part, line: Vec::new(), hash: Sha256::new(), len: 0 }
    }

    /// Whether the whole body has been read.
    pub(crate) fn is_done(&self) -> bool {
        self.part == Part::Done
    }

    /// Takes what belongs to the body from the front of `input` and says how much that was.
    pub(crate) fn take(&mut self, input: &[u8]) -> Result<usize, Bad> {
        let mut used = 0;
        while let Some(rest) = input.get(used..)
            && !rest.is_empty()
        {
            match self.part {
                Part::Done => break,
                Part::Data(left) => {
                    let n = self.data(rest, left);
                    self.part = if n as u64 == left { Part::Done } else { Part::Data(left - n as u64) };
                    used += n;
                }
                Part::ChunkData(left) => {
                    let n = self.data(rest, left);
                    self.part =
                        if n as u64 == left { Part::ChunkEnd } else { Part::ChunkData(left - n as u64) };
                    used += n;
                }
                Part::ChunkSize | Part::ChunkEnd | Part::Trailer(_) => {
                    let n = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
                    self.line.extend_from_slice(&rest[..n]);
                    used += n;
                    if self.line.len() > LINE_LIMIT {
                        return Err(Bad(Status::BAD_REQUEST, "A line of the chunked body is too long."));
                    }
                    if self.line.ends_with(b"\n") {
                        let line = std::mem::take(&mut self.line);
                        self.part = next_part(self.part, &line)?;
                    }
                }
            }
        }
        Ok(used)
    }

    /// What is answered to it: its length and its hash.
    pub(crate) fn summary(self) -> String {
        let hash = self.hash.finalize();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("length {}\nsha256 {hex}\n", self.len)
    }

    fn data(&mut self, rest: &[u8], left: u64) -> usize {
        let n = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.hash.update(&rest[..n]);
        self.len += n as u64;
        n
    }
}

/// What follows a whole line of chunked framing.
fn next_part(part: Part, line: &[u8]) -> Result<Part, Bad> {
    const BAD_CHUNK: Bad = Bad(Status::BAD_REQUEST, "The chunked body is malformed.");
    let blank = matches!(line, b"\r\n" | b"\n");
    match part {
        Part::ChunkSize => match httparse::parse_chunk_size(line) {
            Ok(httparse::Status::Complete((_, 0))) => Ok(Part::Trailer(0)),
            Ok(httparse::Status::Complete((_, size))) => Ok(Part::ChunkData(size)),
            Ok(httparse::Status::Partial) | Err(_) => Err(BAD_CHUNK),
        },
        Part::ChunkEnd if blank => Ok(Part::ChunkSize),
        Part::Trailer(_) if blank => Ok(Part::Done),
        Part::Trailer(n) if n < MAX_TRAILERS => Ok(Part::Trailer(n + 1)),
        Part::ChunkEnd | Part::Trailer(_) | Part::Data(_) | Part::ChunkData(_) | Part::Done => Err(BAD_CHUNK),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HELLO: &str = "length 5\nsha256 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n";

    fn read(framing: Framing, input: &[u8], step: usize) -> Result<(usize, Upload), Bad> {
        let mut upload = Upload::new(framing);
        let mut used = 0;
        for piece in input.chunks(step) {
            used += upload.take(piece)?;
        }
        Ok((used, upload))
    }

    #[test]
    fn both_framings() {
        for step in [1, 2, 3, 100] {
            let (used, upload) = read(Framing::Length(5), b"helloGET", step).unwrap();
            assert!(upload.is_done() && used == 5);
            assert_eq!(upload.summary(), HELLO);
            let body = b"2;name=x\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: x\r\n\r\n";
            let (used, upload) = read(Framing::Chunked, &[body, &b"GET"[..]].concat(), step).unwrap();
            assert!(upload.is_done() && used == body.len());
            assert_eq!(upload.summary(), HELLO);
        }
        assert!(Upload::new(Framing::Length(0)).is_done());
        assert!(!read(Framing::Chunked, b"5\r\nhello\r\n", 100).unwrap().1.is_done());
    }

    #[test]
    fn bad_chunks() {
        for body in
            ["x\r\n", "\r\n", "5\r\nhelloworld\r\n", "-1\r\n", "fffffffffffffffff\r\n", "ffffffffffffffffff"]
        {
            let long = format!("{body}{}", "1".repeat(LINE_LIMIT + 1));
            assert!(read(Framing::Chunked, long.as_bytes(), 7).is_err(), "{body:?}");
        }
        let trailers = format!("0\r\n{}", "a: b\r\n".repeat(101));
        assert!(read(Framing::Chunked, trailers.as_bytes(), 100).is_err());
    }

    proptest! {
        #[test]
        fn random_bytes_do_no_harm(bytes: Vec<u8>, step in 1usize..50) {
            let _ = read(Framing::Chunked, &bytes, step);
        }

        #[test]
        fn chunked_is_what_was_sent(pieces: Vec<Vec<u8>>, step in 1usize..50) {
            let mut body = Vec::new();
            for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
                body.extend(format!("{:x}\r\n", piece.len()).bytes());
                body.extend(piece);
                body.extend(b"\r\n");
            }
            body.extend(b"0\r\n\r\n");
            let (used, upload) = read(Framing::Chunked, &body, step).unwrap();
            prop_assert!(upload.is_done() && used == body.len());
            let mut plain = Upload::new(Framing::Length(u64::MAX));
            plain.take(&pieces.concat()).unwrap();
            prop_assert_eq!(upload.summary(), plain.summary());
        }
    }
}

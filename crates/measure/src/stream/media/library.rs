//! TCP over a virtual host's loopback: a thread writes, another reads.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use sockeye::net::{TcpListener, TcpStream};

use super::Channel;

/// The writing end, and how to speak with the thread at the other: it goes when this does.
pub(super) struct Library {
    near: TcpStream,
    message: Vec<u8>,
    nodelay: bool,
    expect: Sender<u64>,
    done: Receiver<io::Result<()>>,
}

impl Library {
    pub(super) fn new(size: usize, nodelay: bool) -> io::Result<Library> {
        let host = sockeye::Lab::new(0).host("host", ["10.0.0.1/24"])?;
        let _here = host.enter();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        let (mut far, _) = listener.accept()?;
        let (expect, expected) = channel::<u64>();
        let (say, done) = channel();
        std::thread::Builder::new().name("receiver".to_owned()).spawn(move || {
            let mut buffer = vec![0; size];
            for messages in expected {
                if say.send(receive(&mut far, &mut buffer, messages)).is_err() {
                    break;
                }
            }
        })?;
        Ok(Library { near, message: vec![1; size], nodelay, expect, done })
    }
}

fn receive(far: &mut TcpStream, buffer: &mut [u8], messages: u64) -> io::Result<()> {
    let mut left = messages * buffer.len() as u64;
    while left > 0 {
        match far.read(buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => left -= count as u64,
        }
    }
    Ok(())
}

impl Channel for Library {
    fn carry(&mut self, messages: u64) -> io::Result<Duration> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.expect.send(messages).map_err(|_| io::ErrorKind::BrokenPipe)?;
        let start = Instant::now();
        self.near.set_nodelay(self.nodelay)?;
        for _ in 0..messages {
            self.near.write_all(&self.message)?;
        }
        self.near.set_nodelay(true)?;
        self.done.recv().map_err(gone)??;
        Ok(start.elapsed())
    }
}

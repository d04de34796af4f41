//! TCP between two virtual hosts on a 10 Mb/s Ethernet, in virtual time: the same on every machine, as quick as it is.

use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

use sockeye::async_net::{TcpListener, TcpStream};
use sockeye::{Host, LinkOptions, Simulation};

use super::Channel;

/// Bits per second, Ethernet headers included.
const RATE: NonZeroU64 = NonZeroU64::new(10_000_000).unwrap();
/// Samples take no less: the rate is so low that it takes a while to be seen.
const LEAST: Duration = Duration::from_secs(1);

/// The network, and both ends of a connection while nobody uses them.
pub(super) struct Lan {
    simulation: Simulation,
    hosts: [Host; 2],
    ends: Option<(TcpStream, TcpStream)>,
    size: usize,
    nodelay: bool,
}

impl Lan {
    pub(super) fn new(size: usize, nodelay: bool) -> io::Result<Lan> {
        let simulation = Simulation::new(0);
        let lab = simulation.lab();
        let hosts = [lab.host("a", ["10.0.0.1/24"])?, lab.host("b", ["10.0.0.2/24"])?];
        lab.link(&hosts[0], &hosts[1], &LinkOptions::new().rate(RATE));
        let listener =
            simulation.block_on(&hosts[1], async { TcpListener::bind("0.0.0.0:4000").await })??;
        let near = simulation.block_on(&hosts[0], async { TcpStream::connect("10.0.0.2:4000").await })??;
        let far = simulation.block_on(&hosts[1], async move { listener.accept().await })??.0;
        Ok(Lan { simulation, hosts, ends: Some((near, far)), size, nodelay })
    }
}

impl Channel for Lan {
    fn carry(&mut self, messages: u64) -> io::Result<Duration> {
        let Some((mut near, mut far)) = self.ends.take() else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let (size, nodelay) = (self.size, self.nodelay);
        let start = self.simulation.now();
        let sender = self.simulation.spawn(&self.hosts[0], async move {
            let message = vec![1; size];
            near.set_nodelay(nodelay)?;
            for _ in 0..messages {
                near.write_all(&message).await?;
            }
            near.set_nodelay(true)?;
            io::Result::Ok(near)
        });
        let received = self.simulation.block_on(&self.hosts[1], async move {
            let (mut buffer, mut left) = (vec![0; size], messages * size as u64);
            while left > 0 {
                match far.read(&mut buffer).await? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    count => left -= count as u64,
                }
            }
            io::Result::Ok(far)
        });
        let far = received??;
        let took = self.simulation.now() - start;
        let near = sender.take().ok_or(io::ErrorKind::BrokenPipe)??;
        self.ends = Some((near, far));
        Ok(took)
    }

    fn sample(&self, time: Duration) -> Duration {
        time.max(LEAST)
    }
}

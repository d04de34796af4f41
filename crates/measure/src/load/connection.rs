//! One connection of a run: turn after turn it sends the request and reads the reply, connecting where it has to.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::network::Network;
use super::reply::{Reply, Whole};
use super::run::Run;
use super::tally::{CLOSED, Failure, Phase, TIMED_OUT, Tally, failure};
use crate::lock;

/// What is read at once, bytes.
pub(super) const SCRATCH: usize = 64 << 10;
/// Reads before others get their turn.
const READS: usize = 32;
/// How long a connection waits after it could not connect.
const PAUSE: Duration = Duration::from_millis(10);

/// The connections that one thread has.
pub(super) struct Share<'a, N> {
    pub(super) network: &'a N,
    pub(super) run: &'a Run,
    pub(super) tally: Mutex<Tally>,
    /// All read into it; a reply keeps nothing but an unfinished head.
    pub(super) scratch: Mutex<Box<[u8]>>,
    /// Requests that were begun and have not ended.
    pub(super) in_hand: AtomicU64,
}

/// Takes turns until there are none.
pub(super) async fn take_turns<N: Network>(share: &Share<'_, N>) {
    let mut stream = None;
    while let Some(due) = share.run.next_turn(share.network).await {
        share.in_hand.fetch_add(1, Ordering::Relaxed);
        let outcome = share.request(&mut stream, due).await;
        share.in_hand.fetch_sub(1, Ordering::Relaxed);
        share.run.ended(outcome.is_ok());
        if let Err(failure) = outcome {
            stream = None;
            *lock(&share.tally).failures.entry(failure).or_default() += 1;
            if share.run.is_vain() {
                return;
            }
            if failure.0 == Phase::Connect {
                share.network.sleep_until(share.network.now() + PAUSE).await;
            }
        }
        // What never has to wait would let nobody else go on.
        sockeye::task::yield_now().await;
    }
}

impl<N: Network> Share<'_, N> {
    /// A request that was due at a moment, from then to the end of its reply.
    async fn request(&self, stream: &mut Option<N::Stream>, due: Duration) -> Result<(), Failure> {
        let mut deadline = Deadline::new(self.network, due.max(self.network.now()) + self.run.plan.timeout);
        loop {
            let kept = stream.is_some();
            let mut open = match stream.take() {
                Some(open) => open,
                None => self.connect(&mut deadline).await?,
            };
            let mut exchange = Exchange::new(self.run);
            let outcome = deadline
                .limit(Phase::Receive, poll_fn(|context| exchange.poll(context, &mut open, self)))
                .await;
            let mut tally = lock(&self.tally);
            tally.sent += exchange.sent as u64;
            tally.received += exchange.received;
            match outcome {
                Ok(whole) => {
                    let now = self.network.now();
                    tally.answered += 1;
                    if let Some(status) = whole.status {
                        *tally.statuses.entry(status).or_default() += 1;
                    }
                    if let Some(first) = exchange.first {
                        tally.first_byte.note(first.saturating_sub(due));
                    }
                    tally.response.note(now.saturating_sub(due));
                    if whole.again && self.run.plan.keep_alive {
                        *stream = Some(open);
                    }
                    return Ok(());
                }
                // The server had closed it before the request came: RFC 9112, section 9.3.1.
                Err((_, reason))
                    if kept
                        && exchange.received == 0
                        && reason != TIMED_OUT
                        && self.run.plan.request.may_repeat() =>
                {
                    tally.again += 1;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn connect(&self, deadline: &mut Deadline<'_, N>) -> Result<N::Stream, Failure> {
        let began = self.network.now();
        let connected = deadline.limit(Phase::Connect, async {
            let mut last = (Phase::Connect, "no address");
            for address in self.run.addresses() {
                match self.network.connect(address).await {
                    Ok(stream) => {
                        self.run.good(address);
                        return Ok(stream);
                    }
                    Err(error) => last = failure(Phase::Connect, &error),
                }
            }
            Err(last)
        });
        let connected = connected.await;
        self.run.connected(connected.is_ok());
        let stream = connected?;
        let mut tally = lock(&self.tally);
        tally.connections += 1;
        tally.connect.note(self.network.now().saturating_sub(began));
        Ok(stream)
    }
}

/// A request on its way, and its reply.
struct Exchange<'a> {
    request: &'a [u8],
    sent: usize,
    reply: Reply,
    received: u64,
    /// When the first byte came.
    first: Option<Duration>,
    /// Why no more can be sent. A reply may still come.
    broken: Option<Failure>,
}

impl<'a> Exchange<'a> {
    fn new(run: &'a Run) -> Exchange<'a> {
        let request = &run.plan.request;
        let reply = request.reply();
        Exchange { request: request.bytes(), sent: 0, reply, received: 0, first: None, broken: None }
    }

    /// Sends and reads, both at once: a server may answer before it has read all, and has to be read so that it goes on.
    fn poll<N: Network>(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut N::Stream,
        share: &Share<'_, N>,
    ) -> Poll<Result<Whole, Failure>> {
        while self.sent < self.request.len() && self.broken.is_none() {
            match Pin::new(&mut *stream).poll_write(context, &self.request[self.sent..]) {
                Poll::Ready(Ok(taken)) => self.sent += taken,
                Poll::Ready(Err(error)) => self.broken = Some(failure(Phase::Send, &error)),
                Poll::Pending => break,
            }
        }
        let mut scratch = lock(&share.scratch);
        for _ in 0..READS {
            if let Some(whole) = self.whole() {
                return Poll::Ready(Ok(whole));
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(self.broken.unwrap_or(failure(Phase::Receive, &error))));
                }
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    self.reply.end();
                    let closed = self.broken.unwrap_or((Phase::Receive, CLOSED));
                    return Poll::Ready(self.whole().ok_or(closed));
                }
                Poll::Ready(Ok(())) => {
                    self.first.get_or_insert_with(|| share.network.now());
                    self.received += buffer.filled().len() as u64;
                    if let Err(garbage) = self.reply.feed(buffer.filled()) {
                        return Poll::Ready(Err((Phase::Receive, garbage)));
                    }
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// The reply, if it is whole: one of HTTP's may be before the request is sent, but then nothing may follow.
    fn whole(&self) -> Option<Whole> {
        let whole = self.reply.whole()?;
        let all_sent = self.sent == self.request.len();
        (all_sent || whole.status.is_some()).then_some(Whole { again: whole.again && all_sent, ..whole })
    }
}

/// When a request has to be over.
struct Deadline<'a, N: Network> {
    network: &'a N,
    at: Duration,
    sleep: Option<Pin<Box<N::Sleep>>>,
}

impl<'a, N: Network> Deadline<'a, N> {
    fn new(network: &'a N, at: Duration) -> Deadline<'a, N> {
        Deadline { network, at, sleep: None }
    }

    /// A part of the request. The timer is made when it is first waited for.
    async fn limit<T>(
        &mut self,
        phase: Phase,
        part: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut part = pin!(part);
        poll_fn(|context| {
            if let Poll::Ready(outcome) = part.as_mut().poll(context) {
                return Poll::Ready(outcome);
            }
            let (network, at) = (self.network, self.at);
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(network.sleep_until(at)));
            sleep.as_mut().poll(context).map(|()| Err((phase, TIMED_OUT)))
        })
        .await
    }
}

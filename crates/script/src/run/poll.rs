//! poll and epoll over the host's sockets.

use std::collections::BTreeMap;

use sockeye_abi::{Errno, Readiness};

use super::calls::{Attempt, Descriptor, Returned};
use super::value::Arguments;
use super::{Runner, describe};
use crate::failure::{Failure, Result};
use crate::syntax::{Expr, Nanos};

const EPOLLET: u32 = 1 << 31;
const EPOLLONESHOT: u32 = 1 << 30;
/// What is reported without being asked for.
const ALWAYS: u32 = Readiness::ERR.bits() | Readiness::HUP.bits();
/// The bits that are no events.
const INPUT_FLAGS: u32 = 0xf << 28;

/// An epoll instance: what it watches, by descriptor.
#[derive(Clone, Debug, Default)]
pub(super) struct Epoll {
    watched: BTreeMap<i64, Watched>,
}

/// One descriptor watched.
#[derive(Clone, Copy, Debug)]
struct Watched {
    events: u32,
    /// What the program wants back: the descriptor if it said nothing else.
    data: i64,
    /// Something happened since it was last reported (EPOLLET).
    stirred: bool,
    /// It was reported and is to be armed again first (EPOLLONESHOT).
    spent: bool,
}

impl Runner {
    /// poll(fds, count, timeout): each `{fd=…, events=…, revents=…}`.
    pub(super) fn poll(
        &mut self,
        arguments: Arguments<'_>,
        attempt: &mut Attempt,
    ) -> Result<Option<Returned>> {
        arguments.count(3)?;
        let Expr::List(fds) = arguments.expr(0)? else {
            return Err(Failure::syntax(arguments.line, "poll() takes a list"));
        };
        let mut ready = 0;
        let mut wrong = Vec::new();
        for entry in fds {
            let fd = arguments.int_field(entry, "fd")?;
            let events = bits(arguments.int_field(entry, "events")?);
            let actual = self.readiness(fd) & (events | ALWAYS | Readiness::NVAL.bits());
            ready += i64::from(actual != 0);
            let expected = bits(arguments.int_field(entry, "revents")?);
            if actual != expected {
                wrong.push(format!(
                    "descriptor {fd}: expected {}, actual {}",
                    shown(expected),
                    shown(actual)
                ));
            }
        }
        if ready == 0 && self.keeps_waiting(arguments.int(2)?, attempt) {
            return Ok(None);
        }
        if wrong.is_empty() {
            return Ok(Some(Ok(ready)));
        }
        let failure = Failure::different(
            arguments.line,
            format!("poll() gives other events at {} s", describe::seconds(self.world.now())),
        );
        Err(wrong.into_iter().fold(failure, Failure::with))
    }

    /// Whether a call that found nothing goes on waiting; its time-out is in milliseconds.
    fn keeps_waiting(&self, timeout: i64, attempt: &mut Attempt) -> bool {
        if timeout == 0 {
            return false;
        }
        if timeout < 0 {
            return true;
        }
        let millis: Nanos = 1_000_000;
        let deadline = *attempt
            .deadline
            .get_or_insert_with(|| self.world.now().saturating_add(timeout.saturating_mul(millis)));
        self.world.now() < deadline
    }

    fn readiness(&self, fd: i64) -> u32 {
        match self.descriptors.get(&fd) {
            Some(Descriptor::Socket { id, .. }) => self.world.host.readiness(*id).bits(),
            Some(Descriptor::Epoll(_)) => 0,
            None => Readiness::NVAL.bits(),
        }
    }

    /// epoll_ctl(epfd, op, fd, event).
    pub(super) fn epoll_ctl(&mut self, arguments: Arguments<'_>) -> Result<Returned> {
        arguments.count(4)?;
        let (operation, fd) = (arguments.int(1)?, arguments.int(2)?);
        let event = arguments.expr(3)?;
        if !self.descriptors.contains_key(&fd) {
            return Ok(Err(Errno::EBADF));
        }
        let watched = match event {
            Expr::Struct(_) => Some(Watched {
                events: bits(arguments.int_field(event, "events")?),
                data: data_of(arguments, event)?.unwrap_or(fd),
                stirred: true,
                spent: false,
            }),
            _ => None,
        };
        let Some(Descriptor::Epoll(epoll)) = self.descriptors.get_mut(&arguments.int(0)?) else {
            return Ok(Err(Errno::EBADF));
        };
        Ok(match (operation, epoll.watched.contains_key(&fd), watched) {
            (1, true, _) => Err(Errno::EEXIST),
            (2 | 3, false, _) => Err(Errno::ENOENT),
            (2, true, _) => {
                epoll.watched.remove(&fd);
                Ok(0)
            }
            (1 | 3, _, Some(watched)) => {
                epoll.watched.insert(fd, watched);
                Ok(0)
            }
            _ => Err(Errno::EINVAL),
        })
    }

    /// epoll_wait(epfd, events, most, timeout).
    pub(super) fn epoll_wait(
        &mut self,
        arguments: Arguments<'_>,
        attempt: &mut Attempt,
    ) -> Result<Option<Returned>> {
        arguments.count(4)?;
        self.stir();
        let most = arguments.size(2)?;
        let epfd = arguments.int(0)?;
        let Some(Descriptor::Epoll(mut epoll)) = self.descriptors.get(&epfd).cloned() else {
            return Ok(Some(Err(Errno::EBADF)));
        };
        let mut found = Vec::new();
        for (fd, watched) in &mut epoll.watched {
            let ready = self.readiness(*fd) & (watched.events | ALWAYS) & !INPUT_FLAGS;
            let edge = watched.events & EPOLLET != 0;
            if ready == 0 || watched.spent || (edge && !watched.stirred) || found.len() >= most {
                continue;
            }
            watched.stirred = false;
            watched.spent = watched.events & EPOLLONESHOT != 0;
            found.push((ready, watched.data));
        }
        if found.is_empty() && self.keeps_waiting(arguments.int(3)?, attempt) {
            return Ok(None);
        }
        self.descriptors.insert(epfd, Descriptor::Epoll(epoll));
        check_events(arguments, &found)?;
        Ok(Some(Ok(i64::try_from(found.len()).unwrap_or(i64::MAX))))
    }

    /// Tells the epoll instances which sockets something happened to.
    fn stir(&mut self) {
        let changed = std::mem::take(&mut self.world.changed);
        let fds: Vec<i64> = self
            .descriptors
            .iter()
            .filter(|(_, descriptor)| descriptor.socket().is_some_and(|id| changed.contains(&id)))
            .map(|(fd, _)| *fd)
            .collect();
        for descriptor in self.descriptors.values_mut() {
            let Descriptor::Epoll(epoll) = descriptor else { continue };
            for fd in &fds {
                if let Some(watched) = epoll.watched.get_mut(fd) {
                    watched.stirred = true;
                }
            }
        }
    }

    /// A descriptor that is closed is no longer watched.
    pub(super) fn forget_in_epolls(&mut self, fd: i64) {
        for descriptor in self.descriptors.values_mut() {
            if let Descriptor::Epoll(epoll) = descriptor {
                epoll.watched.remove(&fd);
            }
        }
    }
}

fn check_events(arguments: Arguments<'_>, found: &[(u32, i64)]) -> Result<()> {
    let expected: Vec<&Expr> = match arguments.expr(1)? {
        Expr::List(list) => list.iter().collect(),
        one @ Expr::Struct(_) => vec![one],
        _ => return Ok(()),
    };
    for ((events, data), expected) in found.iter().zip(expected) {
        let wanted = bits(arguments.int_field(expected, "events")?);
        let wanted_data = data_of(arguments, expected)?;
        if wanted != *events || wanted_data.is_some_and(|wanted| wanted != *data) {
            return Err(Failure::different(arguments.line, "epoll_wait() gives another event")
                .with(format!("expected: {} for {}", shown(wanted), wanted_data.unwrap_or(*data)))
                .with(format!("actual:   {} for {data}", shown(*events))));
        }
    }
    Ok(())
}

/// What the program keeps in an event.
fn data_of(arguments: Arguments<'_>, event: &Expr) -> Result<Option<i64>> {
    let Expr::Struct(fields) = event else { return Ok(None) };
    let names = ["fd", "ptr", "u32", "u64"];
    let field = fields.iter().find(|(name, _)| name.as_deref().is_some_and(|name| names.contains(&name)));
    match field {
        Some((_, Expr::Ellipsis)) | None => Ok(None),
        Some((_, value)) => arguments.value(value).map(Some),
    }
}

fn bits(value: i64) -> u32 {
    u32::try_from(value & i64::from(u32::MAX)).unwrap_or(0)
}

fn shown(events: u32) -> String {
    let names: Vec<String> =
        Readiness::from_bits_retain(events).iter_names().map(|(name, _)| format!("POLL{name}")).collect();
    if names.is_empty() { "nothing".into() } else { names.join("|") }
}

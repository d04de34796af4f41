//! Waits for packets of the host and compares them with what the script expects.

use sockeye_wire::Body;
use sockeye_wire::tcp::Flags;

use super::flow::Stage;
use super::world::Sent;
use super::{Due, PATIENCE, Runner, describe, is_plain_syn, outbound};
use crate::failure::{Failure, Result};
use crate::syntax::{BodySpec, Nanos, PacketSpec, When};

/// As packetdrill: how much longer than until it's due a packet is waited for.
const GRACE: Nanos = 2_000_000_000;

impl Runner {
    /// The next packet of the host must be this one, at its time.
    pub(super) fn expect(&mut self, line: usize, spec: &PacketSpec, due: Due) -> Result<()> {
        if let BodySpec::Unsupported(what) = &spec.body {
            return Err(Failure::unsupported(line, what));
        }
        if let BodySpec::Tcp(tcp) = &spec.body {
            for option in tcp.options.iter().flatten() {
                if let crate::syntax::OptionSpec::Unsupported(name) = option {
                    return Err(Failure::unsupported(line, format_args!("the TCP option '{name}'")));
                }
            }
        }
        let limit = match due.when {
            When::Any => self.world.now() + PATIENCE,
            _ => due.to.max(self.world.now()) + GRACE,
        };
        let wanted = || format!("expected: {} {}", describe::seconds(due.from), describe::packet(spec, spec));
        let Some(mut sent) = self.next_sent(limit)? else {
            return Err(Failure::different(line, "no packet went out").with(wanted()));
        };
        self.join(spec, &mut sent, limit)?;
        self.note_syn(spec, &sent);
        let Some(flow) = self.flow.as_mut() else { return Ok(()) };
        let expected = match &spec.body {
            BodySpec::Tcp(tcp) => Some(tcp),
            _ => None,
        };
        let actual = outbound::spec_of(&sent.packet, &mut flow.numbers, expected);
        let differing = outbound::differences(spec, &actual, &self.setup);
        let shown =
            || format!("actual:   {} {}", describe::seconds(sent.at), describe::packet(&actual, spec));
        if !differing.is_empty() {
            let what = format!("the packet differs: {}", differing.join(", "));
            return Err(Failure::different(line, what).with(wanted()).with(shown()));
        }
        due.check(sent.at).map_err(|what| {
            Failure::different(line, format!("the packet's time: {what}")).with(wanted()).with(shown())
        })
    }

    /// The next packet of the connection under test; others are passed over.
    fn next_sent(&mut self, limit: Nanos) -> Result<Option<Sent>> {
        loop {
            while let Some(sent) = self.world.sent.pop_front() {
                if self.flow.as_mut().is_some_and(|flow| flow.owns(&sent.packet)) {
                    return Ok(Some(sent));
                }
            }
            if !self.step(limit)? && self.world.sent.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Segments that follow each other count as a long one until they are as long as the script says.
    fn join(&mut self, spec: &PacketSpec, sent: &mut Sent, limit: Nanos) -> Result<()> {
        let BodySpec::Tcp(expected) = &spec.body else { return Ok(()) };
        if self.setup.strict_segments {
            return Ok(());
        }
        loop {
            let Body::Tcp(segment) = &sent.packet.body else { return Ok(()) };
            let len = segment.payload.len();
            if len == 0 || len >= usize::try_from(expected.len).unwrap_or(0) {
                return Ok(());
            }
            let Some(next) = self.next_sent(limit.min(self.world.now()))? else { return Ok(()) };
            let follows = next.packet.as_segment().is_some_and(|next| {
                next.seq == segment.seq + segment.payload.len() as u32 && !next.payload.is_empty()
            });
            let (Body::Tcp(segment), Some(more)) = (&mut sent.packet.body, next.packet.as_segment()) else {
                return Ok(());
            };
            if !follows {
                self.world.sent.push_front(next);
                return Ok(());
            }
            segment.payload.append(more.payload.clone());
            segment.flags =
                (segment.flags - (Flags::PSH | Flags::FIN)) | (more.flags & (Flags::PSH | Flags::FIN));
            sent.at = next.at;
        }
    }

    /// The host's SYN tells its first sequence number.
    fn note_syn(&mut self, spec: &PacketSpec, sent: &Sent) {
        let (BodySpec::Tcp(expected), Some(segment)) = (&spec.body, sent.packet.as_segment()) else { return };
        if expected.flags.contains(Flags::SYN)
            && segment.flags.contains(Flags::SYN)
            && let Some(flow) = self.flow.as_mut()
        {
            flow.numbers.local_syn(expected, segment);
            if is_plain_syn(segment.flags) {
                flow.stage = Stage::Known;
            }
        }
    }
}

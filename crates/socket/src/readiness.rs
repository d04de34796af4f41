//! What poll(2) says, by the rules of Linux's tcp_poll and datagram_poll.

use sockeye_abi::{Opt, Readiness};
use sockeye_stack::Stack;
use sockeye_tcp::{State, Tcb};

use crate::datagram::Datagram;
use crate::host::{Kind, Shut, Socket};
use crate::stream::{Stream, StreamState};

/// The bits of a socket.
pub(crate) fn of(stack: &Stack, socket: &Socket) -> Readiness {
    match &socket.kind {
        Kind::Stream(stream) => of_stream(stack, stream, socket.shut),
        Kind::Datagram(datagram) => {
            let mut bits = of_datagram(stack, datagram, socket.shut);
            let urgent = socket.options.seldom.is_on(Opt::SoSelectErrQueue);
            bits.set(Readiness::PRI, urgent && bits.contains(Readiness::ERR));
            bits
        }
    }
}

fn of_stream(stack: &Stack, stream: &Stream, own: Shut) -> Readiness {
    if let StreamState::Listening(listener) = stream.state {
        return if stack.tcp_ready(listener) > 0 { readable() } else { Readiness::empty() };
    }
    let live = stream.live(stack);
    let shut = stream.shut(stack, own);
    let mut bits = Readiness::empty();
    bits.set(Readiness::HUP, (shut.read && shut.write) || live.is_none());
    if shut.read {
        bits |= readable() | Readiness::RDHUP;
    }
    // Nothing is said of data and room before the handshake is done.
    let opening = matches!(live, Some(State::SynSent | State::SynReceived));
    if opening && stream.tcb(stack).is_some_and(Tcb::open_is_deferred) {
        // The SYN waits for data.
        bits |= writable();
    }
    if !opening {
        let tcb = stream.tcb(stack);
        if tcb.is_some_and(Tcb::has_data) {
            bits |= readable();
        }
        bits.set(Readiness::PRI, tcb.is_some_and(Tcb::has_urgent));
        if shut.write || tcb.is_none_or(Tcb::is_writable) {
            bits |= writable();
        }
    }
    bits.set(Readiness::ERR, stream.pending(stack).is_some());
    bits
}

fn of_datagram(stack: &Stack, datagram: &Datagram, shut: Shut) -> Readiness {
    let mut bits = writable() | Readiness::WRBAND;
    let has_error = |udp| stack.udp_error(udp).is_some() || stack.udp_has_reports(udp);
    bits.set(Readiness::ERR, datagram.error.is_some() || datagram.udp.is_some_and(has_error));
    bits.set(Readiness::HUP, shut.read && shut.write);
    if shut.read {
        bits |= readable() | Readiness::RDHUP;
    }
    if datagram.udp.is_some_and(|udp| stack.udp_queue_len(udp) > 0) {
        bits |= readable();
    }
    bits
}

fn readable() -> Readiness {
    Readiness::IN | Readiness::RDNORM
}

fn writable() -> Readiness {
    Readiness::OUT | Readiness::WRNORM
}

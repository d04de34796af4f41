//! What nobody but the engine can show: that nothing leaks, whoever is passed where, and what a socket weighs.

use std::any::Any;
use std::sync::Arc;

use sockeye_abi::{Credentials, Errno, MessageFlags, SocketType, UnixAddress};
use sockeye_base::{Instant, Rng};
use sockeye_stack::{Settings, Stack};

use super::{End, Identity, Passed, UnixMessage};
use crate::host::{Host, Slot, SocketId};

const NOW: Instant = Instant::from_millis(1);

fn host() -> Host {
    Host::new("lone", Stack::new(Settings::default(), Rng::from_seed(1)))
}

fn pass(host: &mut Host, through: SocketId, rights: &[Passed]) -> Result<usize, Errno> {
    host.unix_send(NOW, through, b"x", &UnixMessage { rights, ..UnixMessage::default() })
}

fn close_all(host: &mut Host, sockets: impl IntoIterator<Item = SocketId>) {
    sockets.into_iter().for_each(|id| host.release(NOW, id));
}

/// Nothing is open, queued, bound or on its way.
fn assert_empty(host: &Host) {
    assert_eq!(host.sockets.len(), 0, "sockets");
    assert_eq!(host.unix.ends.len(), 0, "ends");
    assert_eq!(host.unix.in_flight, 0, "on their way");
}

#[test]
fn a_socket_passed_in_itself_is_collected() {
    let mut host = host();
    let (a, b) = host.unix_pair(SocketType::Stream).unwrap();
    let thing: Arc<dyn Any + Send + Sync> = Arc::new(5u8);
    // Each is on its way in the other's queue.
    pass(&mut host, a, &[Passed::Socket(a), Passed::Opaque(Arc::clone(&thing))]).unwrap();
    pass(&mut host, b, &[Passed::Socket(b)]).unwrap();
    close_all(&mut host, [a]);
    assert_eq!(host.sockets.len(), 2, "b can still receive a");
    close_all(&mut host, [b]);
    assert_empty(&host);
    assert_eq!(Arc::strong_count(&thing), 2, "the caller drops it");
    assert_eq!(host.take_untaken().len(), 1);
    assert_eq!(Arc::strong_count(&thing), 1);
}

#[test]
fn a_ring_is_collected_with_its_tail() {
    let mut host = host();
    let pairs: Vec<_> = (0..10).map(|_| host.unix_pair(SocketType::Datagram).unwrap()).collect();
    for (n, (sender, _)) in pairs.iter().enumerate() {
        let (_, next) = pairs[(n + 1) % pairs.len()];
        pass(&mut host, *sender, &[Passed::Socket(next)]).unwrap();
    }
    let tail = host.unix_pair(SocketType::SeqPacket).unwrap();
    pass(&mut host, pairs[3].0, &[Passed::Socket(tail.0), Passed::Socket(tail.1)]).unwrap();
    close_all(&mut host, [tail.0, tail.1]);
    close_all(&mut host, pairs.iter().flat_map(|(a, b)| [*a, *b]));
    assert_empty(&host);
}

#[test]
fn what_waits_at_a_listener_counts_as_the_listeners() {
    let mut host = host();
    let name = UnixAddress::Abstract(b"name".to_vec());
    let (listener, client) =
        (host.unix_socket(SocketType::Stream).unwrap(), host.unix_socket(SocketType::Stream).unwrap());
    host.unix_bind(listener, &name).unwrap();
    host.listen(NOW, listener, 5).unwrap();
    host.unix_connect(NOW, client, &name).unwrap();
    pass(&mut host, client, &[Passed::Socket(listener), Passed::Socket(client)]).unwrap();
    close_all(&mut host, [client]);
    assert_eq!(host.sockets.len(), 2);
    close_all(&mut host, [listener]);
    assert_empty(&host);
}

#[test]
fn nested_as_deep_as_one_likes() {
    let mut host = host();
    let mut inner = host.unix_pair(SocketType::Datagram).unwrap();
    for _ in 0..20_000 {
        let outer = host.unix_pair(SocketType::Datagram).unwrap();
        pass(&mut host, outer.0, &[Passed::Socket(inner.0), Passed::Socket(inner.1)]).unwrap();
        // Not through `release`, which would look for rings each time.
        for id in [inner.0, inner.1] {
            let end = host.unix_end(id).unwrap();
            host.unix.end_mut(end).unwrap().holders -= 1;
        }
        inner = outer;
    }
    close_all(&mut host, [inner.0, inner.1]);
    assert_empty(&host);
}

#[test]
fn peeking_doubles_and_what_finds_no_room_is_closed() {
    let mut host = host();
    let (a, b) = host.unix_pair(SocketType::Stream).unwrap();
    let (c, d) = host.unix_pair(SocketType::Stream).unwrap();
    pass(&mut host, a, &[Passed::Socket(c), Passed::Socket(d)]).unwrap();
    close_all(&mut host, [c, d]);
    let peeked = host.unix_receive(NOW, b, 9, (MessageFlags::PEEK, 1)).unwrap();
    assert_eq!((peeked.rights.len(), peeked.flags), (1, MessageFlags::CTRUNC));
    let taken = host.unix_receive(NOW, b, 9, (MessageFlags::empty(), 0)).unwrap();
    assert_eq!((taken.rights.len(), taken.flags), (0, MessageFlags::CTRUNC));
    assert_eq!(host.unix_kind(c), Some(SocketType::Stream), "the peek has it");
    assert_eq!(host.unix_kind(d), None, "nobody took it");
    close_all(&mut host, [a, b, c]);
    assert_empty(&host);
}

#[test]
fn who_is_not_root_may_pass_only_so_much_and_be_nobody_else() {
    let mut host = host();
    let own = Credentials { pid: 7, uid: 1000, gid: 1000 };
    host.act_as(&Arc::new(Identity { credentials: own, groups: Vec::new() }));
    let pairs: Vec<_> = (0..6).map(|_| host.unix_pair(SocketType::Datagram).unwrap()).collect();
    let rights = vec![Passed::Socket(pairs[0].0); 253];
    let outcomes: Vec<_> = pairs.iter().map(|(a, _)| pass(&mut host, *a, &rights)).collect();
    assert_eq!(outcomes, [Ok(1), Ok(1), Ok(1), Ok(1), Ok(1), Err(Errno::ETOOMANYREFS)]);
    let (a, b) = pairs[1];
    for (said, outcome) in [
        (own, Ok(1)),
        (Credentials { pid: 1, ..own }, Err(Errno::EPERM)),
        (Credentials { uid: 0, ..own }, Err(Errno::EPERM)),
        (Credentials { gid: 0, ..own }, Err(Errno::EPERM)),
    ] {
        let message = UnixMessage { credentials: Some(said), ..UnixMessage::default() };
        assert_eq!(host.unix_send(NOW, a, b"x", &message), outcome, "{said:?}");
    }
    assert_eq!(pass(&mut host, b, &vec![Passed::Socket(a); 254]), Err(Errno::EINVAL));
    host.close(NOW, pairs[5].0);
    assert_eq!(pass(&mut host, b, &[Passed::Socket(pairs[5].0)]), Err(Errno::EBADF));
}

#[test]
fn a_dead_end_goes_when_its_last_packet_is_read() {
    let mut host = host();
    let (to, from) =
        (host.unix_socket(SocketType::Datagram).unwrap(), host.unix_socket(SocketType::Datagram).unwrap());
    let (name, sender) = (UnixAddress::Pathname(b"/to".to_vec()), UnixAddress::Pathname(b"/from".to_vec()));
    host.unix_bind(to, &name).unwrap();
    host.unix_bind(from, &sender).unwrap();
    let message = UnixMessage { to: Some(&name), ..UnixMessage::default() };
    assert_eq!(host.unix_send(NOW, from, b"hello", &message), Ok(5));
    host.close(NOW, from);
    assert_eq!(host.unix.ends.len(), 2);
    let received = host.unix_receive(NOW, to, 9, (MessageFlags::empty(), 0)).unwrap();
    assert_eq!(received.source.as_deref(), Some(&sender));
    assert_eq!(host.unix.ends.len(), 1);
}

#[test]
fn an_idle_socket_is_small() {
    // Its end, its place among the ends and among the sockets.
    let bytes = size_of::<End>() + 2 * (size_of::<Slot>() + 8);
    assert!(bytes < 300, "{bytes} bytes");
}

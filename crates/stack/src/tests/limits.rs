//! Connections that nobody needs are bounded, and give way.

use sockeye_tcp::{Config, Error, State};

use super::*;

/// One host, a listener on port 80 of its loopback.
struct Lone {
    stack: Stack,
    listener: ListenerId,
    now: Instant,
}

impl Lone {
    fn new(settings: Settings) -> Lone {
        let mut stack = Stack::new(settings, Rng::from_seed(1));
        let bind = stack.bind_tcp(request("127.0.0.1", 80)).unwrap();
        let now = Instant::from_millis(1);
        let listener = stack.tcp_listen(now, bind, 100, Config::default()).unwrap();
        Lone { stack, listener, now }
    }

    fn try_connect(&mut self, bind: Option<BindId>) -> Result<ConnectionId, ConnectError> {
        let (to, with) = (at("127.0.0.1", 80), (Config::default(), IpOptions::default()));
        self.stack.tcp_connect(self.now, bind.map_or(anywhere(&to), Origin::Bound), to, with)
    }

    /// Who connected, who accepted.
    fn connected(&mut self) -> (ConnectionId, ConnectionId) {
        let client = self.try_connect(None).unwrap();
        (client, self.stack.tcp_accept(self.listener).unwrap())
    }

    /// Both ends close, the client first: it goes to TIME-WAIT if there is room.
    fn part(&mut self, (client, server): (ConnectionId, ConnectionId)) {
        self.stack.tcp_release(self.now, client);
        self.stack.tcp_release(self.now, server);
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(next) = self.stack.next_deadline().filter(|next| *next <= end) {
            self.now = next;
            self.stack.advance(next);
        }
        self.now = end;
    }
}

#[test]
fn time_wait_is_left_out_beyond_the_bound() {
    let mut lone = Lone::new(Settings { tcp_max_tw_buckets: 2, ..Settings::default() });
    let ids: Vec<_> = (0..4).map(|_| lone.connected()).collect();
    ids.iter().for_each(|pair| lone.part(*pair));
    assert_eq!(lone.stack.tcp_time_waits(), 2);
    lone.pass(Duration::from_secs(61));
    assert_eq!(lone.stack.tcp_time_waits(), 0);
    // They made room.
    let more = lone.connected();
    lone.part(more);
    assert_eq!(lone.stack.tcp_time_waits(), 1);
}

#[test]
fn an_orphan_beyond_the_bound_is_reset() {
    let mut lone = Lone::new(Settings { tcp_max_orphans: 2, ..Settings::default() });
    let ids: Vec<_> = (0..3).map(|_| lone.connected()).collect();
    ids.iter().for_each(|(client, _)| lone.stack.tcp_release(lone.now, *client));
    let seen = |lone: &Lone, i: usize| {
        let tcb = lone.stack.tcp(ids[i].1).unwrap();
        (tcb.state(), tcb.error())
    };
    assert_eq!(seen(&lone, 0), (State::CloseWait, None));
    assert_eq!(seen(&lone, 1), (State::CloseWait, None));
    // Its FIN came before the reset.
    assert_eq!(seen(&lone, 2), (State::Closed, Some(Error::BrokenPipe)));
    assert!(lone.stack.tcp(ids[2].0).is_none());
    // An orphan that has ended makes room.
    lone.stack.tcp_release(lone.now, ids[0].1);
    let more = lone.connected();
    lone.stack.tcp_release(lone.now, more.0);
    assert_eq!(lone.stack.tcp(more.1).unwrap().state(), State::CloseWait);
}

#[test]
fn connect_over_loopback_takes_a_place_in_time_wait() {
    let mut lone = Lone::new(Settings { ip_local_port_range: (40_000, 40_000), ..Settings::default() });
    let first = lone.connected();
    let (port, end) = (lone.stack.tcp_endpoints(first.0).unwrap().0.port(), |lone: &Lone, id| {
        lone.stack.tcp(id).unwrap().snd_nxt()
    });
    assert_eq!(port, 40_000);
    lone.stack.tcp_release(lone.now, first.0);
    let last = end(&lone, first.0);
    lone.stack.tcp_release(lone.now, first.1);
    assert_eq!(lone.stack.tcp_time_waits(), 1);
    assert_eq!(lone.try_connect(None), Err(ConnectError::NoPorts));
    lone.pass(Duration::from_secs(1));
    let (client, server) = lone.connected();
    assert_eq!(lone.stack.tcp(client).unwrap().state(), State::Established);
    assert!(end(&lone, client).after(last + 65_000));
    assert_eq!(lone.stack.tcp_time_waits(), 0);
    // Without timestamps nothing would tell the old segments.
    lone.part((client, server));
    let plain = Config { timestamps: false, ..Config::default() };
    lone.stack.tcp_set_listener_config(lone.listener, plain);
    lone.pass(Duration::from_secs(1));
    let bare = lone.connected();
    lone.part(bare);
    lone.pass(Duration::from_secs(10));
    assert_eq!(lone.try_connect(None), Err(ConnectError::NoPorts));
}

#[test]
fn a_port_that_was_asked_for_need_not_wait() {
    let mut lone = Lone::new(Settings { tcp_tw_reuse: 0, ..Settings::default() });
    let bind = lone.stack.bind_tcp(request("127.0.0.1", 5000)).unwrap();
    for _ in 0..3 {
        let client = lone.try_connect(Some(bind)).unwrap();
        let server = lone.stack.tcp_accept(lone.listener).unwrap();
        assert_eq!(lone.try_connect(Some(bind)), Err(ConnectError::TupleInUse));
        lone.part((client, server));
        assert_eq!(lone.stack.tcp_time_waits(), 1);
    }
    lone.stack.unbind(bind);
    assert!(lone.stack.tcp_ports.is_bound(5000));
    lone.pass(Duration::from_secs(61));
    assert!(!lone.stack.tcp_ports.is_bound(5000));
}

//! What goes wrong, and when a program is told.

use super::*;

#[test]
fn nobody_listens() {
    for version in BOTH {
        let mut pair = Pair::new(1, version, ms(10), Loss::None);
        let client = pair.connect(PORT);
        assert_eq!(pair.outcome(client), Err(Errno::ECONNREFUSED));
        // Resolution and one round trip.
        assert_eq!(pair.now, Instant::from_millis(40));
    }
}

#[test]
fn nobody_has_the_address() {
    for version in BOTH {
        let mut pair = Pair::new(1, version, ms(10), Loss::None);
        let mut address = pair.b_address(PORT);
        address.set_ip(match version {
            Version::V4 => [10, 0, 0, 99].into(),
            Version::V6 => "fd00::99".parse().unwrap(),
        });
        let (a, family) = (pair.a, pair.family());
        let client = pair.host(a).socket(family, Transport::Tcp).unwrap();
        assert_eq!(pair.host(a).connect(Instant::ZERO, client, address), Err(Errno::EINPROGRESS));
        let mut outcome = Ok(());
        pair.run(|pair| {
            let now = pair.now;
            outcome = pair.host(a).connect(now, client, address);
            outcome != Err(Errno::EALREADY)
        });
        assert_eq!(outcome, Err(Errno::EHOSTUNREACH));
        // Three probes, a second apart; Linux rounds a bit.
        assert!((3000..3200).contains(&pair.now.as_millis()), "{:?}", pair.now);
    }
}

#[test]
fn no_route_is_known_at_once() {
    let mut pair = Pair::new(1, Version::V4, ms(10), Loss::None);
    let a = pair.a;
    for (family, address) in [(Family::Inet, "192.0.2.1:80"), (Family::Inet6, "[2001:db8::1]:80")] {
        let client = pair.host(a).socket(family, Transport::Tcp).unwrap();
        let outcome = pair.host(a).connect(Instant::ZERO, client, address.parse().unwrap());
        assert_eq!(outcome, Err(Errno::ENETUNREACH));
    }
}

/// Connects, cuts the cable and sends; the error that comes at last, after how many seconds, and how often it was sent.
fn cut_cable(pair: &mut Pair) -> (Option<Errno>, u64, usize) {
    let (client, _) = pair.connection();
    pair.wait(ms(500));
    let (a, link, start) = (pair.a, pair.link, pair.now);
    pair.lab.cut(link, true);
    pair.lines();
    assert_eq!(pair.host(a).send(start, client, b"lost"), Ok(4));
    let mut error = None;
    pair.run(|pair| {
        error = pair.host(a).take_error(client);
        error.is_some()
    });
    let lines = pair.lines();
    assert!(lines.iter().all(|line| line.ends_with("(the link is cut)")));
    let sent = lines.iter().filter(|line| line.contains("len 4")).count();
    (error, pair.now.since(start).as_secs(), sent)
}

/// tcp_retries2 of 15: with an RTO of about 200 ms the last wait ends after 924.6 s (RFC 1122, section 4.2.3.5, asks for
/// 100 s at least).
#[test]
fn a_cut_cable_far_away_times_out() {
    for version in BOTH {
        let (error, seconds, sent) = cut_cable(&mut Pair::far(version));
        assert_eq!(error, Some(Errno::ETIMEDOUT));
        assert!((920..930).contains(&seconds), "{seconds} s");
        // The data, a tail loss probe, and fifteen times by the timer.
        assert_eq!(sent, 17);
    }
}

/// On the own link the neighbour is missed after a while, and the reason reported in the end is that (Linux's
/// tcp_write_err prefers the soft error).
#[test]
fn a_cut_cable_next_door_is_no_route() {
    for version in BOTH {
        let (error, seconds, _) = cut_cable(&mut Pair::new(1, version, ms(1), Loss::None));
        assert_eq!(error, Some(Errno::EHOSTUNREACH));
        assert!((920..930).contains(&seconds), "{seconds} s");
    }
}

/// tcp_syn_retries of 6, behind four without backoff (tcp_syn_linear_timeouts, Linux 6.5).
#[test]
fn a_syn_into_the_void_times_out() {
    let mut pair = Pair::far(Version::V4);
    // The neighbour is known, then the cable goes.
    let (first, _) = pair.connection();
    let (a, link, start) = (pair.a, pair.link, pair.now);
    pair.host(a).abort(start, first);
    pair.lab.cut(link, true);
    pair.lines();
    let client = pair.connect(PORT);
    assert_eq!(pair.outcome(client), Err(Errno::ETIMEDOUT));
    let syns = pair.lines().into_iter().filter(|line| line.contains(" S "));
    let times: Vec<u64> =
        syns.map(|line| line.split(' ').next().unwrap().parse::<u64>().unwrap() / 1000).collect();
    assert_eq!(times, [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67]);
    assert_eq!(pair.now.since(start).as_secs(), 131);
}

#[test]
fn a_mended_cable_goes_on() {
    let mut pair = Pair::new(1, Version::V4, ms(1), Loss::None);
    let (client, server) = pair.connection();
    let (a, b, link, now) = (pair.a, pair.b, pair.link, pair.now);
    pair.lab.cut(link, true);
    assert_eq!(pair.host(a).send(now, client, b"later"), Ok(5));
    pair.wait(Duration::from_secs(20));
    assert_eq!(pair.lab.host(b).unread(server), Ok(0));
    pair.lab.cut(link, false);
    pair.run(|pair| pair.lab.host(b).unread(server) == Ok(5));
    assert!(pair.now.as_millis() < 60_000);
}

//! Connections made for one known reason to be slow, in virtual time, explained from either end and from the way between.

mod hostile;
mod kernel;
mod network;

use std::io::{Read, Write};
use std::num::NonZeroU64;
use std::time::Duration;

use network::{Made, Place, read_all, write};
use sockeye::{LinkOptions, Loss, thread};
use sockeye_view::{Cause, Explanation, Outcome, Side};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The share of a cause, in thousandths.
fn share(explained: &Explanation, cause: Cause) -> u32 {
    explained.findings.iter().filter(|finding| finding.cause == cause).map(|finding| finding.share).sum()
}

/// From every place the cause has so much of the connection's life, and whatever is said adds up.
fn finds(made: &Made, cause: Cause, side: Option<Side>, at_least: u32) -> [Explanation; 4] {
    let all = made.explained();
    for (explained, place) in all.iter().zip(Place::ALL) {
        adds_up(explained);
        assert!(share(explained, cause) >= at_least, "{cause:?} from {place:?}:\n{explained}");
        let of_it = explained.findings.iter().filter(|finding| finding.cause == cause);
        let longest = of_it.max_by_key(|finding| finding.time).expect("found");
        assert_eq!(longest.side, side, "from {place:?}:\n{explained}");
    }
    all
}

/// As [`finds`], and nothing took longer.
fn blames(made: &Made, cause: Cause, side: Option<Side>) -> [Explanation; 4] {
    let all = finds(made, cause, side, 400);
    for (explained, place) in all.iter().zip(Place::ALL) {
        assert_eq!(explained.findings[0].cause, cause, "from {place:?}:\n{explained}");
    }
    all
}

fn adds_up(explained: &Explanation) {
    let time: Duration = explained.findings.iter().map(|finding| finding.time).sum();
    assert_eq!(time, explained.life, "{explained}");
    let shares: u32 = explained.findings.iter().map(|finding| finding.share).sum();
    // What took no time had no reason to.
    assert!(shares == 1000 || explained.life.is_zero() && shares == 0, "{explained}");
}

const CLIENT: Option<Side> = Some(Side::Client);
const SERVER: Option<Side> = Some(Side::Server);

#[test]
fn a_handshake() {
    let made = Made::new(100, |_| Ok(()), |_| Ok(()));
    let all = finds(&made, Cause::Handshake, None, 400);
    for explained in all {
        assert_eq!(explained.outcome, Outcome::Closed);
    }
}

#[test]
fn slow_start() {
    let mut made = Made::new(50, |mut stream| write(&mut stream, 1_000_000), read_all);
    made.sysctls[1] = &[("net.ipv4.tcp_rmem", "4096 6000000 6000000")];
    blames(&made, Cause::SlowStart, CLIENT);
}

#[test]
fn a_small_receive_window() {
    let mut made = Made::new(20, |mut stream| write(&mut stream, 1_000_000), read_all);
    made.sysctls[1] = &[("net.ipv4.tcp_rmem", "4096 20000 20000")];
    blames(&made, Cause::WindowSmall, CLIENT);
}

#[test]
fn a_receiver_that_does_not_read() {
    let mut made = Made::new(
        5,
        |mut stream| write(&mut stream, 300_000),
        |mut stream| {
            let mut room = vec![0; 20_000];
            while stream.read(&mut room)? > 0 {
                thread::sleep(ms(500));
            }
            Ok(())
        },
    );
    made.sysctls[1] = &[("net.ipv4.tcp_rmem", "4096 60000 60000")];
    blames(&made, Cause::WindowClosed, CLIENT);
}

#[test]
fn a_small_send_buffer() {
    let mut made = Made::new(20, |mut stream| write(&mut stream, 1_000_000), read_all);
    made.sysctls[0] = &[("net.ipv4.tcp_wmem", "4096 20000 20000")];
    blames(&made, Cause::SendBuffer, CLIENT);
}

#[test]
fn nagle_and_delayed_acknowledgements() {
    let made = Made::new(
        2,
        |mut stream| {
            for _ in 0..20 {
                stream.write_all(b"four")?;
                stream.write_all(&[7; 200])?;
                stream.read_exact(&mut [0; 3])?;
            }
            Ok(())
        },
        |mut stream| {
            for _ in 0..20 {
                stream.read_exact(&mut [0; 204])?;
                stream.write_all(b"yes")?;
            }
            Ok(())
        },
    );
    blames(&made, Cause::Nagle, CLIENT);
}

/// Sends a little, with losses.
fn with_losses(segments: usize, lost: &[u64]) -> Made {
    let programs: [network::Program; 3] = [
        |mut stream| write(&mut stream, 9 * 1400),
        |mut stream| write(&mut stream, 3 * 1400),
        |mut stream| {
            write(&mut stream, 5 * 1400)?;
            thread::sleep(ms(1000));
            Ok(())
        },
    ];
    let program = match segments {
        9 => programs[0],
        3 => programs[1],
        _ => programs[2],
    };
    let mut made = Made::new(100, program, read_all);
    made.link.there.loss = Loss::Data(lost.to_vec());
    made
}

#[test]
fn a_fast_retransmit() {
    let mut made = with_losses(9, &[2]);
    made.sysctls = [&[("net.ipv4.tcp_sack", "0")]; 2];
    finds(&made, Cause::FastRetransmit, CLIENT, 200);
}

#[test]
fn a_repair_by_selective_acknowledgements() {
    finds(&with_losses(9, &[2]), Cause::Sack, CLIENT, 200);
}

#[test]
fn a_repair_by_time() {
    finds(&with_losses(3, &[1]), Cause::Rack, CLIENT, 200);
}

#[test]
fn a_time_out() {
    let mut made = Made::new(
        10,
        |mut stream| {
            write(&mut stream, 1000)?;
            thread::sleep(ms(100));
            write(&mut stream, 20_000)
        },
        read_all,
    );
    made.events = |link| {
        thread::sleep(ms(50));
        link.cut();
        thread::sleep(ms(3000));
        link.mend();
    };
    let all = made.explained();
    for (explained, place) in all.iter().zip(Place::ALL) {
        adds_up(explained);
        // The server has seen nothing of it.
        let cause = if place == Place::Server { Cause::Application } else { Cause::TimeOut };
        assert_eq!(explained.findings[0].cause, cause, "from {place:?}\n{explained}");
    }
}

#[test]
fn a_slow_server() {
    let made = Made::new(
        10,
        |mut stream| {
            for _ in 0..3 {
                write(&mut stream, 100)?;
                stream.read_exact(&mut [0; 500])?;
            }
            Ok(())
        },
        |mut stream| {
            for _ in 0..3 {
                stream.read_exact(&mut [0; 100])?;
                thread::sleep(ms(400));
                write(&mut stream, 500)?;
            }
            Ok(())
        },
    );
    blames(&made, Cause::Application, SERVER);
}

#[test]
fn a_slow_client() {
    let made = Made::new(
        10,
        |mut stream| {
            for _ in 0..10 {
                write(&mut stream, 2000)?;
                thread::sleep(ms(150));
            }
            Ok(())
        },
        read_all,
    );
    blames(&made, Cause::Application, CLIENT);
}

#[test]
fn a_slow_link() {
    let mut made = Made::new(10, |mut stream| write(&mut stream, 1_000_000), read_all);
    made.link = made.link.rate(NonZeroU64::new(5_000_000).expect("a rate"));
    blames(&made, Cause::LinkRate, CLIENT);
}

#[test]
fn many_round_trips() {
    let made = Made::new(
        30,
        |mut stream| {
            for _ in 0..20 {
                write(&mut stream, 100)?;
                stream.read_exact(&mut [0; 100])?;
            }
            Ok(())
        },
        |mut stream| {
            for _ in 0..20 {
                stream.read_exact(&mut [0; 100])?;
                write(&mut stream, 100)?;
            }
            Ok(())
        },
    );
    blames(&made, Cause::RoundTrip, None);
}

#[test]
fn losses_in_the_long_run() {
    let mut made = Made::new(25, |mut stream| write(&mut stream, 1_500_000), read_all);
    made.link.there.loss = Loss::PerMillion(20_000);
    for (explained, place) in made.explained().iter().zip(Place::ALL) {
        adds_up(explained);
        let repair = [Cause::Sack, Cause::Rack, Cause::FastRetransmit, Cause::TailLossProbe, Cause::TimeOut];
        let repair: u32 = repair.into_iter().map(|cause| share(explained, cause)).sum();
        let of_losses = repair + share(explained, Cause::CongestionWindow);
        assert!(of_losses > 700, "from {place:?}:\n{explained}");
    }
}

#[test]
fn a_tail_loss() {
    let all = with_losses(5, &[4, 5]).explained();
    for (explained, place) in all.iter().zip(Place::ALL) {
        adds_up(explained);
        // The server sees the repetition only: it came late, and who knows why.
        let cause = if place == Place::Server { Cause::Unknown } else { Cause::TailLossProbe };
        assert!(share(explained, cause) > 200, "from {place:?}\n{explained}");
    }
}

/// A flight arrives, and nothing that says so comes back: something new asks for it.
#[test]
fn lost_acknowledgements() {
    let mut made = Made::new(20, |mut stream| write(&mut stream, 100_000), read_all);
    made.events = |link| {
        let good = LinkOptions::new().delay(ms(20));
        let mut bad = good.clone();
        bad.back.loss = Loss::PerMillion(1_000_000);
        thread::sleep(ms(90));
        link.change(bad.there, bad.back);
        thread::sleep(ms(50));
        link.change(good.there, good.back);
    };
    let all = made.explained();
    for (explained, place) in all.iter().zip(Place::ALL) {
        adds_up(explained);
        // The server has sent them all.
        if place != Place::Server {
            assert!(share(explained, Cause::TailLossProbe) > 100, "from {place:?}\n{explained}");
            assert_eq!(share(explained, Cause::Application), 0, "from {place:?}\n{explained}");
        }
    }
}

/// How a connection ended, and the cause of most of its time, from each place.
fn ends(made: &Made, outcome: &Outcome) -> [Cause; 4] {
    made.explained().map(|explained| {
        adds_up(&explained);
        assert_eq!(explained.outcome, *outcome, "{explained}");
        explained.findings[0].cause
    })
}

#[test]
fn nobody_answers() {
    let mut made = Made::new(10, |_| Ok(()), |_| Ok(()));
    made.link.there.loss = Loss::PerMillion(1_000_000);
    let captured = made.run();
    for place in [Place::Client, Place::Middle, Place::Everywhere] {
        let explained = sockeye_view::explain(&network::flow(&captured, place));
        assert_eq!(explained.outcome, Outcome::NeverAnswered(None));
        assert_eq!((explained.findings[0].cause, explained.findings[0].share), (Cause::NoAnswer, 1000));
    }
}

#[test]
fn a_syn_is_lost() {
    let mut made = Made::new(10, |_| Ok(()), |_| Ok(()));
    // Before it went the question for the address, and what was to warm up.
    made.link.there.loss = Loss::Frames(vec![3]);
    for place in [Place::Client, Place::Middle, Place::Everywhere] {
        let explained = sockeye_view::explain(&network::flow(&made.run(), place));
        adds_up(&explained);
        assert_eq!(explained.findings[0].cause, Cause::TimeOut, "{explained}");
        assert!(explained.life > ms(900));
    }
}

#[test]
fn a_refusal_and_a_reset() {
    let mut made = Made::new(
        10,
        |mut stream| stream.read_exact(&mut [0]),
        |mut stream| {
            stream.read_exact(&mut [0; 10])?;
            thread::sleep(ms(500));
            // What is unread when it is closed resets the connection.
            drop(stream);
            Ok(())
        },
    );
    made.client = |mut stream| {
        write(&mut stream, 1000)?;
        stream.read_exact(&mut [0])
    };
    assert_eq!(ends(&made, &Outcome::Reset(Side::Server)), [Cause::Application; 4]);
}

#[test]
fn a_server_that_goes_silent() {
    let mut made = Made::new(
        10,
        |mut stream| {
            write(&mut stream, 1000)?;
            thread::sleep(ms(100));
            write(&mut stream, 1000)?;
            stream.read_exact(&mut [0])
        },
        read_all,
    );
    made.events = |link| {
        thread::sleep(ms(70));
        link.cut();
    };
    let captured = made.run();
    for place in [Place::Client, Place::Middle, Place::Everywhere] {
        let explained = sockeye_view::explain(&network::flow(&captured, place));
        adds_up(&explained);
        assert_eq!(explained.outcome, Outcome::Silent(Side::Server), "{explained}");
        assert_eq!(explained.findings[0].cause, Cause::NoAnswer, "{explained}");
    }
}

#[test]
fn a_capture_that_began_late() {
    let mut made = Made::new(20, |mut stream| write(&mut stream, 1_000_000), read_all);
    made.sysctls[0] = &[("net.ipv4.tcp_wmem", "4096 20000 20000")];
    let mut captured = made.run();
    captured.drain(..60);
    let explained = sockeye_view::explain(&network::flow(&captured, Place::Client));
    adds_up(&explained);
    // A small window would look the same.
    assert_eq!(explained.findings[0].cause, Cause::Unknown, "{explained}");
    assert!(explained.findings[0].words.contains("without the handshake"));
}

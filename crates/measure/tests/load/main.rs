//! The load generator against servers good and bad, in virtual time: every figure is exact.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sockeye::async_net::{TcpListener, TcpStream};
use sockeye::{LinkOptions, Simulation, task, time};
use sockeye_measure::load::{Control, Length, Phase, Plan, Report, Request, Target, load};

/// One way over the link.
const DELAY: Duration = Duration::from_millis(10);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One connection, ten requests, to a host that is called `server`.
fn plan(target: &str) -> Plan {
    let target: Target = target.parse().expect("a target");
    let request = match target.path {
        Some(_) => Request::http(&target, "GET", &[], b"", true).expect("a request"),
        None => Request::raw(b"kia ora\n".to_vec(), Length::Bytes(8)),
    };
    Plan {
        target,
        request,
        connections: 1,
        requests: Some(10),
        duration: None,
        rate: None,
        timeout: Duration::from_secs(5),
        keep_alive: true,
        threads: 1,
    }
}

/// Runs a plan against a server that does this with each connection.
fn against<F>(plan: Plan, serve: fn(TcpStream) -> F) -> Report
where
    F: Future<Output = ()> + 'static,
{
    let simulation = Simulation::new(1);
    let lab = simulation.lab();
    let (a, b) = (lab.host("a", ["10.0.0.1/24"]), lab.host("server", ["10.0.0.2/24"]));
    let (a, b) = (a.expect("a host"), b.expect("a host"));
    lab.link(&a, &b, &LinkOptions::new().delay(DELAY));
    simulation.spawn(&b, async move {
        let listener = TcpListener::bind("0.0.0.0:80").await.expect("a listener");
        while let Ok((stream, _)) = listener.accept().await {
            task::spawn(serve(stream));
        }
    });
    let addresses = vec![SocketAddr::from(([10, 0, 0, 2], plan.target.port))];
    let report = load(plan, addresses, Arc::new(Control::default()));
    let report = simulation.block_on(&a, report).expect("it ends");
    println!("{report}");
    report
}

/// Reads a request; `false` at the end.
async fn request(stream: &mut TcpStream) -> bool {
    let mut read = Vec::new();
    let mut buffer = [0; 1024];
    while !read.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return false,
            Ok(length) => read.extend_from_slice(&buffer[..length]),
        }
    }
    true
}

async fn answer(stream: &mut TcpStream, text: &str) {
    let _ = stream.write_all(text.as_bytes()).await;
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";

async fn good(mut stream: TcpStream) {
    while request(&mut stream).await {
        answer(&mut stream, OK).await;
    }
}

/// The only error and how often it came.
fn only_error(report: &Report) -> (Phase, &'static str, u64) {
    let [row] = &report.errors[..] else { panic!("{:?}", report.errors) };
    (row.phase, row.error, row.count)
}

/// Microseconds of a number of round trips, to the histogram's three digits.
fn is_about(micros: f64, millis: f64) -> bool {
    (micros / 1000.0 - millis).abs() < millis / 500.0
}

#[test]
fn a_good_server() {
    let report = against(plan("http://server/"), good);
    assert!(report.is_well() && !report.interrupted && !report.vain);
    assert_eq!((report.requests.answered, report.connected, report.statuses[&200]), (10, 1, 10));
    assert_eq!(report.received, 10 * OK.len() as u64);
    // The first has a round trip for the handshake, and one for ARP.
    let response = report.response.expect("times");
    assert!(is_about(response.min, 20.0) && is_about(response.max, 60.0), "{response:?}");
    assert!(is_about(report.connect.expect("a time").p50, 40.0));
}

#[test]
fn a_connection_each() {
    let plan = Plan { keep_alive: false, connections: 2, ..plan("http://server/") };
    let report = against(plan, good);
    assert_eq!((report.requests.answered, report.connected), (10, 10));
    assert!(is_about(report.response.expect("times").p50, 40.0));
}

#[test]
fn bytes_as_they_are() {
    async fn echo(mut stream: TcpStream) {
        let mut buffer = [0; 100];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            let _ = stream.write_all(&buffer[..length]).await;
        }
    }
    let report = against(plan("server:80"), echo);
    assert!(report.is_well());
    assert_eq!((report.sent, report.received, report.connected), (80, 80, 1));
}

/// More than both sides' buffers hold: it has to read while it writes.
#[test]
fn a_long_echo() {
    async fn echo(mut stream: TcpStream) {
        let mut buffer = vec![0; 65536];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            let _ = stream.write_all(&buffer[..length]).await;
        }
    }
    let bytes = 20_000_000;
    let request = Request::raw(vec![1; bytes], Length::Bytes(bytes as u64));
    let report = against(Plan { request, requests: Some(1), ..plan("server:80") }, echo);
    assert_eq!((report.requests.answered, report.received), (1, bytes as u64));
}

#[test]
fn one_that_never_answers() {
    async fn silent(mut stream: TcpStream) {
        while request(&mut stream).await {}
    }
    let report = against(Plan { requests: Some(2), ..plan("http://server/") }, silent);
    assert_eq!(only_error(&report), (Phase::Receive, "no reply in time", 2));
    assert!(!report.is_well() && report.seconds >= 10.0 && report.seconds < 10.1);
    // The time that it was told to end at comes first.
    let report = against(Plan { duration: Some(ms(1500)), connections: 3, ..plan("http://server/") }, silent);
    assert_eq!((report.requests.answered, report.requests.unfinished, report.seconds), (0, 3, 1.5));
    assert!(!report.is_well());
}

#[test]
fn one_that_closes_early() {
    async fn early(mut stream: TcpStream) {
        request(&mut stream).await;
        answer(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nnot so long").await;
    }
    let report = against(plan("http://server/"), early);
    assert_eq!(only_error(&report), (Phase::Receive, "closed early", 10));
}

#[test]
fn one_that_resets() {
    async fn reset(mut stream: TcpStream) {
        request(&mut stream).await;
        let _ = stream.set_linger(Some(Duration::ZERO));
    }
    let report = against(plan("http://server/"), reset);
    assert_eq!(only_error(&report), (Phase::Receive, "ECONNRESET", 10));
}

#[test]
fn one_that_sends_garbage() {
    async fn garbage(mut stream: TcpStream) {
        answer(&mut stream, "SSH-2.0-Nobody\r\n").await;
        request(&mut stream).await;
    }
    let report = against(plan("http://server/"), garbage);
    assert_eq!(only_error(&report), (Phase::Receive, "not HTTP", 10));
}

/// Each byte is progress, and yet the request has its time.
#[test]
fn one_byte_a_second() {
    async fn slow(mut stream: TcpStream) {
        request(&mut stream).await;
        for byte in OK.bytes() {
            time::sleep(Duration::from_secs(1)).await;
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
        }
    }
    let report = against(Plan { requests: Some(3), ..plan("http://server/") }, slow);
    assert_eq!(only_error(&report), (Phase::Receive, "no reply in time", 3));
    let patient = Plan { timeout: Duration::from_secs(100), requests: Some(1), ..plan("http://server/") };
    let report = against(patient, slow);
    assert!(report.is_well() && is_about(report.first_byte.expect("a time").p50, 1060.0));
}

#[test]
fn nobody_listens() {
    let report = against(Plan { connections: 3, ..plan("http://server:81/") }, good);
    assert_eq!(only_error(&report).1, "ECONNREFUSED");
    assert!(report.vain && report.errors[0].count == 3);
}

/// A keep-alive that has run out is no error; it is for those who may not ask twice.
#[test]
fn a_connection_that_was_closed_meanwhile() {
    async fn twice(mut stream: TcpStream) {
        for _ in 0..2 {
            request(&mut stream).await;
            answer(&mut stream, OK).await;
        }
    }
    let report = against(plan("http://server/"), twice);
    assert_eq!((report.requests.answered, report.requests.again, report.connected), (10, 4, 5));
    assert!(report.is_well());
    let target: Target = "http://server/".parse().expect("a target");
    let request = Request::http(&target, "POST", &[], b"", true).expect("a request");
    let report = against(Plan { request, ..plan("http://server/") }, twice);
    assert_eq!((report.requests.answered, report.requests.failed), (7, 3));
}

/// A status of 400 or more is an answer, and not well.
#[test]
fn not_found() {
    async fn missing(mut stream: TcpStream) {
        while request(&mut stream).await {
            answer(&mut stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
        }
    }
    let report = against(plan("http://server/"), missing);
    assert_eq!((report.requests.answered, report.statuses[&404], report.is_well()), (10, 10, false));
}

/// A server that stalls for a second, of ten requests a second: those that came due meanwhile waited, and that counts. A
/// closed loop would have seen one slow request.
#[test]
fn what_comes_due_while_a_server_stalls_waits() {
    async fn stalls(mut stream: TcpStream) {
        let mut count = 0;
        while request(&mut stream).await {
            count += 1;
            if count == 5 {
                time::sleep(Duration::from_secs(1)).await;
            }
            answer(&mut stream, OK).await;
        }
    }
    let open = Plan { rate: Some(10.0), requests: None, duration: Some(ms(4000)), ..plan("http://server/") };
    let report = against(open, stalls);
    assert_eq!((report.requests.answered, report.requests.unfinished), (40, 0));
    let slow = report.response.expect("times");
    // The fifth took 1.02 s, the next 0.94 s, since it was due 0.1 s later and took 0.02 s more; and so on.
    assert!(is_about(slow.max, 1020.0) && slow.p75 > 200_000.0 && slow.p50 < 25_000.0, "{slow:?}");
    let closed = against(Plan { requests: Some(40), ..plan("http://server/") }, stalls);
    assert!(closed.response.expect("times").p90 < 25_000.0);
}

/// More comes due than can be answered: what was left over is told.
#[test]
fn a_rate_too_high() {
    let open =
        Plan { rate: Some(1000.0), requests: None, duration: Some(ms(1000)), ..plan("http://server/") };
    let report = against(open, good);
    assert!(report.requests.answered < 50);
    assert_eq!(report.requests.answered + report.requests.unfinished, 1000);
}

#[test]
fn it_can_be_stopped() {
    let simulation = Simulation::new(1);
    let lab = simulation.lab();
    let a = lab.host("a", ["10.0.0.1/24"]).expect("a host");
    let listener = a.run(|| sockeye::net::TcpListener::bind("127.0.0.1:80")).expect("a listener");
    let control = Arc::new(Control::default());
    let stopper = control.clone();
    simulation.spawn(&a, async move {
        time::sleep(ms(730)).await;
        stopper.stop();
    });
    let plan = Plan { timeout: Duration::from_secs(60), ..plan("http://localhost/") };
    let addresses = vec![listener.local_addr().expect("an address")];
    let report = simulation.block_on(&a, load(plan, addresses, control)).expect("it ends");
    assert!(report.interrupted && report.seconds == 0.75 && report.requests.unfinished == 1);
}

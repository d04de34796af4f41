//! The pages in words: the index, which tells a newcomer what just happened between two machines, and the help on a path
//! that is not there. Facts go in as values; text or HTML comes out.

use std::fmt::Write;
use std::net::SocketAddr;

use sockeye_base::Duration;

use super::response::{Body, Response, Status};

/// What is true of a connection at the moment its page is made.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The name of the host that serves.
    pub(crate) host: String,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    /// From the client's SYN to its acknowledgement of our SYN-ACK.
    pub(crate) handshake: Option<Duration>,
    pub(crate) rtt: Option<Duration>,
    pub(crate) segs_in: u64,
    pub(crate) segs_out: u64,
    pub(crate) mss: u32,
    /// The client's window scale, and ours.
    pub(crate) scales: Option<(u8, u8)>,
    /// The client's window and ours, in bytes.
    pub(crate) windows: (u32, u32),
    /// Congestion window, in segments.
    pub(crate) cwnd: u32,
    pub(crate) retransmitted: u32,
    pub(crate) has: Has,
}

/// What else is to be had of the host that serves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Has {
    /// An address of IPv6 that other hosts can reach.
    pub(crate) ipv6: bool,
    /// The echo service.
    pub(crate) echo: bool,
    /// A neighbour at 10.61.0.99 could be, but there is none.
    pub(crate) nobody: bool,
}

/// The index page.
pub(crate) fn index(facts: &Facts, html: bool) -> Response {
    if html {
        let body = Body::Text(index_html(facts));
        Response { status: Status::OK, content_type: "text/html; charset=utf-8", body, fields: String::new() }
    } else {
        Response::text(Status::OK, index_text(facts))
    }
}

/// What is said about a path that is not there; `has_index`: at `/` is a file of the host's.
pub(crate) fn not_found(host: &str, has_index: bool) -> Response {
    let mut text = String::from("There is nothing here. What there is:\n\n");
    for (command, what) in &tries(host, Has::default())[usize::from(has_index)..3] {
        let _ = writeln!(text, "  {command:<50} {what}");
    }
    Response::text(Status::NOT_FOUND, text)
}

fn index_text(facts: &Facts) -> String {
    let mut text = format!("Hello from {}, a host that exists only inside Sockeye.\n\n", facts.host);
    text.push_str("What just happened\n");
    for (name, value) in rows(facts) {
        let _ = writeln!(text, "  {name:<12} {value}");
    }
    let _ = write!(text, "\n{EXPLANATION}\n\nWhat to try next, behind `sockeye run --`\n");
    for (command, what) in tries(&facts.host, facts.has) {
        let _ = writeln!(text, "  {command:<50} {what}");
    }
    let _ = write!(text, "\n{PATTERN}\n");
    text.push_str("With `sockeye run --trace --` you see every segment.\n");
    text
}

fn index_html(facts: &Facts) -> String {
    let host = escape(&facts.host);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{host}</title>\n<style>{STYLE}</style></head>\n\
         <body><h1>Hello from {host}</h1>\n<p>This host exists only inside Sockeye.</p>\n<h2>What just happened</h2>\n<table>\n"
    );
    for (name, value) in rows(facts) {
        let _ = writeln!(page, "<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(&value));
    }
    let _ = write!(
        page,
        "</table>\n<p>{}</p>\n<h2>What to try next, behind <code>sockeye run --</code></h2>\n<table>\n",
        escape(EXPLANATION)
    );
    for (command, what) in tries(&facts.host, facts.has) {
        let _ =
            writeln!(page, "<tr><td><code>{}</code></td><td>{}</td></tr>", escape(&command), escape(what));
    }
    let _ = write!(page, "</table>\n<p>{}</p>", escape(PATTERN));
    page.push_str(
        "\n<p>Here at once: <a href=\"/bytes/1M\">/bytes/1M</a>. \
         Put <code>sockeye run --trace --</code> in front of a command to watch every segment.</p>\n</body></html>\n",
    );
    page
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:48em;margin:2em auto;padding:0 1em}\
                     th{text-align:left;padding-right:1.5em;vertical-align:top}td{padding-right:1.5em}";

const EXPLANATION: &str = "Both ends of this conversation are TCP written in Rust, in user space: your program asked \
                           for a socket,\nSockeye answered in the kernel's place, and no packet of it touched a real network.";

const PATTERN: &str =
    "Byte i of /bytes/N is (k ^ k >> 8) & 255 with k = i mod 65521, so that a hash can be checked.";

fn rows(facts: &Facts) -> Vec<(&'static str, String)> {
    let version = if facts.client.is_ipv4() { "IPv4" } else { "IPv6" };
    let mut rows = vec![
        ("from", format!("{}, port {}", facts.client.ip(), facts.client.port())),
        ("to", format!("{}, port {}", facts.server.ip(), facts.server.port())),
        ("over", format!("TCP on {version}")),
    ];
    if let Some(handshake) = facts.handshake {
        let what = if handshake.is_zero() {
            "no time on the network's clock from your SYN to your ACK: the link has no delay".to_owned()
        } else {
            format!("{} from your SYN to your ACK, as this end saw it", time(handshake))
        };
        rows.push(("handshake", what));
    }
    let retransmitted = match facts.retransmitted {
        0 => "none of ours twice".to_owned(),
        n => format!("{n} of ours sent again"),
    };
    rows.push(("segments", format!("{} in, {} out so far; {retransmitted}", facts.segs_in, facts.segs_out)));
    if let Some(rtt) = facts.rtt {
        rows.push(("round trip", format!("{} (smoothed)", time(rtt))));
    }
    rows.push(("MSS", format!("{} bytes of data fit into a segment to you", facts.mss)));
    let scales = match facts.scales {
        Some((client, server)) => format!("; scales: yours 2^{client}, ours 2^{server}"),
        None => "; no scaling".to_owned(),
    };
    rows.push((
        "windows",
        format!("yours {} bytes, ours {} bytes{scales}", facts.windows.0, facts.windows.1),
    ));
    rows.push(("congestion", format!("a window of {} segments", facts.cwnd)));
    rows
}

/// Commands to try on this network, and what each shows.
fn tries(host: &str, has: Has) -> Vec<(String, &'static str)> {
    let tries = [
        (true, format!("curl http://{host}/"), "what just happened, as text"),
        (true, format!("curl -o /dev/null http://{host}/bytes/10M"), "a body of any size: K, M, G, T"),
        (true, format!("curl --data-binary @FILE http://{host}/"), "POST: its length and its SHA-256"),
        (has.ipv6, format!("curl -6 http://{host}/"), "the same over IPv6"),
        (has.echo, format!("printf 'hello\\n' | nc -N {host} 7"), "echo"),
        (true, format!("curl http://{host}:81/"), "a port where nobody listens"),
        (has.nobody, "curl http://10.61.0.99/".to_owned(), "an address that nobody has"),
    ];
    tries.into_iter().filter_map(|(is_so, command, what)| is_so.then_some((command, what))).collect()
}

/// A span in the unit that suits it, to three digits or so; without floating point.
fn time(span: Duration) -> String {
    let nanos = span.as_nanos();
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{}.{} us", nanos / 1_000, nanos / 100 % 10),
        1_000_000..1_000_000_000 => format!("{}.{} ms", nanos / 1_000_000, nanos / 100_000 % 10),
        _ => format!("{}.{} s", nanos / 1_000_000_000, nanos / 100_000_000 % 10),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            host: "te<kapo".to_owned(),
            client: ([10, 61, 0, 1], 40_000).into(),
            server: ([10, 61, 0, 2], 80).into(),
            handshake: Some(Duration::from_micros(38)),
            rtt: Some(Duration::from_millis(20)),
            segs_in: 3,
            segs_out: 2,
            mss: 1448,
            scales: Some((7, 10)),
            windows: (64_256, 65_160),
            cwnd: 10,
            retransmitted: 0,
            has: Has { ipv6: true, echo: true, nobody: true },
        }
    }

    fn text(response: Response) -> String {
        match response.body {
            Body::Text(text) => text,
            Body::Long(_) => panic!("not a text"),
        }
    }

    #[test]
    fn both_pages_tell_the_facts() {
        for html in [false, true] {
            let page = text(index(&facts(), html));
            for fact in
                ["10.61.0.1, port 40000", "IPv4", "38.0 us", "20.0 ms", "3 in, 2 out", "1448", "/bytes/10M"]
            {
                assert!(page.contains(fact), "{fact} in {page}");
            }
            assert_eq!(page.contains("te&lt;kapo"), html);
        }
        assert!(text(not_found("tekapo", false)).contains("/bytes/10M"));
    }

    #[test]
    fn only_what_is_there_is_to_be_tried() {
        let (all, less) = (text(index(&facts(), false)), Facts { has: Has::default(), ..facts() });
        let less = text(index(&less, false));
        for of_some in ["curl -6", "nc -N", "10.61.0.99"] {
            assert!(all.contains(of_some) && !less.contains(of_some), "{of_some}");
        }
        assert!(!text(not_found("tekapo", true)).contains("what just happened"));
    }

    #[test]
    fn times() {
        for (nanos, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_050, "1.0 us"),
            (20_060_000, "20.0 ms"),
            (3_100_000_000, "3.1 s"),
        ] {
            assert_eq!(time(Duration::from_nanos(nanos)), text);
        }
    }
}

//! `sockeye serve`, in each of its shapes, over the kernel and under `sockeye run`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::common::{TempDir, bounded, finish, need, read_line, run, shell, signal, sockeye, start};

const SHAPES: [&str; 7] = ["iterative", "fork", "prefork", "threads", "pool", "event", "passing"];

/// A folder with a small file, a large one, and a link out of it.
fn docroot() -> TempDir {
    let place = TempDir::new();
    let write = |name: &str, bytes: &[u8]| std::fs::write(place.path().join(name), bytes).expect("a file");
    write("index.html", b"<p>kia ora");
    let large: Vec<u8> = (0..1_000_000u32).map(|number| number.to_le_bytes()[0]).collect();
    write("large", &large);
    std::os::unix::fs::symlink("/etc/passwd", place.path().join("out")).expect("a link");
    place
}

/// A server over the kernel, and where it is.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn begin(shape: &str, docroot: &TempDir, more: &[&str]) -> Serving {
        let mut command =
            sockeye(["serve", "--listen", "127.0.0.1:0", "--shape", shape, "--workers", "3", "--docroot"]);
        command.arg(docroot.path()).args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = start(&mut command);
        let line = read_line(child.stderr.as_mut().expect("a pipe"));
        let address = line.split('/').nth(2).unwrap_or_else(|| panic!("{line}")).to_owned();
        Serving { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time");
        stream
    }

    /// What comes back for this, up to the end.
    fn answers(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Tells it to stop; what it printed.
    fn ends(self) -> String {
        signal("TERM", &self.child.id().to_string());
        let output = bounded(self.child, "serve");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// A request for a path, the last of its connection.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

#[test]
fn each_shape_serves_files() {
    let docroot = docroot();
    for shape in SHAPES {
        let serving = Serving::begin(shape, &docroot, &["--log", "-"]);
        let index = serving.answers(&get("/"));
        assert!(
            index.starts_with("HTTP/1.1 200 OK\r\n") && index.ends_with("\r\n\r\n<p>kia ora"),
            "{shape}: {index}"
        );
        let large = serving.answers(&get("/large"));
        assert!(large.len() > 1_000_000, "{shape}: {}", large.len());
        for (request, status) in [
            (get("/none"), "404"),
            (get("/../secret"), "403"),
            (get("/%2e%2e/secret"), "403"),
            (get("/out"), "403"),
            (get("/%zz"), "400"),
            ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc".to_owned(), "405"),
            ("nonsense\r\n\r\n".to_owned(), "400"),
            (format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "x".repeat(9000)), "431"),
            (get("/large").replace("Host", "Range: bytes=1000000-\r\nHost"), "416"),
        ] {
            let answer = serving.answers(&request);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{shape}: {request}: {answer}");
        }
        let part = serving.answers(&get("/large").replace("Host", "Range: bytes=65-67\r\nHost"));
        assert!(
            part.contains("Content-Range: bytes 65-67/1000000\r\n") && part.ends_with("\r\n\r\nABC"),
            "{part}"
        );
        let head = serving.answers(&get("/").replace("GET", "HEAD"));
        assert!(head.contains("Content-Length: 10\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        let log = serving.ends();
        assert_eq!(log.lines().count(), 13, "{shape}: {log}");
        assert!(log.contains("\"GET / HTTP/1.1\" 200 10\n") && log.contains("\"\" 400 "), "{log}");
    }
}

/// Two requests over one connection, and a stop that leaves the idle one and answers the one that was begun.
#[test]
fn each_shape_keeps_connections_and_stops() {
    let docroot = docroot();
    for shape in SHAPES {
        let serving = Serving::begin(shape, &docroot, &[]);
        let two = format!("GET / HTTP/1.1\r\nHost: x\r\n\r\n{}", get("/none"));
        let answers = serving.answers(&two).matches("HTTP/1.1 ").count();
        // A client that keeps its connection would have the iterative server for itself.
        assert_eq!(answers, if shape == "iterative" { 1 } else { 2 }, "{shape}");
        if shape == "iterative" {
            serving.ends();
            continue;
        }
        let idle = serving.connect();
        let mut begun = serving.connect();
        begun.write_all(b"GET / HTTP/1.1\r\n").expect("it listens");
        // Who asks now is answered after it was heard that the others are there.
        assert!(serving.answers(&get("/")).contains("200 OK"));
        signal("TERM", &serving.child.id().to_string());
        let ended = |mut stream: &TcpStream| stream.read_to_end(&mut Vec::new());
        assert_eq!(ended(&idle).expect("it is closed"), 0, "{shape}");
        begun.write_all(b"Host: x\r\n\r\n").expect("it is still read");
        let mut answer = String::new();
        begun.read_to_string(&mut answer).expect("it is answered");
        assert!(answer.contains("Connection: close\r\n") && answer.ends_with("kia ora"), "{shape}: {answer}");
        serving.ends();
    }
}

/// A client that says nothing, or a byte now and then, is left; others aren't kept waiting where they needn't be.
#[test]
fn each_shape_leaves_the_silent() {
    let docroot = docroot();
    for shape in SHAPES {
        let serving = Serving::begin(shape, &docroot, &["--idle", "100ms", "--most", "2"]);
        let silent: Vec<TcpStream> = (0..4).map(|_| serving.connect()).collect();
        (&silent[0]).write_all(b"GET /").expect("it listens");
        assert!(serving.answers(&get("/")).contains("200 OK"), "{shape}");
        for mut stream in silent {
            let _ = stream.read_to_end(&mut Vec::new());
        }
        serving.ends();
    }
}

/// The same program under Sockeye: shared listeners, children, threads, passed descriptors, and a listener that is shut.
#[test]
fn each_shape_under_run() {
    if !need(&["curl"]) {
        return;
    }
    let (docroot, own) = (docroot(), env!("CARGO_BIN_EXE_sockeye"));
    let script = format!(
        "for shape in {}; do
           {own} serve --shape $shape --workers 3 --listen 127.0.0.1:80 --docroot {} 2>ready.$shape & server=$!
           until grep -qs serving ready.$shape; do :; done
           curl -s http://127.0.0.1/ http://127.0.0.1/; curl -s -o large http://127.0.0.1/large
           echo \" $shape $(wc -c <large)\"
           kill $server; wait $server; echo $?
         done",
        SHAPES.join(" "),
        docroot.path().display()
    );
    let place = TempDir::new();
    let finished = finish(shell(&script).current_dir(place.path())).well();
    for shape in SHAPES {
        assert!(
            finished.text().contains(&format!("<p>kia ora<p>kia ora {shape} 1000000\n0\n")),
            "{shape}: {}\n{}",
            finished.text(),
            finished.errors()
        );
    }
}

#[test]
fn what_can_not_be_served_is_said() {
    finish(&mut sockeye(["serve", "--docroot", "/nonexistent"]))
        .exits(1)
        .complains("/nonexistent: No such")
        .in_one_line();
    finish(&mut sockeye(["serve", "--listen", "192.0.2.1:80"]))
        .exits(1)
        .complains("Cannot assign")
        .in_one_line();
    finish(&mut sockeye(["serve", "--shape", "round"]))
        .exits(2)
        .complains("invalid value 'round'")
        .in_one_line();
    finish(&mut run([env!("CARGO_BIN_EXE_sockeye"), "serve", "--listen", "10.61.0.9:80"]))
        .exits(1)
        .in_one_line();
}

#[test]
fn the_shapes_are_compared() {
    let place = TempDir::new();
    let picture = place.path().join("svg");
    let words = ["bench", "shapes", "--connections", "1,4", "--runs", "1", "--time", "20ms", "--svg"];
    let table = finish(sockeye(words).arg(&picture)).well().text();
    for shape in SHAPES {
        assert_eq!(table.lines().filter(|line| line.starts_with(&format!("{shape} "))).count(), 2, "{table}");
    }
    assert!(table.contains("ratio 4.6    here "), "{table}");
    let picture = std::fs::read_to_string(picture).expect("a picture");
    assert!(picture.starts_with("<svg") && SHAPES.iter().all(|shape| picture.contains(shape)));
    let words =
        ["bench", "shapes", "--shapes", "fork,event", "--connections", "2", "--runs", "1", "--time", "300ms"];
    let under_run = [env!("CARGO_BIN_EXE_sockeye")].into_iter().chain(words).chain(["--json", "--keepalive"]);
    let rows = finish(&mut run(under_run)).well().text();
    let rows: serde_json::Value = serde_json::from_str(&rows).expect("JSON");
    assert_eq!((&rows[0]["shape"], &rows[1]["shape"]), (&"fork".into(), &"event".into()));
    assert!(rows[1]["per_second"]["median"].as_f64() > Some(0.0) && rows[1]["failed"] == 0);
    finish(&mut sockeye(["bench", "shapes", "--connections", "0"])).exits(2).in_one_line();
}

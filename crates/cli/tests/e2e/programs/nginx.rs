//! nginx: a master and two workers.

use std::process::Stdio;

use super::stage::{BAD_LINKS, BOTH, Stage, noise};
use crate::common::{bounded, finish, need, signal, start};
use crate::network::Network;

/// Starts nginx and waits until it answers; its master is `$N`.
const START: &str = "
nginx -p $PWD -c nginx.conf -e error.log & N=$!
until curl -s -o /dev/null http://localhost:8080/; do :; done
";

/// Ends it in good order.
const QUIT: &str = "
kill -QUIT $N; wait $N; echo nginx ended with $?
";

/// A stage for nginx, with two files to serve and a server of these directives.
fn stage(server: &str) -> Stage {
    let stage = Stage::new();
    stage.write("www/index.html", "hello\n");
    stage.write("www/big", noise(3_000_000));
    configure(&stage, server);
    stage
}

fn configure(stage: &Stage, server: &str) {
    let configuration = format!(
        "
daemon off; user nobody nogroup; worker_processes 2; pid nginx.pid; error_log error.log;
events {{ worker_connections 512; }}
http {{
  access_log access.log;
  client_body_temp_path temp1; proxy_temp_path temp2; fastcgi_temp_path temp3;
  uwsgi_temp_path temp4; scgi_temp_path temp5;
  server {{ {server} }}
}}
"
    );
    stage.write("nginx.conf", configuration);
}

fn all_here() -> bool {
    need(&["nginx", "curl", "ab", "wrk", "sha256sum"])
}

#[test]
fn a_hundred_clients_fetch_files() {
    if !all_here() {
        return;
    }
    for options in BOTH {
        let stage = stage("listen 8080; listen [::]:8080; root www; sendfile on;");
        let script = format!(
            "{START}
ab -q -c 100 -n 600 http://10.61.0.1:8080/ | grep -E 'Complete|Failed|Non-2xx'
ab -q -k -c 100 -n 1000 'http://[::1]:8080/' | grep -E 'Complete|Failed|Non-2xx|Keep-Alive'
wrk -t2 -c50 -d1s http://10.61.0.1:8080/big >wrk
until grep -q '/big HTTP/1.1. 200 3000000' access.log; do wrk -t1 -c1 -d1s http://10.61.0.1:8080/big >>wrk; done
grep -c -E 'Socket errors|Non-2xx' wrk
curl -s -6 http://localhost:8080/big | cmp - www/big && echo same
{QUIT}"
        );
        let finished = stage.script(options, &script).well();
        let lines: Vec<String> = finished.text().lines().map(words).collect();
        let expected = [
            "Complete requests: 600",
            "Failed requests: 0",
            "Complete requests: 1000",
            "Failed requests: 0",
            "Keep-Alive requests: 1000",
            "0",
            "same",
            "nginx ended with 0",
        ];
        assert_eq!(lines, expected, "{options:?}: {}\n{}", finished.errors(), stage.read("error.log"));
        // What ab asked for beyond its end is not in the log, nor is it answered.
        let log = stage.read("access.log");
        let from = |address: &str, what: &str| {
            let is_it = |line: &&str| line.starts_with(&format!("{address} - -")) && line.contains(what);
            log.lines().filter(is_it).count()
        };
        assert_eq!(from("10.61.0.1", "\"GET / HTTP/1.0\" 200 6 \"-\" \"ApacheBench"), 600);
        assert_eq!(from("::1", "\"GET / HTTP/1.0\" 200 6 \"-\" \"ApacheBench"), 1000);
        assert!(from("10.61.0.1", "\"GET /big HTTP/1.1\" 200 3000000") > 0, "{log}");
    }
}

#[test]
fn no_client_notices_a_reload() {
    if !all_here() {
        return;
    }
    for listen in ["listen 8080;", "listen 8080 reuseport;"] {
        let stage = stage(&format!("{listen} location / {{ return 200 first; }}"));
        let second = stage.read("nginx.conf").replace("first", "other");
        stage.write("second.conf", second);
        let script = format!(
            "{START}
workers() {{ cat /proc/$N/task/$N/children; }}
before=$(workers)
ab -q -c 10 -n 1000 http://localhost:8080/ >ab & AB=$!
cp second.conf nginx.conf
kill -HUP $N
until curl -s http://localhost:8080/ | grep -q other; do :; done
kill -HUP $N
wait $AB
grep -E 'Complete|Failed|Non-2xx' ab
# Those of before are gone by themselves.
for worker in $before; do while [ -e /proc/$worker ]; do :; done; done
curl -s http://localhost:8080/; echo
{QUIT}"
        );
        let finished = stage.script(&[], &script).well();
        let lines: Vec<String> = finished.text().lines().map(words).collect();
        let expected = ["Complete requests: 1000", "Failed requests: 0", "other", "nginx ended with 0"];
        assert_eq!(lines, expected, "{listen}: {}\n{}", finished.errors(), stage.read("error.log"));
    }
}

#[test]
fn a_graceful_stop_finishes_what_was_begun() {
    if !all_here() || !need(&["python3"]) {
        return;
    }
    // A client that reads on only when nobody listens any more.
    let client = r"
import os, signal, socket, sys
def ask():
    return socket.create_connection(('localhost', 8080), timeout=30)
slow = ask()
slow.sendall(b'GET /more HTTP/1.0\r\n\r\n')
begun = slow.recv(1000)
os.kill(int(sys.argv[1]), signal.SIGQUIT)
while True:
    try: ask().close()
    except ConnectionRefusedError: break
    # It was in the queue when that was closed.
    except ConnectionResetError: pass
came = bytearray(begun)
while piece := slow.recv(65536): came += piece
print(came.split(b'\r\n\r\n', 1)[1] == open('www/more', 'rb').read())
";
    for (options, sendfile) in [(BOTH[0], "on"), (BOTH[0], "off"), (BOTH[1], "on"), (BOTH[1], "off")] {
        let stage = stage(&format!("listen 8080; root www; sendfile {sendfile};"));
        stage.write("client.py", client);
        // More than the buffers of two sockets.
        stage.write("www/more", noise(10_000_000));
        let script = format!("{START} python3 client.py $N; wait $N; echo nginx ended with $?");
        let finished = stage.script(options, &script).well();
        assert_eq!(finished.text(), "True\nnginx ended with 0\n", "{options:?} {}", finished.errors());
    }
}

#[test]
fn a_proxy_asks_its_upstream() {
    if !all_here() {
        return;
    }
    for options in BOTH {
        let stage = stage(
            "listen 8080; client_max_body_size 10m; location / { proxy_pass http://10.61.0.2/; }
             location /dead/ { proxy_pass http://127.0.0.1:9/; }
             location /self/ { proxy_pass http://[::1]:8081; proxy_http_version 1.1; proxy_set_header Connection ''; }
             } server { listen [::1]:8081; location / { return 200 \"$remote_addr $request_uri\\n\"; }",
        );
        let script = format!(
            "{START}
curl -s http://localhost:8080/bytes/2M | sha256sum >through
curl -s http://tekapo/bytes/2M | sha256sum | cmp - through && echo same
curl -s -T www/big http://localhost:8080/ | grep sha256 | cut -d' ' -f2 >sum
sha256sum www/big | grep -q -f sum && echo uploaded
curl -s http://localhost:8080/self/x
curl -s -o /dev/null -w '%{{http_code}}\\n' http://localhost:8080/dead/
{QUIT}"
        );
        let finished = stage.script(options, &script).well();
        let expected = "same\nuploaded\n::1 /self/x\n502\nnginx ended with 0\n";
        assert_eq!(finished.text(), expected, "{options:?}: {}", stage.read("error.log"));
    }
}

#[test]
fn files_over_links_that_lose() {
    if !all_here() {
        return;
    }
    let stage = stage("listen 80; listen [::]:80; root www;");
    let network = Network::new(&BAD_LINKS);
    let mut server = network.run("pukaki", &["nginx", "-c", "nginx.conf", "-e", "error.log", "-p"]);
    server.arg(stage.path()).current_dir(stage.path());
    let server = start(server.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let script = "
until curl -s -o /dev/null http://pukaki/; do :; done
curl -s http://pukaki/big | cmp - www/big && echo same
curl -s -6 --range 1000000-1000099 http://pukaki/big | sha256sum >range
tail -c +1000001 www/big | head -c 100 | sha256sum | cmp - range && echo a range
ab -q -c 20 -n 200 http://pukaki/ | grep -E 'Complete|Failed|Non-2xx'
";
    let finished = finish(&mut stage.on(&network, "aoraki", script)).well();
    let lines: Vec<String> = finished.text().lines().map(words).collect();
    let expected = ["same", "a range", "Complete requests: 200", "Failed requests: 0"];
    assert_eq!(lines, expected, "{}", finished.errors());
    signal("QUIT", &server.id().to_string());
    assert!(bounded(server, "nginx").status.success());
}

/// The new binary has its listeners by inheritance, through `exec`.
#[test]
fn no_client_notices_an_upgrade() {
    if !all_here() {
        return;
    }
    let stage = stage("listen 8080; root www;");
    // It upgrades only as a daemon, and by its whole name.
    stage.write("nginx.conf", stage.read("nginx.conf").replace("daemon off;", ""));
    let script = "
$(command -v nginx) -p $PWD -c nginx.conf -e error.log
until curl -s -o /dev/null http://localhost:8080/; do :; done
OLD=$(cat nginx.pid)
gone() { until ! [ -e /proc/$1 ] || grep -q ') Z' /proc/$1/stat; do :; done; }
ab -q -c 10 -n 1000 http://localhost:8080/ >ab & AB=$!
kill -USR2 $OLD
until [ -e nginx.pid.oldbin ] && [ -s nginx.pid ]; do :; done
NEW=$(cat nginx.pid)
kill -WINCH $OLD; kill -QUIT $OLD; gone $OLD; echo the old one is gone
wait $AB; grep -E 'Complete|Failed|Non-2xx' ab
curl -s http://localhost:8080/; kill -QUIT $NEW; gone $NEW
curl -s http://localhost:8080/; echo $?
";
    let finished = stage.script(&[], script).well();
    let lines: Vec<String> = finished.text().lines().map(words).collect();
    let expected = ["the old one is gone", "Complete requests: 1000", "Failed requests: 0", "hello", "7"];
    assert_eq!(lines, expected, "{}\n{}", finished.errors(), stage.read("error.log"));
}

#[test]
fn workers_that_are_killed_are_replaced() {
    if !all_here() || !need(&["python3"]) {
        return;
    }
    let client = r"
import os, signal, socket, sys
c = socket.create_connection(('localhost', 8080), timeout=30)
c.sendall(b'GET /more HTTP/1.0\r\n\r\n')
begun = c.recv(1000)
for worker in open('/proc/%s/task/%s/children' % (sys.argv[1], sys.argv[1])).read().split():
    os.kill(int(worker), signal.SIGKILL)
came = len(begun)
try:
    while piece := c.recv(65536): came += len(piece)
    print('the end')
except ConnectionResetError:
    print('reset')
print(came < 10000000)
";
    for options in BOTH {
        let stage = stage("listen 8080; root www;");
        stage.write("client.py", client);
        stage.write("www/more", noise(10_000_000));
        let script = format!(
            "{START}
python3 client.py $N
until curl -s http://localhost:8080/; do :; done
{QUIT}"
        );
        let finished = stage.script(options, &script).well();
        // What was sent is read first; behind it nothing is unread, so there is no reset.
        let expected = "the end\nTrue\nhello\nnginx ended with 0\n";
        assert_eq!(finished.text(), expected, "{options:?}: {}", finished.errors());
    }
}

#[test]
fn what_a_listener_can_be_told() {
    if !all_here() || !need(&["openssl"]) {
        return;
    }
    for options in BOTH {
        let stage = stage(
            "listen [::]:8080 ipv6only=off deferred fastopen=16 so_keepalive=30::10 backlog=100 rcvbuf=64k sndbuf=64k;
             root www; sendfile on; tcp_nopush on; reset_timedout_connection on;
             location /threads/ { alias www/; aio threads; directio 512; }
             } server { listen 8443 ssl http2; ssl_certificate cert.pem; ssl_certificate_key key.pem; root www;",
        );
        let script = format!(
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 9 -subj /CN=localhost 2>/dev/null
{START}
for url in http://localhost:8080/big http://localhost:8080/threads/big https://localhost:8443/big; do
  curl -s --cacert cert.pem -w '%{{http_version}} ' -o got $url && cmp got www/big && echo same
done
curl -s --tcp-fastopen http://127.0.0.1:8080/big | cmp - www/big && echo same
curl -s --cacert cert.pem --parallel -o 'got#1' 'https://localhost:8443/big?[1-8]' 2>/dev/null
for n in 1 2 3 4 5 6 7 8; do cmp got$n www/big || echo $n differs; done
{QUIT}"
        );
        let finished = stage.script(options, &script).well();
        let expected = "1.1 same\n1.1 same\n2 same\nsame\nnginx ended with 0\n";
        assert_eq!(finished.text(), expected, "{options:?}: {}", stage.read("error.log"));
    }
}

/// A line with one space where there were many.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

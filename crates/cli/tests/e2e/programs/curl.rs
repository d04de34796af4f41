//! curl and wget, fetching from nginx.

use super::stage::{BOTH, Stage, noise};
use crate::common::need;

/// nginx with one worker, and its files.
fn stage() -> Stage {
    let stage = Stage::new();
    stage.write("www/index.html", "<a href='a/'>a</a> <a href='big'>big</a>");
    stage.write("www/a/index.html", "<a href='one'>one</a> <a href='two'>two</a> <a href='/'>up</a>");
    stage.write("www/a/one", "1");
    stage.write("www/a/two", "2");
    stage.write("www/big", noise(1_000_000));
    stage.write(
        "nginx.conf",
        "
daemon off; user nobody nogroup; worker_processes 1; pid nginx.pid; error_log error.log;
events { worker_connections 512; }
http {
  access_log access.log; root www;
  client_body_temp_path temp1; proxy_temp_path temp2; fastcgi_temp_path temp3; uwsgi_temp_path temp4; scgi_temp_path temp5;
  server { listen 8080; }
  server { listen 8081; limit_rate 100k; }
}
",
    );
    stage
}

/// The script, while nginx serves.
fn served(script: &str) -> String {
    format!(
        "nginx -p $PWD -c nginx.conf -e error.log & N=$!
until curl -s -o /dev/null http://localhost:8080/; do :; done
{script}
kill -QUIT $N; wait $N"
    )
}

#[test]
fn many_urls_over_one_connection() {
    if !need(&["nginx", "curl"]) {
        return;
    }
    let fetch = served(
        "curl -s -o 1 -o 2 -o 3 -o 4 -w '%{num_connects} %{http_code} %{size_download} %{local_ip} %{remote_port}\\n' \\
  http://10.61.0.1:8080/a/one http://10.61.0.1:8080/big http://10.61.0.1:8080/none http://10.61.0.1:8080/a/two
cmp 2 www/big && cat 1 4",
    );
    for options in BOTH {
        let finished = stage().script(options, &fetch).well();
        let expected = "1 200 1 10.61.0.1 8080\n0 200 1000000 10.61.0.1 8080\n0 404 153 10.61.0.1 8080\n\
                        0 200 1 10.61.0.1 8080\n12";
        assert_eq!(finished.text(), expected, "{}", finished.errors());
    }
}

#[test]
fn fifty_transfers_at_once() {
    if !need(&["nginx", "curl"]) {
        return;
    }
    let fetch = served(
        "curl -s -S --parallel --parallel-max 50 -o 'got#1' 'http://localhost:8080/big?[1-50]' 2>errors
for n in $(seq 50); do cmp got$n www/big || echo $n differs; done
grep -c 'GET /big?' access.log",
    );
    for options in BOTH {
        let finished = stage().script(options, &fetch).well();
        assert_eq!(finished.text(), "50\n", "{}", finished.errors());
    }
}

#[test]
fn ranges_uploads_and_limits() {
    if !need(&["nginx", "curl", "sha256sum"]) {
        return;
    }
    let fetch = served(
        "curl -s -r 0-9,500000-500009 -o ranges -w '%{http_code} %{content_type}\\n' http://localhost:8080/big | cut -d';' -f1
curl -s -r -100 http://localhost:8080/big >last; tail -c 100 www/big | cmp - last && echo the last hundred
head -c 300000 www/big >got; curl -s -C - -o got http://localhost:8080/big; cmp got www/big && echo resumed
curl -s -T www/big http://tekapo/ | grep -c $(sha256sum <www/big | cut -d' ' -f1)
curl -s -F file=@www/big -o /dev/null -w '%{http_code}\\n' http://localhost:8080/a/one
curl -s --max-time 0.5 -o part http://localhost:8081/big; echo $? $(($(wc -c <part) < 1000000))
curl -s --connect-timeout 0.3 http://10.61.0.99/; echo $?
curl -s --max-time 0.3 http://10.61.0.99/; echo $?
curl -s http://localhost:8082/; echo $?",
    );
    for options in BOTH {
        let finished = stage().script(options, &fetch).well();
        let expected = "206 multipart/byteranges\nthe last hundred\nresumed\n1\n405\n28 1\n28\n28\n7\n";
        assert_eq!(finished.text(), expected, "{}", finished.errors());
    }
}

#[test]
fn wget_follows_links() {
    if !need(&["nginx", "curl", "wget"]) {
        return;
    }
    let fetch = served(
        "wget -q -r http://localhost:8080/; echo $?
cd localhost:8080 && find . -type f | sort; cmp big ../www/big && cat a/one a/two",
    );
    for options in BOTH {
        let finished = stage().script(options, &fetch).well();
        let expected = "0\n./a/index.html\n./a/one\n./a/two\n./big\n./index.html\n12";
        assert_eq!(finished.text(), expected, "{}", finished.errors());
    }
}

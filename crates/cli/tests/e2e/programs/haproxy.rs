//! haproxy, in front of two nginx.

use super::stage::{BOTH, Stage};
use crate::common::need;

/// A server behind haproxy, which says its name and who asks.
fn nginx(name: &str, port: u16) -> String {
    format!(
        "
daemon off; worker_processes 1; pid {name}.pid; error_log {name}.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path temp1; proxy_temp_path temp2; fastcgi_temp_path temp3; uwsgi_temp_path temp4; scgi_temp_path temp5;
  server {{ listen {port}; listen [::]:{port}; location / {{ return 200 \"{name} $http_x_forwarded_for\\n\"; }} }}
  server {{ listen 1{port} proxy_protocol; location / {{ return 200 \"$proxy_protocol_addr by $remote_addr\\n\"; }} }}
}}
"
    )
}

const CONFIGURATION: &str = "
global
  stats socket unix@admin mode 600 level admin expose-fd listeners
defaults
  timeout connect 5s
  timeout check 5s
  timeout client 20s
  timeout server 20s
  retries 3
  option redispatch
frontend web
  mode http
  bind 0.0.0.0:8000
  bind :::8000 v6only
  option forwardfor
  default_backend both
backend both
  mode http
  balance roundrobin
  option httpchk GET /
  default-server check inter 50 fall 1 rise 1
  server one 127.0.0.1:8001
  server two [::1]:8002
listen through
  mode tcp
  bind :8010
  server tekapo 10.61.0.2:80
listen named
  mode tcp
  bind 10.61.0.1:8020
  server one 127.0.0.1:18001 send-proxy-v2
";

/// Starts the two servers and haproxy, and waits until all answer.
const START: &str = "
nginx -p $PWD -c one.conf -e one.log & ONE=$!
nginx -p $PWD -c two.conf -e two.log & TWO=$!
answers() { until curl -s -o /dev/null $1; do :; done; }
answers localhost:8001; answers localhost:8002
haproxy $MODE -f haproxy.cfg -db 2>log & H=$!
answers localhost:8000
";

fn stage() -> Stage {
    let stage = Stage::new();
    stage.write("one.conf", nginx("one", 8001));
    stage.write("two.conf", nginx("two", 8002));
    stage.write("haproxy.cfg", CONFIGURATION);
    stage
}

fn all_here() -> bool {
    need(&["haproxy", "nginx", "curl", "ab", "sha256sum"])
}

#[test]
fn two_backends_of_which_one_dies() {
    if !all_here() {
        return;
    }
    let script = format!(
        "{START}
ask() {{ for n in 1 2 3 4 5 6; do curl -s $1; done | sort | uniq -c | tr -s ' ' | cut -c2-; }}
ask 10.61.0.1:8000; ask '[fd61::1]:8000'
kill -TERM $ONE; wait $ONE
until grep -q 'one is DOWN' log; do :; done
ask localhost:8000
nginx -p $PWD -c one.conf -e one.log & ONE=$!
until grep -q 'one is UP' log; do :; done
ask localhost:8000
ab -q -c 20 -n 500 http://10.61.0.1:8000/ | grep -E 'Complete|Failed|Non-2xx' | tr -s ' '
curl -s localhost:8010/bytes/1M | sha256sum >through
curl -s tekapo/bytes/1M | sha256sum | cmp - through && echo same
curl -s 10.61.0.1:8020
kill -USR1 $H; wait $H; echo haproxy ended with $?"
    );
    for options in BOTH {
        let finished = stage().script(options, &script).well();
        let expected = "\
3 one 10.61.0.1
3 two 10.61.0.1
3 one fd61::1
3 two fd61::1
6 two 127.0.0.1
3 one 127.0.0.1
3 two 127.0.0.1
Complete requests: 500
Failed requests: 0
same
10.61.0.1 by 127.0.0.1
haproxy ended with 0
";
        assert_eq!(finished.text(), expected, "{options:?} {}", finished.errors());
    }
}

/// The new process takes the listeners over from the old one, by descriptors.
#[test]
fn no_client_notices_a_reload() {
    if !all_here() {
        return;
    }
    let finish_ab = "
wait $AB; grep -E 'Complete|Failed|Non-2xx' ab | tr -s ' '
curl -s localhost:8000 | tr -d onetw";
    let begin = "ab -q -c 10 -n 1000 http://localhost:8000/ >ab & AB=$!";
    let by_successor = format!(
        "{START} {begin}
haproxy -f haproxy.cfg -db -x ./admin -sf $H 2>log & NEXT=$!
wait $H; echo the old one ended with $?
{finish_ab}
kill -USR1 $NEXT; wait $NEXT; echo the new one ended with $?"
    );
    let by_master = format!(
        "MODE=-W {START} {begin}
worker() {{ cat /proc/$H/task/$H/children; }}
old=$(worker)
# A signal that comes before its loop has begun is lost.
until grep -q 'Reloading' log; do kill -USR2 $H; sleep 0.1; done
while [ -e /proc/$old ]; do :; done; echo the old one ended with 0
{finish_ab}
kill -USR1 $H; wait $H; echo the new one ended with $?"
    );
    for script in [by_successor, by_master.replace("$MODE", "-W")] {
        let finished = stage().script(&[], &script).well();
        let expected = "\
the old one ended with 0
Complete requests: 1000
Failed requests: 0
 127.0.0.1
the new one ended with 0
";
        assert_eq!(finished.text(), expected, "{}", finished.errors());
    }
}

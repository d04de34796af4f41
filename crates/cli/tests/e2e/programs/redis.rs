//! Redis: a server, its replica, and their tools.

use super::stage::{BAD_LINKS, BOTH, Stage};
use crate::common::{Finished, bounded, finish, need, signal, start};
use crate::network::Network;

fn all_here() -> bool {
    need(&["redis-server", "redis-cli", "redis-benchmark"])
}

/// Starts a server and waits until it answers; it is `$R`.
const START: &str = "
redis-server --port 6379 --bind 0.0.0.0 :: --protected-mode no --save '' --repl-diskless-sync-delay 0 >log & R=$!
until redis-cli ping >answer 2>/dev/null && grep -q PONG answer; do :; done
";

/// Ends it.
const SHUTDOWN: &str = "
redis-cli shutdown nosave; wait $R; echo redis ended with $?
";

fn lines(finished: &Finished) -> Vec<String> {
    finished.text().lines().map(str::to_owned).collect()
}

#[test]
fn commands_and_pipelines() {
    if !all_here() {
        return;
    }
    let script = format!(
        "{START}
redis-cli set a 41; redis-cli -h ::1 incr a; redis-cli -h 10.61.0.1 get a
redis-cli -h 10.61.0.1 client info | grep -o ' laddr=[^ ]*'
for n in $(seq 2000); do echo set key$n value$n; done | redis-cli --pipe | tail -1
redis-cli dbsize
head -c 300000 /dev/zero | tr '\\0' x | redis-cli -x set long; redis-cli strlen long
redis-cli get long | tr -d 'x\\n' | wc -c
redis-cli bgsave
until redis-cli info persistence | grep -q rdb_bgsave_in_progress:0; do :; done
redis-check-rdb dump.rdb | grep -c 'RDB looks OK'; redis-check-rdb dump.rdb | grep -o '[0-9]* keys read'
{SHUTDOWN}"
    );
    for options in BOTH {
        let finished = Stage::new().script(options, &script).well();
        let expected = [
            "OK",
            "42",
            "42",
            " laddr=10.61.0.1:6379",
            "errors: 0, replies: 2000",
            "2001",
            "OK",
            "300000",
            "0",
            "Background saving started",
            "1",
            "2002 keys read",
            "redis ended with 0",
        ];
        assert_eq!(lines(&finished), expected, "{options:?} {}", finished.errors());
    }
}

#[test]
fn who_subscribed_hears() {
    if !all_here() {
        return;
    }
    let script = format!(
        "{START}
redis-cli --csv psubscribe 'news.*' >heard & redis-cli --csv subscribe news.b >also &
until [ \"$(redis-cli pubsub numpat)\" = 1 ] && redis-cli pubsub numsub news.b | grep -q 1; do :; done
redis-cli publish news.a one; redis-cli publish news.b two; redis-cli publish other three
until grep -q two heard && grep -q two also; do :; done
{SHUTDOWN}
grep pmessage heard; grep ^.message also"
    );
    for options in BOTH {
        let finished = Stage::new().script(options, &script).well();
        let expected = [
            "1",
            "2",
            "0",
            "redis ended with 0",
            "\"pmessage\",\"news.*\",\"news.a\",\"one\"",
            "\"pmessage\",\"news.*\",\"news.b\",\"two\"",
            "\"message\",\"news.b\",\"two\"",
        ];
        assert_eq!(lines(&finished), expected, "{options:?} {}", finished.errors());
    }
}

#[test]
fn a_replica_follows() {
    if !all_here() {
        return;
    }
    let script = format!(
        "{START}
for n in $(seq 1000); do echo set key$n value$n; done | redis-cli --pipe >/dev/null
redis-server --port 6380 --replicaof localhost 6379 --dbfilename replica.rdb --save '' >replica & S=$!
until redis-cli -p 6380 info replication 2>/dev/null | grep -q master_link_status:up; do :; done
redis-cli -p 6380 dbsize; redis-cli -p 6380 get key77; redis-cli -p 6380 set a b
redis-cli set new 1; redis-cli wait 1 10000; until redis-cli -p 6380 get new | grep -q 1; do :; done; redis-cli -p 6380 get new
redis-cli -p 6380 replicaof no one; redis-cli -p 6380 set a b
redis-cli -p 6380 shutdown nosave; wait $S
{SHUTDOWN}"
    );
    let finished = Stage::new().script(&[], &script).well();
    let expected = [
        "1000",
        "value77",
        "READONLY You can't write against a read only replica.",
        "",
        "OK",
        "1",
        "1",
        "OK",
        "OK",
        "redis ended with 0",
    ];
    assert_eq!(lines(&finished), expected, "{}", finished.errors());
}

#[test]
fn the_benchmark_runs() {
    if !all_here() {
        return;
    }
    let script = format!(
        "{START}
redis-benchmark -h 10.61.0.1 -q --csv -n 2000 -c 50 -t ping_mbulk,set,get,lpush,lrange_100 | cut -d, -f1
redis-benchmark -q --csv -n 10000 -c 50 -P 16 --threads 2 -t get,incr | cut -d, -f1
redis-cli get counter:__rand_int__
redis-cli info stats | tr -d '\\r' | grep -E '^(total_connections_received|rejected_connections|total_error_replies)'
{SHUTDOWN}"
    );
    for options in BOTH {
        let finished = Stage::new().script(options, &script).well();
        let text = finished.text();
        for row in ["PING_MBULK", "SET", "GET", "LPUSH (needed to benchmark LRANGE)", "INCR"] {
            assert!(text.contains(&format!("\"{row}\"\n")), "{row} is not in {text}");
        }
        for row in ["\n10000\n", "rejected_connections:0", "total_error_replies:0", "redis ended with 0"] {
            assert!(text.contains(row), "{row} is not in {text}");
        }
    }
}

#[test]
fn over_links_that_lose() {
    if !all_here() {
        return;
    }
    let network = Network::new(&BAD_LINKS);
    let stage = Stage::new();
    let server =
        "exec redis-server --bind 0.0.0.0 :: --protected-mode no --save '' --repl-diskless-sync-delay 0 >log";
    let server = start(&mut stage.on(&network, "pukaki", server));
    let script = "
until redis-cli -h pukaki ping 2>/dev/null | grep -q PONG; do :; done
for n in $(seq 1000); do echo set key$n value$n; done | redis-cli -h pukaki --pipe | tail -1
head -c 300000 /dev/zero | tr '\\0' x | redis-cli -h pukaki -x set long
redis-cli -h pukaki get long | tr -d 'x\\n' | wc -c
redis-benchmark -h pukaki -q --csv -n 500 -c 20 -t incr | cut -d, -f1
redis-cli -h pukaki get counter:__rand_int__
redis-server --replicaof pukaki 6379 --dbfilename replica.rdb --save '' >replica &
until redis-cli info replication 2>/dev/null | grep -q master_link_status:up; do :; done
redis-cli dbsize; redis-cli strlen long
";
    let finished = finish(&mut stage.on(&network, "aoraki", script)).well();
    let expected = ["errors: 0, replies: 1000", "OK", "0", "\"test\"", "\"INCR\"", "500", "1002", "300000"];
    assert_eq!(lines(&finished), expected, "{}", finished.errors());
    signal("TERM", &server.id().to_string());
    assert!(bounded(server, "redis-server").status.success());
}

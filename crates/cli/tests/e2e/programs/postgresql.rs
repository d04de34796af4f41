//! PostgreSQL, which no root may run: a server with psql and pgbench over TCP.

use std::path::PathBuf;

use super::stage::{BOTH, Stage};
use crate::common::{bounded, finish, need, signal, start, users};
use crate::network::Network;

/// Where Debian has the programs of the newest version.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let is_whole = |folder: &PathBuf| folder.join("postgres").is_file() && folder.join("psql").is_file();
    versions.map(|version| version.path().join("bin")).filter(is_whole).max()
}

/// Makes a database, and starts its server; it is `$P`.
const START: &str = "
initdb -D db -U tester -A trust -N --no-instructions >init 2>&1 || cat init
echo 'host all all all trust' >>db/pg_hba.conf
postgres -D db -k '' -h '0.0.0.0,::' -c fsync=off >log 2>&1 & P=$!
export PGUSER=tester PGDATABASE=postgres
until pg_isready -q -h localhost; do :; done
sql() { psql -X -q -A -t -h \"$@\"; }
";

const WORK: &str = r#"
sql 127.0.0.1 -c "create table t as select i, repeat(md5(i::text), 4) as text from generate_series(1, 75000) i"
sql ::1 -c 'copy t to stdout' >out; wc -c <out
sql 10.61.0.1 -c 'create table u (i int, text text)' -c 'copy u from stdin' <out
sql fd61::1 -c 'copy u to stdout' | cmp - out && echo same
sql 10.61.0.1 -c 'select inet_client_addr(), inet_server_addr(), inet_server_port()'
sql localhost -c 'set tcp_keepalives_idle = 33' -c 'set tcp_user_timeout = 4000' -c 'show tcp_keepalives_idle' -c 'show tcp_user_timeout'

# One session listens, another notifies.
echo "listen news;
\! psql -X -q -h ::1 -c \"notify news, 'hello'\"
select 1;" | sql localhost | grep -o '.* received'

# A query that is cancelled, and a session that is ended.
active() { until sql localhost -c "select pid from pg_stat_activity where query like '%pg_sleep(99)' and state = 'active'" | grep .; do :; done; }
psql -X -h localhost -c 'select pg_sleep(99)' 2>cancelled & Q=$!
active >/dev/null; kill -INT $Q; wait $Q; echo psql ended with $?; grep ERROR cancelled
psql -X -h ::1 -c 'select pg_sleep(99)' 2>ended & Q=$!
sql localhost -c "select pg_terminate_backend($(active))"; wait $Q; echo psql ended with $?; head -1 ended

# Twenty connections at once.
pgbench -q -i -s 1 -h localhost 2>/dev/null >&2
pgbench -n -c 20 -j 4 -t 10 -h 10.61.0.1 | grep -E 'processed|failed'
sql localhost -c 'select count(*), sum(tbalance) = sum(bbalance) from pgbench_tellers, pgbench_branches' | cut -d'|' -f1
pgbench -n -S -C -c 4 -t 10 -h ::1 2>/dev/null | grep -E 'processed|failed'

# A fast stop, while somebody waits.
psql -X -h localhost -c 'select pg_sleep(99)' 2>stopped & Q=$!
active >/dev/null
pg_ctl -D db -m fast -s stop; wait $P; echo postgres ended with $?
wait $Q; echo psql ended with $?; head -1 stopped
"#;

const EXPECTED: &str = "\
10113894
same
10.61.0.1|10.61.0.1|5432
33
4000
Asynchronous notification \"news\" with payload \"hello\" received
psql ended with 1
ERROR:  canceling statement due to user request
t
psql ended with 2
FATAL:  terminating connection due to administrator command
number of transactions actually processed: 200/200
number of failed transactions: 0 (0.000%)
10
number of transactions actually processed: 40/40
number of failed transactions: 0 (0.000%)
postgres ended with 0
psql ended with 2
FATAL:  terminating connection due to administrator command
";

#[test]
fn a_server_and_its_clients() {
    if !need(&["setpriv", "psql"]) {
        return;
    }
    let Some(programs) = programs() else { panic!("psql is there, but no server") };
    let user = users().pop().expect("somebody");
    let script = format!("PATH=$PATH:{}; {START} {WORK}", programs.display());
    for options in BOTH {
        let stage = Stage::new();
        user.give(stage.path());
        let mut command = user.sockeye(["run"].iter().chain(options).chain(&["--", "sh", "-c", &script]));
        let finished = finish(command.current_dir(stage.path())).well();
        let text = finished.text();
        assert_eq!(text, EXPECTED, "{options:?} {}\n{}", finished.errors(), stage.read("log"));
    }
}

/// A primary and its standby, each on a host of its own.
#[test]
fn a_standby_over_links_that_lose() {
    if !need(&["setpriv", "psql"]) {
        return;
    }
    let Some(programs) = programs() else { panic!("psql is there, but no server") };
    let user = users().pop().expect("somebody");
    // Some megabytes have to pass: links on which that takes a second.
    let network = Network::of_user(&user, &["--delay", "1ms", "--loss", "0.1%", "--seed", "7"]);
    let stage = Stage::new();
    user.give(stage.path());
    let on = |host: &str, script: &str| {
        let script =
            format!("PATH=$PATH:{}; export PGUSER=tester PGDATABASE=postgres; {script}", programs.display());
        let mut command = user.sockeye(["run", "--host", host, "--", "sh", "-c", &script]);
        command.env("XDG_RUNTIME_DIR", network.place.path()).current_dir(stage.path());
        command
    };
    let primary = "
initdb -D db -U tester -A trust -N --no-instructions >init 2>&1 || cat init
printf 'host all all all trust\nhost replication all all trust\n' >>db/pg_hba.conf
exec postgres -D db -k '' -h '0.0.0.0,::' -c fsync=off >log 2>&1
";
    let primary = start(&mut on("pukaki", primary));
    let standby = "
until pg_isready -q -h pukaki; do :; done
pg_basebackup -h pukaki -D copy -R -X stream -c fast -Z server-gzip --no-sync && echo copied
postgres -D copy -k '' -h localhost -c fsync=off >log.copy 2>&1 & P=$!
until pg_isready -q -h localhost; do :; done
sql() { psql -X -q -A -t -h \"$@\"; }
sql fd61::1 -c \"create table t as select i, repeat(md5(i::text), 4) as text from generate_series(1, 3000) i\"
pgbench -q -i -s 1 -I dtp -h pukaki 2>/dev/null
sql pukaki -c 'insert into pgbench_branches values (1, 0)' -c 'insert into pgbench_tellers select n, 1, 0 from generate_series(1, 10) n'
pgbench -n -c 5 -t 5 -h pukaki | grep -E 'processed|failed'
sql pukaki -c 'select client_addr, state from pg_stat_replication'
LAST=$(sql pukaki -c 'select pg_current_wal_lsn()')
until [ \"$(sql localhost -c \"select pg_last_wal_replay_lsn() >= '$LAST'\")\" = t ]; do :; done
for host in pukaki localhost; do sql $host -c 'table t' | sha256sum >$host; sql $host -c 'select count(*) from pgbench_history'; done
cmp pukaki localhost && echo same
pg_ctl -D copy -s promote; sql localhost -c 'insert into t values (0)' && echo promoted
pg_ctl -D copy -m fast -s stop; wait $P; echo postgres ended with $?
";
    let finished = finish(&mut on("aoraki", standby));
    signal("INT", &primary.id().to_string());
    let primary = bounded(primary, "postgres");
    let expected = "\
copied
number of transactions actually processed: 25/25
number of failed transactions: 0 (0.000%)
fd61::3|streaming
25
25
same
promoted
postgres ended with 0
";
    assert_eq!(finished.text(), expected, "{}\n{}", finished.errors(), stage.read("log"));
    assert!(primary.status.success());
}

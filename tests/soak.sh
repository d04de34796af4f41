#!/bin/sh
# Whether the supervisor keeps anything of what its programs did: loads nginx and redis-server under `sockeye run`, and
# compares its descriptors and its memory before and after.
#
#   tests/soak.sh [SECONDS [REQUESTS [OPTION...]]]
#
# wrk loads nginx for SECONDS (120), half of the time with a connection for each request; redis-benchmark makes REQUESTS
# (1000000), a tenth of them with a connection each; OPTIONs go to `sockeye run`. SOCKEYE names the program
# (target/release/sockeye). Before comes a fifth of the same, so that buffers and tables have their size. Connections in
# TIME_WAIT count for a minute: the long soak waits for their end. Prints a line for each measure; fails if there are
# more than 4 sockets more, 200 descriptors of other kinds (some of threads are kept, up to a bound), or 8 MiB.
set -eu

if [ "${1:-}" != --inside ]; then
    seconds=${1:-120} requests=${2:-1000000}
    [ $# -lt 2 ] || shift
    [ $# -lt 1 ] || shift
    place=$(mktemp -d)
    trap 'rm -rf "$place"' EXIT
    self=$(realpath "$0") sockeye=$(realpath "${SOCKEYE:-target/release/sockeye}")
    chmod 755 "$place"
    cd "$place"
    "$sockeye" run "$@" -- sh "$self" --inside "$seconds" "$requests"
    exit
fi

# The parent is the guard, and its parent the supervisor.
seconds=$2 requests=$3 supervisor=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$PPID/status")
mkdir www
head -c 10000 /dev/urandom >www/file
cat >nginx.conf <<'END'
daemon off; worker_processes 2; pid nginx.pid; error_log error.log;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path temp1; proxy_temp_path temp2; fastcgi_temp_path temp3; uwsgi_temp_path temp4; scgi_temp_path temp5;
  server { listen 8080; root www; }
}
END
nginx -p "$PWD" -c nginx.conf -e error.log 2>/dev/null & nginx=$!
redis-server --save '' >redis.log & redis=$!
until curl -s -o file http://localhost:8080/file; do :; done
until redis-cli ping 2>/dev/null | grep -q PONG; do :; done

# A load of so many seconds and requests.
load() {
    half=$((($1 + 1) / 2))
    wrk -t2 -c50 -d"$half" http://localhost:8080/file >wrk
    wrk -t2 -c50 -d"$half" -H 'Connection: close' http://localhost:8080/file >>wrk
    if grep -E 'Socket errors|Non-2xx' wrk; then exit 1; fi
    redis-benchmark -q -c 50 -P 4 -n "$2" -t get,set >benchmark
    redis-benchmark -q -c 50 -k 0 -n $(($2 / 10)) -t get >>benchmark
}

descriptors() { ls "/proc/$supervisor/fd" | wc -l; }
# Those that stand for the programs' own.
sockets() { ls -l "/proc/$supervisor/fd" | grep -c socket: || true; }
# Waits until those of clients that have ended are gone, and for TIME_WAIT.
settle() {
    [ "$seconds" -lt 60 ] || sleep 61
    tries=0
    while [ "$(sockets)" -gt 10 ] && [ $tries -lt 1000 ]; do tries=$((tries + 1)); done
}
memory() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$supervisor/status"; }

load $(((seconds + 4) / 5)) $((requests / 5))
settle
# Only the supervisor has so many.
[ "$(descriptors)" -ge 5 ] || { echo "process $supervisor is no supervisor"; exit 1; }
sockets_before=$(sockets) descriptors_before=$(descriptors) memory_before=$(memory)
load "$seconds" "$requests"
settle
sockets_after=$(sockets) descriptors_after=$(descriptors) memory_after=$(memory)
kill -QUIT $nginx; kill $redis; wait $nginx $redis

echo "requests to nginx: $(sed -n 's/^ *\([0-9]*\) requests in.*/\1/p' wrk | paste -sd' ')"
echo "sockets: $sockets_before before, $sockets_after after"
echo "descriptors: $descriptors_before before, $descriptors_after after"
echo "memory: $memory_before KiB before, $memory_after KiB after"
[ "$sockets_after" -le $((sockets_before + 4)) ] && [ "$descriptors_after" -le $((descriptors_before + 200)) ] &&
    [ "$memory_after" -le $((memory_before + 8192)) ]

#!/usr/bin/env python3
"""How fast programs are under `sockeye run`, beside themselves on the kernel's loopback.

    crates/bench/benches/programs/main.py [--sockeye PATH] [--rounds N] [--seconds S] [--json FILE] [NAME ...]

Each row runs in every world (kernel, run --fast, run --exact), in turn, some rounds long; the medians are compared, and the ratio is
turned so that more is better. NAMEs choose the rows whose names contain one. A row whose programs are missing is left out.
Nothing here is a test that can fail. The kernel's world is a network namespace of its own where that is allowed, so
neither world meets the machine's servers. What is served lies in /dev/shm.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]

# Before each script: `until COMMAND` waits for a server, `serve COMMAND` starts one that ends with the script.
PRELUDE = """
set -eu
servers=
trap 'kill $servers 2>/dev/null || :; wait 2>/dev/null || :' EXIT
serve() { "$@" >/dev/null 2>&1 & servers="$servers $!"; }
until_up() { for try in $(seq 200); do "$@" >/dev/null 2>&1 && return; sleep 0.02; done; echo "never up: $*" >&2; exit 1; }
"""
NGINX = """
serve nginx -p {place} -e {place}/error.log -c {place}/nginx.conf
until_up curl -sf http://127.0.0.1:8080/small
"""
REDIS = """
serve redis-server --port 6400 --save '' --appendonly no --daemonize no --protected-mode no
until_up redis-cli -p 6400 ping
"""
IPERF = """
serve iperf3 -s -p 5400
until_up iperf3 -c 127.0.0.1 -p 5400 -n 1K
iperf3 -c 127.0.0.1 -p 5400 -t {seconds} -J %s
"""
REDIS_BENCHMARK = "redis-benchmark -p 6400 -t get --csv %s | tail -1"
MICRO = "{place}/calls %s {seconds}"

# nginx as Debian ships it, less what needs its paths.
NGINX_CONF = """
user root;
worker_processes 1;
daemon off;
pid {place}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_body_temp_path {place}; proxy_temp_path {place}; fastcgi_temp_path {place};
  uwsgi_temp_path {place}; scgi_temp_path {place};
  server {{ listen 127.0.0.1:8080; root {place}/www; }}
}}
"""

GCC = """
loop() {{ for i in 1 2 3 4 5 6; do gcc -O1 -c -o {place}/$1.$i.o {place}/work.c; done; }}
began=$(date +%s%N)
loop a & loop b & wait
echo $(( $(date +%s%N) - began ))
"""

TRUE = """
began=$(date +%s%N)
for i in 1 2 3 4 5 6 7 8 9 10; do {prefix} /bin/true; done
echo $(( $(date +%s%N) - began ))
"""


def number(text):
    """The last number of the last line."""
    return float(text.split()[-1])


def iperf(text):
    return json.loads(text)["end"]["sum_received"]["bits_per_second"] / 8e6


def redis(text):
    return float(text.strip().split(",")[1].strip('"'))


def wrk(text):
    return float(text.split("Requests/sec:")[1].split()[0])


def ab(text):
    return float(text.split("Requests per second:")[1].split()[0])


@dataclass
class Row:
    """One measurement. `read` makes a figure of what the script prints, in `unit`."""

    name: str
    unit: str
    target: float | None
    needs: list
    script: str
    read: callable
    kernel_script: str | None = None
    less_is_better: bool = False
    # It starts programs under the world by itself, instead of running in it.
    outside: bool = False


CURL = "curl -sS -o /dev/null -w '%{{speed_download}}' "

ROWS = [
    Row("curl 1 GB", "MB/s", 1.0, ["curl", "nginx"],
        CURL + "http://tekapo/bytes/1G", lambda text: number(text) / 1e6,
        kernel_script=NGINX + CURL + "http://127.0.0.1:8080/1G"),
    Row("iperf3, one stream", "MB/s", 1.0, ["iperf3"], IPERF % "", iperf),
    Row("iperf3, eight streams", "MB/s", 1.0, ["iperf3"], IPERF % "-P 8", iperf),
    Row("iperf3, --reverse", "MB/s", 1.0, ["iperf3"], IPERF % "-R", iperf),
    Row("redis GET, -P 16", "requests/s", 0.6, ["redis-server", "redis-benchmark"],
        REDIS + REDIS_BENCHMARK % "-P 16 -n {pipelined}", redis),
    Row("redis GET, -P 1, 50 clients", "requests/s", 0.6, ["redis-server", "redis-benchmark"],
        REDIS + REDIS_BENCHMARK % "-P 1 -c 50 -n {single}", redis),
    Row("nginx, wrk -t2 -c50", "requests/s", 0.5, ["nginx", "wrk", "curl"],
        NGINX + "wrk -t2 -c50 -d{seconds}s http://127.0.0.1:8080/small", wrk),
    Row("nginx, ab -c 10, a connection each", "requests/s", 0.3, ["nginx", "ab", "curl"],
        NGINX + "ab -q -c 10 -t {seconds} -n 1000000 http://127.0.0.1:8080/small", ab),
    Row("ten times true", "ms each", None, [], TRUE, lambda text: number(text) / 1e7,
        less_is_better=True, outside=True),
    Row("two loops of gcc", "s", 0.95, ["gcc"], GCC, lambda text: number(text) / 1e9, less_is_better=True),
    Row("call: socket and close", "1/s", None, ["gcc"], MICRO % "socket", number),
    Row("call: setsockopt", "1/s", None, ["gcc"], MICRO % "option", number),
    Row("call: write to another file", "1/s", None, ["gcc"], MICRO % "other", number),
    Row("call: connect, accept, a byte each way, close", "1/s", None, ["gcc"], MICRO % "connection", number),
    Row("call: a byte to another process and back", "1/s", None, ["gcc"], MICRO % "round-trip", number),
]


class Bench:
    def __init__(self, arguments, place):
        self.place, self.rounds, self.seconds = place, arguments.rounds, arguments.seconds
        sockeye = str(Path(arguments.sockeye).resolve())
        self.worlds = {"kernel": namespace(), "run": [sockeye, "run", "--fast", "--"],
                       "exact": [sockeye, "run", "--exact", "--"]}
        self.worlds = {name: prefix for name, prefix in self.worlds.items() if name in arguments.worlds}

    def prepare(self):
        """What the rows serve and compile."""
        www = self.place / "www"
        www.mkdir()
        (www / "small").write_bytes(b"x" * 1024)
        with open(www / "1G", "wb") as file:
            for _ in range(64):
                file.write(os.urandom(1 << 20) * 16)
        (self.place / "nginx.conf").write_text(NGINX_CONF.format(place=self.place))
        if shutil.which("gcc"):
            subprocess.run(["gcc", "-O2", "-o", self.place / "calls", HERE / "calls.c"], check=True)
            (self.place / "work.c").write_bytes((HERE / "calls.c").read_bytes())

    def once(self, row, world):
        """One figure of a row in a world; None if it could not be had."""
        prefix = self.worlds[world]
        script = row.kernel_script if world == "kernel" and row.kernel_script else row.script
        script = PRELUDE + script.format(
            place=self.place, seconds=self.seconds, pipelined=int(600_000 * self.seconds),
            single=int(40_000 * self.seconds), prefix=" ".join([] if world == "kernel" else prefix))
        command = ["sh", "-c", script]
        finished = subprocess.run(command if row.outside else prefix + command, capture_output=True, text=True)
        try:
            return row.read(finished.stdout)
        except (IndexError, ValueError, KeyError):
            print(f"{row.name} ({world}): {finished.stderr.strip() or finished.stdout.strip()}", file=sys.stderr)
            return None

    def measure(self, row):
        samples = {world: [] for world in self.worlds}
        for _ in range(self.rounds):
            for world in self.worlds:
                figure = self.once(row, world)
                if figure is not None:
                    samples[world].append(figure)
        medians = {world: statistics.median(figures) for world, figures in samples.items() if figures}
        result = {"name": row.name, "unit": row.unit, "target": row.target, **medians}
        for world in ("run", "exact"):
            if world in medians and "kernel" in medians:
                ratio = medians[world] / medians["kernel"]
                result[f"{world}_ratio"] = 1 / ratio if row.less_is_better else ratio
        return result


def namespace():
    """What puts a command into a network namespace with nothing but a loopback; nothing where that isn't allowed."""
    prefix = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    prefix += ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    allowed = subprocess.run([*prefix, "true"], capture_output=True).returncode == 0
    return prefix if allowed else ["env"]


def show(result):
    def figure(world):
        value = result.get(world)
        return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"

    def ratio(world):
        value = result.get(f"{world}_ratio")
        return "-" if value is None else f"{value:.2f}"

    target = "" if result["target"] is None else f"{result['target']:.2f}"
    print(f"{result['name']:<46} {figure('kernel'):>10} {figure('run'):>10} {figure('exact'):>10} {result['unit']:<10} "
          f"{ratio('run'):>6} {ratio('exact'):>6} {target:>5}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", help="parts of names of rows")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--sockeye", default=target / "release/sockeye")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--worlds", default="kernel,run,exact", type=lambda text: text.split(","))
    parser.add_argument("--json", help="a file for the figures")
    arguments = parser.parse_args()
    rows = [row for row in ROWS if all(map(shutil.which, row.needs))]
    rows = [row for row in rows if not arguments.names or any(name in row.name for name in arguments.names)]
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as place:
        # A server's worker may be another user.
        os.chmod(place, 0o755)
        bench = Bench(arguments, Path(place))
        bench.prepare()
        print(f"{'':<46} {'kernel':>10} {'run':>10} {'exact':>10} {'':<10} {'run':>6} {'exact':>6} {'aim':>5}")
        results = []
        for row in rows:
            results.append(bench.measure(row))
            show(results[-1])
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

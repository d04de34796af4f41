#!/usr/bin/env python3
"""How fast the way out is (`sockeye run --outside=loopback`), beside slirp4netns and pasta.

    crates/bench/benches/programs/outside.py [--sockeye PATH] [--rounds N] [--seconds S] [--json FILE] [NAME ...]

The same client calls the same server on the machine's loopback through each of them, in turn, some rounds long: iperf3 both
ways, at an MTU of 1500 and of 65520, and ab with a connection for each request. `exact` is with the
gate, as by default, `fast` without. Medians are compared: the ratios are fast's and exact's to the better of slirp4netns
and pasta; `kernel` is the client without anything between. What is missing, or not allowed (slirp4netns and pasta need a
namespace, and pasta an interface with a default route to copy), shows as `-`. Nothing here is a test that can fail.
`--worlds` chooses among them.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
PEERS = ("slirp4netns", "pasta")
NGINX_CONF = """
user root;
worker_processes 1;
daemon off;
pid {place}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {place}; proxy_temp_path {place}; fastcgi_temp_path {place};
  uwsgi_temp_path {place}; scgi_temp_path {place};
  server {{ listen 127.0.0.1:{port}; root {place}/www; }}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.02)
    sys.exit(f"nobody listens on port {port}")


def default_gateway():
    """The machine's default gateway, which pasta takes for its own machine."""
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        words = line.split()
        if words[1] == "00000000":
            return socket.inet_ntoa(bytes.fromhex(words[2])[::-1])
    return None


def in_slirp4netns(command, mtu):
    """Runs a client in a namespace of its own, with slirp4netns beside it."""
    holder = subprocess.Popen(["unshare", "-n", "sleep", "1000"])
    read, write = os.pipe()
    try:
        while os.readlink(f"/proc/{holder.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            time.sleep(0.01)
        slirp = subprocess.Popen(
            ["slirp4netns", "-c", f"--mtu={mtu}", f"--ready-fd={write}", str(holder.pid), "tap0"],
            pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write)
        os.read(read, 1)
        try:
            command = ["nsenter", "-t", str(holder.pid), "-n", *command]
            return subprocess.run(command, capture_output=True, text=True)
        finally:
            slirp.kill()
            slirp.wait()
    finally:
        os.close(read)
        holder.kill()
        holder.wait()


class Bench:
    def __init__(self, arguments, place):
        self.seconds = arguments.seconds
        self.sockeye = [str(Path(arguments.sockeye).resolve()), "run", "--outside=loopback"]
        (place / "www").mkdir()
        (place / "www" / "small").write_bytes(b"x" * 100)
        self.ports = {name: free_port() for name in ("iperf3", "nginx")}
        (place / "nginx.conf").write_text(NGINX_CONF.format(place=place, port=self.ports["nginx"]))
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.servers = []
        for name, command in (
            ("iperf3", ["iperf3", "-s", "-B", "127.0.0.1", "-p", str(self.ports["iperf3"])]),
            ("nginx", ["nginx", "-p", place, "-e", f"{place}/error.log", "-c", f"{place}/nginx.conf"]),
        ):
            if shutil.which(command[0]):
                self.servers.append(subprocess.Popen(command, **quiet))
                wait_for(self.ports[name])
        gateway = default_gateway()
        # Where each world has the machine's loopback, and how a client gets there.
        self.worlds = {
            "kernel": ("127.0.0.1", lambda command, _: subprocess.run(command, capture_output=True, text=True)),
            "fast": ("10.61.0.254", self.under_sockeye("--fast")),
            "exact": ("10.61.0.254", self.under_sockeye("--exact")),
        }
        if shutil.which("slirp4netns") and os.geteuid() == 0:
            self.worlds["slirp4netns"] = ("10.0.2.2", in_slirp4netns)
        if shutil.which("pasta") and gateway:
            self.worlds["pasta"] = (gateway, lambda command, mtu: subprocess.run(
                # As another user it could not see the servers.
                ["pasta", "--runas", f"{os.geteuid()}:{os.getegid()}", "--config-net", "-q", "-m", str(mtu), "--", *command],
                capture_output=True, text=True))
        self.worlds = {name: world for name, world in self.worlds.items() if name in arguments.worlds}

    def under_sockeye(self, flag):
        return lambda command, mtu: subprocess.run(
            [*self.sockeye, flag, "--mtu", str(mtu), "--", *command], capture_output=True, text=True)

    def stop(self):
        for server in self.servers:
            server.terminate()
            server.wait()

    def iperf(self, address, *flags):
        command = ["iperf3", "-c", address, "-p", str(self.ports["iperf3"]), "-t", str(self.seconds), "-J", *flags]
        return command, lambda text: json.loads(text)["end"]["sum_received"]["bits_per_second"] / 8e6

    def ab(self, address):
        url = f"http://{address}:{self.ports['nginx']}/small"
        command = ["ab", "-q", "-c", "10", "-t", str(self.seconds), "-n", "1000000", url]
        return command, lambda text: float(text.split("Requests per second:")[1].split()[0])

    def once(self, make, mtu, world):
        address, run = self.worlds[world]
        command, read = make(address)
        # What hangs is a figure that is missing.
        finished = run(["timeout", str(self.seconds + 20), *command], mtu)
        try:
            return read(finished.stdout)
        except (IndexError, ValueError, KeyError):
            print(f"{world}: {finished.stderr.strip() or finished.stdout.strip()[-300:]}", file=sys.stderr)
            return None


def rows(bench):
    """Name, unit, what it is to be times the better peer, the client, MTU, the program it needs."""
    for mtu in 1500, 65520:
        yield f"iperf3, MTU {mtu}", "MB/s", 2.0, bench.iperf, mtu, "iperf3"
        yield f"iperf3 --reverse, MTU {mtu}", "MB/s", 2.0, lambda a: bench.iperf(a, "-R"), mtu, "iperf3"
    yield "ab -c 10, a connection each", "1/s", 1.2, bench.ab, 65520, "ab"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", help="parts of names of rows")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--sockeye", default=target / "release/sockeye")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--worlds", default="kernel,fast,exact,slirp4netns,pasta", type=lambda text: text.split(","))
    parser.add_argument("--json", help="a file for the figures")
    arguments = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        bench = Bench(arguments, Path(place))
        try:
            print(f"{'':<32}" + "".join(f"{world:>13}" for world in bench.worlds) + f"{'':<7}{'fast':>6} {'exact':>6} {'aim':>5}")
            for name, unit, aim, make, mtu, program in rows(bench):
                if not shutil.which(program) or (arguments.names and not any(part in name for part in arguments.names)):
                    continue
                samples = {world: [] for world in bench.worlds}
                for _ in range(arguments.rounds):
                    for world in bench.worlds:
                        figure = bench.once(make, mtu, world)
                        if figure is not None:
                            samples[world].append(figure)
                medians = {world: statistics.median(figures) for world, figures in samples.items() if figures}
                best = max((medians[peer] for peer in PEERS if peer in medians), default=None)
                ratios = {world: medians[world] / best for world in ("fast", "exact") if best and world in medians}
                results.append({"name": name, "unit": unit, "aim": aim, **medians,
                                **{f"{world}_ratio": ratio for world, ratio in ratios.items()}})
                cells = "".join(f"{medians[world]:>13,.0f}" if world in medians else f"{'-':>13}" for world in bench.worlds)
                shown = " ".join(f"{ratios[world]:>6.2f}" if world in ratios else f"{'-':>6}" for world in ("fast", "exact"))
                print(f"{name:<32}{cells} {unit:<6}{shown} {aim:>5.1f}", flush=True)
        finally:
            bench.stop()
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

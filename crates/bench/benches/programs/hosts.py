#!/usr/bin/env python3
"""How fast two hosts in two processes are (`sockeye up`, `sockeye run --host`), and what many take.

    crates/bench/benches/programs/hosts.py [--sockeye PATH] [--rounds N] [--seconds S] [--many N] [--json FILE] [NAME ...]

The peer is two network namespaces joined by a veth pair (root only). In turn, some rounds long: iperf3 from the one to the
other (MB/s), and one-byte round trips of two Python programs (us); `fast` is without the gate, `exact` the default. Medians
are compared. `join` is the time of `sockeye run --host x -- true` beside that of `sockeye run -- true` (ms), `memory` that of
N hosts of a network in a file, each a process that sleeps, all processes together (MB, smaps_rollup's Pss). Nothing here is a
test that can fail.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
NAMES = ("iperf3", "round-trip", "join", "memory")
ECHO = """
import socket
s = socket.create_server(("", 7100)); print("ready", flush=True)
c, _ = s.accept(); c.setsockopt(6, 1, 1)
while data := c.recv(1): c.send(data)
"""
ASK = """
import socket, sys, time
c = socket.create_connection((sys.argv[1], 7100)); c.setsockopt(6, 1, 1)
def trips(n):
    for _ in range(n): c.send(b"x"); c.recv(1)
trips(500); began = time.monotonic(); trips(10000); print((time.monotonic() - began) * 100)
"""


class Hosts:
    """Two hosts of a network that is up."""

    server = "server"

    def __init__(self, sockeye, flags):
        self.sockeye, self.flags = sockeye, flags

    def __enter__(self):
        self.place = tempfile.TemporaryDirectory()
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.place.name)
        subprocess.run([self.sockeye, "up", "--daemon"], env=self.environment, check=True, stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        subprocess.run([self.sockeye, "down"], env=self.environment, check=True)
        self.place.cleanup()

    def start(self, host, *command):
        words = [self.sockeye, "run", *self.flags, "--host", host, "--", *command]
        return subprocess.Popen(words, env=self.environment, stdout=subprocess.PIPE, text=True)


class Veth:
    """Two network namespaces."""

    server = "10.9.0.1"

    def __enter__(self):
        self.names = {"server": f"sockeye-a{os.getpid()}", "client": f"sockeye-b{os.getpid()}"}
        a, b = self.names.values()
        for name in (a, b):
            run("ip", "netns", "add", name)
        run("ip", "link", "add", "e0", "netns", a, "type", "veth", "peer", "name", "e0", "netns", b)
        for number, name in enumerate((a, b), 1):
            run("ip", "-n", name, "addr", "add", f"10.9.0.{number}/24", "dev", "e0")
            run("ip", "-n", name, "link", "set", "e0", "up")
        return self

    def __exit__(self, *_):
        for name in self.names.values():
            run("ip", "netns", "del", name)

    def start(self, host, *command):
        words = ["ip", "netns", "exec", self.names[host], *command]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def run(*words):
    subprocess.run(words, check=True)


def output(process):
    text, _ = process.communicate(timeout=60)
    return text


def iperf3(world, seconds):
    server = world.start("server", "stdbuf", "-oL", "iperf3", "-s", "-1")
    while "listening" not in server.stdout.readline():
        pass
    result = json.loads(output(world.start("client", "iperf3", "-J", "-t", str(seconds), "-c", world.server)))
    output(server)
    return result["end"]["sum_received"]["bits_per_second"] / 8e6


def round_trip(world, _):
    server = world.start("server", sys.executable, "-c", ECHO)
    server.stdout.readline()
    took = float(output(world.start("client", sys.executable, "-c", ASK, world.server)))
    output(server)
    return took


def join(sockeye, rounds):
    with Hosts(sockeye, []) as world:
        def took(*flags):
            began = time.monotonic()
            subprocess.run([sockeye, "run", *flags, "--", "true"], env=world.environment, check=True)
            return (time.monotonic() - began) * 1000
        times = [(took("--host", "x"), took()) for _ in range(20 * rounds)]
    return {"host": statistics.median(a for a, _ in times), "alone": statistics.median(b for _, b in times)}


def family(process):
    """A process and all below it."""
    yield process
    for task in Path(f"/proc/{process}/task").glob("*"):
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def memory(sockeye, many):
    """Megabytes of a network's processes: that which holds it, those of its hosts, and both."""
    def pss(process):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000
    with tempfile.TemporaryDirectory() as place:
        names = [f"host{number}" for number in range(many)]
        text = '[[switch]]\nname = "switch"\n'
        for number, name in enumerate(names):
            text += f'[[host]]\nname = "{name}"\naddresses = "10.9.{number // 250}.{number % 250 + 1}/16"\n'
            text += f'[[link]]\nbetween = ["{name}", "switch"]\n'
        file = Path(place, "many.toml")
        file.write_text(text)
        environment = dict(os.environ, XDG_RUNTIME_DIR=place)
        up = subprocess.Popen([sockeye, "up", file], env=environment, stdout=subprocess.PIPE)
        up.stdout.readline()
        hosts = []
        try:
            for name in names:
                words = [sockeye, "run", "--host", name, "--", "sh", "-c", "echo ready; exec sleep 1000"]
                hosts.append(subprocess.Popen(words, env=environment, stdout=subprocess.PIPE))
                hosts[-1].stdout.readline()
            own = pss(up.pid)
            theirs = sum(pss(process) for host in hosts for process in family(host.pid))
        finally:
            for host in hosts:
                host.terminate()
            for host in hosts:
                host.wait()
            up.terminate()
            up.wait()
    return {"up": own, "hosts": theirs, "all": own + theirs}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockeye", default=ROOT / "target/release/sockeye")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--many", type=int, default=1000)
    parser.add_argument("--json")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    arguments = parser.parse_args()
    sockeye = str(Path(arguments.sockeye).resolve())
    names = arguments.names or NAMES
    results = {}
    for name, measure in (("iperf3", iperf3), ("round-trip", round_trip)):
        if name in names:
            worlds = {"fast": lambda: Hosts(sockeye, ["--fast"]), "exact": lambda: Hosts(sockeye, [])}
            if os.geteuid() == 0:
                worlds["veth"] = Veth
            figures = {world: [] for world in worlds}
            for _ in range(arguments.rounds):
                for world, make in worlds.items():
                    with make() as made:
                        figures[world].append(measure(made, arguments.seconds))
            medians = {world: statistics.median(those) for world, those in figures.items()}
            peer = medians.get("veth")
            ratios = {f"{world}/veth": medians[world] / peer for world in ("fast", "exact") if peer}
            results[name] = medians | ratios
    if "join" in names:
        results["join"] = join(sockeye, arguments.rounds)
    if "memory" in names:
        results["memory"] = memory(sockeye, arguments.many)
    for name, figures in results.items():
        print(f"{name:<12}", "  ".join(f"{what} {figure:.2f}" for what, figure in figures.items()))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

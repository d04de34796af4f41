#!/usr/bin/env python3
"""Runs the calls of a network's file (docs/lab.md) on the kernel, each host a network namespace, and prints what they gave: whether
an experiment shows what Linux does. As root, in real time. Links have no delay; `off` and `reboot` happen, other events don't.

    tests/on-linux.py [--dump] examples/half-close.toml
"""
import ctypes, errno, os, re, socket, struct, subprocess, sys, threading, time, tomllib

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
TCP_REPAIR = 19
started = 0.0
said, lock = [], threading.Lock()
actors = []

def sh(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)

def seconds(text):
    units = {"ms": 1e-3, "us": 1e-6, "s": 1, "m": 60, "h": 3600}
    return sum(float(n) * units[u] for n, u in re.findall(r"([\d.]+)\s*(ms|us|s|m|h)", text))

def size(text):
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)

def space(name):
    return f"sk{os.getpid()}-{name}"

def inside(name, *words):
    sh("ip", "netns", "exec", space(name), *words)

def build(file):
    for switch in file.get("switch", []):
        sh("ip", "netns", "add", space(switch["name"]))
        inside(switch["name"], "ip", "link", "add", "br0", "type", "bridge")
        inside(switch["name"], "ip", "link", "set", "br0", "up")
    for host in file["host"]:
        sh("ip", "netns", "add", space(host["name"]))
        inside(host["name"], "ip", "link", "set", "lo", "up")
    switches = {switch["name"] for switch in file.get("switch", [])}
    for number, link in enumerate(file.get("link", [])):
        ends = []
        for end in link["between"]:
            name, _, interface = end.partition(":")
            ends.append((name, f"port{number}" if name in switches else interface or "eth0"))
        (a, x), (b, y) = ends
        sh("ip", "link", "add", x, "netns", space(a), "type", "veth", "peer", "name", y, "netns", space(b))
        for name, interface in ends:
            inside(name, "ip", "link", "set", interface, "up", "mtu", str(link.get("mtu", 1500)))
            if name in switches:
                inside(name, "ip", "link", "set", interface, "master", "br0")
    for host in file["host"]:
        name = host["name"]
        for key, value in host.get("sysctl", {}).items():
            inside(name, "sysctl", "-q", "-w", f"{key}={value}")
        own = host.get("interfaces") or [{"addresses": host["addresses"]}]
        for number, interface in enumerate(own):
            addresses = interface["addresses"]
            for address in [addresses] if isinstance(addresses, str) else addresses:
                inside(name, "ip", "address", "add", address, "dev", f"eth{number}", *(["nodad"] if ":" in address else []))
        routes = host.get("routes", [])
        for route in [routes] if isinstance(routes, str) else routes:
            inside(name, "ip", "route", "add", *route.split())
        if host.get("forward"):
            inside(name, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")

class Actor(threading.Thread):
    def __init__(self, who, host, begins, steps, address, udp, serves):
        super().__init__(daemon=True)
        self.who, self.host, self.begins, self.steps = who, host, begins, steps
        self.address, self.udp, self.serves = address, udp, serves
        self.own = self.listener = self.peer = None
        self.left, self.call = [], None

    def socket(self):
        if self.own is None:
            self.own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if self.udp else socket.SOCK_STREAM)
        return self.own

    def run(self):
        with open(f"/run/netns/{space(self.host)}") as file:
            if LIBC.setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        time.sleep(max(0, started + self.begins - time.monotonic()))
        for step in self.steps:
            call, _, wanted = (part.strip() for part in step.partition("="))
            self.call, self.since = call, time.monotonic()
            try:
                gave = self.attempt(call.split())
            except OSError as error:
                gave = errno.errorcode[error.errno]
            if self.call is None:
                return
            self.say(gave, wanted)
            if not wanted and not isinstance(gave, int):
                break
        self.call = None
        for own in [*self.left, self.own, self.listener]:
            if own:
                own.close()

    def say(self, gave, wanted):
        now = time.monotonic()
        if self.call.startswith("wait"):
            return
        took = f"  after {(now - self.since) * 1e3:.0f}ms" if now - self.since > 1e-3 else ""
        mark = f"   # not {wanted}" if wanted and str(gave) != wanted else ""
        with lock:
            said.append((now - started, self.who, f"{self.call} = {gave}{took}{mark}"))

    def attempt(self, words):
        match words:
            case ["wait", *text]:
                time.sleep(seconds(" ".join(text)))
            case ["set", name, value]:
                levels = [("SO_", socket.SOL_SOCKET), ("TCP_", socket.IPPROTO_TCP), ("IP_", socket.IPPROTO_IP)]
                level = next(level for prefix, level in levels if name.startswith(prefix))
                self.socket().setsockopt(level, {"TCP_FASTOPEN_CONNECT": 30}.get(name) or getattr(socket, name), int(value))
            case ["bind", port]:
                self.socket().bind(("", int(port)))
            case ["listen", *backlog]:
                self.listen(int(backlog[0]) if backlog else 128)
            case ["accept"]:
                if self.listener is None:
                    self.listen(128)
                self.left.append(self.own)
                self.own, _ = self.listener.accept()
            case ["connect"]:
                self.socket().connect(self.address)
            case ["write", "urgent"]:
                return self.own.send(b"!", socket.MSG_OOB)
            case ["write", count]:
                data = b"U" * size(count)
                return self.own.sendto(data, self.peer) if self.peer else self.socket().send(data, socket.MSG_NOSIGNAL)
            case ["read", "urgent"]:
                return len(self.own.recv(1, socket.MSG_OOB))
            case ["read", "all"]:
                total = 0
                while data := self.own.recv(65536):
                    total += len(data)
                return total
            case ["read", count]:
                if self.udp and self.serves:
                    if self.own is None:
                        self.socket().bind(("", self.address[1]))
                    data, self.peer = self.own.recvfrom(size(count))
                    return len(data)
                return len(self.own.recv(size(count)))
            case ["shutdown"]:
                self.own.shutdown(socket.SHUT_WR)
            case ["close" | "reset" as how]:
                own, self.own = self.own, None
                if own is None:
                    own, self.listener = self.listener, None
                if how == "reset":
                    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                own.close()
        return 0

    def listen(self, backlog):
        own = self.socket()
        if own.getsockname()[1] == 0:
            own.bind(("", self.address[1]))
        own.listen(backlog)
        self.listener, self.own = own, None

    def lose(self):
        """The host's power has gone: nothing is sent."""
        if self.call:
            self.say("forever", "")
        self.call = None
        for own in [*self.left, self.own, self.listener]:
            if own and own is self.listener:
                own.shutdown(socket.SHUT_RDWR)
            elif own and own.fileno() >= 0:
                # Whoever reads from it holds it, too.
                own.shutdown(socket.SHUT_RD)
                time.sleep(0.05)
                own.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
                own.close()

def first_address(host):
    own = host.get("interfaces", [host])[0]["addresses"]
    return (own if isinstance(own, str) else own[0]).partition("/")[0]

def main():
    global started
    dump = sys.argv[1] == "--dump"
    with open(sys.argv[-1], "rb") as toml:
        file = tomllib.load(toml)
    hosts = {host["name"]: host for host in file["host"]}
    dumps = []
    try:
        build(file)
        if dump:
            dumps = [subprocess.Popen(["ip", "netns", "exec", space(name), "tcpdump", "-n", "-t", "-l", "-i", "eth0", "tcp or udp"],
                     stderr=subprocess.DEVNULL) for name in list(hosts)[:1]]
            time.sleep(1)
        for number, traffic in enumerate(file.get("traffic", [])):
            udp, name = traffic.get("over") == "udp", traffic.get("name", "")
            address = (first_address(hosts[traffic["to"]]), traffic.get("port", 5001 + number))
            begins = seconds(traffic.get("at", "0s")) + 0.2
            if "server" in traffic:
                actors.append(Actor(f"{name} server", traffic["to"], 0, traffic["server"], address, udp, True))
            for client in range(traffic.get("clients", 1) if "client" in traffic else 0):
                who = f"{name} client {client + 1}" if "clients" in traffic else f"{name} client"
                actors.append(Actor(who, traffic["from"], begins, traffic["client"], address, udp, False))
        started = time.monotonic()
        for actor in actors:
            actor.start()
        for event in file.get("event", []):
            off = event.get("off") or event.get("reboot")
            if off:
                time.sleep(max(0, started + 0.2 + seconds(event["at"]) - time.monotonic()))
                inside(off, "ip", "link", "set", "eth0", "down")
                for actor in actors:
                    if actor.host == off:
                        actor.lose()
                if "reboot" in event:
                    inside(off, "ip", "link", "set", "eth0", "up")
        until = started + seconds(file.get("until", "70s"))
        for actor in actors:
            actor.join(max(0, until - time.monotonic()))
            if actor.is_alive() and actor.call:
                actor.say("forever", "")
        time.sleep(0.2)
    finally:
        for process in dumps:
            process.terminate()
            process.wait()
        for name in [*hosts, *(switch["name"] for switch in file.get("switch", []))]:
            subprocess.run(["ip", "netns", "delete", space(name)], check=False)
    for at, who, what in sorted(said):
        print(f"{at:12.6f}  {who.strip()}  {what}")
    os._exit(0)

main()

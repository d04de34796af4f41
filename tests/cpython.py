#!/usr/bin/env python3
"""CPython's own tests of sockets, on the kernel and under `sockeye run`: every test is to end alike.

    tests/cpython.py                     # all modules, about half an hour
    tests/cpython.py test_epoll          # one
    tests/cpython.py --exact test_socket.BasicTCPTest

Needs Debian's libpython3.11-testsuite, a built `sockeye` (--sockeye PATH, by default target/release/sockeye), and root or
user namespaces: on the kernel the tests run in a network namespace with nothing but lo. Ends with 1 if a test differs that
tests/cpython.txt does not name.
"""

import argparse
import collections
import faulthandler
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PYTHON = "/usr/bin/python3.11"
KNOWN = pathlib.Path(__file__).with_suffix(".txt")
MODULES = """test_socket test_asyncio test_selectors test_socketserver test_httplib test_httpservers test_ftplib test_smtplib
    test_poplib test_imaplib test_ssl test_urllib test_urllib2_localnet test_xmlrpc test_wsgiref test_epoll test_poll test_select
    test_asyncore test_asynchat test_smtpd test_telnetlib""".split()
# Of address families that have nothing to do with Sockeye, and of what only the machine's own network has.
LEFT_OUT = ("VSOCK", "BluetoothTest", "BasicQIPCRTRTest", "CANTest", "RDSTest", "LinuxKernelCryptoAPI")
# A test that takes longer hangs.
BOUND = 60


# --- In the Python that is tested. ---


class Report(unittest.TestResult):
    """Writes a line for each test as it begins and ends, so that a crash loses none."""

    def __init__(self, path):
        super().__init__()
        self.file = open(path, "a", encoding="utf-8")

    def write(self, test, outcome, why=""):
        print(json.dumps([test.id().removeprefix("test."), outcome, why]), file=self.file, flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.ended = False
        faulthandler.dump_traceback_later(BOUND, exit=True, file=self.file)
        self.write(test, "hangs")

    def stopTest(self, test):
        faulthandler.cancel_dump_traceback_later()
        super().stopTest(test)

    def addSuccess(self, test):
        self.write(test, "passes")

    def addError(self, test, err):
        self.write(test, "fails", self._exc_info_to_string(err, test))

    addFailure = addError

    def addSkip(self, test, reason):
        self.write(test, "skipped", reason)

    def addExpectedFailure(self, test, err):
        self.write(test, "fails as expected")

    def addUnexpectedSuccess(self, test):
        self.write(test, "passes unexpectedly")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.write(test, "fails", f"{subtest}: {self._exc_info_to_string(err, test)}")


def leaves(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from leaves(test)
        else:
            yield test


def grouped(tests):
    """As suites of a class each, so that setUpClass and setUpModule run once."""
    groups = collections.defaultdict(unittest.TestSuite)
    for test in tests:
        groups[type(test)].addTest(test)
    return unittest.TestSuite(groups.values())


def run_tests(report, names):
    """Runs the tests that the report doesn't have yet."""
    from test import support

    # All but the Internet, as far as it isn't ours.
    wanted = ["network", "cpu", "decimal", "subprocess", "walltime"]
    support.use_resources = None if any("socketserver" in name for name in names) else wanted
    have = {json.loads(line)[0] for line in open(report, encoding="utf-8") if line.startswith("[")}
    loader = unittest.TestLoader()
    tests = leaves(loader.loadTestsFromNames([f"test.{name}" for name in names]))
    left = [
        test
        for test in tests
        if test.id().removeprefix("test.") not in have and not any(word in test.id() for word in LEFT_OUT)
    ]
    os.chdir(tempfile.mkdtemp(dir=os.path.dirname(report)))
    grouped(left).run(Report(report))


# --- Beside it. ---


def results(prefix, names, report):
    """What became of each test, and why, when they run as the prefix says."""
    report.touch()
    size = -1
    while size != report.stat().st_size:
        size = report.stat().st_size
        command = [*prefix, PYTHON, __file__, "--child", str(report), *names]
        log = open(report.with_suffix(".log"), "ab")
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(report.parent))
    found = {}
    for line in open(report, encoding="utf-8"):
        # The rest is where one that hangs stands.
        if line.startswith("["):
            name, outcome, why = json.loads(line)
            if outcome == "hangs" or found.get(name, ("hangs",))[0] == "hangs" or outcome == "fails":
                found[name] = (outcome, why)
    return found


def environment(folder):
    """The same for everybody."""
    return {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder)}


def known():
    """What is known to differ: patterns of tests' names, each with the reason."""
    lines = KNOWN.read_text(encoding="utf-8").splitlines()
    return [line.split(None, 1)[0] for line in lines if line.strip() and not line.startswith("#")]


def compare(module, kernel, ours, patterns):
    """Prints a module's row, and what is not known to differ; says whether there was any."""
    missing = ("missing", "")
    differing = [name for name in sorted(kernel | ours) if kernel.get(name, missing)[0] != ours.get(name, missing)[0]]
    fresh = [name for name in differing if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    counts = collections.Counter(outcome for outcome, _ in kernel.values())
    others = len(kernel) - counts["passes"] - counts["skipped"]
    row = len(kernel), counts["passes"], counts["skipped"], others, len(differing), len(fresh)
    print(f"{module:22}" + "".join(f"{number:>11}" for number in row), flush=True)
    for name in fresh:
        there, here = kernel.get(name, missing), ours.get(name, missing)
        print(f"  {name}: {here[0]}; on the kernel {there[0]}")
        for line in (here[1] or there[1]).rstrip().splitlines()[-3:]:
            print(f"    {line}")
    return bool(fresh)


def main():
    if sys.argv[1:2] == ["--child"]:
        return run_tests(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sockeye", default="target/release/sockeye", help="the binary")
    parser.add_argument("--exact", action="store_true", help="with the gate")
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for what was found; the kernel's part is used again")
    parser.add_argument("names", nargs="*", help="modules, classes or tests")
    arguments = parser.parse_args()
    sockeye = [os.path.abspath(arguments.sockeye), "run", *(["--exact"] if arguments.exact else []), "--"]
    # Both see the same processes and files; only the network is another.
    kernel = ["unshare", *([] if os.geteuid() == 0 else ["-r"]), "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    patterns = known()
    heads = "tests", "pass", "skipped", "else", "different", "unknown"
    print(f"{'on the kernel':22}" + "".join(f"{head:>11}" for head in heads))
    bad = False
    with tempfile.TemporaryDirectory() as scratch:
        folder = (arguments.keep or pathlib.Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for name in arguments.names or MODULES:
            there = results(kernel, [name], folder / f"{name}.kernel")
            (folder / f"{name}.sockeye").unlink(missing_ok=True)
            here = results(sockeye, [name], folder / f"{name}.sockeye")
            bad |= compare(name, there, here, patterns)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())

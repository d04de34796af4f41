#!/usr/bin/env python3
"""The crates against docs/design.md: which may use which, which are pure, and where `unsafe` may stand.

The page is the source: its table of crates has each crate's "may use" column, and one sentence names the pure crates.
"""

import json
import pathlib
import re
import subprocess
import sys

DESIGN = pathlib.Path("docs/design.md")
UNSAFE_ALLOWED = {"device", "run", "preload", "gateway", "oracle", "measure", "bench", "ffi"}
FORBID = "#![forbid(unsafe_code)]"
DENIED = {"clippy::disallowed_methods", "clippy::disallowed_types", "clippy::float_arithmetic"}


def read_design(text):
    """The table as {crate: set of crates or None for all}, and the set of pure crates."""
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|$", text, re.MULTILINE)
    column = {}
    for crate, uses in rows:
        if uses == "all":
            column[crate] = None
        elif uses == "nothing of ours":
            column[crate] = set()
        else:
            column[crate] = {name.strip() for name in uses.split(",")}
    unknown = {name for uses in column.values() for name in uses or ()} - set(column)
    pure = re.search(r"^`([\w, ]+)` are pure:", text, re.MULTILINE)
    if not column or unknown or not pure:
        sys.exit(f"{DESIGN}: can't read its table of crates or its list of pure ones (unknown: {sorted(unknown)})")
    return column, {name.strip() for name in pure.group(1).split(",")}


def closure(column, crate):
    """All that a crate may use: its column, and what those in its column may use."""
    if column[crate] is None:
        return set(column) - {crate}
    found, todo = set(), list(column[crate])
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(column[name] if column[name] is not None else column)
    return found


def members():
    """{crate: (its folder, the crates of ours it uses)}, normal dependencies only."""
    metadata = json.loads(subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"],
        check=True, capture_output=True, text=True,
    ).stdout)

    def short(name):
        return name.removeprefix("sockeye-")

    names = {package["name"] for package in metadata["packages"]}
    return {
        short(package["name"]): (
            pathlib.Path(package["manifest_path"]).parent,
            {short(d["name"]) for d in package["dependencies"] if d["kind"] is None and d["name"] in names},
        )
        for package in metadata["packages"]
    }


def code_of(path):
    """A Rust file without its comments and strings."""
    text = path.read_text(encoding="utf-8")
    token = re.compile(
        r'//[^\n]*|/\*.*?\*/|r(?P<hash>#*)".*?"(?P=hash)|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'', re.DOTALL)
    return token.sub(lambda match: "\n" * match.group().count("\n"), text)


def unsafe_lines(folder):
    for path in sorted(folder.rglob("*.rs")):
        for number, line in enumerate(code_of(path).splitlines(), 1):
            if re.search(r"\bunsafe\b", line):
                yield f"{path.relative_to(pathlib.Path.cwd())}:{number}"


def check_pure(crate, folder):
    library = (folder / "src/lib.rs").read_text(encoding="utf-8")
    denied = {lint for group in re.findall(r"#!\[deny\(([^)]*)\)\]", library) for lint in re.split(r",\s*", group)}
    if FORBID not in library:
        yield f"{crate}: is pure, but its lib.rs lacks {FORBID}"
    if DENIED - denied:
        yield f"{crate}: is pure, but its lib.rs does not deny {', '.join(sorted(DENIED - denied))}"


def main():
    column, pure = read_design(DESIGN.read_text(encoding="utf-8"))
    crates = members()
    faults = []
    for crate, (folder, uses) in sorted(crates.items()):
        if crate not in column:
            faults.append(f"{crate}: is not in the table of {DESIGN}")
            continue
        faults += [f"{crate} -> {used}: this arrow is not in the table" for used in sorted(uses - closure(column, crate))]
        if crate in pure:
            faults += check_pure(crate, folder)
        if crate not in UNSAFE_ALLOWED:
            faults += [f"{place}: `unsafe` in {crate}" for place in unsafe_lines(folder)]
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(crates)} crates, {sum(len(uses) for _, uses in crates.values())} arrows")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())

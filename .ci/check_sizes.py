#!/usr/bin/env python3
"""Rust files of over 1,000 lines fail; over 600 they are named (docs/design.md, "Style")."""

import subprocess
import sys

WARN, FAIL = 600, 1000


def rust_files():
    """Tracked files, and new ones that nothing ignores."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.rs"],
        check=True, capture_output=True, text=True,
    ).stdout
    return sorted(set(filter(None, listing.split("\0"))))


def lines(path):
    try:
        with open(path, "rb") as file:
            return sum(1 for _ in file)
    except FileNotFoundError:  # deleted, not yet committed
        return 0


def main():
    sizes = {path: lines(path) for path in rust_files()}
    for path, size in sizes.items():
        if size > FAIL:
            print(f"{path}: {size} lines, over {FAIL}", file=sys.stderr)
        elif size > WARN:
            print(f"{path}: {size} lines: does it hold two things?")
    print(f"{len(sizes)} Rust files, the longest of {max(sizes.values(), default=0)} lines")
    return any(size > FAIL for size in sizes.values())


if __name__ == "__main__":
    sys.exit(main())

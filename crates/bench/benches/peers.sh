#!/bin/sh
# Programs on Sockeye beside the same programs on the kernel (iperf3, wrk, ab, redis-benchmark, curl), Sockeye's way out
# beside slirp4netns and pasta, and two hosts in two processes beside two network namespaces; rows whose programs are missing
# are left out. Builds the release first. The figures go to peers-programs.json, peers-outside.json and peers-hosts.json in
# cargo's target directory as well.
#
#     crates/bench/benches/peers.sh [--rounds N] [--seconds S]
set -eu
programs=$(dirname "$(realpath "$0")")/programs
target=${CARGO_TARGET_DIR:-$(realpath "$programs/../../../..")/target}
case " $* " in *" -h "* | *" --help "*) exec sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" ;; esac
(cd "$programs" && cargo build --release --quiet -p sockeye-cli)
"$programs/main.py" --json "$target/peers-programs.json" "$@"
echo
"$programs/outside.py" --json "$target/peers-outside.json" "$@"
echo
"$programs/hosts.py" --json "$target/peers-hosts.json" "$@"

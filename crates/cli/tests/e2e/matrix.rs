//! Every argument of every trapped call, wrong in every way: the errors are Linux's, but for these.

use std::path::Path;
use std::process::Command;

use crate::common::{finish, need, run, run_exact};
use crate::oracle;

/// What differs: the question, with `*` for anything; the answer on Linux; the answer here. Each is a line of
/// docs/compatibility.md.
type Difference = (&'static str, &'static str, &'static str);

/// With `--exact`, too.
const ALWAYS: &[Difference] = &[
    // The address of a stream's peer: TCP gives none, and takes none.
    ("connected recvfrom 4=*", "ok", "EFAULT"),
    ("connected recv*msg* name=*", "ok", "EFAULT"),
    ("connected send* *", "ok", "EISCONN"),
    ("connected sendto *", "EFAULT", "EISCONN"),
    // MSG_TRUNC of a stream.
    ("connected recv* *=last 8 bytes", "ok", "EOPNOTSUPP"),
    ("connected recv* *=last byte", "EINVAL", "EOPNOTSUPP"),
    // MSG_FASTOPEN of sendmmsg.
    ("connected sendmmsg 3=INT_MAX", "EISCONN", "EOPNOTSUPP"),
    // What is left of recvmmsg's time.
    ("datagram recvmmsg* 4=read-only", "EFAULT", "ok"),
    // Datagrams without a destination, from files.
    ("datagram sendfile *", "EDESTADDRREQ", "ok"),
    ("datagram splice in *", "EDESTADDRREQ", "ok"),
    // Linux reads a name up to its end.
    ("connected setsockopt TCP_CONGESTION 3=last byte", "ENOENT", "EFAULT"),
];

/// Without.
const PLAIN: &[Difference] = &[
    ("listener re* *", "ENOTCONN", "EINVAL"),
    ("listener write *", "EPIPE", "ENOTCONN"),
    ("stream send* *", "EPIPE", "ENOTCONN"),
    ("datagram send* *", "EDESTADDRREQ", "ok"),
    ("datagram send *", "EDESTADDRREQ", "EFAULT"),
    ("datagram write* *", "EDESTADDRREQ", "ok"),
    ("datagram write *", "EDESTADDRREQ", "EFAULT"),
];

/// Whether a text is like a pattern in which `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, behind)) => text.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).filter_map(|at| rest.get(at..)).any(|rest| fits(behind, rest))
        }),
    }
}

fn compare(ours: impl Fn(&Path) -> Command, expected: &[&[Difference]]) {
    if !need(&["gcc"]) {
        return;
    }
    let program = oracle::compile("matrix");
    let linux = finish(&mut Command::new(program.path())).well().text();
    let here = finish(&mut ours(program.path())).well().text();
    assert_eq!(linux.lines().count(), here.lines().count());
    let mut used = vec![];
    for (linux, here) in linux.lines().zip(here.lines()).filter(|(linux, here)| linux != here) {
        let (question, right) = linux.rsplit_once(": ").expect("a question and its answer");
        let answer = here.rsplit_once(": ").map_or("", |(_, answer)| answer);
        let row = expected.iter().copied().flatten().find(|(pattern, on_linux, ours)| {
            fits(pattern, question) && (*on_linux, *ours) == (right, answer)
        });
        used.push(row.unwrap_or_else(|| panic!("{question}: {right} on Linux, {answer} here")));
    }
    for row in expected.iter().copied().flatten() {
        assert!(used.contains(&row), "{row:?}: does not differ any more");
    }
}

#[test]
fn plain() {
    compare(|program| run([program]), &[ALWAYS, PLAIN]);
}

#[test]
fn exact() {
    compare(|program| run_exact([program]), &[ALWAYS]);
}

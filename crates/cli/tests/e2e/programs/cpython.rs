//! CPython's own tests of sockets: a few modules here, the rest by `tests/cpython.py`, beside CI.

use std::path::Path;

use crate::common::{bare, finish, need};

/// Those that take seconds.
const MODULES: [&str; 4] = ["test_epoll", "test_smtpd", "test_asynchat", "test_socketserver"];

#[test]
fn they_end_as_on_the_kernel() {
    let suite = Path::new("/usr/lib/python3.11/test/test_socket.py");
    if !suite.exists() && std::env::var_os("SOCKEYE_CI").is_none() {
        println!("skipped: not installed: libpython3.11-testsuite");
        return;
    }
    // On the kernel they run in a network namespace.
    let may = |options| bare(["unshare", options, "true"]).status().is_ok_and(|status| status.success());
    if !need(&["unshare", "ip"]) || !may("-n") && !may("-rn") {
        println!("skipped: no network namespaces here");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cpython.py");
    let sockeye = Path::new(env!("CARGO_BIN_EXE_sockeye"));
    let mut words = vec!["python3".as_ref(), script.as_os_str(), "--sockeye".as_ref(), sockeye.as_os_str()];
    words.extend(MODULES.map(std::ffi::OsStr::new));
    finish(&mut bare(words)).well();
}

//! Python's library: servers and clients of several protocols, and sockets that go from process to process.

use crate::common::{finish, need, run, run_exact};

fn works(program: &str) {
    if need(&["python3", "openssl"]) {
        // Debian's: another may lack modules that this one has.
        let words = ["/usr/bin/python3", "-W", "ignore", "-c", program];
        for mut command in [run(words), run_exact(words)] {
            finish(&mut command).well();
        }
    }
}

#[test]
fn servers_of_socketserver() {
    works(include_str!("scripts/socketserver.py"));
}

#[test]
fn tls_mail_and_remote_calls() {
    works(include_str!("scripts/protocols.py"));
}

#[test]
fn sockets_go_from_process_to_process() {
    works(include_str!("scripts/passing.py"));
}

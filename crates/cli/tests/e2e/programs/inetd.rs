//! xinetd, whose servers have their socket as standard streams; telnet and telnetd.

use crate::common::need;

use super::stage::works;

#[test]
fn xinetd_starts_servers() {
    if !need(&["xinetd", "python3"]) {
        return;
    }
    works(include_str!("scripts/xinetd.sh"));
}

#[test]
fn telnet_has_a_session() {
    if !need(&["xinetd", "telnetd", "inetutils-telnet", "python3"]) {
        return;
    }
    works(include_str!("scripts/telnet.sh"));
}

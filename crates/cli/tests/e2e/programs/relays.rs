//! socat and ncat, in their directions.

use crate::common::need;

use super::stage::works;

#[test]
fn socat_relays() {
    if need(&["socat", "openssl", "python3"]) {
        works(include_str!("scripts/socat.sh"));
    }
}

#[test]
fn ncat_relays() {
    if need(&["ncat", "busybox", "python3"]) {
        works(include_str!("scripts/ncat.sh"));
    }
}

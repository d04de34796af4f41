//! busybox, one static binary of many programs.

use crate::common::need;

use super::stage::works;

#[test]
fn busybox_serves_and_asks() {
    if need(&["busybox", "python3"]) {
        works(include_str!("scripts/busybox.sh"));
    }
}

//! The script of the long soak, run shortly: the supervisor keeps nothing of what its programs did.

use std::path::Path;

use super::stage::BOTH;
use crate::common::{bare, finish, need};

#[test]
fn nothing_is_kept() {
    if !need(&["nginx", "wrk", "redis-server", "redis-cli", "redis-benchmark", "curl"]) {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/soak.sh");
    for options in BOTH {
        let mut command = bare([script.as_path()]);
        command.args(["1", "4000"]).args(options).env("SOCKEYE", env!("CARGO_BIN_EXE_sockeye"));
        finish(&mut command).well().says("sockets: ");
    }
}

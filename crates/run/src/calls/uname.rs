//! What the host is called: `uname`, `sethostname`, `setdomainname` (uname(2), sethostname(2)). The rest that `uname` tells is
//! the machine's.

use std::ffi::CStr;
use std::fs;

use rustix::system;
use sockeye_abi::Errno;

use super::Answer;
use crate::process::memory;
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

/// The longest name (`__NEW_UTS_LEN`).
const NAME_MAX: usize = 64;

/// The names that were set.
#[derive(Default)]
pub(crate) struct HostNames {
    node: Option<Vec<u8>>,
    domain: Option<Vec<u8>>,
}

impl Supervisor {
    pub(super) fn uname(&mut self, call: &Call) -> Result<Answer, Errno> {
        if has_personality(call.tid) {
            // It is told of another machine, or another Linux: the kernel knows which.
            return Ok(Answer::Pass);
        }
        let machine = system::uname();
        let own = |name: &CStr| name.to_bytes().to_vec();
        let node = match &self.names.node {
            Some(node) => node.clone(),
            None => self.network.host().name().as_bytes().to_vec(),
        };
        let domain = self.names.domain.clone().unwrap_or_else(|| b"(none)".to_vec());
        let names = [
            own(machine.sysname()),
            node,
            own(machine.release()),
            own(machine.version()),
            own(machine.machine()),
            domain,
        ];
        let mut bytes = Vec::with_capacity(names.len() * (NAME_MAX + 1));
        for mut name in names {
            name.truncate(NAME_MAX);
            name.resize(NAME_MAX + 1, 0);
            bytes.extend(name);
        }
        memory::write(call.tid, call.args[0], &bytes)?;
        Ok(Answer::Value(0))
    }

    /// `sethostname` or `setdomainname`: every program may, as root of the virtual host.
    pub(super) fn set_host_name(&mut self, call: &Call) -> Result<Answer, Errno> {
        let length = usize::try_from(call.int(1)).ok().filter(|length| *length <= NAME_MAX);
        let name = memory::read_vec(call.tid, call.args[0], length.ok_or(Errno::EINVAL)?)?;
        match call.number {
            libc::SYS_sethostname => self.names.node = Some(name),
            _ => self.names.domain = Some(name),
        }
        Ok(Answer::Value(0))
    }
}

/// Whether a thread has asked to be told of something else than there is (personality(2)).
fn has_personality(tid: u32) -> bool {
    let text = fs::read_to_string(format!("/proc/{tid}/personality")).unwrap_or_default();
    // Where its memory lies (ADDR_NO_RANDOMIZE and the like) doesn't matter.
    const UNAME26: u32 = 0x002_0000;
    u32::from_str_radix(text.trim(), 16).is_ok_and(|bits| bits & (UNAME26 | 0xff) != 0)
}

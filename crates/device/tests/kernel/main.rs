//! Sockeye's TCP against Linux's, over a TUN device in a network namespace of its own.
//!
//! Real time passes here, and the only thing waited for is something to do. Where the machine doesn't allow it (no
//! `/dev/net/tun`, no CAP_NET_ADMIN or CAP_SYS_ADMIN) a test says `skipped:` and passes, with SOCKEYE_CI too: no package
//! can be installed for it.

mod failure;
mod faults;
mod rig;
mod socket;
mod transfer;

//! The crate as its users meet it: blocking and async in real time, both in virtual time.

mod awake;
mod blocking;
mod crowd;
mod interfaces;
mod names;
mod poll;
mod raw;
mod real_async;
mod reliable;
mod search;
mod simulated;
mod tokio_names;
mod twice;
mod unix;
mod waits;

use sockeye::{Host, Lab, LinkOptions};

/// Two hosts, `a` (10.0.0.1) and `b` (10.0.0.2), and a link.
fn pair(lab: &Lab, options: &LinkOptions) -> (Host, Host) {
    let a = lab.host("a", ["10.0.0.1/24", "fd00::1/64"]).expect("a host");
    let b = lab.host("b", ["10.0.0.2/24", "fd00::2/64"]).expect("a host");
    lab.link(&a, &b, options);
    (a, b)
}

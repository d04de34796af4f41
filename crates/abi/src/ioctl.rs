//! The numbers of ioctl(2) that sockets answer (tty_ioctl(2), socket(7), netdevice(7)).

use std::time::Duration;

macro_rules! ioctls {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        $(#[doc = $text] pub const $name: u32 = $number;)*

        /// The request's name, for traces.
        pub const fn name(request: u32) -> Option<&'static str> {
            match request {
                $($number => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

ioctls! {
    FIONBIO = 0x5421, "Sets (int other than 0) or clears non-blocking mode.";
    FIONREAD = 0x541b, "Bytes waiting to be read; for a datagram socket the next datagram's. The same as SIOCINQ.";
    FIOASYNC = 0x5452, "Sets or clears SIGIO.";
    TIOCOUTQ = 0x5411, "Bytes not yet acknowledged. The same as SIOCOUTQ.";
    FIOSETOWN = 0x8901, "Sets who gets SIGIO.";
    SIOCSPGRP = 0x8902, "Sets who gets SIGURG.";
    FIOGETOWN = 0x8903, "Who gets SIGIO.";
    SIOCGPGRP = 0x8904, "Who gets SIGURG.";
    SIOCATMARK = 0x8905, "Whether the urgent mark is next.";
    SIOCGSTAMP = 0x8906, "When the last packet came that was read: a `struct timeval`.";
    SIOCGSTAMPNS = 0x8907, "The same as a `struct timespec`.";
    SIOCGSTAMP_NEW = 0x8010_8906, "The same as SIOCGSTAMP, for times past 2038.";
    SIOCGSTAMPNS_NEW = 0x8010_8907, "The same as SIOCGSTAMPNS, for times past 2038.";
    SIOCOUTQNSD = 0x894b, "Bytes not yet sent.";
    SIOCGIFNAME = 0x8910, "An interface's name by its index.";
    SIOCGIFCONF = 0x8912, "The list of IPv4 addresses and their interfaces.";
    SIOCGIFFLAGS = 0x8913, "An interface's flags.";
    SIOCGIFADDR = 0x8915, "An interface's IPv4 address.";
    SIOCGIFDSTADDR = 0x8917, "The other end's address of a point-to-point interface.";
    SIOCGIFBRDADDR = 0x8919, "An interface's broadcast address.";
    SIOCGIFNETMASK = 0x891b, "An interface's network mask.";
    SIOCGIFMETRIC = 0x891d, "An interface's metric.";
    SIOCGIFMTU = 0x8921, "An interface's MTU.";
    SIOCGIFHWADDR = 0x8927, "An interface's hardware address.";
    SIOCGIFINDEX = 0x8933, "An interface's index by its name.";
    SIOCGIFTXQLEN = 0x8942, "An interface's queue length.";
}

/// The same as [`FIONREAD`].
pub const SIOCINQ: u32 = FIONREAD;
/// The same as [`TIOCOUTQ`].
pub const SIOCOUTQ: u32 = TIOCOUTQ;

/// Whether a request asks when the last packet came; in nanoseconds, or microseconds.
pub const fn stamp(request: u32) -> Option<bool> {
    match request {
        SIOCGSTAMP | SIOCGSTAMP_NEW => Some(false),
        SIOCGSTAMPNS | SIOCGSTAMPNS_NEW => Some(true),
        _ => None,
    }
}

/// The answer: seconds since 1970 and the fraction, on 64-bit machines.
pub fn encode_stamp(at: Duration, nanos: bool) -> [u8; 16] {
    let fraction = u64::from(if nanos { at.subsec_nanos() } else { at.subsec_micros() });
    let mut out = [0; 16];
    let (seconds, rest) = out.split_at_mut(8);
    seconds.copy_from_slice(&at.as_secs().to_ne_bytes());
    rest.copy_from_slice(&fraction.to_ne_bytes());
    out
}

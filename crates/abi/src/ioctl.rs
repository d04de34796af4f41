//! The numbers of ioctl(2) that sockets answer (tty_ioctl(2), socket(7), netdevice(7)).

use std::time::Duration;

/// Who answers an ioctl of a program under the supervisor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// The kernel, of the carrier.
    Carrier,
    /// The stack.
    Stack,
    /// Nobody: ENOTTY.
    Nobody,
}

macro_rules! ioctls {
    ($($name:ident = $number:literal, $by:ident $text:literal;)*) => {
        $(#[doc = $text] pub const $name: u32 = $number;)*

        /// All of them: number, name, who answers a program under the supervisor, and what it asks for.
        pub const IOCTLS: &[(u32, &str, By, &str)] = &[$(($number, stringify!($name), By::$by, $text),)*];

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
    FIONBIO = 0x5421, Carrier "Sets (int other than 0) or clears non-blocking mode.";
    FIONREAD = 0x541b, Carrier "Bytes waiting to be read; for a datagram socket the next datagram's. The same as SIOCINQ.";
    FIOASYNC = 0x5452, Carrier "Sets or clears SIGIO.";
    TIOCOUTQ = 0x5411, Stack "Bytes not yet acknowledged. The same as SIOCOUTQ.";
    FIOSETOWN = 0x8901, Carrier "Sets who gets SIGIO.";
    SIOCSPGRP = 0x8902, Carrier "Sets who gets SIGURG.";
    FIOGETOWN = 0x8903, Carrier "Who gets SIGIO.";
    SIOCGPGRP = 0x8904, Carrier "Who gets SIGURG.";
    SIOCATMARK = 0x8905, Carrier "Whether the urgent mark is next.";
    SIOCGSTAMP = 0x8906, Stack "When the last packet came that was read: a `struct timeval`.";
    SIOCGSTAMPNS = 0x8907, Stack "The same as a `struct timespec`.";
    SIOCGSTAMP_NEW = 0x8010_8906, Stack "The same as SIOCGSTAMP, for times past 2038.";
    SIOCGSTAMPNS_NEW = 0x8010_8907, Stack "The same as SIOCGSTAMPNS, for times past 2038.";
    SIOCOUTQNSD = 0x894b, Stack "Bytes not yet sent.";
    SIOCGIFNAME = 0x8910, Nobody "An interface's name by its index.";
    SIOCGIFCONF = 0x8912, Nobody "The list of IPv4 addresses and their interfaces.";
    SIOCGIFFLAGS = 0x8913, Nobody "An interface's flags.";
    SIOCGIFADDR = 0x8915, Nobody "An interface's IPv4 address.";
    SIOCGIFDSTADDR = 0x8917, Nobody "The other end's address of a point-to-point interface.";
    SIOCGIFBRDADDR = 0x8919, Nobody "An interface's broadcast address.";
    SIOCGIFNETMASK = 0x891b, Nobody "An interface's network mask.";
    SIOCGIFMETRIC = 0x891d, Nobody "An interface's metric.";
    SIOCGIFMTU = 0x8921, Nobody "An interface's MTU.";
    SIOCGIFHWADDR = 0x8927, Nobody "An interface's hardware address.";
    SIOCGIFINDEX = 0x8933, Nobody "An interface's index by its name.";
    SIOCGIFTXQLEN = 0x8942, Nobody "An interface's queue length.";
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

//! The numbers of ioctl(2) that sockets answer (tty_ioctl(2), socket(7), netdevice(7)).

use std::time::Duration;

/// Who answers an ioctl of a program under the supervisor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// The kernel, of the carrier.
    Carrier,
    /// The stack.
    Stack,
    /// The stack, with EPERM: interfaces are set up by who owns the network.
    Refused,
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
    SIOCGIFNAME = 0x8910, Stack "An interface's name by its index.";
    SIOCGIFCONF = 0x8912, Stack "The list of IPv4 addresses and their interfaces.";
    SIOCGIFFLAGS = 0x8913, Stack "An interface's flags.";
    SIOCGIFADDR = 0x8915, Stack "An interface's IPv4 address.";
    SIOCGIFDSTADDR = 0x8917, Stack "The other end's address of a point-to-point interface.";
    SIOCGIFBRDADDR = 0x8919, Stack "An interface's broadcast address.";
    SIOCGIFNETMASK = 0x891b, Stack "An interface's network mask.";
    SIOCGIFMETRIC = 0x891d, Stack "An interface's metric.";
    SIOCGIFMTU = 0x8921, Stack "An interface's MTU.";
    SIOCGIFHWADDR = 0x8927, Stack "An interface's hardware address.";
    SIOCGIFINDEX = 0x8933, Stack "An interface's index by its name.";
    SIOCGIFTXQLEN = 0x8942, Stack "An interface's queue length.";
    SIOCGIFMAP = 0x8970, Stack "Where an interface's hardware is.";
    SIOCSIFFLAGS = 0x8914, Refused "Sets an interface's flags.";
    SIOCSIFADDR = 0x8916, Refused "Sets an interface's address.";
    SIOCSIFDSTADDR = 0x8918, Refused "Sets the other end's address.";
    SIOCSIFBRDADDR = 0x891a, Refused "Sets an interface's broadcast address.";
    SIOCSIFNETMASK = 0x891c, Refused "Sets an interface's network mask.";
    SIOCSIFMTU = 0x8922, Refused "Sets an interface's MTU.";
    SIOCSIFNAME = 0x8923, Refused "Renames an interface.";
    SIOCSIFHWADDR = 0x8924, Refused "Sets an interface's hardware address.";
    SIOCADDMULTI = 0x8931, Refused "Adds a hardware address that is heard.";
    SIOCDELMULTI = 0x8932, Refused "Takes it away.";
    SIOCSIFTXQLEN = 0x8943, Refused "Sets an interface's queue length.";
}

/// The same as [`FIONREAD`].
pub const SIOCINQ: u32 = FIONREAD;
/// The same as [`TIOCOUTQ`].
pub const SIOCOUTQ: u32 = TIOCOUTQ;

/// Whether a request asks something of an interface, by a `struct ifreq`.
pub const fn asks_of_interface(request: u32) -> bool {
    matches!(
        request,
        SIOCGIFNAME
            | SIOCGIFFLAGS
            | SIOCGIFADDR
            | SIOCGIFDSTADDR
            | SIOCGIFBRDADDR
            | SIOCGIFNETMASK
            | SIOCGIFMETRIC
            | SIOCGIFMTU
            | SIOCGIFHWADDR
            | SIOCGIFINDEX
            | SIOCGIFTXQLEN
            | SIOCGIFMAP
    )
}

/// Whether a request changes an interface.
pub const fn sets_interface(request: u32) -> bool {
    matches!(
        request,
        SIOCSIFFLAGS
            | SIOCSIFADDR
            | SIOCSIFDSTADDR
            | SIOCSIFBRDADDR
            | SIOCSIFNETMASK
            | SIOCSIFMTU
            | SIOCSIFNAME
            | SIOCSIFHWADDR
            | SIOCADDMULTI
            | SIOCDELMULTI
            | SIOCSIFTXQLEN
    )
}

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

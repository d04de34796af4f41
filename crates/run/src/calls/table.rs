//! The system calls that have to do with sockets, and who makes them.

use libc::c_long;

/// When a call is the supervisor's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// Always, if its descriptor is a socket of the network or a netlink one, or it has none.
    Always,
    /// Behind the gate (`--exact`); else the kernel makes it, on the carrier.
    Gate,
    /// Where its arguments ask for what a carrier can't do, and behind the gate.
    Odd,
    /// With `--linger`; else the kernel makes it, on the carrier.
    Linger,
    /// By its arguments.
    Arguments,
    /// Never: the kernel makes it, on the carrier.
    Never,
    /// It is refused.
    Refused,
}

/// A system call.
#[derive(Clone, Copy, Debug)]
pub struct CallRow {
    /// Its number on this machine; none where it has it under another name.
    pub number: c_long,
    /// Its name.
    pub name: &'static str,
    /// Whose it is.
    pub when: When,
    /// What is to be said of it.
    pub text: &'static str,
}

macro_rules! calls {
    ($($name:ident $number:ident $when:ident $text:literal;)*) => {
        /// All of them. Of what is not here no socket is concerned, or the kernel does the same with a carrier.
        pub const CALLS: &[CallRow] = &[$(CallRow {
            number: libc::$number,
            name: stringify!($name),
            when: When::$when,
            text: $text,
        },)*];
    };
}

calls! {
    socket SYS_socket Arguments "AF_INET, AF_INET6 and AF_NETLINK are the network's, AF_UNIX the machine's, others EAFNOSUPPORT";
    socketpair SYS_socketpair Arguments "AF_UNIX is the machine's; EOPNOTSUPP for AF_INET, AF_INET6 and AF_NETLINK, as on Linux";
    bind SYS_bind Always "";
    connect SYS_connect Always "";
    listen SYS_listen Always "";
    accept SYS_accept Always "";
    accept4 SYS_accept4 Always "";
    getsockname SYS_getsockname Always "";
    getpeername SYS_getpeername Always "";
    setsockopt SYS_setsockopt Always "options by their table";
    getsockopt SYS_getsockopt Always "options by their table";
    shutdown SYS_shutdown Always "";
    read SYS_read Gate "";
    readv SYS_readv Gate "";
    recvfrom SYS_recvfrom Odd "with an address, or a flag that a carrier hasn't";
    recvmsg SYS_recvmsg Always "";
    recvmmsg SYS_recvmmsg Always "";
    write SYS_write Gate "";
    writev SYS_writev Gate "";
    sendto SYS_sendto Odd "with an address, or a flag that a carrier hasn't";
    sendmsg SYS_sendmsg Always "";
    sendmmsg SYS_sendmmsg Always "";
    sendfile SYS_sendfile Gate "";
    splice SYS_splice Gate "";
    preadv2 SYS_preadv2 Never "goes round the gate";
    pwritev2 SYS_pwritev2 Never "goes round the gate";
    ioctl SYS_ioctl Arguments "requests by their table";
    fcntl SYS_fcntl Never "O_NONBLOCK, FD_CLOEXEC, F_SETOWN, F_SETSIG are the carrier's own";
    close SYS_close Linger "the last one closes the socket; SO_LINGER makes it wait with `--linger`";
    dup SYS_dup Never "";
    ppoll SYS_ppoll Never "as poll and select";
    epoll_ctl SYS_epoll_ctl Never "level, edge, oneshot and exclusive are the kernel's own";
    uname SYS_uname Always "the host's name; the rest is the machine's";
    sethostname SYS_sethostname Always "changes what `uname` tells the programs of this run";
    setdomainname SYS_setdomainname Always "the same";
    io_uring_setup SYS_io_uring_setup Refused "ENOSYS; programs fall back to the calls above";
}

/// The numbers of the calls that are the supervisor's then.
pub(crate) fn numbers(when: When) -> impl Iterator<Item = c_long> {
    CALLS.iter().filter(move |row| row.when == when).map(|row| row.number)
}

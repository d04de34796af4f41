//! The filter: which system calls the program makes natively, which the supervisor answers, and which are refused.
//!
//! A call that the kernel can serve as it stands (everything but sockets, Unix-domain sockets, and plain stream reads
//! and writes on a carrier) is never trapped. The filter sees numbers, never memory, so calls whose meaning lies behind
//! a pointer are always trapped.

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, c_long,
    sock_filter,
};

use sockeye_preload::UNTRAPPED;

use crate::calls::{When, numbers};

/// Offsets in `struct seccomp_data`.
const NR: u32 = 0;
const ARCH: u32 = 4;
const ARGS: u32 = 16;

#[cfg(target_arch = "x86_64")]
const NATIVE_ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const NATIVE_ARCH: u32 = 0xc000_00b7;
/// x86-64 calls with this bit are of the x32 interface.
#[cfg(target_arch = "x86_64")]
const X32_BIT: u32 = 0x4000_0000;

/// The socket calls and `io_uring` of the 32-bit interface of this machine (i386: `socketcall`, `socket` to `shutdown`;
/// ARM: `socket` to `recvmsg`, `accept4`, `recvmmsg`, `sendmmsg`).
#[cfg(target_arch = "x86_64")]
const FOREIGN_REFUSED: &[u32] = &[
    102, 337, 345, 359, 360, 361, 362, 363, 364, 365, 366, 367, 368, 369, 370, 371, 372, 373, 417, 425, 426,
    427,
];
#[cfg(target_arch = "aarch64")]
const FOREIGN_REFUSED: &[u32] = &[
    281, 282, 283, 284, 285, 286, 287, 288, 289, 290, 291, 292, 293, 294, 295, 296, 297, 365, 366, 374, 417,
    425, 426, 427,
];

/// `send` flags that a stream may have without its call being trapped: they mean the same on a carrier, or are hints.
const SEND_NATIVE: i32 = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT | libc::MSG_MORE | libc::MSG_CONFIRM;
/// The same for `recv`.
const RECV_NATIVE: i32 =
    libc::MSG_DONTWAIT | libc::MSG_PEEK | libc::MSG_WAITALL | libc::MSG_NOSIGNAL | libc::MSG_CMSG_CLOEXEC;

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const NOTIFY: u32 = libc::SECCOMP_RET_USER_NOTIF;

const fn refuse(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno as u32
}

/// The filter's program for this machine, with the gate or without, and `close` trapped or not.
pub(super) fn program(gate: bool, linger: bool) -> Vec<sock_filter> {
    let mut code = vec![load(ARCH)];
    let foreign = foreign_calls();
    code.push(jump(BPF_JEQ, NATIVE_ARCH, foreign.len(), 0));
    code.extend(foreign);
    code.push(load(NR));
    #[cfg(target_arch = "x86_64")]
    code.extend([jump(BPF_JGE, X32_BIT, 0, 1), ret(refuse(libc::ENOSYS))]);

    // Without a ring there is nothing to enter.
    for call in [libc::SYS_io_uring_enter, libc::SYS_io_uring_register] {
        code.extend(on(call, vec![ret(refuse(libc::ENOSYS))]));
    }
    code.extend(on(libc::SYS_socket, by_family(NOTIFY, NOTIFY)));
    let (inet, others) = (refuse(libc::EOPNOTSUPP), refuse(libc::EAFNOSUPPORT));
    code.extend(on(libc::SYS_socketpair, by_family(inet, others)));
    code.extend(on(libc::SYS_seccomp, second_filters()));
    code.extend(on(libc::SYS_prctl, strict_mode()));
    let told = numbers(When::Refused);
    let gated = [When::Gate, When::Odd].into_iter().flat_map(numbers).filter(|_| gate);
    let closing = numbers(When::Linger).filter(|_| linger);
    code.extend(on(libc::SYS_getsockopt, options_read()));
    code.extend(on(libc::SYS_bind, but_marked(2)));
    code.extend(on(libc::SYS_accept4, but_marked(3)));
    let own = [libc::SYS_getsockopt, libc::SYS_bind, libc::SYS_accept4];
    for call in
        numbers(When::Always).filter(|call| !own.contains(call)).chain(told).chain(gated).chain(closing)
    {
        code.extend(on(call, vec![ret(NOTIFY)]));
    }
    code.extend(on(libc::SYS_sendto, addressed_or_odd(4, SEND_NATIVE)));
    code.extend(on(libc::SYS_recvfrom, addressed_or_odd(4, RECV_NATIVE)));
    code.extend(on(libc::SYS_ioctl, socket_ioctls()));
    code.push(ret(ALLOW));
    code
}

/// A program that traps one call.
pub(super) fn trapping(call: c_long) -> Vec<sock_filter> {
    let mut code = vec![load(NR)];
    code.extend(on(call, vec![ret(NOTIFY)]));
    code.push(ret(ALLOW));
    code
}

/// 32-bit programs may run, but have no sockets: their calls would reach the kernel's network.
fn foreign_calls() -> Vec<sock_filter> {
    let mut code = vec![load(NR)];
    for &call in FOREIGN_REFUSED {
        code.extend([jump(BPF_JEQ, call, 0, 1), ret(NOTIFY)]);
    }
    code.push(ret(ALLOW));
    code
}

/// Whether a call came by this machine's own interface.
pub(super) fn is_native(arch: u32) -> bool {
    arch == NATIVE_ARCH
}

/// `socket` and `socketpair`: Unix-domain ones are the machine's own, those of the Internet and of netlink get `ours`, and what is
/// neither `others`.
fn by_family(ours: u32, others: u32) -> Vec<sock_filter> {
    let (unix, inet4, inet6) = (libc::AF_UNIX as u32, libc::AF_INET as u32, libc::AF_INET6 as u32);
    vec![
        load_arg_low(0),
        jump(BPF_JEQ, unix, 0, 1),
        ret(ALLOW),
        jump(BPF_JEQ, inet4, 2, 0),
        jump(BPF_JEQ, inet6, 1, 0),
        jump(BPF_JEQ, libc::AF_NETLINK as u32, 0, 1),
        ret(ours),
        ret(others),
    ]
}

/// `seccomp` that asks for strict mode, or for a listener: neither goes with a filter in place that has one.
fn second_filters() -> Vec<sock_filter> {
    vec![
        load_arg_low(0),
        jump(BPF_JEQ, libc::SECCOMP_SET_MODE_STRICT, 3, 0),
        jump(BPF_JEQ, libc::SECCOMP_SET_MODE_FILTER, 0, 3),
        load_arg_low(1),
        jump(BPF_JSET, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER as u32, 0, 1),
        ret(NOTIFY),
        ret(ALLOW),
    ]
}

/// The older call for strict mode.
fn strict_mode() -> Vec<sock_filter> {
    vec![
        load_arg_low(0),
        jump(BPF_JEQ, libc::PR_SET_SECCOMP as u32, 0, 3),
        load_arg_low(1),
        jump(BPF_JEQ, libc::SECCOMP_MODE_STRICT, 0, 1),
        ret(NOTIFY),
        ret(ALLOW),
    ]
}

/// Trapped if the pointer in argument `pointer` is set, or a flag beyond `native` is.
fn addressed_or_odd(pointer: u32, native: i32) -> Vec<sock_filter> {
    vec![
        load_arg_low(pointer),
        jump(BPF_JEQ, 0, 0, 4),
        load_arg_high(pointer),
        jump(BPF_JEQ, 0, 0, 2),
        load_arg_low(3),
        jump(BPF_JSET, !native as u32, 0, 1),
        ret(NOTIFY),
        ret(ALLOW),
    ]
}

/// `getsockopt`: trapped, but for who asks by the object's mark what the carrier's cookie is.
fn options_read() -> Vec<sock_filter> {
    vec![
        load_arg_high(1),
        jump(BPF_JEQ, UNTRAPPED, 0, 5),
        load_arg_low(1),
        jump(BPF_JEQ, libc::SOL_SOCKET as u32, 0, 3),
        load_arg_low(2),
        jump(BPF_JEQ, libc::SO_COOKIE as u32, 0, 1),
        ret(ALLOW),
        ret(NOTIFY),
    ]
}

/// Trapped, but where the object has put its mark into this argument.
fn but_marked(argument: u32) -> Vec<sock_filter> {
    vec![load_arg_high(argument), jump(BPF_JEQ, UNTRAPPED, 0, 1), ret(ALLOW), ret(NOTIFY)]
}

/// Socket ioctls (0x89xx, which would ask the machine's interfaces) and SIOCOUTQ, whose answer is the stack's, unless the object
/// asks by its mark for the carrier's.
fn socket_ioctls() -> Vec<sock_filter> {
    vec![
        load_arg_low(1),
        jump(BPF_JEQ, libc::TIOCOUTQ as u32, 0, 2),
        load_arg_high(1),
        jump(BPF_JEQ, UNTRAPPED, 4, 3),
        sock_filter { code: (BPF_ALU | BPF_AND | BPF_K) as u16, jt: 0, jf: 0, k: 0xffff_ff00 },
        // SIOCGSTAMP_NEW and its like say the size of what they give.
        jump(BPF_JEQ, 0x8010_8900, 1, 0),
        jump(BPF_JEQ, 0x8900, 0, 1),
        ret(NOTIFY),
        ret(ALLOW),
    ]
}

/// A block for one call. The accumulator holds the call's number before, and after if it was another call; the block
/// itself always returns.
fn on(call: c_long, block: Vec<sock_filter>) -> Vec<sock_filter> {
    let mut code = vec![jump(BPF_JEQ, call as u32, 0, block.len())];
    code.extend(block);
    code
}

fn load(offset: u32) -> sock_filter {
    sock_filter { code: (BPF_LD | BPF_W | BPF_ABS) as u16, jt: 0, jf: 0, k: offset }
}

fn load_arg_low(index: u32) -> sock_filter {
    load(ARGS + 8 * index + if cfg!(target_endian = "big") { 4 } else { 0 })
}

fn load_arg_high(index: u32) -> sock_filter {
    load(ARGS + 8 * index + if cfg!(target_endian = "big") { 0 } else { 4 })
}

fn jump(test: u32, operand: u32, if_true: usize, if_false: usize) -> sock_filter {
    let distance = |n: usize| u8::try_from(n).expect("blocks are short");
    sock_filter {
        code: (BPF_JMP | test | BPF_K) as u16,
        jt: distance(if_true),
        jf: distance(if_false),
        k: operand,
    }
}

fn ret(action: u32) -> sock_filter {
    sock_filter { code: (BPF_RET | BPF_K) as u16, jt: 0, jf: 0, k: action }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::CALLS;

    /// Runs the filter as the kernel would.
    fn verdict(gate: bool, arch: u32, nr: u32, args: [u64; 6]) -> u32 {
        let mut data = Vec::new();
        data.extend(nr.to_ne_bytes());
        data.extend(arch.to_ne_bytes());
        data.extend([0; 8]);
        args.iter().for_each(|arg| data.extend(arg.to_ne_bytes()));
        let program = program(gate, false);
        let (mut pc, mut a) = (0usize, 0u32);
        loop {
            let sock_filter { code, jt, jf, k } = program[pc];
            let branch = |taken: bool| usize::from(if taken { jt } else { jf });
            pc += 1;
            match u32::from(code) {
                c if c == BPF_LD | BPF_W | BPF_ABS => {
                    let at = k as usize;
                    a = u32::from_ne_bytes(data[at..at + 4].try_into().expect("in bounds"));
                }
                c if c == BPF_ALU | BPF_AND | BPF_K => a &= k,
                c if c == BPF_JMP | BPF_JEQ | BPF_K => pc += branch(a == k),
                c if c == BPF_JMP | BPF_JGE | BPF_K => pc += branch(a >= k),
                c if c == BPF_JMP | BPF_JSET | BPF_K => pc += branch(a & k != 0),
                c if c == BPF_RET | BPF_K => return k,
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    fn native(call: c_long, args: [u64; 6]) -> u32 {
        verdict(false, NATIVE_ARCH, call as u32, args)
    }

    fn gated(call: c_long, args: [u64; 6]) -> u32 {
        verdict(true, NATIVE_ARCH, call as u32, args)
    }

    #[test]
    fn sockets_by_family() {
        let family = |family: i32| native(libc::SYS_socket, [family as u64, 1, 0, 0, 0, 0]);
        assert_eq!(family(libc::AF_UNIX), ALLOW);
        assert_eq!(family(libc::AF_INET), NOTIFY);
        assert_eq!(family(libc::AF_INET6), NOTIFY);
        assert_eq!(family(libc::AF_NETLINK), NOTIFY);
        assert_eq!(family(libc::AF_PACKET), NOTIFY);
        assert_eq!(native(libc::SYS_socketpair, [libc::AF_UNIX as u64, 1, 0, 0, 0, 0]), ALLOW);
        assert_eq!(
            native(libc::SYS_socketpair, [libc::AF_INET as u64, 1, 0, 0, 0, 0]),
            refuse(libc::EOPNOTSUPP)
        );
    }

    #[test]
    fn plain_stream_calls_are_native() {
        let flags = (libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) as u64;
        assert_eq!(native(libc::SYS_sendto, [3, 1, 1, flags, 0, 0]), ALLOW);
        assert_eq!(native(libc::SYS_sendto, [3, 1, 1, flags, 0x7fff_0000_0000, 16]), NOTIFY);
        assert_eq!(native(libc::SYS_sendto, [3, 1, 1, flags, 0x1000, 16]), NOTIFY);
        assert_eq!(native(libc::SYS_sendto, [3, 1, 1, libc::MSG_OOB as u64, 0, 0]), NOTIFY);
        assert_eq!(native(libc::SYS_recvfrom, [3, 1, 1, libc::MSG_PEEK as u64, 0, 0]), ALLOW);
        assert_eq!(native(libc::SYS_recvfrom, [3, 1, 1, libc::MSG_TRUNC as u64, 0, 0]), NOTIFY);
        assert_eq!(native(libc::SYS_read, [3, 1, 1, 0, 0, 0]), ALLOW);
    }

    #[test]
    fn calls_are_as_their_table_says() {
        let arguments = [3, 1, 1, 0, 0, 0];
        for row in CALLS {
            let seen = (native(row.number, arguments), gated(row.number, arguments));
            let expected = match row.when {
                When::Always => (NOTIFY, NOTIFY),
                When::Gate | When::Odd => (ALLOW, NOTIFY),
                When::Never | When::Linger => (ALLOW, ALLOW),
                When::Refused => (NOTIFY, NOTIFY),
                When::Arguments => continue,
            };
            assert_eq!(seen, expected, "{}", row.name);
        }
        assert_eq!(gated(libc::SYS_close, [3, 0, 0, 0, 0, 0]), ALLOW);
        assert_eq!(gated(libc::SYS_poll, [1, 1, 0, 0, 0, 0]), ALLOW);
    }

    #[test]
    fn odd_ways_to_a_socket_are_refused() {
        assert_eq!(native(libc::SYS_io_uring_enter, [0; 6]), refuse(libc::ENOSYS));
        #[cfg(target_arch = "x86_64")]
        {
            assert_eq!(
                native(c_long::from(X32_BIT) | libc::SYS_socket, [2, 1, 0, 0, 0, 0]),
                refuse(libc::ENOSYS)
            );
            assert_eq!(verdict(false, 0x4000_0003, 102, [1, 0, 0, 0, 0, 0]), NOTIFY);
            assert_eq!(verdict(false, 0x4000_0003, 4, [1, 0, 0, 0, 0, 0]), ALLOW);
        }
    }

    #[test]
    fn filters_of_a_programs_own_are_its_own_but_for_a_second_listener() {
        let seccomp =
            |operation: u32, flags: u64| native(libc::SYS_seccomp, [u64::from(operation), flags, 0, 0, 0, 0]);
        let listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        assert_eq!(seccomp(libc::SECCOMP_SET_MODE_FILTER, 0), ALLOW);
        assert_eq!(seccomp(libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_TSYNC), ALLOW);
        assert_eq!(seccomp(libc::SECCOMP_SET_MODE_FILTER, listener), NOTIFY);
        assert_eq!(seccomp(libc::SECCOMP_SET_MODE_STRICT, 0), NOTIFY);
        assert_eq!(seccomp(libc::SECCOMP_GET_ACTION_AVAIL, listener), ALLOW);
        let prctl =
            |option: i32, mode: u32| native(libc::SYS_prctl, [option as u64, u64::from(mode), 0, 0, 0, 0]);
        assert_eq!(prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT), NOTIFY);
        assert_eq!(prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER), ALLOW);
        assert_eq!(prctl(libc::PR_SET_NAME, libc::SECCOMP_MODE_STRICT), ALLOW);
    }

    #[test]
    fn socket_ioctls_are_trapped_and_others_not() {
        let ioctl = |request: u64| native(libc::SYS_ioctl, [3, request, 0, 0, 0, 0]);
        assert_eq!(ioctl(0x8912), NOTIFY);
        assert_eq!(ioctl(libc::TIOCOUTQ), NOTIFY);
        assert_eq!(ioctl(libc::FIONREAD), ALLOW);
        assert_eq!(ioctl(libc::TCGETS), ALLOW);
        assert_eq!(ioctl(0x8912 | u64::from(UNTRAPPED) << 32), NOTIFY);
        assert_eq!(ioctl(libc::TIOCOUTQ | u64::from(UNTRAPPED) << 32), ALLOW);
        assert_eq!(ioctl(libc::TIOCOUTQ | 1 << 32), NOTIFY);
    }

    #[test]
    fn of_options_the_object_reads_the_cookie_alone() {
        let read = |level: u64, name: i32| native(libc::SYS_getsockopt, [3, level, name as u64, 1, 1, 0]);
        let (socket, mark) = (libc::SOL_SOCKET as u64, u64::from(UNTRAPPED) << 32);
        assert_eq!(read(socket, libc::SO_COOKIE), NOTIFY);
        assert_eq!(read(socket | mark, libc::SO_COOKIE), ALLOW);
        assert_eq!(read(socket | mark, libc::SO_ERROR), NOTIFY);
        assert_eq!(read(libc::IPPROTO_TCP as u64 | mark, libc::SO_COOKIE), NOTIFY);
        assert_eq!(native(libc::SYS_setsockopt, [3, socket | mark, libc::SO_COOKIE as u64, 1, 8, 0]), NOTIFY);
    }

    #[test]
    fn the_object_names_carriers_and_accepts() {
        let mark = u64::from(UNTRAPPED) << 32;
        assert_eq!(native(libc::SYS_bind, [3, 1, 17 | mark, 0, 0, 0]), ALLOW);
        assert_eq!(native(libc::SYS_bind, [3, 1 | mark, 17, 0, 0, 0]), NOTIFY);
        assert_eq!(native(libc::SYS_accept4, [3, 1, 1, 2048 | mark, 0, 0]), ALLOW);
        assert_eq!(native(libc::SYS_accept4, [3, 1, 1, 2048 | 1 << 32, 0, 0]), NOTIFY);
        assert_eq!(native(libc::SYS_accept, [3, 1, 1, 2048 | mark, 0, 0]), NOTIFY);
    }
}

/* Every call that is answered in the kernel's place, with every argument wrong in every way, on every kind of socket. A line
 * for each: what was asked, and the error or that there was none. */
#include "oracle.h"

#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096 };

/* Memory: a page to read and write, one to read, the end of one behind which is nothing. */
static char *fine, *constant, *edge;
static long values[16];
static const char *const value_names[] = {"0",       "1",      "unmapped", "read-only", "last byte", "last 8 bytes", "kernel",
                                          "non-canonical", "-1", "INT_MIN", "INT_MAX", "UINT_MAX", "LONG_MIN", "1 << 40"};
enum { VALUES = sizeof value_names / sizeof *value_names };

enum kind { STREAM, LISTENER, CONNECTED, DATAGRAM, JOINED, KINDS };
static const char *const kind_names[] = {"stream", "listener", "connected", "datagram", "connected datagram"};

static int sink;
static struct sockaddr_in here, there;

/* A socket of this kind, with something to be read or accepted where that can be; the other end, or -1. */
static int make(enum kind kind, int *other) {
    int ends[2], port, fd = -1;
    *other = -1;
    switch (kind) {
    case STREAM:
        fd = tcp();
        break;
    case LISTENER:
        fd = listener(4, &port);
        *other = tcp();
        MUST(connect4(*other, "127.0.0.1", port));
        wait_for(fd, POLLIN);
        break;
    case CONNECTED:
        connection(ends);
        MUST(write(ends[1], "12345678", 8));
        wait_for(ends[0], POLLIN);
        fd = ends[0];
        *other = ends[1];
        break;
    case DATAGRAM:
    case JOINED:
        fd = udp();
        MUST(bind4(fd, "127.0.0.1", 0));
        *other = udp();
        MUST(connect4(*other, "127.0.0.1", port_of(fd)));
        MUST(send(*other, "12345678", 8, 0));
        wait_for(fd, POLLIN);
        if (kind == JOINED)
            MUST(connect4(fd, "127.0.0.1", port_of(*other)));
        break;
    case KINDS:
        break;
    }
    MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
    return fd;
}

/* What stands for a descriptor or an address in a call's arguments. */
enum { FD = -1000, HERE, NAME, LENGTH, DATA, PIECES, MESSAGE, MANY, OPTION, FILE_FD, PIPE_FD, OFFSET, OLDER };

/* Which kinds of socket are asked. */
enum { S = 1 << STREAM, L = 1 << LISTENER, C = 1 << CONNECTED, D = 1 << DATAGRAM, J = 1 << JOINED };

struct call {
    const char *name;
    long number;
    int kinds, count;
    long arguments[6];
};

static const struct call calls[] = {
    {"socket", SYS_socket, S, 3, {AF_INET, SOCK_STREAM, 0}},
    {"bind", SYS_bind, S | C | D, 3, {FD, HERE, 16}},
    {"connect", SYS_connect, S | C | D, 3, {FD, NAME, 16}},
    {"listen", SYS_listen, S | L | C | D, 2, {FD, 5}},
    {"accept", SYS_accept, S | L | D, 3, {FD, OLDER, LENGTH}},
    {"accept4", SYS_accept4, S | L | D, 4, {FD, OLDER, LENGTH, 0}},
    {"getsockname", SYS_getsockname, S | D, 3, {FD, OLDER, LENGTH}},
    {"getpeername", SYS_getpeername, S | L | C | D, 3, {FD, OLDER, LENGTH}},
    {"setsockopt", SYS_setsockopt, S | D, 5, {FD, SOL_SOCKET, SO_KEEPALIVE, OPTION, 4}},
    {"setsockopt SO_LINGER", SYS_setsockopt, S | D, 5, {FD, SOL_SOCKET, SO_LINGER, OPTION, 8}},
    {"setsockopt SO_RCVTIMEO", SYS_setsockopt, S | D, 5, {FD, SOL_SOCKET, SO_RCVTIMEO, OPTION, 16}},
    {"setsockopt IP_TTL", SYS_setsockopt, S | D, 5, {FD, SOL_IP, IP_TTL, OPTION, 4}},
    {"setsockopt IP_ADD_MEMBERSHIP", SYS_setsockopt, S | D, 5, {FD, SOL_IP, IP_ADD_MEMBERSHIP, OPTION, 12}},
    {"setsockopt TCP_NODELAY", SYS_setsockopt, C | D, 5, {FD, SOL_TCP, TCP_NODELAY, OPTION, 4}},
    {"setsockopt TCP_CONGESTION", SYS_setsockopt, C | D, 5, {FD, SOL_TCP, TCP_CONGESTION, OPTION, 5}},
    {"getsockopt", SYS_getsockopt, S | D, 5, {FD, SOL_SOCKET, SO_TYPE, OPTION, LENGTH}},
    {"getsockopt SO_LINGER", SYS_getsockopt, S | D, 5, {FD, SOL_SOCKET, SO_LINGER, OPTION, LENGTH}},
    {"getsockopt IP_TTL", SYS_getsockopt, S | D, 5, {FD, SOL_IP, IP_TTL, OPTION, LENGTH}},
    {"getsockopt TCP_INFO", SYS_getsockopt, C | D, 5, {FD, SOL_TCP, TCP_INFO, OPTION, LENGTH}},
    {"shutdown", SYS_shutdown, S | L | C | D, 2, {FD, 0}},
    {"read", SYS_read, L | C | D, 3, {FD, DATA, 8}},
    {"write", SYS_write, L | C | D, 3, {FD, DATA, 8}},
    {"readv", SYS_readv, C | D, 3, {FD, PIECES, 2}},
    {"writev", SYS_writev, C | D, 3, {FD, PIECES, 2}},
    {"sendto", SYS_sendto, S | C | D | J, 6, {FD, DATA, 8, MSG_NOSIGNAL, NAME, 16}},
    {"send", SYS_sendto, S | C | D | J, 6, {FD, DATA, 8, MSG_NOSIGNAL, 0, 0}},
    {"recvfrom", SYS_recvfrom, L | C | D, 6, {FD, DATA, 8, 0, OLDER, LENGTH}},
    {"recv", SYS_recvfrom, L | C | D, 6, {FD, DATA, 8, 0, 0, 0}},
    {"sendmsg", SYS_sendmsg, S | C | D | J, 3, {FD, MESSAGE, MSG_NOSIGNAL}},
    {"recvmsg", SYS_recvmsg, L | C | D, 3, {FD, MESSAGE, 0}},
    {"sendmmsg", SYS_sendmmsg, C | D, 4, {FD, MANY, 1, MSG_NOSIGNAL}},
    {"recvmmsg", SYS_recvmmsg, C | D, 5, {FD, MANY, 1, 0, 0}},
    {"recvmmsg with a limit", SYS_recvmmsg, C | D, 5, {FD, MANY, 1, 0, OPTION}},
    {"sendfile", SYS_sendfile, C | D, 4, {FD, FILE_FD, OFFSET, 8}},
    {"splice in", SYS_splice, C | D, 6, {PIPE_FD, 0, FD, 0, 4, 0}},
    {"splice out", SYS_splice, C | D, 6, {FD, 0, PIPE_FD, 0, 4, 0}},
    {"ioctl FIONREAD", SYS_ioctl, C | D, 3, {FD, FIONREAD, DATA}},
    {"ioctl SIOCOUTQ", SYS_ioctl, L | C | D, 3, {FD, TIOCOUTQ, DATA}},
    {"ioctl SIOCATMARK", SYS_ioctl, L | C | D, 3, {FD, 0x8905, DATA}},
    {"ioctl SIOCGPGRP", SYS_ioctl, C | D, 3, {FD, 0x8904, DATA}},
    {"ioctl SIOCSPGRP", SYS_ioctl, C | D, 3, {FD, 0x8902, DATA}},
    {"ioctl SIOCGSTAMP", SYS_ioctl, C | D, 3, {FD, 0x8906, DATA}},
    {"ioctl SIOCGIFCONF", SYS_ioctl, C | D, 3, {FD, 0x8912, DATA}},
    {"ioctl SIOCGIFFLAGS", SYS_ioctl, C | D, 3, {FD, 0x8913, DATA}},
    {"ioctl SIOCGIFNAME", SYS_ioctl, C | D, 3, {FD, 0x8910, DATA}},
};
enum { CALLS = sizeof calls / sizeof *calls };

static struct iovec pieces[2];
static struct msghdr message;
static struct mmsghdr many;
static socklen_t length;
static long offset;
static int file, pipes[2];

/* Everything that arguments point to, as it should be. */
static void lay_out(const char *call) {
    memset(fine, 0, PAGE);
    memset(edge, 0, PAGE);
    /* Where who is asked writes. */
    pieces[0] = (struct iovec){fine, 4};
    pieces[1] = (struct iovec){fine + 4, 4};
    message = (struct msghdr){.msg_iov = pieces, .msg_iovlen = 2};
    if (strncmp(call, "recv", 4) == 0 || strncmp(call, "get", 3) == 0)
        message.msg_name = fine + 256, message.msg_namelen = 16;
    many = (struct mmsghdr){.msg_hdr = message};
    length = 16;
    offset = 0;
}

static long place(long argument, int fd) {
    switch (argument) {
    case FD:
        return fd;
    case HERE:
        return (long)&here;
    case NAME:
        return (long)&there;
    case LENGTH:
        return (long)&length;
    case DATA:
        return (long)fine;
    case PIECES:
        return (long)pieces;
    case MESSAGE:
        return (long)&message;
    case MANY:
        return (long)&many;
    case OPTION:
        return (long)(fine + 512);
    case OLDER:
        return (long)(fine + 1024);
    case FILE_FD:
        return file;
    case PIPE_FD:
        return pipes[0];
    case OFFSET:
        return (long)&offset;
    default:
        return argument;
    }
}

static void say(long result) {
    if (result < 0)
        printf(" %s\n", strerrorname_np(errno) ? strerrorname_np(errno) : "?");
    else
        printf(" ok\n");
}

static long make_call(const struct call *call, const long at[6]) {
    errno = 0;
    long result = syscall(call->number, at[0], at[1], at[2], at[3], at[4], at[5]);
    if (result >= 0 && (call->number == SYS_socket || call->number == SYS_accept || call->number == SYS_accept4)) {
        int error = errno;
        close((int)result);
        errno = error;
    }
    return result;
}

static int pipe_of(const struct call *call) {
    /* splice: the end that fits, with something in it. */
    return call->arguments[0] == PIPE_FD ? 0 : 1;
}

/* One argument after the other takes each value. */
static void arguments(const struct call *call, enum kind kind) {
    for (int which = -1; which < call->count; which++)
        for (int value = 0; value < (which < 0 ? 1 : VALUES); value++) {
            /* Every option has its own test. */
            if (strstr(call->name, "sockopt") && (which == 1 || which == 2))
                continue;
            int other, fd = make(kind, &other);
            long at[6];
            MUST(pipe(pipes));
            if (pipe_of(call) == 0)
                MUST(write(pipes[1], "1234", 4));
            else
                pipes[0] = (close(pipes[0]), pipes[1]);
            lay_out(call->name);
            for (int i = 0; i < 6; i++)
                at[i] = place(call->arguments[i], fd);
            if (which >= 0)
                at[which] = values[value];
            printf("%s %s %d=%s:", kind_names[kind], call->name, which, which < 0 ? "-" : value_names[value]);
            say(make_call(call, at));
            close(pipes[0]);
            close(pipes[1]);
            close(fd);
            close(other);
        }
}

/* The fields of a message header, one after the other. */
static void headers(const struct call *call, enum kind kind) {
    static const char *const fields[] = {"name", "namelen", "iov", "iovlen", "control", "controllen", "flags", "base", "len"};
    for (int field = 0; field < 9; field++)
        for (int value = 0; value < VALUES; value++) {
            int other, fd = make(kind, &other);
            long at[6], it = values[value];
            lay_out(call->name);
            if (field == 1)
                message.msg_name = fine + 256;
            switch (field) {
            case 0: message.msg_name = (void *)it, message.msg_namelen = 16; break;
            case 1: message.msg_namelen = (socklen_t)it; break;
            case 2: message.msg_iov = (void *)it; break;
            case 3: message.msg_iovlen = (size_t)it; break;
            case 4: message.msg_control = (void *)it, message.msg_controllen = 64; break;
            case 5: message.msg_control = fine + 2048, message.msg_controllen = (size_t)it; break;
            case 6: message.msg_flags = (int)it; break;
            case 7: pieces[1].iov_base = (void *)it; break;
            case 8: pieces[1].iov_len = (size_t)it; break;
            }
            many.msg_hdr = message;
            for (int i = 0; i < 6; i++)
                at[i] = place(call->arguments[i], fd);
            printf("%s %s %s=%s:", kind_names[kind], call->name, fields[field], value_names[value]);
            say(make_call(call, at));
            close(fd);
            close(other);
        }
}

int main(void) {
    alarm(55);
    MUST(signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0);
    /* Descriptors 0 and 1 are arguments, too. */
    stdout = fdopen(MUST(fcntl(1, F_DUPFD_CLOEXEC, 900)), "w");
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    int null = MUST(open("/dev/null", O_RDWR));
    MUST(dup2(null, 0));
    MUST(dup2(null, 1));
    /* Always in the same place, as an address may stand where flags should. */
    fine = mmap((void *)(1L << 36), 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    constant = fine + 2 * PAGE;
    edge = fine + 4 * PAGE;
    MUST(mprotect(fine, PAGE, PROT_READ | PROT_WRITE));
    MUST(mprotect(constant, PAGE, PROT_READ));
    MUST(mprotect(edge, PAGE, PROT_READ | PROT_WRITE));
    long all[VALUES] = {0, 1, 16 << 10, (long)constant, (long)(edge + PAGE - 1), (long)(edge + PAGE - 8), (long)0xffff888000000000,
                        (long)0x8000000000000000 >> 8, -1, INT32_MIN, INT32_MAX, 0xffffffff, INT64_MIN, 1L << 40};
    memcpy(values, all, sizeof all);
    sink = udp();
    MUST(bind4(sink, "127.0.0.1", 0));
    here = in4("127.0.0.1", 0);
    there = in4("127.0.0.1", port_of(sink));
    file = MUST(open("/proc/self/exe", O_RDONLY));
    for (int kind = 0; kind < KINDS; kind++)
        for (int call = 0; call < CALLS; call++) {
            if (!(calls[call].kinds & 1 << kind))
                continue;
            arguments(&calls[call], kind);
            if (calls[call].arguments[1] == MESSAGE || calls[call].arguments[1] == MANY)
                headers(&calls[call], kind);
        }
    return 0;
}

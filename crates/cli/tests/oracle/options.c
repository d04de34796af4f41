/* getsockopt(2) and setsockopt(2): defaults, what is kept, what is clamped, what is refused. */
#include "oracle.h"

struct row {
    const char *name;
    int level, option;
};

#define ROW(level, option) {#option, level, option}

static const struct row common[] = {
    ROW(SOL_SOCKET, SO_REUSEADDR), ROW(SOL_SOCKET, SO_TYPE), ROW(SOL_SOCKET, SO_ERROR), ROW(SOL_SOCKET, SO_BROADCAST),
    ROW(SOL_SOCKET, SO_KEEPALIVE), ROW(SOL_SOCKET, SO_BSDCOMPAT), ROW(SOL_SOCKET, SO_REUSEPORT),
    ROW(SOL_SOCKET, SO_SNDLOWAT), ROW(SOL_SOCKET, SO_RCVLOWAT), ROW(SOL_SOCKET, SO_ACCEPTCONN),
    ROW(SOL_SOCKET, SO_PROTOCOL), ROW(SOL_SOCKET, SO_DOMAIN),
};
static const struct row of_tcp[] = {
    ROW(SOL_TCP, TCP_NODELAY), ROW(SOL_TCP, TCP_CORK), ROW(SOL_TCP, TCP_KEEPIDLE), ROW(SOL_TCP, TCP_KEEPINTVL),
    ROW(SOL_TCP, TCP_KEEPCNT), ROW(SOL_TCP, TCP_SYNCNT), ROW(SOL_TCP, TCP_USER_TIMEOUT),
    ROW(SOL_TCP, TCP_MAXSEG), ROW(SOL_TCP, TCP_QUICKACK), ROW(SOL_TCP, TCP_LINGER2), ROW(SOL_TCP, TCP_WINDOW_CLAMP),
    ROW(SOL_TCP, TCP_DEFER_ACCEPT),
};
#define COUNT(rows) (int)(sizeof rows / sizeof *rows)

static void defaults(const char *what, int fd, const struct row *rows, int count) {
    for (int i = 0; i < count; i++)
        printf("%s %s: %d\n", what, rows[i].name, option(fd, rows[i].level, rows[i].option));
}

/* Sets each of a few values; prints what came of it. */
static void settings(int fd, const struct row *row) {
    static const int values[] = {0, 1, 2, 7, 127, 128, 32767, 32768, -1, INT32_MAX, INT32_MIN};
    for (int i = 0; i < COUNT(values); i++) {
        errno = 0;
        int done = setsockopt(fd, row->level, row->option, &values[i], sizeof(int));
        printf("%s = %d: %s, reads %d\n", row->name, values[i], done < 0 ? strerrorname_np(errno) : "ok",
               option(fd, row->level, row->option));
    }
}

/* Values shorter and longer than an int, and no value at all. */
static void lengths(int fd, const struct row *row) {
    char value[64] = {1};
    static const int sizes[] = {0, 1, 3, 4, 8, 64, -1};
    for (int i = 0; i < COUNT(sizes); i++) {
        errno = 0;
        int done = setsockopt(fd, row->level, row->option, value, sizes[i]);
        printf("%s set with length %d: %s\n", row->name, sizes[i], done < 0 ? strerrorname_np(errno) : "ok");
    }
    for (int i = 0; i < COUNT(sizes); i++) {
        errno = 0;
        socklen_t length = sizes[i];
        memset(value, 0x55, sizeof value);
        int done = getsockopt(fd, row->level, row->option, value, &length);
        printf("%s read with length %d: %s, length %d, untouched after %d\n", row->name, sizes[i],
               done < 0 ? strerrorname_np(errno) : "ok", done < 0 ? 0 : (int)length,
               done < 0 ? 0 : value[length] == 0x55);
    }
}

static void times(int fd, int name) {
    static const struct timeval values[] = {{0, 0}, {1, 500000}, {0, 1000000}, {0, -1}, {-1, 0}, {3, 0}};
    for (int i = 0; i < COUNT(values); i++) {
        struct timeval back = {-9, -9};
        socklen_t length = sizeof back;
        errno = 0;
        int done = setsockopt(fd, SOL_SOCKET, name, &values[i], sizeof values[i]);
        printf("timeout %ld.%06ld: %s", (long)values[i].tv_sec, (long)values[i].tv_usec,
               done < 0 ? strerrorname_np(errno) : "ok");
        getsockopt(fd, SOL_SOCKET, name, &back, &length);
        /* Linux counts in ticks, whose length depends on the machine: to a tenth is enough. */
        printf(", reads %ld.%ld length %u\n", (long)back.tv_sec, (long)back.tv_usec / 100000, (unsigned)length);
    }
}

static void lingers(int fd) {
    static const struct linger values[] = {{1, 5}, {0, 5}, {7, 0}, {1, 0}};
    for (int i = 0; i < COUNT(values); i++) {
        struct linger back = {-9, -9};
        socklen_t length = sizeof back;
        TRY(setsockopt(fd, SOL_SOCKET, SO_LINGER, &values[i], sizeof values[i]));
        getsockopt(fd, SOL_SOCKET, SO_LINGER, &back, &length);
        printf("linger %d %d: reads %d %d length %u\n", values[i].l_onoff, values[i].l_linger, back.l_onoff,
               back.l_linger, (unsigned)length);
    }
    int small = 1;
    TRY(setsockopt(fd, SOL_SOCKET, SO_LINGER, &small, sizeof small));
}

int main(void) {
    int stream = tcp(), datagram = udp(), stream6 = MUST(socket(AF_INET6, SOCK_STREAM, 0));
    SECTION("defaults");
    defaults("tcp", stream, common, COUNT(common));
    defaults("tcp", stream, of_tcp, COUNT(of_tcp));
    defaults("udp", datagram, common, COUNT(common));
    printf("IPV6_V6ONLY %d\n", option(stream6, IPPROTO_IPV6, IPV6_V6ONLY));

    SECTION("settings");
    static const int settable[] = {0, 3, 4, 5, 6};
    for (int i = 0; i < COUNT(settable); i++)
        settings(stream, &common[settable[i]]);
    settings(datagram, &common[3]);
    for (int i = 0; i < COUNT(of_tcp); i++)
        settings(stream, &of_tcp[i]);
    static const struct row of_ip[] = {ROW(SOL_IP, IP_TTL), ROW(SOL_IP, IP_TOS), ROW(SOL_IP, IP_MTU_DISCOVER)};
    static const struct row of_ipv6[] = {
        ROW(SOL_IPV6, IPV6_UNICAST_HOPS), ROW(SOL_IPV6, IPV6_TCLASS), ROW(SOL_IPV6, IPV6_MTU_DISCOVER),
        ROW(SOL_IP, IP_MTU_DISCOVER),
    };
    for (int i = 0; i < COUNT(of_ip); i++) {
        settings(stream, &of_ip[i]);
        settings(datagram, &of_ip[i]);
    }
    for (int i = 0; i < COUNT(of_ipv6); i++)
        settings(stream6, &of_ipv6[i]);
    struct row v6only = ROW(IPPROTO_IPV6, IPV6_V6ONLY);
    settings(stream6, &v6only);
    TRY(bind6(stream6, "::1", 0));
    settings(stream6, &v6only);

    SECTION("read only");
    int one = 1;
    TRY(setsockopt(stream, SOL_SOCKET, SO_TYPE, &one, sizeof one));
    TRY(setsockopt(stream, SOL_SOCKET, SO_ERROR, &one, sizeof one));
    TRY(setsockopt(stream, SOL_SOCKET, SO_ACCEPTCONN, &one, sizeof one));
    TRY(setsockopt(stream, SOL_SOCKET, SO_PROTOCOL, &one, sizeof one));
    TRY(setsockopt(stream, SOL_SOCKET, SO_DOMAIN, &one, sizeof one));
    TRY(setsockopt(stream, SOL_SOCKET, SO_SNDLOWAT, &one, sizeof one));

    SECTION("lengths");
    lengths(stream, &common[0]);
    lengths(stream, &common[1]);
    lengths(stream, &of_tcp[0]);

    SECTION("times and linger");
    times(stream, SO_RCVTIMEO);
    times(datagram, SO_SNDTIMEO);
    struct timeval second = {1, 0};
    TRY(setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &second, 8));
    lingers(stream);

    SECTION("of other kinds");
    TRY(option(datagram, SOL_TCP, TCP_NODELAY));
    TRY(setsockopt(datagram, SOL_TCP, TCP_NODELAY, &one, sizeof one));
    TRY(setsockopt(stream, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one));
    TRY(setsockopt(stream, SOL_SOCKET, 9999, &one, sizeof one));
    TRY(setsockopt(stream, 9999, 1, &one, sizeof one));
    TRY(setsockopt(stream, SOL_TCP, 9999, &one, sizeof one));
    TRY(setsockopt(stream, SOL_IP, 9999, &one, sizeof one));
    socklen_t length = sizeof one;
    TRY(getsockopt(stream, SOL_SOCKET, 9999, &one, &length));
    TRY(getsockopt(stream, 9999, 1, &one, &length));
    TRY(getsockopt(stream, SOL_TCP, 9999, &one, &length));

    SECTION("buffers");
    int size = 20000;
    TRY(setsockopt(datagram, SOL_SOCKET, SO_RCVBUF, &size, sizeof size));
    TRY(option(datagram, SOL_SOCKET, SO_RCVBUF));
    TRY(setsockopt(stream, SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
    TRY(option(stream, SOL_SOCKET, SO_SNDBUF));
    size = 0;
    TRY(setsockopt(stream, SOL_SOCKET, SO_RCVBUF, &size, sizeof size));
    TRY(option(stream, SOL_SOCKET, SO_RCVBUF));
    TRY(setsockopt(stream, SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
    TRY(option(stream, SOL_SOCKET, SO_SNDBUF));
    return 0;
}

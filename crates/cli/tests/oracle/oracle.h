/* What the oracle's programs share. Each prints what it saw, line by line: the same on Linux and under `sockeye run`.
 * Nothing that differs from run to run (port numbers, descriptors, times) may be printed. */
#ifndef ORACLE_H
#define ORACLE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Makes a call and prints its result, or its error's name. */
#define TRY(call)                                                                                                      \
    ({                                                                                                                 \
        errno = 0;                                                                                                     \
        long result_ = (long)(call);                                                                                   \
        report(#call, result_, 1);                                                                                     \
        result_;                                                                                                       \
    })

/* The same for a call whose value is a descriptor: only whether it went well. */
#define TRY_FD(call)                                                                                                   \
    ({                                                                                                                 \
        errno = 0;                                                                                                     \
        long result_ = (long)(call);                                                                                   \
        report(#call, result_, 0);                                                                                     \
        (int)result_;                                                                                                  \
    })

/* A step that must go well, else the program makes no sense. */
#define MUST(call)                                                                                                     \
    ({                                                                                                                 \
        long result_ = (long)(call);                                                                                   \
        if (result_ < 0) {                                                                                             \
            printf("%s:%d: %s: %s\n", __FILE__, __LINE__, #call, strerrorname_np(errno));                              \
            exit(3);                                                                                                   \
        }                                                                                                              \
        (int)result_;                                                                                                  \
    })

#define SECTION(name) printf("-- %s\n", name)

__attribute__((unused)) static void report(const char *what, long result, int show) {
    if (result < 0)
        printf("%s: %s\n", what, strerrorname_np(errno) ? strerrorname_np(errno) : "?");
    else if (show)
        printf("%s: %ld\n", what, result);
    else
        printf("%s: ok\n", what);
}

/* Line by line, and an end to it all if something hangs. */
__attribute__((constructor)) static void prepare(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    alarm(30);
}

__attribute__((unused)) static struct sockaddr_in in4(const char *address, int port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &name.sin_addr);
    return name;
}

__attribute__((unused)) static struct sockaddr_in6 in6(const char *address, int port) {
    struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    inet_pton(AF_INET6, address, &name.sin6_addr);
    return name;
}

__attribute__((unused)) static int bind4(int fd, const char *address, int port) {
    struct sockaddr_in name = in4(address, port);
    return bind(fd, (struct sockaddr *)&name, sizeof name);
}

__attribute__((unused)) static int connect4(int fd, const char *address, int port) {
    struct sockaddr_in name = in4(address, port);
    return connect(fd, (struct sockaddr *)&name, sizeof name);
}

__attribute__((unused)) static int bind6(int fd, const char *address, int port) {
    struct sockaddr_in6 name = in6(address, port);
    return bind(fd, (struct sockaddr *)&name, sizeof name);
}

__attribute__((unused)) static int connect6(int fd, const char *address, int port) {
    struct sockaddr_in6 name = in6(address, port);
    return connect(fd, (struct sockaddr *)&name, sizeof name);
}

/* The port a socket has; both families keep it in the same place. */
__attribute__((unused)) static int port_of(int fd) {
    struct sockaddr_in6 name = {0};
    socklen_t length = sizeof name;
    MUST(getsockname(fd, (struct sockaddr *)&name, &length));
    return ntohs(name.sin6_port);
}

__attribute__((unused)) static int tcp(void) { return MUST(socket(AF_INET, SOCK_STREAM, 0)); }
__attribute__((unused)) static int udp(void) { return MUST(socket(AF_INET, SOCK_DGRAM, 0)); }

/* A listener on 127.0.0.1, at a port of its own. */
__attribute__((unused)) static int listener(int backlog, int *port) {
    int fd = tcp();
    MUST(bind4(fd, "127.0.0.1", 0));
    MUST(listen(fd, backlog));
    *port = port_of(fd);
    return fd;
}

/* A connection: [0] connected, [1] accepted. */
__attribute__((unused)) static void connection(int ends[2]) {
    int port, fd = listener(8, &port);
    ends[0] = tcp();
    MUST(connect4(ends[0], "127.0.0.1", port));
    ends[1] = MUST(accept(fd, NULL, NULL));
    MUST(close(fd));
}

/* A port of 127.0.0.1 where nobody listens. */
__attribute__((unused)) static int unused_port(int type) {
    int fd = MUST(socket(AF_INET, type, 0));
    MUST(bind4(fd, "127.0.0.1", 0));
    int port = port_of(fd);
    MUST(close(fd));
    return port;
}

/* Prints an address, with a port only as known or not. */
__attribute__((unused)) static void say_address(const char *what, const void *name, socklen_t length) {
    const struct sockaddr_in *v4 = name;
    const struct sockaddr_in6 *v6 = name;
    char text[INET6_ADDRSTRLEN] = "?";
    if (v4->sin_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    else if (v4->sin_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    printf("%s: family %d address %s port %s length %u\n", what, v4->sin_family, text,
           v4->sin_port ? "some" : "none", (unsigned)length);
}

__attribute__((unused)) static void say_names(int fd) {
    struct sockaddr_storage name = {0};
    socklen_t length = sizeof name;
    errno = 0;
    if (getsockname(fd, (struct sockaddr *)&name, &length) == 0)
        say_address("getsockname", &name, length);
    else
        printf("getsockname: %s\n", strerrorname_np(errno));
    length = sizeof name;
    memset(&name, 0, sizeof name);
    if (getpeername(fd, (struct sockaddr *)&name, &length) == 0)
        say_address("getpeername", &name, length);
    else
        printf("getpeername: %s\n", strerrorname_np(errno));
}

/* An option's int, or minus its errno. */
__attribute__((unused)) static int option(int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, name, &value, &length) == 0 ? value : -errno;
}

/* Reads and clears SO_ERROR, and prints its name. */
__attribute__((unused)) static void say_error(int fd) {
    int error = option(fd, SOL_SOCKET, SO_ERROR);
    printf("SO_ERROR: %s\n", error == 0 ? "0" : error > 0 ? strerrorname_np(error) : "?");
}

/* Prints the bits that poll shows at once, or once one of `events` is there. */
__attribute__((unused)) static void say_poll(const char *what, int fd, short events, int wait) {
    struct pollfd entry = {.fd = fd, .events = events};
    if (wait && poll(&entry, 1, 10000) != 1)
        printf("%s: waited in vain\n", what);
    entry.events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;
    poll(&entry, 1, 0);
    printf("%s:%s%s%s%s%s%s\n", what, entry.revents & POLLIN ? " IN" : "", entry.revents & POLLOUT ? " OUT" : "",
           entry.revents & POLLPRI ? " PRI" : "", entry.revents & POLLRDHUP ? " RDHUP" : "",
           entry.revents & POLLHUP ? " HUP" : "", entry.revents & POLLERR ? " ERR" : "");
}

/* Waits until one of `events` (or an error or hang-up) is there. */
__attribute__((unused)) static void wait_for(int fd, short events) {
    struct pollfd entry = {.fd = fd, .events = events};
    if (poll(&entry, 1, 10000) != 1)
        printf("waited in vain\n");
}

#endif

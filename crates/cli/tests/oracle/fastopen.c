/* Fast open (RFC 7413) on the loopback: what the calls say, and how the data came. */
#include "oracle.h"

#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif
#ifndef TCP_FASTOPEN_KEY
#define TCP_FASTOPEN_KEY 33
#endif
#ifndef TCP_FASTOPEN_NO_COOKIE
#define TCP_FASTOPEN_NO_COOKIE 34
#endif

static char buffer[200000];
static struct sockaddr_in name;
#define TO (struct sockaddr *)&name, sizeof name

static int set(int fd, int number, int value) { return setsockopt(fd, SOL_TCP, number, &value, sizeof value); }

static void info(const char *who, int fd) {
    struct tcp_info info;
    socklen_t length = sizeof info;
    MUST(getsockopt(fd, SOL_TCP, TCP_INFO, &info, &length));
    printf("%s: data in the SYN %d, failure %d\n", who, (info.tcpi_options >> 5) & 1,
           (((unsigned char *)&info)[7] >> 1) & 3);
}

/* A listener that takes data in SYNs, where the system lets it. */
static int fast_listener(int limit) {
    int port, server = listener(8, &port);
    MUST(set(server, TCP_FASTOPEN, limit));
    name = in4("127.0.0.1", port);
    return server;
}

static void serve(int server, size_t expected) {
    int fd = MUST(accept(server, NULL, NULL));
    size_t got = 0;
    ssize_t n;
    while (got < expected && (n = read(fd, buffer, sizeof buffer)) > 0)
        got += n;
    printf("the server got %zu bytes\n", got);
    info("server", fd);
    close(fd);
}

static void options(void) {
    SECTION("options");
    static const int numbers[] = {TCP_FASTOPEN, TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_NO_COOKIE};
    static const int values[] = {0, 1, 2, 5000, -1};
    int fd = tcp(), ends[2];
    connection(ends);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 5; j++) {
            int one = set(fd, numbers[i], values[j]), value = -1;
            const char *error = one ? strerrorname_np(errno) : "ok";
            socklen_t length = sizeof value;
            getsockopt(fd, SOL_TCP, numbers[i], &value, &length);
            printf("option %d = %d: %s, reads %d", numbers[i], values[j], error, value);
            printf(", connected: %s\n", set(ends[0], numbers[i], values[j]) ? strerrorname_np(errno) : "ok");
        }
    for (int length = 0; length < 40; length++)
        printf("%s%d", setsockopt(fd, SOL_TCP, TCP_FASTOPEN_KEY, buffer, length) ? " no " : " ok ", length);
    printf("\n");
    socklen_t length = sizeof buffer;
    TRY(getsockopt(fd, SOL_TCP, TCP_FASTOPEN_KEY, buffer, &length));
    printf("length of the key: %u\n", (unsigned)length);
}

static void blocking(const char *when) {
    SECTION(when);
    int server = fast_listener(5), fd = tcp();
    TRY(sendto(fd, buffer, 1000, MSG_FASTOPEN, TO));
    serve(server, 1000);
    info("client", fd);
    TRY(sendto(fd, buffer, 10, MSG_FASTOPEN | MSG_NOSIGNAL, TO));
    close(fd);
    fd = tcp();
    struct iovec pieces[] = {{buffer, 100}, {buffer, 0}, {buffer, 200}};
    struct msghdr message = {.msg_name = &name, .msg_namelen = sizeof name, .msg_iov = pieces, .msg_iovlen = 3};
    TRY(sendmsg(fd, &message, MSG_FASTOPEN));
    serve(server, 300);
    close(fd);
    fd = tcp();
    pid_t child = MUST(fork());
    if (child == 0) {
        serve(server, 150000);
        exit(0);
    }
    long sent = sendto(fd, buffer, 150000, MSG_FASTOPEN, TO);
    waitpid(child, NULL, 0);
    printf("sent %ld bytes\n", sent);
    close(fd);
    close(server);
}

static void nonblocking(void) {
    SECTION("non-blocking");
    int server = fast_listener(5), fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    TRY(sendto(fd, buffer, 0, MSG_FASTOPEN, TO));
    TRY(sendto(fd, buffer, 10, MSG_FASTOPEN, TO));
    serve(server, 10);
    close(fd);
    fd = tcp();
    long first = TRY(sendto(fd, buffer, 300, MSG_FASTOPEN | MSG_DONTWAIT, TO));
    TRY(sendto(fd, buffer, 30, MSG_FASTOPEN | MSG_DONTWAIT, TO));
    serve(server, first > 0 ? 330 : 30);
    close(fd);
    close(server);
}

static void refused(void) {
    SECTION("refused");
    name = in4("127.0.0.1", unused_port(SOCK_STREAM));
    int fd = tcp();
    TRY(sendto(fd, buffer, 100, MSG_FASTOPEN | MSG_NOSIGNAL, TO));
    TRY(sendto(fd, buffer, 100, MSG_FASTOPEN | MSG_NOSIGNAL, TO));
    close(fd);
    fd = tcp();
    TRY(sendto(fd, buffer, 100, MSG_FASTOPEN | MSG_NOSIGNAL, NULL, 0));
    name.sin_family = AF_UNSPEC;
    TRY(sendto(fd, buffer, 100, MSG_FASTOPEN | MSG_NOSIGNAL, TO));
    close(fd);
}

static void deferred(int no_cookie) {
    SECTION(no_cookie ? "connect without a cookie" : "connect that waits for data");
    int server = fast_listener(5), fd = tcp();
    TRY(set(fd, TCP_FASTOPEN_CONNECT, 1));
    if (no_cookie)
        TRY(set(fd, TCP_FASTOPEN_NO_COOKIE, 1));
    TRY(connect(fd, TO));
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    TRY(getpeername(fd, (struct sockaddr *)&peer, &length));
    struct pollfd poller = {fd, POLLIN | POLLOUT, 0};
    TRY(poll(&poller, 1, 0));
    printf("poll: %s\n", poller.revents == POLLOUT ? "POLLOUT" : "something else");
    TRY(write(fd, buffer, 500));
    serve(server, 500);
    info("client", fd);
    close(fd);
    fd = tcp();
    TRY(set(fd, TCP_FASTOPEN_CONNECT, 1));
    TRY(connect(fd, TO));
    MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
    TRY(connect(fd, TO));
    close(fd);
    close(server);
}

int main(void) {
    options();
    blocking("the first");
    blocking("the second");
    nonblocking();
    refused();
    deferred(0);
    deferred(1);
    return 0;
}

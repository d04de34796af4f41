/* epoll(7), level and edge, on listeners and connections. */
#include "oracle.h"

#include <sys/epoll.h>

static int poller;

static void watch(int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    MUST(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event));
}

/* Prints what epoll says within `wait` milliseconds. */
static void say(const char *what, int wait) {
    struct epoll_event event = {0};
    int n = epoll_wait(poller, &event, 1, wait);
    printf("%s: %d%s%s%s%s%s\n", what, n, event.events & EPOLLIN ? " IN" : "", event.events & EPOLLOUT ? " OUT" : "",
           event.events & EPOLLRDHUP ? " RDHUP" : "", event.events & EPOLLHUP ? " HUP" : "",
           event.events & EPOLLERR ? " ERR" : "");
}

int main(void) {
    int port, server = listener(8, &port), closed = unused_port(SOCK_STREAM);
    char buffer[64];
    MUST(fcntl(server, F_SETFL, O_NONBLOCK));

    SECTION("a listener, level");
    poller = MUST(epoll_create1(0));
    watch(server, EPOLLIN);
    say("nobody", 0);
    int first = tcp(), second = tcp();
    MUST(connect4(first, "127.0.0.1", port));
    MUST(connect4(second, "127.0.0.1", port));
    say("two", 10000);
    say("two", 0);
    int a = TRY_FD(accept(server, NULL, NULL));
    say("one", 10000);
    int b = TRY_FD(accept(server, NULL, NULL));
    say("none", 0);
    close(poller);

    SECTION("a listener, edge");
    poller = MUST(epoll_create1(0));
    watch(server, EPOLLIN | EPOLLET);
    int third = tcp();
    MUST(connect4(third, "127.0.0.1", port));
    say("one", 10000);
    say("not again", 0);
    int c = TRY_FD(accept(server, NULL, NULL));
    TRY(accept(server, NULL, NULL));
    close(poller);
    close(c);
    close(third);

    SECTION("a connection, edge");
    poller = MUST(epoll_create1(0));
    watch(a, EPOLLIN | EPOLLRDHUP | EPOLLET);
    say("quiet", 0);
    MUST(write(first, "12", 2));
    say("data", 10000);
    say("not again", 0);
    TRY(read(a, buffer, 1));
    say("part read: not again", 0);
    MUST(write(first, "34", 2));
    say("more data", 10000);
    TRY(recv(a, buffer, 3, MSG_WAITALL));
    MUST(shutdown(first, SHUT_WR));
    say("end", 10000);
    say("not again", 0);
    TRY(read(a, buffer, sizeof buffer));
    close(poller);

    SECTION("a connection, one shot");
    poller = MUST(epoll_create1(0));
    watch(b, EPOLLIN | EPOLLONESHOT);
    MUST(write(second, "1", 1));
    say("data", 10000);
    say("not again", 0);
    struct epoll_event again = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = b};
    TRY(epoll_ctl(poller, EPOLL_CTL_MOD, b, &again));
    say("armed again", 10000);
    close(poller);

    SECTION("connecting, edge");
    poller = MUST(epoll_create1(0));
    int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    TRY(connect4(fd, "127.0.0.1", port));
    watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    say("connected", 10000);
    say("not again", 0);
    say_error(fd);
    close(fd);
    close(poller);

    SECTION("refused, edge");
    poller = MUST(epoll_create1(0));
    fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    TRY(connect4(fd, "127.0.0.1", closed));
    watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    say("refused", 10000);
    say_error(fd);
    close(fd);
    close(poller);

    SECTION("watched before it connects");
    poller = MUST(epoll_create1(0));
    fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    watch(fd, EPOLLOUT);
    say("fresh", 0);
    TRY(connect4(fd, "127.0.0.1", port));
    wait_for(fd, POLLOUT);
    say("connected", 10000);
    close(fd);

    SECTION("closed: no longer watched");
    say("nothing", 0);
    close(poller);

    SECTION("select");
    fd_set readers, writers;
    FD_ZERO(&readers);
    FD_ZERO(&writers);
    FD_SET(a, &readers);
    FD_SET(b, &readers);
    FD_SET(second, &writers);
    struct timeval limit = {10, 0};
    TRY(select(64, &readers, &writers, NULL, &limit));
    printf("%d %d %d\n", FD_ISSET(a, &readers) != 0, FD_ISSET(b, &readers) != 0, FD_ISSET(second, &writers) != 0);
    return 0;
}

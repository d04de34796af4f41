/* Urgent data: the byte, the mark, the signal, who waits for it; in line and out; overtaken; at the end. */
#include "oracle.h"
#include <sys/epoll.h>
#include <sys/select.h>

static volatile sig_atomic_t urgent_signals;
static void on_urgent(int signal) {
    (void)signal;
    urgent_signals++;
}

static int ends[2];

/* A new connection whose receiving end, [1], signals us. */
static void begin(const char *name) {
    SECTION(name);
    connection(ends);
    MUST(fcntl(ends[1], F_SETOWN, getpid()));
    urgent_signals = 0;
}

static void end(void) {
    printf("signals: %d\n", (int)urgent_signals);
    close(ends[0]);
    close(ends[1]);
}

/* What was sent before an answer has arrived when the answer does. */
static void arrive(void) {
    char answer;
    MUST(send(ends[1], "!", 1, 0));
    MUST(recv(ends[0], &answer, 1, MSG_WAITALL));
}

static void put(const char *text, int flags) {
    errno = 0;
    long n = send(ends[0], text, strlen(text), flags | MSG_NOSIGNAL);
    printf("send '%s'%s", text, flags & MSG_OOB ? " urgent" : "");
    report("", n, 1);
    if (n > 0)
        arrive();
}

static void get(size_t room, int flags) {
    char text[100] = {0};
    errno = 0;
    long n = recv(ends[1], text, room, flags | MSG_DONTWAIT);
    printf("recv %zu%s%s '%s'", room, flags & MSG_OOB ? " urgent" : "", flags & MSG_PEEK ? " peek" : "", text);
    report("", n, 1);
}

static void state(void) {
    struct pollfd entry = {.fd = ends[1], .events = POLLPRI};
    poll(&entry, 1, 0);
    printf("at mark %d%s\n", sockatmark(ends[1]), entry.revents & POLLPRI ? ", PRI" : "");
}

static void inline_on(void) {
    int on = 1;
    TRY(setsockopt(ends[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on));
}

static void out_of_line(void) {
    begin("the byte, behind data and ahead of data");
    state();
    get(1, MSG_OOB);
    put("abc", 0);
    get(1, MSG_OOB);
    put("d", MSG_OOB);
    put("ef", 0);
    state();
    get(1, MSG_OOB | MSG_PEEK);
    get(10, MSG_OOB);
    state();
    get(1, MSG_OOB);
    get(10, 0);
    state();
    get(10, 0);
    state();
    get(10, 0);
    end();

    begin("the last byte of several, not read");
    put("abcd", MSG_OOB);
    get(10, 0);
    state();
    get(10, 0);
    get(1, MSG_OOB);
    state();
    end();

    begin("alone");
    put("a", MSG_OOB);
    state();
    get(1, MSG_OOB);
    state();
    get(10, 0);
    state();
    put("b", 0);
    get(10, 0);
    end();

    begin("in pieces up to the mark, and beyond");
    put("abc", MSG_OOB);
    put("d", 0);
    get(1, 0);
    get(1, 0);
    state();
    get(1, 0);
    state();
    get(1, MSG_OOB);
    end();

    begin("peek on both sides of the mark");
    put("ab", MSG_OOB);
    put("cd", 0);
    get(10, MSG_PEEK);
    get(1, 0);
    get(10, MSG_PEEK);
    state();
    get(10, 0);
    state();
    end();
}

static void overtaken(void) {
    begin("overtaken behind data");
    put("xa", MSG_OOB);
    put("yb", MSG_OOB);
    state();
    get(10, 0);
    state();
    get(1, MSG_OOB);
    get(10, 0);
    end();

    begin("overtaken when it was read");
    put("a", MSG_OOB);
    get(1, MSG_OOB);
    put("xyb", MSG_OOB);
    state();
    get(10, 0);
    state();
    get(1, MSG_OOB);
    get(10, 0);
    state();
    end();

    begin("overtaken in line");
    inline_on();
    put("a", MSG_OOB);
    put("b", MSG_OOB);
    state();
    get(10, 0);
    state();
    get(10, 0);
    state();
    end();
}

static void in_line(void) {
    begin("in line");
    printf("SO_OOBINLINE: %d\n", option(ends[1], SOL_SOCKET, SO_OOBINLINE));
    inline_on();
    printf("SO_OOBINLINE: %d\n", option(ends[1], SOL_SOCKET, SO_OOBINLINE));
    put("abc", MSG_OOB);
    put("de", 0);
    state();
    get(1, MSG_OOB);
    get(10, 0);
    state();
    get(10, MSG_PEEK);
    get(1, 0);
    state();
    get(10, 0);
    state();
    end();

    begin("in line, set when the byte is there");
    put("abc", MSG_OOB);
    put("de", 0);
    inline_on();
    get(1, MSG_OOB);
    get(10, 0);
    get(10, 0);
    end();

    SECTION("in line by inheritance");
    int port, on = 1, server = listener(4, &port);
    MUST(setsockopt(server, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on));
    ends[0] = tcp();
    MUST(connect4(ends[0], "127.0.0.1", port));
    ends[1] = MUST(accept(server, NULL, NULL));
    close(server);
    printf("SO_OOBINLINE: %d\n", option(ends[1], SOL_SOCKET, SO_OOBINLINE));
    put("ab", MSG_OOB);
    get(1, MSG_OOB);
    get(10, 0);
    get(10, 0);
    end();
}

static void at_the_end(void) {
    begin("FIN behind it");
    put("ab", MSG_OOB);
    MUST(shutdown(ends[0], SHUT_WR));
    wait_for(ends[1], POLLRDHUP);
    state();
    get(1, MSG_OOB | MSG_PEEK);
    get(10, 0);
    state();
    get(10, 0);
    state();
    get(1, MSG_OOB);
    get(10, 0);
    end();

    begin("FIN behind it, read");
    put("a", MSG_OOB);
    get(1, MSG_OOB);
    MUST(shutdown(ends[0], SHUT_WR));
    wait_for(ends[1], POLLRDHUP);
    state();
    get(10, 0);
    state();
    get(1, MSG_OOB);
    end();

    begin("own end shut");
    put("ab", MSG_OOB);
    MUST(shutdown(ends[1], SHUT_RD));
    get(1, MSG_OOB);
    get(10, 0);
    MUST(shutdown(ends[0], SHUT_WR));
    put("c", MSG_OOB);
    end();

    begin("nothing");
    put("", MSG_OOB);
    TRY(send(ends[0], NULL, 0, MSG_OOB));
    state();
    end();
}

static void waiting(void) {
    begin("poll, select, epoll");
    int epoll = MUST(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLPRI | EPOLLET};
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[1], &event));
    TRY(epoll_wait(epoll, &event, 1, 0));
    put("ab", MSG_OOB);
    TRY(epoll_wait(epoll, &event, 1, 10000));
    printf("events: %s\n", event.events == EPOLLPRI ? "PRI" : "?");
    TRY(epoll_wait(epoll, &event, 1, 0));
    fd_set read_set, except_set;
    FD_ZERO(&read_set);
    FD_ZERO(&except_set);
    FD_SET(ends[1], &read_set);
    FD_SET(ends[1], &except_set);
    struct timeval limit = {10, 0};
    TRY(select(ends[1] + 1, &read_set, NULL, &except_set, &limit));
    get(1, MSG_OOB);
    FD_SET(ends[1], &read_set);
    FD_SET(ends[1], &except_set);
    TRY(select(ends[1] + 1, &read_set, NULL, &except_set, &limit));
    printf("readable %d, exceptional %d\n", !!FD_ISSET(ends[1], &read_set), !!FD_ISSET(ends[1], &except_set));
    close(epoll);
    end();

    begin("messages");
    char text[10] = {0};
    struct iovec pieces[2] = {{"abc", 3}, {"de", 2}}, room = {text, sizeof text};
    struct msghdr out = {.msg_iov = pieces, .msg_iovlen = 2}, in = {.msg_iov = &room, .msg_iovlen = 1};
    TRY(sendmsg(ends[0], &out, MSG_OOB));
    arrive();
    TRY(recvmsg(ends[1], &in, MSG_OOB));
    printf("%s, flags %#x\n", text, in.msg_flags);
    TRY(recvmsg(ends[1], &in, 0));
    printf("%s, flags %#x\n", text, in.msg_flags);
    end();

    begin("a blocked read stops at the mark");
    pid_t child = fork();
    if (child == 0) {
        poll(NULL, 0, 50);
        _exit(send(ends[0], "xyz", 3, MSG_OOB) != 3);
    }
    long n;
    do
        n = recv(ends[1], text, sizeof text, MSG_WAITALL);
    while (n < 0 && errno == EINTR);
    printf("%ld bytes\n", n);
    waitpid(child, NULL, 0);
    get(1, MSG_OOB);
    close(ends[0]);
    close(ends[1]);

    begin("nobody's signal; then ours by ioctl");
    pid_t owner = 0;
    MUST(fcntl(ends[1], F_SETOWN, 0));
    put("a", MSG_OOB);
    printf("signals: %d\n", (int)urgent_signals);
    owner = getpid();
    TRY(ioctl(ends[1], SIOCSPGRP, &owner));
    owner = 0;
    TRY(ioctl(ends[1], SIOCGPGRP, &owner));
    printf("ours: %d\n", owner == getpid());
    put("b", MSG_OOB);
    end();

    begin("from the accepted end, and many");
    int both[2] = {ends[1], ends[0]};
    memcpy(ends, both, sizeof both);
    MUST(fcntl(ends[1], F_SETOWN, getpid()));
    for (int i = 0; i < 5; i++) {
        put("..x", MSG_OOB);
        get(10, 0);
        get(1, MSG_OOB);
    }
    put("end", 0);
    get(10, 0);
    end();
}

static void elsewhere(void) {
    SECTION("where there is none");
    int fd = tcp(), mark = -1;
    TRY(recv(fd, &mark, 1, MSG_OOB));
    TRY(ioctl(fd, SIOCATMARK, &mark));
    printf("mark %d\n", mark);
    MUST(bind4(fd, "127.0.0.1", 0));
    MUST(listen(fd, 1));
    TRY(recv(fd, &mark, 1, MSG_OOB));
    TRY(ioctl(fd, SIOCATMARK, &mark));
    int datagrams = udp();
    TRY(recv(datagrams, &mark, 1, MSG_OOB | MSG_DONTWAIT));
    TRY(ioctl(datagrams, SIOCATMARK, &mark));
    MUST(connect4(datagrams, "127.0.0.1", 9));
    TRY(send(datagrams, "x", 1, MSG_OOB));
}

int main(void) {
    struct sigaction action = {.sa_handler = on_urgent, .sa_flags = SA_RESTART};
    sigaction(SIGURG, &action, NULL);
    out_of_line();
    overtaken();
    in_line();
    at_the_end();
    waiting();
    elsewhere();
    return 0;
}

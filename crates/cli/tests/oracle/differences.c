/* What is known to differ from Linux: a line each, by its name in docs/compatibility.md, on which both answers stand. */
#include "oracle.h"

#include <net/if.h>

/* Prints a call's value, or its error. */
#define SHOW(name, call)                                                                                               \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        long result_ = (long)(call);                                                                                   \
        if (result_ < 0)                                                                                               \
            printf("%s: %s\n", name, strerrorname_np(errno));                                                          \
        else                                                                                                           \
            printf("%s: %ld\n", name, result_);                                                                        \
    } while (0)

/* The same for a call whose value does not matter. */
#define WORKS(name, call)                                                                                              \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        printf("%s: %s\n", name, (long)(call) < 0 ? strerrorname_np(errno) : "works");                                 \
    } while (0)

static char buffer[4096];

static void nothing(int signal) { (void)signal; }

static short bits(int fd) {
    struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLWRBAND};
    poll(&entry, 1, 0);
    return entry.revents;
}

static const char *yes(int condition) { return condition ? "yes" : "no"; }

static void fresh(void) {
    SHOW("read before connect", read(tcp(), buffer, 1));
    SHOW("write before connect", send(tcp(), "x", 1, MSG_NOSIGNAL));
}

static void refused(void) {
    int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    connect4(fd, "127.0.0.1", unused_port(SOCK_STREAM));
    wait_for(fd, POLLOUT);
    SHOW("read after refused", read(fd, buffer, 1));
}

static void reset(void) {
    int ends[2];
    struct linger now = {1, 0};
    connection(ends);
    MUST(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &now, sizeof now));
    close(ends[1]);
    wait_for(ends[0], POLLIN);
    SHOW("write after a reset", send(ends[0], "x", 1, MSG_NOSIGNAL));
}

static void shut(void) {
    int ends[2], port, fd;
    connection(ends);
    MUST(shutdown(ends[0], SHUT_RD));
    MUST(send(ends[1], "late", 4, MSG_NOSIGNAL));
    /* The answer shows that the late data have arrived. */
    MUST(write(ends[0], "x", 1));
    MUST(recv(ends[1], buffer, 1, MSG_WAITALL));
    SHOW("read of data that came after own SHUT_RD", recv(ends[0], buffer, sizeof buffer, MSG_DONTWAIT));

    fd = listener(4, &port);
    MUST(shutdown(fd, SHUT_RD));
    printf("POLLHUP of a listener that was shut: %s\n", yes(bits(fd) & POLLHUP));
}

static void streams(void) {
    int ends[2];
    connection(ends);
    printf("POLLWRBAND of a stream: %s\n", yes(bits(ends[0]) & POLLWRBAND));
    struct sockaddr_in name = in4("127.0.0.1", 9);
    SHOW("sendto with an address on a connected stream",
         sendto(ends[0], "to", 2, 0, (struct sockaddr *)&name, sizeof name));
    connection(ends);
    MUST(write(ends[1], "1234", 4));
    wait_for(ends[0], POLLIN);
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    MUST(recvfrom(ends[0], buffer, 1, 0, (struct sockaddr *)&from, &length));
    printf("address length from recvfrom on a client's stream: %u\n", (unsigned)length);
    SHOW("recv MSG_TRUNC on a stream", recv(ends[0], buffer, 1, MSG_TRUNC));
    int fd = tcp(), port, server = listener(4, &port);
    name = in4("127.0.0.1", port);
    close(server);
}

/* Sends, and has it arrive. */
static void put(int ends[2], const char *text, int flags) {
    MUST(send(ends[0], text, strlen(text), flags));
    MUST(send(ends[1], "!", 1, 0));
    MUST(recv(ends[0], buffer, 1, MSG_WAITALL));
}

static void urgent(void) {
    int ends[2], unread = -1, on = 1;
    connection(ends);
    put(ends, "abc", MSG_OOB);
    MUST(ioctl(ends[1], FIONREAD, &unread));
    printf("FIONREAD before an urgent byte: %d\n", unread);
    MUST(recv(ends[1], buffer, sizeof buffer, 0));
    printf("POLLIN of an urgent byte alone: %s\n", yes(bits(ends[1]) & POLLIN));
    SHOW("recv MSG_OOB without room", recv(ends[1], buffer, 0, MSG_OOB));

    connection(ends);
    put(ends, "a", MSG_OOB);
    put(ends, "b", MSG_OOB);
    SHOW("recv of an urgent byte that was next and is overtaken", recv(ends[1], buffer, sizeof buffer, MSG_DONTWAIT));

    connection(ends);
    put(ends, "xa", MSG_OOB);
    MUST(recv(ends[1], buffer, 1, MSG_OOB));
    put(ends, "b", MSG_OOB);
    SHOW("recv of an urgent byte that was read and is overtaken", recv(ends[1], buffer, sizeof buffer, MSG_DONTWAIT));

    connection(ends);
    put(ends, "ab", MSG_OOB);
    MUST(recv(ends[1], buffer, 1, MSG_OOB));
    MUST(setsockopt(ends[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on));
    MUST(recv(ends[1], buffer, 1, 0));
    SHOW("recv of an urgent byte that was read and is in line since", recv(ends[1], buffer, 9, MSG_DONTWAIT));

    connection(ends);
    struct linger at_once = {1, 0};
    put(ends, "ab", MSG_OOB);
    MUST(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
    close(ends[0]);
    wait_for(ends[1], POLLHUP);
    SHOW("recv MSG_OOB after a reset", recv(ends[1], buffer, 1, MSG_OOB));
}

/* Why SIGIO was sent, the first time (F_SETSIG's si_code). */
static void tells_why(const char *name, int fd, int (*cause)(int)) {
    sigset_t set;
    siginfo_t info = {.si_code = 0};
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    MUST(sigprocmask(SIG_BLOCK, &set, NULL));
    MUST(fcntl(fd, F_SETOWN, getpid()));
    MUST(fcntl(fd, F_SETSIG, SIGRTMIN));
    MUST(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK));
    cause(fd);
    struct timespec limit = {5, 0};
    while (info.si_code != POLL_ERR && info.si_code != POLL_HUP && sigtimedwait(&set, &info, &limit) > 0) {
    }
    printf("%s: %s\n", name, info.si_code == POLL_ERR ? "POLL_ERR" : info.si_code == POLL_HUP ? "POLL_HUP" : "?");
    close(fd);
}

static int other_end;

static int is_reset(int fd) {
    (void)fd;
    return close(other_end);
}

static int is_refused(int fd) { return connect4(fd, "127.0.0.1", unused_port(SOCK_STREAM)); }

static void signalled(void) {
    int ends[2];
    struct linger now = {1, 0};
    connection(ends);
    other_end = ends[1];
    MUST(setsockopt(other_end, SOL_SOCKET, SO_LINGER, &now, sizeof now));
    tells_why("si_code of a reset", ends[0], is_reset);
    tells_why("si_code of a refusal", tcp(), is_refused);
}

static void datagrams(void) {
    int fd = udp();
    SHOW("write on a datagram socket without a destination", write(fd, "x", 1));

    int closed = unused_port(SOCK_DGRAM);
    fd = udp();
    MUST(connect4(fd, "127.0.0.1", closed));
    MUST(send(fd, "x", 1, 0));
    wait_for(fd, POLLIN);
    SHOW("recv after port unreachable", recv(fd, buffer, 1, MSG_DONTWAIT));
    MUST(send(fd, "x", 1, 0));
    wait_for(fd, POLLIN);
    SHOW("send after port unreachable", send(fd, "x", 1, 0));
}

static void options(void) {
    int stream = tcp();
    static const struct {
        const char *name;
        int level, option, value;
    } rows[] = {
        {"SO_TIMESTAMP", SOL_SOCKET, SO_TIMESTAMP, 1},
        {"SO_ZEROCOPY", SOL_SOCKET, SO_ZEROCOPY, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[64];
        snprintf(name, sizeof name, "setsockopt %s", rows[i].name);
        WORKS(name, setsockopt(stream, rows[i].level, rows[i].option, &rows[i].value, sizeof(int)));
    }
}

/* A handler without SA_RESTART ends a call that no signal ends on Linux. */
static void signals(void) {
    struct sigaction action = {.sa_handler = nothing};
    sigaction(SIGUSR1, &action, NULL);
    pid_t parent = getpid(), child = fork();
    if (child == 0)
        for (;;)
            kill(parent, SIGUSR1);
    int ended = 0;
    for (int i = 0; i < 20000 && !ended; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        ended = fd < 0 && errno == EINTR;
        if (fd >= 0)
            close(fd);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    printf("socket in a storm of signals: %s\n", ended ? "EINTR" : "works");
}

int main(void) {
    fresh();
    refused();
    reset();
    shut();
    streams();
    urgent();
    signalled();
    datagrams();
    options();
    signals();
    return 0;
}

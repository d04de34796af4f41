/* Signals that tell of readiness: O_ASYNC, F_SETOWN, F_SETSIG, FIOASYNC, F_SETOWN_EX (fcntl(2)). */
#include "oracle.h"

#include <sys/syscall.h>
#include <time.h>

static sigset_t watched;

/* Takes the signals that come, until there are none for a while; says what they told, without how often. */
static void told(const char *what, int fd) {
    siginfo_t info;
    long bands = 0;
    int count = 0, codes = 0, wrong = 0, plain = 0;
    struct timespec first = {3, 0}, then = {0, 20000000};
    while (sigtimedwait(&watched, &info, count ? &then : &first) > 0) {
        count++;
        if (info.si_signo == SIGIO) {
            plain++;
            continue;
        }
        wrong += info.si_fd != fd;
        bands |= info.si_band;
        codes |= 1 << info.si_code;
    }
    printf("%s:%s%s", what, count ? "" : " nothing", plain ? " SIGIO" : "");
    if (count > plain)
        printf(" band%s%s%s%s%s codes%s%s%s%s%s%s", bands & POLLIN ? " IN" : "", bands & POLLOUT ? " OUT" : "",
               bands & POLLPRI ? " PRI" : "", bands & POLLHUP ? " HUP" : "", bands & POLLERR ? " ERR" : "",
               codes & 1 << POLL_IN ? " IN" : "", codes & 1 << POLL_OUT ? " OUT" : "", codes & 1 << POLL_MSG ? " MSG" : "",
               codes & 1 << POLL_PRI ? " PRI" : "", codes & 1 << POLL_HUP ? " HUP" : "", codes & 1 << POLL_ERR ? " ERR" : "");
    printf("%s\n", wrong ? ", of another descriptor" : "");
}

static void quiet(void) {
    struct timespec span = {0, 20000000};
    while (sigtimedwait(&watched, NULL, &span) > 0) {
    }
}

static void ask(int fd, int signal) {
    MUST(fcntl(fd, F_SETOWN, getpid()));
    MUST(fcntl(fd, F_SETSIG, signal));
    MUST(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC));
}

int main(void) {
    int ends[2], port, server, client, on = 1;
    char buffer[64];
    sigemptyset(&watched);
    sigaddset(&watched, SIGIO);
    sigaddset(&watched, SIGURG);
    sigaddset(&watched, SIGRTMIN);
    MUST(sigprocmask(SIG_BLOCK, &watched, NULL));
    int signals[] = {0, SIGRTMIN};
    for (int i = 0; i < 2; i++) {
        printf("-- %s\n", i ? "F_SETSIG" : "SIGIO");
        connection(ends);
        ask(ends[0], signals[i]);
        TRY(fcntl(ends[0], F_GETSIG) == signals[i]);
        TRY(fcntl(ends[0], F_GETOWN) == getpid());
        quiet();
        MUST(write(ends[1], "x", 1));
        told("data", ends[0]);
        TRY(read(ends[0], buffer, 9));
        quiet();
        MUST(shutdown(ends[1], SHUT_WR));
        told("end", ends[0]);
        close(ends[0]);
        close(ends[1]);

        server = listener(4, &port);
        ask(server, signals[i]);
        client = tcp();
        MUST(connect4(client, "127.0.0.1", port));
        told("a connection waits", server);
        MUST(accept(server, NULL, NULL));
        close(client);

        int datagram = udp();
        ask(datagram, signals[i]);
        MUST(bind4(datagram, "127.0.0.1", 0));
        client = udp();
        MUST(connect4(client, "127.0.0.1", port_of(datagram)));
        MUST(send(client, "x", 1, 0));
        told("a datagram", datagram);
        close(datagram);
        quiet();
        ask(client, signals[i]);
        MUST(send(client, "x", 1, 0));
        told("port unreachable", client);
        close(client);

        int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
        ask(fd, signals[i]);
        TRY(connect4(fd, "127.0.0.1", port));
        told("connected", fd);
        close(fd);
        close(server);
    }

    SECTION("urgent");
    connection(ends);
    MUST(fcntl(ends[0], F_SETOWN, getpid()));
    MUST(send(ends[1], "u", 1, MSG_OOB));
    printf("%s\n", sigtimedwait(&watched, NULL, &(struct timespec){3, 0}) == SIGURG ? "SIGURG" : "?");

    SECTION("a thread, a group, nobody");
    quiet();
    struct f_owner_ex owner = {F_OWNER_TID, (pid_t)syscall(SYS_gettid)};
    MUST(fcntl(ends[0], F_SETOWN_EX, &owner));
    MUST(ioctl(ends[0], FIOASYNC, &on));
    MUST(write(ends[1], "x", 1));
    told("a thread", ends[0]);
    MUST(fcntl(ends[0], F_SETOWN, -getpgrp()));
    TRY(fcntl(ends[0], F_GETOWN) == -getpgrp());
    owner.type = 0;
    MUST(fcntl(ends[0], F_GETOWN_EX, &owner));
    printf("a group: %d\n", owner.type == F_OWNER_PGRP && owner.pid == getpgrp());
    MUST(fcntl(ends[0], F_SETOWN, 0));
    MUST(write(ends[1], "x", 1));
    struct timespec span = {0, 20000000};
    TRY(sigtimedwait(&watched, NULL, &span));
    TRY(fcntl(ends[0], F_SETOWN, 1 << 30));
    TRY(fcntl(ends[0], F_SETSIG, 1000));
    int off = 0;
    MUST(fcntl(ends[0], F_SETOWN, getpid()));
    MUST(ioctl(ends[0], FIOASYNC, &off));
    printf("O_ASYNC: %d\n", (fcntl(ends[0], F_GETFL) & O_ASYNC) != 0);
    MUST(write(ends[1], "x", 1));
    TRY(sigtimedwait(&watched, NULL, &span));

    SECTION("an accepted socket inherits nothing of it");
    server = listener(4, &port);
    ask(server, SIGRTMIN);
    client = tcp();
    MUST(connect4(client, "127.0.0.1", port));
    int fd = MUST(accept(server, NULL, NULL));
    printf("O_ASYNC: %d, owner: %d, signal: %d\n", (fcntl(fd, F_GETFL) & O_ASYNC) != 0, fcntl(fd, F_GETOWN), fcntl(fd, F_GETSIG));
    return 0;
}

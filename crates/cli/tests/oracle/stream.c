/* Stream reads and writes: partial ones, flags, scatter and gather, waiting, time limits, large transfers. */
#include "oracle.h"

#define LARGE (5 << 20)

static unsigned char byte_at(size_t i) { return (unsigned char)((i >> 11) * 7 + i); }

/* A child writes LARGE bytes, as it can; we read them, and say whether they are right. */
static void large(int blocking) {
    int ends[2];
    connection(ends);
    if (!blocking)
        MUST(fcntl(ends[0], F_SETFL, O_NONBLOCK));
    pid_t child = fork();
    if (child == 0) {
        unsigned char *data = malloc(LARGE);
        for (size_t i = 0; i < LARGE; i++)
            data[i] = byte_at(i);
        for (size_t done = 0; done < LARGE;) {
            ssize_t n = write(ends[0], data + done, LARGE - done);
            if (n < 0 && errno == EAGAIN)
                wait_for(ends[0], POLLOUT);
            else if (n <= 0)
                _exit(1);
            else
                done += n;
        }
        _exit(0);
    }
    close(ends[0]);
    unsigned char piece[30000];
    size_t total = 0, wrong = 0;
    ssize_t n;
    while ((n = read(ends[1], piece, sizeof piece)) > 0)
        for (ssize_t i = 0; i < n; i++)
            wrong += piece[i] != byte_at(total++);
    int status = -1;
    waitpid(child, &status, 0);
    printf("large, blocking %d: %zu bytes, %zu wrong, end %zd, status %d\n", blocking, total, wrong, n, status);
    close(ends[1]);
}

/* A reset behind all that fits into both buffers, and more: what has come can be read, and then that it was no end in peace. */
static void reset_behind_much(void) {
    int ends[2];
    connection(ends);
    MUST(fcntl(ends[0], F_SETFL, O_NONBLOCK));
    static char piece[65536];
    struct pollfd room = {.fd = ends[0], .events = POLLOUT};
    do {
        while (write(ends[0], piece, sizeof piece) > 0)
            ;
    } while (poll(&room, 1, 50) > 0);
    struct linger at_once = {.l_onoff = 1};
    MUST(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
    close(ends[0]);
    size_t total = 0;
    ssize_t n;
    while ((n = read(ends[1], piece, sizeof piece)) > 0)
        total += n;
    printf("reset behind much: %d, %s\n", total > 0, n == 0 ? "an end" : strerrorname_np(errno));
    TRY(read(ends[1], piece, 1));
    close(ends[1]);
}

/* A reset behind an end: who reads sees the end. */
static void reset_behind_an_end(void) {
    int ends[2];
    char byte;
    connection(ends);
    MUST(shutdown(ends[0], SHUT_WR));
    TRY(read(ends[1], &byte, 1));
    struct linger at_once = {.l_onoff = 1};
    MUST(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
    close(ends[0]);
    struct pollfd over = {.fd = ends[1]};
    TRY(poll(&over, 1, -1));
    TRY(read(ends[1], &byte, 1));
    TRY(send(ends[1], "x", 1, MSG_NOSIGNAL));
    TRY(read(ends[1], &byte, 1));
    close(ends[1]);
}

int main(void) {
    int ends[2];
    char buffer[64], other[64];
    connection(ends);

    SECTION("none, part, all");
    TRY(write(ends[0], "", 0));
    TRY(recv(ends[1], buffer, sizeof buffer, MSG_DONTWAIT));
    TRY(write(ends[0], "abcdefghij", 10));
    wait_for(ends[1], POLLIN);
    TRY(read(ends[1], buffer, 4));
    TRY(read(ends[1], buffer, 0));
    TRY(recv(ends[1], buffer, 3, MSG_PEEK));
    printf("%.3s\n", buffer);
    TRY(recv(ends[1], buffer, sizeof buffer, MSG_DONTWAIT));
    printf("%.6s\n", buffer);
    TRY(recv(ends[1], buffer, sizeof buffer, MSG_DONTWAIT));

    SECTION("scatter and gather");
    struct iovec out[3] = {{"one", 3}, {"", 0}, {"three", 5}}, in[2] = {{buffer, 5}, {other, 60}};
    TRY(writev(ends[0], out, 3));
    wait_for(ends[1], POLLIN);
    TRY(readv(ends[1], in, 2));
    printf("%.5s %.3s\n", buffer, other);
    struct msghdr message = {.msg_iov = out, .msg_iovlen = 3};
    TRY(sendmsg(ends[0], &message, 0));
    wait_for(ends[1], POLLIN);
    struct sockaddr_in from;
    memset(&from, 0x55, sizeof from);
    struct msghdr got = {.msg_iov = in, .msg_iovlen = 2};
    TRY(recvmsg(ends[1], &got, 0));
    printf("flags %d\n", got.msg_flags);

    SECTION("FIONREAD and its kin");
    int waiting = -1;
    TRY(ioctl(ends[1], FIONREAD, &waiting));
    printf("%d\n", waiting);
    TRY(write(ends[0], "12345", 5));
    wait_for(ends[1], POLLIN);
    TRY(ioctl(ends[1], FIONREAD, &waiting));
    printf("%d\n", waiting);
    TRY(recv(ends[1], buffer, 5, MSG_WAITALL));
    int on = 1;
    TRY(ioctl(ends[1], FIONBIO, &on));
    TRY(read(ends[1], buffer, 1));
    on = 0;
    TRY(ioctl(ends[1], FIONBIO, &on));

    SECTION("waiting for all");
    if (fork() == 0) {
        MUST(write(ends[0], "first ", 6));
        MUST(write(ends[0], "second", 6));
        _exit(0);
    }
    TRY(recv(ends[1], buffer, 12, MSG_WAITALL));
    wait(NULL);

    SECTION("time limit");
    struct timeval limit = {0, 50000};
    MUST(setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
    TRY(read(ends[1], buffer, 1));
    TRY(recv(ends[1], buffer, 1, 0));

    SECTION("full, then room again");
    MUST(fcntl(ends[0], F_SETFL, O_NONBLOCK));
    static char block[65536];
    ssize_t n;
    size_t stuffed = 0;
    /* Full is what stays full: what lies between the two ends may still take some. */
    struct pollfd room = {.fd = ends[0], .events = POLLOUT};
    do
        while ((n = write(ends[0], block, sizeof block)) > 0)
            stuffed += n;
    while (poll(&room, 1, 300) == 1);
    printf("full: %s\n", strerrorname_np(errno));
    say_poll("full", ends[0], 0, 0);
    size_t drained = 0;
    while (drained < stuffed && (n = read(ends[1], block, sizeof block)) > 0)
        drained += n;
    printf("all back: %d\n", drained == stuffed);
    say_poll("room", ends[0], POLLOUT, 1);
    close(ends[0]);
    close(ends[1]);

    large(1);
    large(0);
    reset_behind_much();
    reset_behind_an_end();
    return 0;
}

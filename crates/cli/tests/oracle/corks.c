/* TCP_CORK in all the ways a program can say it. What is held is shown by what is not in the way of what is read next. */
#include "oracle.h"

#include <sys/sendfile.h>
#include <sys/syscall.h>

static char buffer[256];

static int cork(int fd, int on) { return setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on); }

/* The same without libc. */
static int cork_raw(int fd, int on) { return (int)syscall(SYS_setsockopt, fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on); }

static int corked(int fd) {
    int on = -1;
    socklen_t size = sizeof on;
    MUST(getsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, &size));
    return on;
}

static void put(int fd, const char *text) { MUST(write(fd, text, strlen(text))); }

/* What is there by now. */
static void show(int fd, const char *what) {
    ssize_t n = recv(fd, buffer, sizeof buffer - 1, MSG_DONTWAIT);
    buffer[n < 0 ? 0 : n] = 0;
    printf("%s: %s\n", what, n < 0 ? strerrorname_np(errno) : buffer);
}

/* Reads until it has so many bytes. */
static void all(int fd, size_t bytes) {
    ssize_t n = recv(fd, buffer, bytes, MSG_WAITALL);
    buffer[n < 0 ? 0 : n] = 0;
    printf("all: %s\n", buffer);
}

int main(void) {
    int ends[2], pipes[2], one = 1;
    char header[] = "header ", page[] = "page";

    SECTION("a header and a file");
    connection(ends);
    FILE *file = tmpfile();
    fputs(page, file);
    fflush(file);
    for (int turn = 0; turn < 3; turn++) {
        TRY(cork(ends[0], 1));
        put(ends[0], header);
        off_t at = 0;
        MUST(sendfile(ends[0], fileno(file), &at, sizeof page - 1));
        TRY(cork(ends[0], 0));
        all(ends[1], strlen(header) + strlen(page));
    }

    SECTION("what was written before the cork does not wait for it");
    put(ends[0], "before");
    TRY(cork(ends[0], 1));
    all(ends[1], 6);
    put(ends[0], "behind");
    printf("corked: %d\n", corked(ends[0]));
    show(ends[1], "behind the cork");
    TRY(cork(ends[0], 1));
    TRY(cork(ends[0], 0));
    printf("corked: %d\n", corked(ends[0]));
    all(ends[1], 6);

    SECTION("TCP_NODELAY pushes what is corked");
    TRY(cork(ends[0], 1));
    put(ends[0], "pushed");
    TRY(setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
    all(ends[1], 6);
    printf("corked: %d\n", corked(ends[0]));
    TRY(cork(ends[0], 0));

    SECTION("one says it by libc, one by itself");
    TRY(cork(ends[0], 1));
    put(ends[0], "one");
    TRY(cork_raw(ends[0], 0));
    all(ends[1], 3);
    TRY(cork_raw(ends[0], 1));
    put(ends[0], "other");
    printf("corked: %d\n", corked(ends[0]));
    TRY(cork(ends[0], 0));
    all(ends[1], 5);

    SECTION("another descriptor, another process");
    int copy = MUST(dup(ends[0]));
    TRY(cork(copy, 1));
    put(ends[0], "copy");
    TRY(cork(ends[0], 0));
    all(ends[1], 4);
    TRY(cork(ends[0], 1));
    put(copy, "child");
    fflush(stdout);
    if (MUST(fork()) == 0)
        _exit(cork(ends[0], 0) != 0);
    int status;
    wait(&status);
    printf("the child: %d\n", status);
    all(ends[1], 5);

    SECTION("more than a segment");
    static char much[100000];
    memset(much, 'x', sizeof much);
    TRY(cork(ends[0], 1));
    MUST(pipe(pipes));
    fflush(stdout);
    if (MUST(fork()) == 0) {
        for (size_t sent = 0; sent < sizeof much;)
            sent += MUST(write(ends[0], much + sent, sizeof much - sent));
        _exit(0);
    }
    for (size_t came = 0; came < sizeof much - 65536;)
        came += MUST(read(ends[1], much, sizeof much - 65536 - came));
    wait(&status);
    TRY(cork(ends[0], 0));
    MUST(recv(ends[1], much, 65536, MSG_WAITALL));
    show(ends[1], "no more");

    SECTION("a corked socket is shut, and closed");
    connection(ends);
    TRY(cork(ends[0], 1));
    put(ends[0], "shut");
    TRY(shutdown(ends[0], SHUT_WR));
    all(ends[1], 5);
    connection(ends);
    TRY(cork(ends[0], 1));
    put(ends[0], "closed");
    close(ends[0]);
    all(ends[1], 7);

    SECTION("listeners hand it on");
    int listener = MUST(socket(AF_INET, SOCK_STREAM, 0));
    TRY(cork(listener, 1));
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof local;
    MUST(bind(listener, (void *)&local, sizeof local));
    MUST(listen(listener, 1));
    MUST(getsockname(listener, (void *)&local, &size));
    int client = MUST(socket(AF_INET, SOCK_STREAM, 0));
    TRY(cork(client, 1));
    MUST(connect(client, (void *)&local, sizeof local));
    int heir = MUST(accept(listener, NULL, NULL));
    printf("corked: %d %d %d\n", corked(listener), corked(client), corked(heir));
    put(heir, "heir");
    TRY(cork(heir, 0));
    all(client, 4);

    SECTION("arguments");
    TRY(setsockopt(heir, IPPROTO_TCP, TCP_CORK, (void *)8, sizeof one));
    TRY(setsockopt(heir, IPPROTO_TCP, TCP_CORK, NULL, sizeof one));
    TRY(setsockopt(heir, IPPROTO_TCP, TCP_CORK, &one, 3));
    TRY(setsockopt(heir, IPPROTO_TCP, TCP_CORK, &one, (socklen_t)-1));
    TRY(cork(heir, 7));
    printf("corked: %d\n", corked(heir));
    TRY(cork(-1, 1));
    TRY(cork(pipes[0], 1));
    TRY(cork(fileno(file), 1));
    TRY(cork(MUST(socket(AF_UNIX, SOCK_STREAM, 0)), 1));
    TRY(cork(MUST(socket(AF_INET, SOCK_DGRAM, 0)), 1));
    return 0;
}

/* What single calls cost: `calls WHAT SECONDS` prints how many a second. Both ends are in this program. */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int listener;
static struct sockaddr_in place = {.sin_family = AF_INET};

static void make_listener(void) {
    socklen_t length = sizeof place;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&place, length) || listen(listener, 128) ||
        getsockname(listener, (struct sockaddr *)&place, &length))
        err(1, "listener");
}

static int dial(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&place, sizeof place)) err(1, "connect");
    return fd;
}

/* A socket, made and closed. */
static void opening(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) err(1, "socket");
    close(fd);
}

/* One option set. */
static void setting(void) {
    int one = 1;
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one)) err(1, "setsockopt");
}

/* A call that has nothing to do with sockets, on a file that is none. */
static void other(void) {
    if (write(STDERR_FILENO, "", 0)) err(1, "write");
}

/* A connection: there, accepted, a byte each way, closed. */
static void connecting(void) {
    char byte = 'x';
    int near = dial(), far = accept(listener, NULL, NULL);
    if (far < 0) err(1, "accept");
    if (write(near, &byte, 1) != 1 || read(far, &byte, 1) != 1 || write(far, &byte, 1) != 1 || read(near, &byte, 1) != 1)
        err(1, "a byte each way");
    close(near);
    if (read(far, &byte, 1) != 0) errx(1, "no end");
    close(far);
}

static int echo;

/* A byte to another process and back. */
static void round_trip(void) {
    char byte = 'x';
    if (write(echo, &byte, 1) != 1 || read(echo, &byte, 1) != 1) err(1, "round trip");
}

static void start_echo(void) {
    if (fork() == 0) {
        char byte;
        int fd = accept(listener, NULL, NULL);
        while (read(fd, &byte, 1) == 1)
            if (write(fd, &byte, 1) != 1) break;
        _exit(0);
    }
    echo = dial();
}

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc != 3) errx(2, "usage: calls socket|option|other|connection|round-trip SECONDS");
    const char *what = argv[1];
    void (*one)(void) = !strcmp(what, "socket") ? opening
                        : !strcmp(what, "option") ? setting
                        : !strcmp(what, "other") ? other
                        : !strcmp(what, "connection") ? connecting
                                                      : round_trip;
    make_listener();
    if (one == round_trip) start_echo();
    double began = now(), limit = atof(argv[2]), elapsed = 0;
    long done = 0;
    for (; elapsed < limit; elapsed = now() - began)
        for (int i = 0; i < 20; i++, done++) one();
    printf("%.1f\n", done / elapsed);
    if (echo > 0) close(echo), wait(NULL);
    return 0;
}

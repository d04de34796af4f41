/* Servers that fork before they accept: of several that wait on one listener, one wakes for each connection. */
#include "oracle.h"
#include <sys/epoll.h>
#include <sys/resource.h>

enum { SERVERS = 4, CONNECTIONS = 40 };

enum way { IN_ACCEPT, IN_EPOLL };

/* What a server has seen: it says so when it is told to end. */
static struct seen {
    long served, woken, slept;
} seen;
static int report_to;

static long switches(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
}

static void end(int signal) {
    seen.slept += switches();
    _exit(write(report_to, &seen, sizeof seen) != sizeof seen || signal != SIGTERM);
}

static void serve(int listener, enum way way) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    int epoll = MUST(epoll_create1(0));
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event));
    seen.slept = -switches();
    signal(SIGTERM, end);
    for (;;) {
        if (way == IN_EPOLL) MUST(epoll_wait(epoll, &event, 1, -1));
        int connection = accept(listener, NULL, NULL);
        seen.woken++;
        if (connection < 0) continue;
        seen.served++;
        close(connection);
    }
}

/* Until a process waits for something. */
static void wait_until_idle(pid_t process) {
    char path[64], text[256], state = 'R';
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    while (state != 'S') {
        int file = MUST(open(path, O_RDONLY));
        ssize_t length = read(file, text, sizeof text - 1);
        text[length > 0 ? length : 0] = 0;
        sscanf(text, "%*d (%*[^)]) %c", &state);
        close(file);
    }
}

static void look(const char *what, enum way way) {
    int port, fd = listener(100, &port), report[2];
    MUST(fcntl(fd, F_SETFL, way == IN_EPOLL ? O_NONBLOCK : 0));
    MUST(pipe(report));
    report_to = report[1];
    pid_t servers[SERVERS];
    for (int n = 0; n < SERVERS; n++)
        if ((servers[n] = MUST(fork())) == 0) serve(fd, way);
    for (int n = 0; n < CONNECTIONS; n++) {
        for (int s = 0; s < SERVERS; s++) wait_until_idle(servers[s]);
        int client = tcp();
        char none;
        MUST(connect4(client, "127.0.0.1", port));
        MUST(read(client, &none, 1));
        close(client);
    }
    struct seen all = {0}, one;
    for (int n = 0; n < SERVERS; n++) {
        wait_until_idle(servers[n]);
        kill(servers[n], SIGTERM);
        MUST(waitpid(servers[n], NULL, 0));
        MUST(read(report[0], &one, sizeof one));
        all.served += one.served, all.woken += one.woken, all.slept += one.slept;
    }
    /* Who wakes in vain sleeps once more. A call may have cost the one that served another sleep. */
    printf("%s: %ld served, %ld calls of accept ended, all woke each time: %s\n", what, all.served, all.woken,
           all.slept < SERVERS * CONNECTIONS ? "no" : "yes");
    close(fd);
}

int main(void) {
    look("accept", IN_ACCEPT);
    look("epoll with EPOLLEXCLUSIVE", IN_EPOLL);
}

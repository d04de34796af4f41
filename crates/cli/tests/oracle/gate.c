/* What takes the gate to be as on Linux: writes that wait. */
#include "oracle.h"

#include <sys/time.h>
#include <time.h>

static char large[8 << 20];

static void nothing(int signal) { (void)signal; }

static void alarm_soon(int flags) {
    struct sigaction action = {.sa_handler = nothing, .sa_flags = flags};
    struct itimerval timer = {{0, 0}, {0, 30000}};
    MUST(sigaction(SIGALRM, &action, NULL));
    MUST(setitimer(ITIMER_REAL, &timer, NULL));
}

static void rest(void) { nanosleep(&(struct timespec){0, 10000000}, NULL); }

int main(void) {
    int ends[2];
    struct timeval limit = {0, 100000};
    struct linger none = {1, 0};
    MUST(signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0);

    SECTION("no room");
    connection(ends);
    MUST(fcntl(ends[0], F_SETFL, O_NONBLOCK));
    for (int i = 0; i < 10; i++, rest())
        while (write(ends[0], large, sizeof large) > 0) {
        }
    MUST(fcntl(ends[0], F_SETFL, 0));
    MUST(setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
    TRY(write(ends[0], large, 0));
    TRY(send(ends[0], large, 0, 0));
    TRY(write(ends[0], large, 1));
    alarm_soon(0);
    TRY(write(ends[0], large, 1));
    alarm_soon(SA_RESTART);
    TRY(write(ends[0], large, 1));
    close(ends[0]);
    close(ends[1]);

    SECTION("reset while a write waits");
    connection(ends);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        nanosleep(&(struct timespec){0, 100000000}, NULL);
        MUST(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &none, sizeof none));
        _exit(close(ends[1]) != 0);
    }
    close(ends[1]);
    printf("some: %d\n", write(ends[0], large, sizeof large) > 0);
    TRY(write(ends[0], large, 1));
    TRY(write(ends[0], large, 1));
    TRY(read(ends[0], large, 1));
    MUST(waitpid(child, NULL, 0));
    return 0;
}

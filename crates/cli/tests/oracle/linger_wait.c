/* SO_LINGER's wait: what `close` waits for, and for how long. */
#include "oracle.h"

#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static char large[1 << 20];

static void nothing(int signal) { (void)signal; }

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void rest(int ms) { nanosleep(&(struct timespec){0, ms * 1000000L}, NULL); }

/* A connection whose [0] has as much to send as fits, of which [1] reads nothing. */
static void full(int ends[2], int seconds) {
    struct linger linger = {1, seconds};
    connection(ends);
    MUST(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    MUST(fcntl(ends[0], F_SETFL, O_NONBLOCK));
    for (int idle = 0; idle < 5; idle++, rest(10))
        while (write(ends[0], large, sizeof large) > 0)
            idle = 0;
}

/* Closes, and says whether that took its time. */
static void closes(const char *what, int fd, double least) {
    double begun = now();
    int result = close(fd);
    double span = now() - begun;
    printf("%s: close %d, waited %d, not for ever %d\n", what, result, span >= least, span < least + 15);
    printf("then: %s\n", fcntl(fd, F_GETFD) < 0 ? strerrorname_np(errno) : "open");
}

int main(void) {
    int ends[2];
    volatile int *reads = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    SECTION("until the time is up, non-blocking or not");
    full(ends, 1);
    closes("non-blocking", ends[0], 0.99);
    close(ends[1]);
    full(ends, 1);
    MUST(fcntl(ends[0], F_SETFL, 0));
    closes("blocking", ends[0], 0.99);
    close(ends[1]);

    SECTION("until the peer has it all");
    full(ends, 20);
    pid_t child = MUST(fork());
    if (child == 0) {
        long n, total = 0;
        close(ends[0]);
        rest(300);
        *reads = 1;
        while ((n = read(ends[1], large, sizeof large)) > 0)
            total += n;
        _exit(n == 0 && total > 100000 ? 0 : 1);
    }
    close(ends[1]);
    rest(100);
    closes("read", ends[0], 0);
    printf("the peer reads: %d\n", *reads);
    int status;
    MUST(waitpid(child, &status, 0));
    printf("the peer had all: %d\n", WIFEXITED(status) && WEXITSTATUS(status) == 0);

    SECTION("not with another descriptor");
    full(ends, 20);
    int other = MUST(dup(ends[0]));
    closes("first of two", other, 0);
    printf("still there: %ld\n", (long)recv(ends[1], large, 1, 0));
    closes("the last, unread data at the peer", ends[1], 0);
    close(ends[0]);

    SECTION("not with something unread");
    full(ends, 20);
    MUST(write(ends[1], "x", 1));
    wait_for(ends[0], POLLIN);
    closes("unread", ends[0], 0);
    close(ends[1]);

    SECTION("until the peer is gone");
    full(ends, 20);
    child = MUST(fork());
    if (child == 0) {
        close(ends[0]);
        rest(300);
        _exit(0);
    }
    close(ends[1]);
    rest(100);
    closes("reset", ends[0], 0);
    MUST(waitpid(child, NULL, 0));

    SECTION("a signal ends it");
    struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
    struct itimerval timer = {{0, 0}, {0, 100000}};
    MUST(sigaction(SIGALRM, &action, NULL));
    full(ends, 20);
    MUST(setitimer(ITIMER_REAL, &timer, NULL));
    closes("signal", ends[0], 0);
    close(ends[1]);

    SECTION("nothing to send");
    connection(ends);
    MUST(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &(struct linger){1, 20}, sizeof(struct linger)));
    closes("idle", ends[0], 0);
    closes("the other", ends[1], 0);
    int file = MUST(open("/dev/null", O_RDONLY));
    closes("a file", file, 0);
    TRY(close(file));
    TRY(close(-1));
    return 0;
}

/* Calls that wait while others act on their socket: other threads and processes, and signals. */
#include "oracle.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

/* A thread's call, and how it ended. */
struct waiting {
    int fd, flags;
    size_t length;
    pthread_t thread;
    volatile pid_t id;
    long result;
    int error;
};

static void *receives(void *argument) {
    struct waiting *call = argument;
    char buffer[64];
    call->id = (pid_t)syscall(SYS_gettid);
    call->result = call->flags ? recv(call->fd, buffer, call->length, call->flags) : read(call->fd, buffer, call->length);
    call->error = errno;
    return NULL;
}

static void *accepts(void *argument) {
    struct waiting *call = argument;
    call->id = (pid_t)syscall(SYS_gettid);
    call->result = accept(call->fd, NULL, NULL) < 0 ? -1 : 0;
    call->error = errno;
    return NULL;
}

static void rest(void) { nanosleep(&(struct timespec){0, 1000000}, NULL); }

/* Begins a thread, and comes back when it waits. */
static void begin(struct waiting *call, void *(*does)(void *)) {
    MUST(-pthread_create(&call->thread, NULL, does, call));
    for (char state = 0; state != 'S'; rest()) {
        char path[64];
        if (!call->id)
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%d/stat", call->id);
        FILE *file = fopen(path, "r");
        if (!file)
            return;
        if (fscanf(file, "%*d %*[^)]) %c", &state) != 1)
            state = 0;
        fclose(file);
    }
}

static void ended(struct waiting *call) {
    pthread_join(call->thread, NULL);
    printf("ended: %ld%s%s\n", call->result, call->result < 0 ? " " : "",
           call->result < 0 ? strerrorname_np(call->error) : "");
}

static void both_closed(int ends[2]) {
    close(ends[0]);
    close(ends[1]);
}

static void woken(void) {
    int ends[2], port;
    SECTION("shutdown wakes a reader");
    for (int how = SHUT_RD; how <= SHUT_RDWR; how++) {
        connection(ends);
        struct waiting call = {.fd = ends[0], .length = 10};
        begin(&call, receives);
        TRY(shutdown(ends[0], how));
        if (how == SHUT_WR)
            MUST(write(ends[1], "x", 1));
        ended(&call);
        both_closed(ends);
    }
    SECTION("shutdown wakes who accepts");
    struct waiting call = {.fd = listener(4, &port)};
    begin(&call, accepts);
    TRY(shutdown(call.fd, SHUT_RDWR));
    ended(&call);
    close(call.fd);
}

static void in_pieces(void) {
    int ends[2];
    char buffer[64];
    SECTION("MSG_WAITALL");
    connection(ends);
    struct waiting call = {.fd = ends[0], .length = 10, .flags = MSG_WAITALL};
    begin(&call, receives);
    MUST(write(ends[1], "12345", 5));
    rest();
    MUST(write(ends[1], "67890", 5));
    ended(&call);
    call.id = 0;
    begin(&call, receives);
    MUST(write(ends[1], "123", 3));
    close(ends[1]);
    ended(&call);
    close(ends[0]);
    SECTION("MSG_WAITALL of who does not wait");
    connection(ends);
    MUST(fcntl(ends[0], F_SETFL, O_NONBLOCK));
    TRY(recv(ends[0], buffer, 10, MSG_WAITALL));
    MUST(write(ends[1], "123", 3));
    wait_for(ends[0], POLLIN);
    TRY(recv(ends[0], buffer, 10, MSG_WAITALL));
    both_closed(ends);
    SECTION("nothing");
    connection(ends);
    struct iovec none = {buffer, 0};
    TRY(readv(ends[0], &none, 1));
    TRY(readv(ends[0], &none, 0));
    TRY(writev(ends[0], &none, 0));
    TRY(read(ends[0], buffer, 0));
    both_closed(ends);
}

static void shared(void) {
    int ends[2];
    SECTION("two readers of one socket");
    connection(ends);
    struct waiting one = {.fd = ends[0], .length = 3}, other = {.fd = dup(ends[0]), .length = 3};
    begin(&one, receives);
    begin(&other, receives);
    MUST(write(ends[1], "abc", 3));
    rest();
    MUST(write(ends[1], "def", 3));
    ended(&one);
    ended(&other);
    one.id = other.id = 0;
    begin(&one, receives);
    begin(&other, receives);
    close(ends[1]);
    ended(&one);
    ended(&other);
    close(other.fd);
    close(ends[0]);
    SECTION("another descriptor is closed");
    connection(ends);
    int copy = dup(ends[0]);
    one.fd = ends[0];
    one.id = 0;
    begin(&one, receives);
    close(copy);
    MUST(write(ends[1], "abc", 3));
    ended(&one);
    both_closed(ends);
}

static void nothing(int signal) { (void)signal; }

static void alarms(int flags, suseconds_t first, suseconds_t then) {
    struct sigaction action = {.sa_handler = nothing, .sa_flags = flags};
    struct itimerval timer = {{0, then}, {0, first}};
    MUST(sigaction(SIGALRM, &action, NULL));
    MUST(setitimer(ITIMER_REAL, &timer, NULL));
}

static void interrupted(void) {
    int ends[2], again = 0;
    char buffer[64];
    struct timeval limit = {0, 100000};
    int kinds[] = {0, SA_RESTART};
    for (int i = 0; i < 2; i++) {
        printf("-- signals, %s\n", kinds[i] ? "SA_RESTART" : "plain");
        connection(ends);
        MUST(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
        alarms(kinds[i], 30000, 0);
        TRY(read(ends[0], buffer, 10));
        TRY(read(ends[0], buffer, 10));
        alarms(kinds[i], 10000, 10000);
        long n = read(ends[0], buffer, 10);
        printf("in a storm: %ld %s\n", n, strerrorname_np(errno));
        limit.tv_usec = 0;
        // Not in the storm: a call that Linux does at once may be ended by a signal (differences.c).
        alarms(kinds[i], 0, 0);
        MUST(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
        alarms(kinds[i], 10000, 10000);
        pid_t child = fork();
        if (child == 0) {
            nanosleep(&(struct timespec){0, 100000000}, NULL);
            _exit(write(ends[1], "abc", 3) != 3);
        }
        while ((n = read(ends[0], buffer, 10)) < 0 && errno == EINTR)
            again = 1;
        alarms(kinds[i], 0, 0);
        printf("read: %ld, begun again: %d\n", n, again);
        again = 0;
        limit.tv_usec = 100000;
        waitpid(child, NULL, 0);
        both_closed(ends);
    }
}

static void gone(void) {
    int ends[2], status;
    char buffer[64];
    for (int exec = 0; exec < 2; exec++) {
        printf("-- %s while a read waits\n", exec ? "exec" : "SIGKILL");
        connection(ends);
        pid_t child = fork();
        if (child == 0) {
            close(ends[1]);
            MUST(fcntl(ends[0], F_SETFD, FD_CLOEXEC));
            struct waiting call = {.fd = ends[0], .length = 1};
            begin(&call, receives);
            if (exec)
                execl("/bin/true", "true", NULL);
            kill(getpid(), SIGKILL);
        }
        close(ends[0]);
        MUST(waitpid(child, &status, 0));
        printf("status %d\n", status);
        TRY(read(ends[1], buffer, 1));
        close(ends[1]);
    }
}

static void writers(void) {
    static char large[8 << 20];
    int ends[2];
    SECTION("shutdown wakes a writer");
    connection(ends);
    MUST(signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        nanosleep(&(struct timespec){0, 100000000}, NULL);
        _exit(shutdown(ends[0], SHUT_WR) != 0);
    }
    printf("some: %d\n", write(ends[0], large, sizeof large) > 0);
    TRY(write(ends[0], large, 1));
    MUST(waitpid(child, NULL, 0));
    both_closed(ends);
}

int main(void) {
    woken();
    in_pieces();
    shared();
    interrupted();
    gone();
    writers();
    return 0;
}

/* Streams, connections and datagrams in a storm of signals: a timer of 200 us in every process. No byte may be lost or
 * doubled, and no call may end as it can't on Linux.
 *
 *   storm MEGABYTES CONNECTIONS DATAGRAMS [restart]
 *
 * A handler without SA_RESTART may end calls with EINTR; of those that never wait it is said on standard error how often
 * (docs/compatibility.md has that as "socket in a storm of signals"). */
#include "oracle.h"

#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static int restart;
static volatile long *interrupted;

static void handle(int signal) { (void)signal; }

static void begin_storm(void) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = restart ? SA_RESTART : 0};
    struct itimerval timer = {{0, 200}, {0, 200}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void end_storm(void) {
    struct itimerval timer = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

__attribute__((noreturn)) static void wrong(const char *what, long result) {
    int error = errno;
    end_storm();
    printf("%s: %ld %s\n", what, result, result < 0 ? strerrorname_np(error) : "");
    fflush(stdout);
    kill(0, SIGTERM);
    _exit(1);
}

/* A call that Linux answers at once: no signal ends it there. */
#define QUICK(call)                                                                                                    \
    ({                                                                                                                 \
        long result_;                                                                                                  \
        while ((result_ = (call)) < 0 && errno == EINTR && !restart)                                                   \
            __sync_fetch_and_add(interrupted, 1);                                                                      \
        if (result_ < 0)                                                                                               \
            wrong(#call, result_);                                                                                     \
        (int)result_;                                                                                                  \
    })

/* A call that may wait, and be interrupted. */
#define SLOW(call)                                                                                                     \
    ({                                                                                                                 \
        long result_;                                                                                                  \
        while ((result_ = (call)) < 0 && errno == EINTR && !restart) {                                                 \
        }                                                                                                              \
        if (result_ < 0)                                                                                               \
            wrong(#call, result_);                                                                                     \
        result_;                                                                                                       \
    })

/* Without a storm: behind the gate it ends writes to files, too. */
static void say(const char *what) {
    end_storm();
    fputs(what, stdout);
    fflush(stdout);
    begin_storm();
}

static void wait_child(pid_t child) {
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            wrong("waitpid", -1);
    if (status)
        wrong("status", status);
}

static void reach(int fd, const struct sockaddr_in *name) {
    for (;;) {
        long result = connect(fd, (const struct sockaddr *)name, sizeof *name);
        if (result == 0 || errno == EISCONN)
            return;
        if ((errno != EINTR || restart) && errno != EALREADY)
            wrong("connect", result);
    }
}

/* The byte at a place of the stream. */
static unsigned char byte_at(uint64_t at, int way) { return (unsigned char)((at * 0x9e3779b97f4a7c15ULL >> 56) + at / 251 + way); }

static char data[1 << 18];

static void writes(int fd, uint64_t size, int way) {
    uint64_t at = 0;
    unsigned round = 0;
    while (at < size) {
        size_t length = 1 + (at * 7919 + round) % sizeof data;
        if (length > size - at)
            length = size - at;
        for (size_t i = 0; i < length; i++)
            data[i] = byte_at(at + i, way);
        for (size_t done = 0; done < length;) {
            struct iovec piece = {data + done, length - done};
            struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
            long n;
            switch (round++ % 4) {
            case 0: n = SLOW(write(fd, data + done, length - done)); break;
            case 1: n = SLOW(send(fd, data + done, length - done, MSG_NOSIGNAL)); break;
            case 2: n = SLOW(sendmsg(fd, &message, 0)); break;
            default: n = SLOW(writev(fd, &piece, 1)); break;
            }
            if (n <= 0 || (size_t)n > length - done)
                wrong("sent", n);
            done += n;
        }
        at += length;
    }
    QUICK(shutdown(fd, SHUT_WR));
}

static void reads(int fd, uint64_t size, int way) {
    uint64_t at = 0;
    unsigned round = 0;
    for (;;) {
        size_t room = 1 + (at * 104729 + round) % sizeof data;
        struct iovec piece = {data, room};
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
        long n;
        switch (round++ % 4) {
        case 0: n = SLOW(read(fd, data, room)); break;
        case 1: n = SLOW(recv(fd, data, room, 0)); break;
        case 2: n = SLOW(recvmsg(fd, &message, 0)); break;
        default: n = SLOW(readv(fd, &piece, 1)); break;
        }
        if (n == 0)
            break;
        for (long i = 0; i < n; i++)
            if ((unsigned char)data[i] != byte_at(at + i, way))
                wrong("a byte is another, at", at + i);
        at += n;
    }
    if (at != size)
        wrong("came", at);
}

static int meet(int *port) {
    int server = QUICK(socket(AF_INET, SOCK_STREAM, 0)), on = 1;
    struct sockaddr_in name = in4("127.0.0.1", 0);
    socklen_t length = sizeof name;
    QUICK(setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    QUICK(bind(server, (struct sockaddr *)&name, sizeof name));
    QUICK(listen(server, 64));
    QUICK(getsockname(server, (struct sockaddr *)&name, &length));
    *port = ntohs(name.sin_port);
    return server;
}

static pid_t start(void) {
    pid_t child = fork();
    if (child < 0)
        wrong("fork", child);
    if (child == 0)
        begin_storm();
    return child;
}

/* Both ways at once, a process for each end of each. */
static void streams(uint64_t size) {
    int port, server = meet(&port), client = QUICK(socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in name = in4("127.0.0.1", port);
    reach(client, &name);
    int accepted = SLOW(accept(server, NULL, NULL));
    pid_t children[3];
    for (int i = 0; i < 3; i++)
        if ((children[i] = start()) == 0) {
            if (i == 0)
                writes(client, size, 1);
            else if (i == 1)
                writes(accepted, size, 2);
            else
                reads(client, size, 2);
            _exit(0);
        }
    reads(accepted, size, 1);
    for (int i = 0; i < 3; i++)
        wait_child(children[i]);
    close(client);
    close(accepted);
    close(server);
    say("streams: right\n");
}

static void connections(int count) {
    int port, server = meet(&port);
    struct sockaddr_in name = in4("127.0.0.1", port), from;
    pid_t child = start();
    if (child == 0) {
        for (int i = 0; i < count; i++) {
            int fd = QUICK(socket(AF_INET, SOCK_STREAM, 0)), answer = -1;
            reach(fd, &name);
            if (SLOW(send(fd, &i, sizeof i, 0)) != sizeof i)
                wrong("sent", 0);
            long n = SLOW(recv(fd, &answer, sizeof answer, MSG_WAITALL));
            if (n != sizeof answer || answer != ~i)
                wrong("answer", n);
            close(fd);
        }
        _exit(0);
    }
    for (int i = 0; i < count; i++) {
        socklen_t length = sizeof from;
        int got = -1, fd = SLOW(accept(server, (struct sockaddr *)&from, &length));
        if (length != sizeof from || from.sin_family != AF_INET)
            wrong("the name's length", length);
        long n = SLOW(recv(fd, &got, sizeof got, MSG_WAITALL));
        if (n != sizeof got || got != i)
            wrong("asked", n < 0 ? n : got);
        got = ~got;
        if (SLOW(send(fd, &got, sizeof got, MSG_NOSIGNAL)) != sizeof got)
            wrong("answered", 0);
        close(fd);
    }
    wait_child(child);
    close(server);
    say("connections: right\n");
}

static long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One after the other; what a restarted call loses is asked again, what it doubles is passed over. */
static void datagrams(int count) {
    int server = QUICK(socket(AF_INET, SOCK_DGRAM, 0));
    struct sockaddr_in name = in4("127.0.0.1", 0), from;
    socklen_t length = sizeof name;
    QUICK(bind(server, (struct sockaddr *)&name, sizeof name));
    QUICK(getsockname(server, (struct sockaddr *)&name, &length));
    pid_t child = start();
    if (child == 0) {
        for (;;) {
            int got[2];
            length = sizeof from;
            long n = SLOW(recvfrom(server, got, sizeof got, 0, (struct sockaddr *)&from, &length));
            if (n != sizeof got || got[0] != ~got[1] || length != sizeof from || from.sin_family != AF_INET)
                wrong("a request", n);
            if (got[0] < 0)
                _exit(0);
            n = SLOW(sendto(server, got, sizeof got, 0, (struct sockaddr *)&from, length));
            if (n != sizeof got)
                wrong("answered", n);
        }
    }
    int fd = QUICK(socket(AF_INET, SOCK_DGRAM, 0));
    for (int i = 0; i <= count; i++) {
        int number = i < count ? i : -1, request[2] = {number, ~number}, answer[2] = {-1, -1}, here = 0;
        while (!here) {
            struct pollfd entry = {.fd = fd, .events = POLLIN};
            if (SLOW(sendto(fd, request, sizeof request, 0, (struct sockaddr *)&name, sizeof name)) != sizeof request)
                wrong("asked", 0);
            if (number < 0)
                break;
            /* Not as long as poll waits: each signal has it begin again. */
            long until = milliseconds() + 200;
            while (!here && milliseconds() < until) {
                if (poll(&entry, 1, 200) < 0 && errno != EINTR)
                    wrong("poll", -1);
                long n = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
                if (n < 0 && (errno == EAGAIN || (errno == EINTR && !restart)))
                    continue;
                if (n != sizeof answer || answer[0] != ~answer[1] || answer[0] > number)
                    wrong("an answer", n);
                here = answer[0] == number;
            }
        }
    }
    wait_child(child);
    close(fd);
    close(server);
    say("datagrams: right\n");
}

int main(int count, char **words) {
    /* The timer is the storm's; what hangs is ended by who started this. */
    if (count < 4)
        return 2;
    restart = count > 4;
    interrupted = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    setpgid(0, 0);
    alarm(0);
    begin_storm();
    streams((uint64_t)atoi(words[1]) << 20);
    connections(atoi(words[2]));
    datagrams(atoi(words[3]));
    end_storm();
    if (*interrupted)
        fprintf(stderr, "EINTR of calls that never wait: %ld\n", *interrupted);
    return 0;
}

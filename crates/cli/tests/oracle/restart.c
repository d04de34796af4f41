/* Signals at every call that waits: EINTR, or the call made again, as signal(7) says. */
#include "oracle.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <time.h>

/* What caller and helper tell each other. */
struct shared {
    volatile int begun, handled, ended;
};
static struct shared *shared;
static char large[1 << 20];

static void handle(int signal) {
    (void)signal;
    shared->handled++;
}

static void rest(void) { nanosleep(&(struct timespec){0, 2000000}, NULL); }

static void sleeps(pid_t caller) {
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", caller);
    while (state != 'S' && !shared->ended) {
        FILE *file = fopen(path, "r");
        if (!file || fscanf(file, "%*d %*[^)]) %c", &state) != 1)
            exit(4);
        fclose(file);
    }
    rest();
}

/* Waits until the caller sleeps, in its call: a supervisor hears of calls in their order, and so of the caller's before ours; it
 * may have the kernel make it then, where the caller sleeps again. */
static void asleep(pid_t caller) {
    sleeps(caller);
    close(tcp());
    sleeps(caller);
}

/* The ends of what is waited for: the caller's, and the helper's by which the wait ends. */
struct scene {
    int mine, other, poller;
};

/* One way to wait: its name, what makes the scene, the call, and what ends the wait. */
struct way {
    const char *name;
    void (*prepare)(struct scene *);
    long (*call)(struct scene *);
    void (*fulfil)(struct scene *);
};

/* Makes the call, has a signal come, and if it waits on has its wish fulfilled. */
static void interrupt(const struct way *way, int flags, struct timeval limit) {
    struct scene scene = {-1, -1, -1};
    struct sigaction action = {.sa_handler = handle, .sa_flags = flags};
    int is_timed = limit.tv_sec || limit.tv_usec;
    way->prepare(&scene);
    if (is_timed) {
        MUST(setsockopt(scene.mine, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
        MUST(setsockopt(scene.mine, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
    }
    MUST(sigaction(SIGUSR1, &action, NULL));
    memset(shared, 0, sizeof *shared);
    pid_t caller = getpid(), helper = fork();
    if (helper == 0) {
        while (!shared->begun)
            rest();
        asleep(caller);
        kill(caller, SIGUSR1);
        while (!shared->handled)
            rest();
        asleep(caller);
        if (!shared->ended)
            way->fulfil(&scene);
        _exit(0);
    }
    shared->begun = 1;
    errno = 0;
    long result = way->call(&scene);
    int error = errno;
    shared->ended = 1;
    printf("%s%s%s: %s%s\n", way->name, flags ? ", SA_RESTART" : "", is_timed ? ", with a limit" : "",
           result < 0 ? strerrorname_np(error) : "ok", shared->handled == 1 ? "" : ", not handled once");
    MUST(waitpid(helper, NULL, 0));
    close(scene.mine);
    close(scene.other);
    close(scene.poller);
}

static void stream(struct scene *scene) {
    int ends[2];
    connection(ends);
    scene->mine = ends[0];
    scene->other = ends[1];
}

static void full(struct scene *scene) {
    stream(scene);
    MUST(fcntl(scene->mine, F_SETFL, O_NONBLOCK));
    /* What has been written moves on for a while. */
    for (int quiet = 0; quiet < 40; quiet++, rest())
        while (write(scene->mine, large, sizeof large) > 0 || write(scene->mine, large, 1) > 0)
            quiet = 0;
    MUST(fcntl(scene->mine, F_SETFL, 0));
}

static void datagrams(struct scene *scene) {
    scene->mine = udp();
    scene->other = udp();
    MUST(bind4(scene->mine, "127.0.0.1", 0));
    MUST(connect4(scene->other, "127.0.0.1", port_of(scene->mine)));
}

static int meeting;

static void server(struct scene *scene) {
    scene->mine = listener(4, &meeting);
    scene->other = tcp();
}

/* A listener whose queue is full: who connects waits. */
static void crowded(struct scene *scene) {
    scene->other = listener(0, &meeting);
    int first = tcp();
    MUST(connect4(first, "127.0.0.1", meeting));
    wait_for(scene->other, POLLIN);
    scene->mine = tcp();
}

static void polled(struct scene *scene) {
    stream(scene);
    scene->poller = MUST(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN};
    MUST(epoll_ctl(scene->poller, EPOLL_CTL_ADD, scene->mine, &event));
}

static void writes(struct scene *scene) { MUST(write(scene->other, "12345", 5)); }
static void reads(struct scene *scene) {
    /* Until the caller has its room. */
    while (!shared->ended)
        if (recv(scene->other, large, sizeof large, MSG_DONTWAIT) <= 0)
            rest();
}
static void connects(struct scene *scene) { MUST(connect4(scene->other, "127.0.0.1", meeting)); }
static void makes_room(struct scene *scene) { MUST(accept(scene->other, NULL, NULL)); }

static char buffer[64];
static struct iovec piece = {buffer, 5};
static struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
static struct mmsghdr many[2];
static struct sockaddr_storage name;
static socklen_t length;

static long by_read(struct scene *scene) { return read(scene->mine, buffer, 5); }
static long by_readv(struct scene *scene) { return readv(scene->mine, &piece, 1); }
static long by_recv(struct scene *scene) { return recv(scene->mine, buffer, 5, 0); }
static long by_recv_all(struct scene *scene) { return recv(scene->mine, buffer, 5, MSG_WAITALL); }
static long by_recvfrom(struct scene *scene) {
    length = sizeof name;
    return recvfrom(scene->mine, buffer, 5, 0, (struct sockaddr *)&name, &length);
}
static long by_recvmsg(struct scene *scene) { return recvmsg(scene->mine, &message, 0); }
static long by_recvmmsg(struct scene *scene) {
    many[0].msg_hdr = many[1].msg_hdr = message;
    return recvmmsg(scene->mine, many, 2, MSG_WAITFORONE, NULL);
}
static long by_write(struct scene *scene) { return write(scene->mine, large, 1); }
static long by_writev(struct scene *scene) { return writev(scene->mine, &piece, 1); }
static long by_send(struct scene *scene) { return send(scene->mine, large, 1, 0); }
static long by_sendmsg(struct scene *scene) { return sendmsg(scene->mine, &message, 0); }
static long by_sendmmsg(struct scene *scene) {
    many[0].msg_hdr = message;
    return sendmmsg(scene->mine, many, 1, 0);
}
static long by_sendfile(struct scene *scene) {
    int file = MUST(open("/proc/self/exe", O_RDONLY));
    long result = sendfile(scene->mine, file, NULL, 100);
    int error = errno;
    close(file);
    errno = error;
    return result;
}
static long by_accept(struct scene *scene) { return accept(scene->mine, NULL, NULL); }
static long by_accept_named(struct scene *scene) {
    length = sizeof name;
    return accept4(scene->mine, (struct sockaddr *)&name, &length, SOCK_CLOEXEC);
}
static long by_connect(struct scene *scene) { return connect4(scene->mine, "127.0.0.1", meeting); }
static long by_poll(struct scene *scene) {
    struct pollfd entry = {.fd = scene->mine, .events = POLLIN};
    return poll(&entry, 1, 10000);
}
static long by_ppoll(struct scene *scene) {
    struct pollfd entry = {.fd = scene->mine, .events = POLLIN};
    return ppoll(&entry, 1, NULL, NULL);
}
static long by_select(struct scene *scene) {
    fd_set readers;
    FD_ZERO(&readers);
    FD_SET(scene->mine, &readers);
    return select(scene->mine + 1, &readers, NULL, NULL, &(struct timeval){10, 0});
}
static long by_pselect(struct scene *scene) {
    fd_set readers;
    FD_ZERO(&readers);
    FD_SET(scene->mine, &readers);
    return pselect(scene->mine + 1, &readers, NULL, NULL, NULL, NULL);
}
static long by_epoll(struct scene *scene) {
    struct epoll_event event;
    return epoll_wait(scene->poller, &event, 1, -1);
}
static long by_epoll_limited(struct scene *scene) {
    struct epoll_event event;
    return epoll_pwait(scene->poller, &event, 1, 10000, NULL);
}

static const struct way ways[] = {
    {"read", stream, by_read, writes},
    {"readv", stream, by_readv, writes},
    {"recv", stream, by_recv, writes},
    {"recv MSG_WAITALL", stream, by_recv_all, writes},
    {"recvfrom", stream, by_recvfrom, writes},
    {"recvmsg", stream, by_recvmsg, writes},
    {"recvmmsg", stream, by_recvmmsg, writes},
    {"write", full, by_write, reads},
    {"writev", full, by_writev, reads},
    {"send", full, by_send, reads},
    {"sendmsg", full, by_sendmsg, reads},
    {"sendmmsg", full, by_sendmmsg, reads},
    {"sendfile", full, by_sendfile, reads},
    {"read of datagrams", datagrams, by_read, writes},
    {"recv of datagrams", datagrams, by_recv, writes},
    {"recvfrom of datagrams", datagrams, by_recvfrom, writes},
    {"recvmsg of datagrams", datagrams, by_recvmsg, writes},
    {"recvmmsg of datagrams", datagrams, by_recvmmsg, writes},
    {"accept", server, by_accept, connects},
    {"accept4 with a name", server, by_accept_named, connects},
    {"connect", crowded, by_connect, makes_room},
};

/* These never begin again, whatever the handler's flags, and know no SO_RCVTIMEO. */
static const struct way waits[] = {
    {"poll", stream, by_poll, writes},
    {"poll of datagrams", datagrams, by_poll, writes},
    {"poll of a listener", server, by_poll, connects},
    {"ppoll", stream, by_ppoll, writes},
    {"select", stream, by_select, writes},
    {"pselect", stream, by_pselect, writes},
    {"epoll_wait", polled, by_epoll, writes},
    {"epoll_pwait", polled, by_epoll_limited, writes},
};

int main(void) {
    static const struct timeval none, limit = {10, 0};
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        interrupt(&ways[i], 0, none);
        interrupt(&ways[i], SA_RESTART, none);
        interrupt(&ways[i], 0, limit);
        interrupt(&ways[i], SA_RESTART, limit);
    }
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        interrupt(&waits[i], 0, none);
        interrupt(&waits[i], SA_RESTART, none);
    }
    return 0;
}

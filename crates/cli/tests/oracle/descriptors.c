/* Who holds a socket: exec with it as a standard stream, vfork, posix_spawn, a shared table, threads that close, daemons,
 * limits, close_range; and sockets on their way in messages. */
#include "oracle.h"

#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

extern char **environ;
static char buffer[64];

static void rest(void) { nanosleep(&(struct timespec){0, 5000000}, NULL); }

static void both_closed(int ends[2]) {
    close(ends[0]);
    close(ends[1]);
}

/* Whether who is at the other end of a stream has heard that this one is closed. */
static void heard_end(int other) { TRY(read(other, buffer, sizeof buffer)); }

static void say_echo(int fd) {
    MUST(write(fd, "echo", 4));
    long n = recv(fd, buffer, 4, MSG_WAITALL);
    printf("%.*s\n", (int)n, buffer);
}

/* inetd's way: the connection is all three standard streams of what is executed. */
static void standard_streams(void) {
    int ends[2];
    SECTION("standard streams");
    connection(ends);
    pid_t child = fork();
    if (child == 0) {
        for (int fd = 0; fd < 3; fd++)
            MUST(dup2(ends[1], fd));
        close_range(3, ~0U, 0);
        execl("/bin/cat", "cat", NULL);
        _exit(9);
    }
    close(ends[1]);
    say_echo(ends[0]);
    MUST(shutdown(ends[0], SHUT_WR));
    heard_end(ends[0]);
    MUST(waitpid(child, NULL, 0));
    close(ends[0]);

    SECTION("a listener as standard input");
    int port, server = listener(4, &port);
    child = fork();
    if (child == 0) {
        MUST(dup2(server, 0));
        MUST(close_range(3, ~0U, 0));
        int fd = MUST(accept(0, NULL, NULL));
        printf("descriptor %d\n", fd);
        fflush(stdout);
        MUST(dup2(fd, 1));
        execl("/bin/echo", "echo", "served", NULL);
        _exit(9);
    }
    close(server);
    int client = tcp();
    MUST(connect4(client, "127.0.0.1", port));
    TRY(recv(client, buffer, 7, MSG_WAITALL));
    heard_end(client);
    MUST(waitpid(child, NULL, 0));
    close(client);
}

static void spawned(void) {
    int ends[2], status;
    SECTION("vfork");
    connection(ends);
    pid_t child = vfork();
    if (child == 0) {
        dup2(ends[1], 1);
        execl("/bin/echo", "echo", "vfork", NULL);
        _exit(9);
    }
    close(ends[1]);
    TRY(recv(ends[0], buffer, 6, MSG_WAITALL));
    heard_end(ends[0]);
    MUST(waitpid(child, &status, 0));
    close(ends[0]);

    SECTION("vfork, which opens a socket for its parent");
    volatile int made = -1;
    child = vfork();
    if (child == 0) {
        made = socket(AF_INET, SOCK_DGRAM, 0);
        _exit(0);
    }
    MUST(waitpid(child, &status, 0));
    printf("made %d, here: ", made >= 0);
    TRY(fcntl(made, F_GETFD));

    SECTION("posix_spawn");
    posix_spawn_file_actions_t actions;
    connection(ends);
    MUST(fcntl(ends[0], F_SETFD, FD_CLOEXEC));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    char *words[] = {"cat", NULL};
    MUST(-posix_spawn(&child, "/bin/cat", &actions, NULL, words, environ));
    close(ends[1]);
    say_echo(ends[0]);
    close(ends[0]);
    MUST(waitpid(child, &status, 0));
    printf("status %d\n", status);
}

static int shared_fd;

static int opens_and_closes(void *argument) {
    int *ends = argument;
    close(ends[0]);
    shared_fd = udp();
    return 0;
}

/* A process that shares its table of descriptors: what one closes is closed for both. */
static void shared_table(void) {
    static char stack[65536];
    int ends[2], status;
    SECTION("CLONE_FILES");
    connection(ends);
    int pid = MUST(clone(opens_and_closes, stack + sizeof stack, CLONE_FILES | CLONE_VM | SIGCHLD, ends));
    MUST(waitpid(pid, &status, 0));
    heard_end(ends[1]);
    TRY(getsockname(ends[0], (struct sockaddr *)buffer, &(socklen_t){16}));
    TRY(bind4(shared_fd, "127.0.0.1", 0));
    close(shared_fd);
    close(ends[1]);
    SECTION("without");
    connection(ends);
    pid = MUST(clone(opens_and_closes, stack + sizeof stack, CLONE_VM | SIGCHLD, ends));
    MUST(waitpid(pid, &status, 0));
    TRY(recv(ends[1], buffer, 1, MSG_DONTWAIT));
    TRY(getsockname(shared_fd, (struct sockaddr *)buffer, &(socklen_t){16}));
    both_closed(ends);
}

static void *closes(void *argument) {
    close(*(int *)argument);
    return NULL;
}

static void threads(void) {
    int ends[2], port;
    pthread_t thread;
    SECTION("a thread closes another's");
    connection(ends);
    MUST(-pthread_create(&thread, NULL, closes, &ends[0]));
    pthread_join(thread, NULL);
    heard_end(ends[1]);
    TRY(write(ends[0], "x", 1));
    close(ends[1]);
    int fd = listener(4, &port);
    MUST(-pthread_create(&thread, NULL, closes, &fd));
    pthread_join(thread, NULL);
    int client = tcp();
    TRY(connect4(client, "127.0.0.1", port));
    close(client);
}

static void daemons(void) {
    int port, server = listener(4, &port);
    SECTION("a daemon");
    pid_t child = fork();
    if (child == 0) {
        MUST(setsid());
        if (fork() > 0)
            _exit(0);
        if (fork() > 0)
            _exit(0);
        int fd = MUST(accept(server, NULL, NULL));
        MUST(write(fd, "daemon", 6));
        _exit(0);
    }
    MUST(waitpid(child, NULL, 0));
    close(server);
    int client = tcp();
    MUST(connect4(client, "127.0.0.1", port));
    TRY(recv(client, buffer, 6, MSG_WAITALL));
    heard_end(client);
    close(client);
    /* The daemon was the last to hold the listener. */
    client = tcp();
    int error = 0;
    for (int i = 0; i < 1000 && error != ECONNREFUSED; i++, rest()) {
        error = connect4(client, "127.0.0.1", port) < 0 ? errno : 0;
        close(client);
        client = tcp();
    }
    printf("then: %s\n", strerrorname_np(error));
    close(client);
}

static void limits(void) {
    int port, server = listener(4, &port), client = tcp();
    struct rlimit before, limit;
    SECTION("no descriptors left");
    MUST(connect4(client, "127.0.0.1", port));
    wait_for(server, POLLIN);
    MUST(getrlimit(RLIMIT_NOFILE, &before));
    int free_one = MUST(dup(0));
    limit = (struct rlimit){free_one, before.rlim_max};
    close(free_one);
    MUST(setrlimit(RLIMIT_NOFILE, &limit));
    TRY_FD(socket(AF_INET, SOCK_STREAM, 0));
    TRY_FD(socket(AF_INET6, SOCK_DGRAM, 0));
    TRY_FD(accept(server, NULL, NULL));
    TRY_FD(accept4(server, NULL, NULL, SOCK_NONBLOCK));
    TRY_FD(dup(server));
    say_poll("the listener", server, 0, 0);
    MUST(setrlimit(RLIMIT_NOFILE, &before));
    int fd = TRY_FD(accept(server, NULL, NULL));
    MUST(write(client, "still", 5));
    TRY(recv(fd, buffer, 5, MSG_WAITALL));
    close(fd);
    close(client);
    close(server);
}

static void ranges(void) {
    int ends[2];
    SECTION("close_range");
    connection(ends);
    int high = MUST(fcntl(ends[0], F_DUPFD, 900));
    close(ends[0]);
    TRY(close_range(900, 1000, CLOSE_RANGE_CLOEXEC));
    printf("FD_CLOEXEC %d\n", fcntl(high, F_GETFD));
    TRY(close_range(900, 1000, 0));
    heard_end(ends[1]);
    close(ends[1]);
}

/* Sends descriptors over a Unix-domain socket. */
static void pass(int over, const int *fds, int count) {
    char control[CMSG_SPACE(8 * sizeof(int))] = {0};
    struct iovec piece = {"f", 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    *head = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int))};
    memcpy(CMSG_DATA(head), fds, count * sizeof(int));
    MUST(sendmsg(over, &message, 0));
}

static int take(int over, int *fds, int room) {
    char byte, control[CMSG_SPACE(8 * sizeof(int))] = {0};
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control,
                             .msg_controllen = CMSG_LEN(room * sizeof(int))};
    MUST(recvmsg(over, &message, MSG_CMSG_CLOEXEC));
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    int count = head ? (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;
    if (head)
        memcpy(fds, CMSG_DATA(head), count * sizeof(int));
    printf("took %d%s\n", count, message.msg_flags & MSG_CTRUNC ? ", cut" : "");
    return count;
}

static void passed(void) {
    int ends[2], pair[2], port, fds[8];
    SECTION("a listener, a connection and a datagram socket between programs");
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    int server = listener(4, &port), datagram = udp();
    MUST(bind4(datagram, "127.0.0.1", 0));
    int at = port_of(datagram);
    connection(ends);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        both_closed(ends);
        close(server);
        close(datagram);
        take(pair[1], fds, 3);
        fflush(stdout);
        int fd = MUST(accept(fds[0], NULL, NULL));
        MUST(write(fd, "accepted", 8));
        MUST(write(fds[1], "passed", 6));
        MUST(recv(fds[2], buffer, 4, 0));
        MUST(write(fd, buffer, 4));
        _exit(0);
    }
    int three[] = {server, ends[0], datagram};
    pass(pair[0], three, 3);
    close(server);
    close(ends[0]);
    close(datagram);
    int client = tcp();
    MUST(connect4(client, "127.0.0.1", port));
    TRY(recv(client, buffer, 8, MSG_WAITALL));
    TRY(recv(ends[1], buffer, 6, MSG_WAITALL));
    datagram = udp();
    MUST(connect4(datagram, "127.0.0.1", at));
    MUST(send(datagram, "gram", 4, 0));
    TRY(recv(client, buffer, 4, MSG_WAITALL));
    MUST(waitpid(child, NULL, 0));
    heard_end(ends[1]);
    heard_end(client);
    close(client);
    close(datagram);
    close(ends[1]);

    SECTION("on its way it stays open");
    connection(ends);
    pass(pair[0], &ends[0], 1);
    close(ends[0]);
    rest();
    TRY(recv(ends[1], buffer, 1, MSG_DONTWAIT));
    MUST(write(ends[1], "meanwhile", 9));
    take(pair[1], fds, 1);
    TRY(recv(fds[0], buffer, 9, MSG_WAITALL));
    close(fds[0]);
    heard_end(ends[1]);
    close(ends[1]);

    SECTION("without room for it, it is closed");
    connection(ends);
    int two[] = {udp(), ends[0]};
    pass(pair[0], two, 2);
    close(two[0]);
    close(ends[0]);
    take(pair[1], fds, 1);
    heard_end(ends[1]);
    close(fds[0]);
    close(ends[1]);

    SECTION("never taken, it is closed with the way");
    connection(ends);
    pass(pair[0], &ends[0], 1);
    close(ends[0]);
    both_closed(pair);
    heard_end(ends[1]);
    close(ends[1]);

    SECTION("in a circle: the kernel finds it");
    connection(ends);
    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    int circle[] = {pair[0], pair[1], ends[0]};
    pass(pair[0], circle, 3);
    pass(pair[1], circle, 3);
    both_closed(pair);
    close(ends[0]);
    /* It looks when Unix-domain sockets are closed. */
    for (int i = 0; i < 100; i++, rest()) {
        MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
        both_closed(pair);
        if (recv(ends[1], buffer, 1, MSG_DONTWAIT) == 0)
            break;
    }
    heard_end(ends[1]);
    close(ends[1]);
}

int main(void) {
    MUST(signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0);
    standard_streams();
    spawned();
    shared_table();
    threads();
    daemons();
    limits();
    ranges();
    passed();
    return 0;
}

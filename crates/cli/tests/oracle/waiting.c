/* Waiting for several things at once: select, poll, ppoll, pselect, epoll in all its modes, epoll across fork. */
#include "oracle.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <time.h>

static void rest(void) { nanosleep(&(struct timespec){0, 5000000}, NULL); }

static void watch(int poller, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    MUST(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event));
}

static void say(const char *what, int poller, int wait) {
    struct epoll_event event = {0};
    int n = epoll_wait(poller, &event, 1, wait);
    printf("%s: %d%s%s%s%s%s%s\n", what, n, event.events & EPOLLIN ? " IN" : "", event.events & EPOLLOUT ? " OUT" : "",
           event.events & EPOLLPRI ? " PRI" : "", event.events & EPOLLRDHUP ? " RDHUP" : "",
           event.events & EPOLLHUP ? " HUP" : "", event.events & EPOLLERR ? " ERR" : "");
}

static void both_closed(int ends[2]) {
    close(ends[0]);
    close(ends[1]);
}

/* select(2) of a descriptor beyond FD_SETSIZE: the kernel takes it, if the sets have room. */
static void beyond_fd_setsize(void) {
    int ends[2];
    unsigned char readers[512] = {0}, writers[512] = {0};
    struct rlimit limit;
    SECTION("select beyond FD_SETSIZE");
    MUST(getrlimit(RLIMIT_NOFILE, &limit));
    if (limit.rlim_max < 4096)
        return;
    limit.rlim_cur = 4096;
    MUST(setrlimit(RLIMIT_NOFILE, &limit));
    connection(ends);
    int fd = MUST(dup2(ends[0], 2000));
    readers[fd / 8] = writers[fd / 8] = 1 << fd % 8;
    struct timeval at_once = {0, 0};
    TRY(select(fd + 1, (fd_set *)readers, (fd_set *)writers, NULL, &at_once));
    printf("readable %d, writable %d\n", readers[fd / 8] != 0, writers[fd / 8] != 0);
    MUST(write(ends[1], "x", 1));
    readers[fd / 8] = 1 << fd % 8;
    TRY(select(fd + 1, (fd_set *)readers, NULL, NULL, NULL));
    printf("readable %d\n", readers[fd / 8] != 0);
    close(fd);
    readers[fd / 8] = 1 << fd % 8;
    TRY(select(fd + 1, (fd_set *)readers, NULL, NULL, &at_once));
    TRY(select(-1, NULL, NULL, NULL, &at_once));
    at_once.tv_sec = -1;
    TRY(select(0, NULL, NULL, NULL, &at_once));
    both_closed(ends);
}

/* What each way shows of the same sockets. */
static void all_ways(void) {
    int ends[2], port, server = listener(4, &port), quiet = udp();
    SECTION("the three sets of select");
    connection(ends);
    MUST(send(ends[1], "abc", 3, MSG_OOB));
    wait_for(ends[0], POLLPRI);
    wait_for(ends[0], POLLIN);
    fd_set readers, writers, others;
    FD_ZERO(&readers);
    FD_ZERO(&writers);
    FD_ZERO(&others);
    int fds[] = {ends[0], ends[1], server, quiet};
    for (int i = 0; i < 4; i++) {
        FD_SET(fds[i], &readers);
        FD_SET(fds[i], &writers);
        FD_SET(fds[i], &others);
    }
    struct timeval at_once = {0, 0};
    TRY(select(64, &readers, &writers, &others, &at_once));
    for (int i = 0; i < 4; i++)
        printf("%d: %d %d %d\n", i, FD_ISSET(fds[i], &readers) != 0, FD_ISSET(fds[i], &writers) != 0,
               FD_ISSET(fds[i], &others) != 0);

    SECTION("poll: negative descriptors, closed ones, none, too many");
    struct pollfd entries[3] = {{.fd = -1, .events = POLLIN}, {.fd = 999, .events = POLLIN}, {.fd = ends[0], .events = POLLOUT}};
    TRY(poll(entries, 3, 0));
    for (int i = 0; i < 3; i++)
        printf("%d: %x\n", i, entries[i].revents);
    TRY(poll(NULL, 0, 0));
    volatile nfds_t many = 1 << 30;
    TRY(poll(entries, many, 0));
    TRY(ppoll(entries, 1, &(struct timespec){0, 2000000000}, NULL));
    TRY(pselect(0, NULL, NULL, NULL, &(struct timespec){0, 1000}, NULL));

    SECTION("a descriptor given twice");
    entries[0] = entries[1] = (struct pollfd){.fd = ends[0], .events = POLLIN};
    TRY(poll(entries, 2, 0));
    both_closed(ends);
    close(server);
    close(quiet);
}

static void handle(int signal) { (void)signal; }

/* A signal that waits, blocked: only ppoll, pselect and epoll_pwait let it through, and it is there at once. */
static void masks(void) {
    int ends[2];
    sigset_t blocked, before;
    SECTION("signal masks");
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    MUST(sigaction(SIGUSR1, &action, NULL));
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &blocked, &before));
    connection(ends);
    struct pollfd entry = {.fd = ends[0], .events = POLLIN};
    struct epoll_event event;
    int poller = MUST(epoll_create1(0));
    watch(poller, ends[0], EPOLLIN);
    struct timespec long_time = {10, 0};
    raise(SIGUSR1);
    TRY(poll(&entry, 1, 0));
    TRY(ppoll(&entry, 1, &long_time, &before));
    raise(SIGUSR1);
    TRY(pselect(0, NULL, NULL, NULL, &long_time, &before));
    raise(SIGUSR1);
    TRY(epoll_pwait(poller, &event, 1, 10000, &before));
    raise(SIGUSR1);
    MUST(write(ends[1], "x", 1));
    wait_for(ends[0], POLLIN);
    TRY(ppoll(&entry, 1, &long_time, &before));
    TRY(epoll_pwait(poller, &event, 1, 10000, &before));
    MUST(sigprocmask(SIG_SETMASK, &before, NULL));
    close(poller);
    both_closed(ends);
}

static void modes(void) {
    int ends[2], poller = MUST(epoll_create1(0));
    struct epoll_event event;
    char buffer[64];
    SECTION("wrong calls");
    connection(ends);
    event = (struct epoll_event){.events = EPOLLIN, .data.fd = ends[0]};
    TRY(epoll_ctl(poller, EPOLL_CTL_MOD, ends[0], &event));
    TRY(epoll_ctl(poller, EPOLL_CTL_DEL, ends[0], &event));
    TRY(epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], &event));
    TRY(epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], &event));
    TRY(epoll_ctl(poller, EPOLL_CTL_ADD, poller, &event));
    TRY(epoll_ctl(poller, EPOLL_CTL_ADD, 999, &event));
    TRY(epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &event));
    TRY(epoll_wait(poller, &event, 0, 0));

    SECTION("a duplicate is another entry, and lives as long as the file");
    int copy = MUST(dup(ends[0]));
    watch(poller, copy, EPOLLIN);
    MUST(write(ends[1], "x", 1));
    wait_for(ends[0], POLLIN);
    struct epoll_event events[4];
    TRY(epoll_wait(poller, events, 4, 1000));
    close(copy);
    TRY(epoll_wait(poller, events, 4, 1000));
    TRY(epoll_ctl(poller, EPOLL_CTL_DEL, ends[0], NULL));
    TRY(read(ends[0], buffer, 9));
    close(poller);

    SECTION("one shot, with an edge");
    poller = MUST(epoll_create1(0));
    watch(poller, ends[0], EPOLLIN | EPOLLET | EPOLLONESHOT);
    MUST(write(ends[1], "x", 1));
    say("data", poller, 10000);
    MUST(write(ends[1], "x", 1));
    say("not armed", poller, 20);
    event = (struct epoll_event){.events = EPOLLIN | EPOLLET | EPOLLONESHOT};
    MUST(epoll_ctl(poller, EPOLL_CTL_MOD, ends[0], &event));
    say("armed", poller, 10000);
    close(poller);

    SECTION("epoll within epoll");
    poller = MUST(epoll_create1(0));
    int outer = MUST(epoll_create1(0));
    watch(outer, poller, EPOLLIN);
    watch(poller, ends[1], EPOLLIN);
    say("quiet", outer, 0);
    MUST(write(ends[0], "y", 1));
    say("outer", outer, 10000);
    say("inner", poller, 0);
    struct pollfd entry = {.fd = outer, .events = POLLIN};
    TRY(poll(&entry, 1, 0));
    TRY(read(ends[1], buffer, 9));
    say("outer", outer, 0);
    close(outer);
    close(poller);
    both_closed(ends);

    SECTION("the edges of a hang-up");
    connection(ends);
    poller = MUST(epoll_create1(0));
    watch(poller, ends[0], EPOLLIN | EPOLLRDHUP | EPOLLET);
    close(ends[1]);
    say("closed", poller, 10000);
    say("not again", poller, 20);
    TRY(read(ends[0], buffer, 9));
    MUST(shutdown(ends[0], SHUT_WR));
    say("both ways", poller, 10000);
    close(ends[0]);
    close(poller);
}

/* Several processes wait for one listener: each of its own epoll, then all of one. */
static void herd(uint32_t flags, int share) {
    enum { COUNT = 4 };
    int port, server = listener(8, &port), told[2], poller = -1;
    volatile int *woken = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(fcntl(server, F_SETFL, O_NONBLOCK));
    MUST(pipe(told));
    if (share) {
        poller = MUST(epoll_create1(0));
        watch(poller, server, EPOLLIN | flags);
    }
    pid_t children[COUNT];
    for (int i = 0; i < COUNT; i++)
        if ((children[i] = fork()) == 0) {
            struct epoll_event event;
            int mine = share ? poller : MUST(epoll_create1(0));
            if (!share)
                watch(mine, server, EPOLLIN | flags);
            for (;;) {
                MUST(write(told[1], "w", 1));
                if (epoll_wait(mine, &event, 1, -1) != 1)
                    _exit(1);
                __sync_fetch_and_add(woken, 1);
                rest();
                int fd = accept(server, NULL, NULL);
                if (fd >= 0) {
                    MUST(write(fd, "served", 6));
                    close(fd);
                }
            }
        }
    char buffer[16];
    for (int i = 0; i < COUNT; i++)
        MUST(read(told[0], buffer, 1));
    rest();
    int client = tcp();
    MUST(connect4(client, "127.0.0.1", port));
    MUST(recv(client, buffer, 6, MSG_WAITALL));
    rest();
    printf("woken: %s\n", *woken == 1 ? "one" : "several");
    for (int i = 0; i < 8; i++) {
        client = tcp();
        MUST(connect4(client, "127.0.0.1", port));
        printf("%.*s ", (int)recv(client, buffer, 6, MSG_WAITALL), buffer);
        close(client);
    }
    printf("\n");
    for (int i = 0; i < COUNT; i++) {
        kill(children[i], SIGKILL);
        MUST(waitpid(children[i], NULL, 0));
    }
    close(server);
    close(told[0]);
    close(told[1]);
    close(poller);
}

/* A blocked accept in several processes: each connection wakes one. */
static void blocked_herd(void) {
    enum { COUNT = 4 };
    int port, server = listener(8, &port), status, sum = 0;
    for (int i = 0; i < COUNT; i++)
        if (fork() == 0) {
            int served = 0;
            for (;;) {
                int fd = accept(server, NULL, NULL);
                char order;
                if (fd < 0 || read(fd, &order, 1) != 1)
                    _exit(99);
                served++;
                if (order == 'q') {
                    /* Not before the answer: who is quicker would be asked twice. */
                    MUST(write(fd, "x", 1));
                    _exit(served);
                }
                MUST(write(fd, "x", 1));
                close(fd);
            }
        }
    for (int i = 0; i < 40; i++) {
        int client = tcp();
        char answer;
        MUST(connect4(client, "127.0.0.1", port));
        MUST(write(client, i < 36 ? "w" : "q", 1));
        if (recv(client, &answer, 1, MSG_WAITALL) != 1)
            printf("not served\n");
        close(client);
    }
    for (int i = 0; i < COUNT; i++) {
        MUST(wait(&status));
        sum += WEXITSTATUS(status);
    }
    printf("served together: %d\n", sum);
    close(server);
}

/* Non-blocking mode is the open file's: whoever shares it, shares that. */
static void non_blocking(void) {
    int ends[2], on = 1, off = 0;
    char buffer[16];
    SECTION("FIONBIO and O_NONBLOCK");
    connection(ends);
    int copy = MUST(dup(ends[0]));
    MUST(ioctl(copy, FIONBIO, &on));
    printf("O_NONBLOCK %d\n", (fcntl(ends[0], F_GETFL) & O_NONBLOCK) != 0);
    TRY(read(ends[0], buffer, 1));
    TRY(recvfrom(ends[0], buffer, 1, 0, NULL, NULL));
    pid_t child = fork();
    if (child == 0) {
        MUST(ioctl(ends[0], FIONBIO, &off));
        _exit(0);
    }
    MUST(waitpid(child, NULL, 0));
    printf("O_NONBLOCK %d\n", (fcntl(copy, F_GETFL) & O_NONBLOCK) != 0);
    MUST(fcntl(ends[0], F_SETFL, O_NONBLOCK));
    child = fork();
    if (child == 0) {
        TRY(read(copy, buffer, 1));
        fflush(stdout);
        _exit(0);
    }
    MUST(waitpid(child, NULL, 0));
    MUST(ioctl(copy, FIONBIO, &off));
    TRY(recv(ends[0], buffer, 1, MSG_DONTWAIT));
    close(copy);
    both_closed(ends);
    for (int kind = 0; kind < 2; kind++) {
        int port, fd = kind ? udp() : listener(4, &port);
        MUST(ioctl(fd, FIONBIO, &on));
        copy = MUST(dup(fd));
        if (kind)
            TRY(recvfrom(copy, buffer, 1, 0, NULL, NULL));
        else
            TRY(accept(copy, NULL, NULL));
        close(copy);
        close(fd);
    }
}

int main(void) {
    beyond_fd_setsize();
    all_ways();
    masks();
    modes();
    SECTION("epoll each");
    herd(0, 0);
    SECTION("epoll each, EPOLLEXCLUSIVE");
    herd(EPOLLEXCLUSIVE, 0);
    SECTION("one epoll across fork");
    herd(0, 1);
    SECTION("one epoll across fork, edge");
    herd(EPOLLET, 1);
    SECTION("accept each");
    blocked_herd();
    non_blocking();
    return 0;
}

/* What the object that is preloaded does without a call of the supervisor's: `socket`, `connect` that doesn't wait and is made once
 * more, `accept` of a listener that doesn't wait. With an argument it is a child, who may be without the object. */
#include "oracle.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/un.h>

static int port;

static int waits_not(int fd) {
    MUST(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK));
    return fd;
}

/* A client that has said something, and has ended if asked to: 'f' by a FIN, 'r' by a reset. */
static int client(const char *says, char ends) {
    int fd = tcp();
    MUST(connect4(fd, "127.0.0.1", port));
    MUST(write(fd, says, strlen(says)));
    struct linger reset = {1, 0};
    if (ends == 'f')
        MUST(shutdown(fd, SHUT_WR));
    if (ends == 'r')
        MUST(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
    if (ends == 'r')
        MUST(close(fd));
    return fd;
}

static int accepted(int fd, int flags) {
    wait_for(fd, POLLIN);
    return TRY_FD(accept4(fd, NULL, NULL, flags));
}

static void say_data(int fd) {
    char data[100];
    wait_for(fd, POLLIN);
    long n = TRY(recv(fd, data, sizeof data - 1, 0));
    if (n > 0)
        printf("  %.*s\n", (int)n, data);
}

static void accepting(int fd) {
    struct sockaddr_storage name, own;
    socklen_t length = sizeof own;
    char *forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    SECTION("nobody waits");
    TRY(accept4(fd, NULL, NULL, SOCK_NONBLOCK));
    TRY(accept(fd, NULL, NULL));
    TRY(accept4(fd, NULL, NULL, 0x40));

    SECTION("names, flags, data that came before");
    for (int flags = 0; flags < 4; flags++) {
        int which = (flags & 1 ? SOCK_NONBLOCK : 0) | (flags & 2 ? SOCK_CLOEXEC : 0);
        int peer = client("before", 0);
        wait_for(fd, POLLIN);
        memset(&name, 0x55, sizeof name);
        socklen_t room = sizeof name;
        int new = TRY_FD(accept4(fd, (struct sockaddr *)&name, &room, which));
        say_address("peer", &name, room);
        MUST(getsockname(peer, (struct sockaddr *)&own, &length));
        printf("it is %s\n", memcmp(&own, &name, room) == 0 ? "the client" : "another");
        say_names(new);
        printf("flags %d %d\n", fcntl(new, F_GETFL) & O_NONBLOCK ? 1 : 0, fcntl(new, F_GETFD));
        say_data(new);
        MUST(write(new, "answer", 6));
        say_data(peer);
        close(new);
        say_data(peer);
        close(peer);
    }

    SECTION("a short name, one that can't be written, a length that is none");
    int peers[4];
    for (int i = 0; i < 4; i++)
        peers[i] = client("", 0);
    wait_for(fd, POLLIN);
    memset(&name, 0x55, sizeof name);
    length = 4;
    close(TRY_FD(accept(fd, (struct sockaddr *)&name, &length)));
    printf("length %u, untouched %d\n", (unsigned)length, ((unsigned char *)&name)[4] == 0x55);
    length = sizeof name;
    TRY(accept(fd, (struct sockaddr *)forbidden, &length));
    TRY(accept(fd, (struct sockaddr *)&name, (socklen_t *)forbidden));
    length = -1;
    TRY(accept(fd, (struct sockaddr *)&name, &length));
    TRY(accept(fd, NULL, NULL));
    for (int i = 0; i < 4; i++) {
        say_data(peers[i]);
        close(peers[i]);
    }

    SECTION("no descriptors left");
    int peer = client("kept", 'f');
    struct rlimit limit, none;
    MUST(getrlimit(RLIMIT_NOFILE, &limit));
    none = limit;
    none.rlim_cur = (rlim_t)MUST(dup(0));
    close((int)none.rlim_cur);
    wait_for(fd, POLLIN);
    MUST(setrlimit(RLIMIT_NOFILE, &none));
    TRY(accept(fd, NULL, NULL));
    TRY(socket(AF_INET, SOCK_STREAM, 0));
    TRY(accept(fd, NULL, NULL));
    MUST(setrlimit(RLIMIT_NOFILE, &limit));
    int new = accepted(fd, 0);
    say_data(new);
    say_data(new);
    close(new);
    close(peer);

    SECTION("ended before it was accepted");
    peer = client("fin", 'f');
    new = accepted(fd, 0);
    say_data(new);
    say_data(new);
    close(new);
    close(peer);
    client("rst", 'r');
    new = accepted(fd, 0);
    wait_for(new, POLLIN);
    TRY(recv(new, &name, 9, 0));
    TRY(recv(new, &name, 9, 0));
    close(new);

    SECTION("what it inherits");
    struct timeval time = {7, 0};
    MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
    int one = 1;
    MUST(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
    peer = client("", 0);
    new = accepted(fd, 0);
    length = sizeof time;
    memset(&time, 0, sizeof time);
    TRY(getsockopt(new, SOL_SOCKET, SO_RCVTIMEO, &time, &length));
    printf("%ld s, no delay %d\n", (long)time.tv_sec, option(new, IPPROTO_TCP, TCP_NODELAY));
    close(new);
    close(peer);
    memset(&time, 0, sizeof time);
    MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));

    SECTION("a socket of the machine's");
    int machines = MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    MUST(bind(machines, (struct sockaddr *)&path, sizeof path.sun_family));
    length = sizeof path;
    MUST(getsockname(machines, (struct sockaddr *)&path, &length));
    MUST(listen(machines, 1));
    TRY(accept(machines, NULL, NULL));
    peer = MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    TRY(connect(peer, (struct sockaddr *)&path, length));
    TRY(connect(peer, (struct sockaddr *)&path, length));
    length = sizeof name;
    close(TRY_FD(accept(machines, (struct sockaddr *)&name, &length)));
    printf("family %d length %u\n", name.ss_family, (unsigned)length);
    close(peer);
    close(machines);
}

static void connecting(void) {
    SECTION("a connection is told of once");
    struct sockaddr_in name = in4("127.0.0.1", port);
    struct sockaddr_in none = {.sin_family = AF_UNSPEC};
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(mprotect(pages + 4096, 4096, PROT_NONE));
    for (int how = 0; how < 6; how++) {
        printf("- %d\n", how);
        int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, how & 1 ? IPPROTO_TCP : 0));
        say_poll("fresh", fd, 0, 0);
        TRY(connect(fd, (struct sockaddr *)&name, sizeof name));
        wait_for(fd, POLLOUT);
        TRY(connect(fd, (struct sockaddr *)(pages + 4096 - 8), sizeof name));
        TRY(connect(fd, (struct sockaddr *)&name, 1));
        TRY(connect(fd, (struct sockaddr *)&name, 1000));
        if (how == 1)
            TRY(connect(fd, (struct sockaddr *)&none, sizeof none));
        if (how == 2)
            MUST(fcntl(fd, F_SETFL, 0));
        if (how == 3)
            fd = MUST(dup(fd));
        if (how == 4)
            say_error(fd);
        if (how == 5)
            MUST(write(fd, "x", 1));
        TRY(connect(fd, (struct sockaddr *)&name, sizeof name));
        if (how == 1)
            wait_for(fd, POLLOUT);
        TRY(connect(fd, (struct sockaddr *)&name, sizeof name));
        TRY(connect(fd, (struct sockaddr *)&name, sizeof name));
        say_names(fd);
        close(fd);
    }
    SECTION("refused");
    name.sin_port = htons(unused_port(SOCK_STREAM));
    int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    errno = 0;
    if (connect(fd, (struct sockaddr *)&name, sizeof name) < 0 && errno == EINPROGRESS) {
        wait_for(fd, POLLOUT);
        connect(fd, (struct sockaddr *)&name, sizeof name);
    }
    printf("%s\n", strerrorname_np(errno));
    close(fd);
    SECTION("options of what has not been used");
    fd = MUST(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    printf("domain %d type %d protocol %d listens %d\n", option(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET6,
           option(fd, SOL_SOCKET, SO_TYPE), option(fd, SOL_SOCKET, SO_PROTOCOL), option(fd, SOL_SOCKET, SO_ACCEPTCONN));
    printf("descriptor's flags %d\n", fcntl(fd, F_GETFD));
    say_names(fd);
    int at_mark;
    TRY(ioctl(fd, SIOCATMARK, &at_mark));
    TRY(listen(fd, 1));
    close(fd);
}

/* Takes connections until one says that it is the last; answers each with its own process's turn. */
static int serve(int fd) {
    char data[100];
    for (;;) {
        struct pollfd entry = {.fd = fd, .events = POLLIN};
        poll(&entry, 1, 10000);
        int new = accept(fd, NULL, NULL);
        if (new < 0)
            continue;
        wait_for(new, POLLIN);
        long n = MUST(recv(new, data, sizeof data, 0));
        MUST(write(new, data, (size_t)n));
        close(new);
        if (data[0] == 'l')
            return 0;
    }
}

int main(int count, char **words) {
    if (count > 1)
        return serve(atoi(words[1]));
    int fd = listener(64, &port);
    waits_not(fd);
    accepting(fd);
    connecting();
    close(fd);

    SECTION("several take them, with the object and without");
    fd = waits_not(listener(64, &port));
    char number[12];
    snprintf(number, sizeof number, "%d", fd);
    fflush(stdout);
    for (int child = 0; child < 4; child++) {
        if (MUST(fork()) > 0)
            continue;
        if (child % 2 == 0)
            exit(serve(fd));
        unsetenv("LD_PRELOAD");
        execl("/proc/self/exe", "shortly", number, NULL);
        exit(3);
    }
    close(fd);
    int right = 0;
    for (int i = 0; i < 204; i++) {
        char said[20], heard[20] = "";
        snprintf(said, sizeof said, "%s %d", i < 200 ? "one" : "last", i);
        int peer = client(said, 0);
        wait_for(peer, POLLIN);
        right += recv(peer, heard, sizeof heard, MSG_WAITALL) == (long)strlen(said) && strcmp(said, heard) == 0;
        close(peer);
    }
    printf("right %d\n", right);
    int status, ended = 0;
    while (wait(&status) > 0)
        ended += status == 0;
    printf("ended %d\n", ended);
    SECTION("nobody listens any more");
    int peer = tcp();
    TRY(connect4(peer, "127.0.0.1", port));

    SECTION("closed while some wait");
    fd = waits_not(listener(8, &port));
    int peers[2] = {client("", 0), client("unread", 0)};
    wait_for(fd, POLLIN);
    close(fd);
    for (int i = 0; i < 2; i++)
        say_data(peers[i]);
    return 0;
}

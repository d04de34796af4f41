/* listen(2) and accept(2). */
#include "oracle.h"

int main(void) {
    int port, fd, peer, client;
    char buffer[16];

    SECTION("wrong states");
    fd = tcp();
    TRY(accept(fd, NULL, NULL));
    TRY(bind4(fd, "127.0.0.1", 0));
    TRY(accept(fd, NULL, NULL));
    TRY(listen(fd, 1));
    TRY(listen(fd, 5));
    TRY(option(fd, SOL_SOCKET, SO_ACCEPTCONN));
    TRY(bind4(fd, "127.0.0.1", 0));
    TRY(connect4(fd, "127.0.0.1", 9));
    close(fd);
    fd = udp();
    TRY(listen(fd, 1));
    TRY(accept(fd, NULL, NULL));
    close(fd);

    SECTION("listen without bind");
    fd = tcp();
    TRY(listen(fd, 1));
    say_names(fd);
    close(fd);

    SECTION("names of both ends");
    fd = listener(4, &port);
    say_names(fd);
    client = tcp();
    TRY(connect4(client, "127.0.0.1", port));
    struct sockaddr_storage name;
    memset(&name, 0x55, sizeof name);
    socklen_t length = sizeof name;
    peer = TRY_FD(accept(fd, (struct sockaddr *)&name, &length));
    say_address("accept", &name, length);
    say_names(peer);
    say_names(client);
    close(peer);
    close(client);

    SECTION("a short name is cut, its length told");
    client = tcp();
    TRY(connect4(client, "127.0.0.1", port));
    memset(&name, 0x55, sizeof name);
    length = 4;
    peer = TRY_FD(accept(fd, (struct sockaddr *)&name, &length));
    unsigned char *bytes = (unsigned char *)&name;
    printf("length %u, family %d, untouched after: %d\n", (unsigned)length, name.ss_family, bytes[4] == 0x55);
    length = 0;
    TRY(getsockname(peer, (struct sockaddr *)&name, &length));
    printf("length %u\n", (unsigned)length);
    length = -1;
    TRY(getsockname(peer, (struct sockaddr *)&name, &length));
    TRY(getpeername(peer, (struct sockaddr *)&name, NULL));
    close(peer);
    close(client);

    SECTION("flags of accept4");
    static const int flags[] = {0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC, 1, -1};
    for (int i = 0; i < 6; i++) {
        client = tcp();
        MUST(connect4(client, "127.0.0.1", port));
        wait_for(fd, POLLIN);
        errno = 0;
        peer = accept4(fd, NULL, NULL, flags[i]);
        if (peer < 0) {
            printf("accept4 %d: %s\n", flags[i], strerrorname_np(errno));
            peer = MUST(accept(fd, NULL, NULL));
        } else {
            printf("accept4 %d: nonblock %d cloexec %d\n", flags[i], (fcntl(peer, F_GETFL) & O_NONBLOCK) != 0,
                   fcntl(peer, F_GETFD) & FD_CLOEXEC);
        }
        close(peer);
        close(client);
    }

    SECTION("non-blocking");
    MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
    TRY(accept(fd, NULL, NULL));
    say_poll("nobody", fd, 0, 0);
    client = tcp();
    MUST(connect4(client, "127.0.0.1", port));
    say_poll("somebody", fd, POLLIN, 1);
    peer = TRY_FD(accept(fd, NULL, NULL));
    printf("inherits nonblock: %d\n", (fcntl(peer, F_GETFL) & O_NONBLOCK) != 0);
    TRY(accept(fd, NULL, NULL));
    say_poll("nobody", fd, 0, 0);
    close(peer);
    close(client);

    SECTION("options inherited");
    int value = 1, idle = 77;
    struct linger linger = {1, 3};
    MUST(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value));
    MUST(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value));
    MUST(setsockopt(fd, SOL_TCP, TCP_NODELAY, &value, sizeof value));
    MUST(setsockopt(fd, SOL_TCP, TCP_KEEPIDLE, &idle, sizeof idle));
    MUST(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    client = tcp();
    MUST(connect4(client, "127.0.0.1", port));
    wait_for(fd, POLLIN);
    peer = TRY_FD(accept(fd, NULL, NULL));
    TRY(option(peer, SOL_SOCKET, SO_KEEPALIVE));
    TRY(option(peer, SOL_SOCKET, SO_REUSEADDR));
    TRY(option(peer, SOL_TCP, TCP_NODELAY));
    TRY(option(peer, SOL_TCP, TCP_KEEPIDLE));
    TRY(option(peer, SOL_SOCKET, SO_ACCEPTCONN));
    length = sizeof linger;
    memset(&linger, 0, sizeof linger);
    TRY(getsockopt(peer, SOL_SOCKET, SO_LINGER, &linger, &length));
    printf("linger %d %d\n", linger.l_onoff, linger.l_linger);
    close(peer);
    close(client);

    SECTION("data before accept, and a client that has gone");
    client = tcp();
    MUST(connect4(client, "127.0.0.1", port));
    TRY(write(client, "early", 5));
    close(client);
    wait_for(fd, POLLIN);
    peer = TRY_FD(accept(fd, NULL, NULL));
    MUST(fcntl(peer, F_SETFL, 0));
    TRY(read(peer, buffer, sizeof buffer));
    TRY(read(peer, buffer, sizeof buffer));
    close(peer);

    SECTION("in order");
    int clients[5];
    for (int i = 0; i < 5; i++) {
        clients[i] = tcp();
        MUST(connect4(clients[i], "127.0.0.1", port));
    }
    for (int i = 0; i < 5; i++) {
        wait_for(fd, POLLIN);
        peer = MUST(accept(fd, (struct sockaddr *)&name, (length = sizeof name, &length)));
        printf("%d is its turn: %d\n", i, ntohs(((struct sockaddr_in *)&name)->sin_port) == port_of(clients[i]));
        close(peer);
        close(clients[i]);
    }

    SECTION("time limit");
    MUST(fcntl(fd, F_SETFL, 0));
    struct timeval limit = {0, 50000};
    MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
    TRY(accept(fd, NULL, NULL));
    limit.tv_usec = 0;
    MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));

    SECTION("deferred until data comes");
    int seconds = 5;
    MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
    TRY(setsockopt(fd, SOL_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds));
    TRY(option(fd, SOL_TCP, TCP_DEFER_ACCEPT));
    client = tcp();
    MUST(connect4(client, "127.0.0.1", port));
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    TRY(poll(&readable, 1, 50));
    TRY(accept(fd, NULL, NULL));
    MUST(send(client, "x", 1, 0));
    wait_for(fd, POLLIN);
    peer = TRY_FD(accept(fd, NULL, NULL));
    TRY(recv(peer, buffer, 9, 0));
    TRY(option(peer, SOL_TCP, TCP_DEFER_ACCEPT));
    close(peer);
    close(client);
    client = tcp();
    MUST(connect4(client, "127.0.0.1", port));
    close(client);
    wait_for(fd, POLLIN);
    peer = TRY_FD(accept(fd, NULL, NULL));
    TRY(recv(peer, buffer, 9, 0));
    close(peer);
    seconds = 0;
    TRY(setsockopt(fd, SOL_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds));
    MUST(fcntl(fd, F_SETFL, 0));

    SECTION("several processes accept on one socket");
    int told[2];
    MUST(pipe(told));
    for (int i = 0; i < 3; i++)
        if (fork() == 0) {
            int one = accept(fd, NULL, NULL);
            if (one < 0 || write(one, "served", 6) != 6)
                _exit(1);
            if (write(told[1], "x", 1) != 1)
                _exit(1);
            _exit(0);
        }
    for (int i = 0; i < 3; i++) {
        client = tcp();
        MUST(connect4(client, "127.0.0.1", port));
        printf("%ld ", (long)recv(client, buffer, 6, MSG_WAITALL));
        printf("%ld\n", (long)read(told[0], buffer, 1));
        close(client);
    }
    for (int i = 0; i < 3; i++) {
        int status = -1;
        wait(&status);
        printf("status %d\n", status);
    }

    SECTION("closed: refused");
    close(fd);
    client = tcp();
    TRY(connect4(client, "127.0.0.1", port));
    return 0;
}

/* bind(2): what conflicts with what. */
#include "oracle.h"

/* Which of two sockets may have one port. `kind` is a bit set: 1 SO_REUSEADDR, 2 SO_REUSEPORT, 4 listens. */
static void pair(const char *first, int first_kind, const char *second, int second_kind, int type) {
    int one = 1, a = MUST(socket(AF_INET, type, 0)), b = MUST(socket(AF_INET, type, 0));
    if (first_kind & 1)
        MUST(setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    if (first_kind & 2)
        MUST(setsockopt(a, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one));
    if (second_kind & 1)
        MUST(setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    if (second_kind & 2)
        MUST(setsockopt(b, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one));
    MUST(bind4(a, first, 0));
    if (first_kind & 4)
        MUST(listen(a, 1));
    errno = 0;
    int done = bind4(b, second, port_of(a));
    printf("%s kind %d, then %s kind %d: %s", first, first_kind, second, second_kind,
           done < 0 ? strerrorname_np(errno) : "ok");
    if (done == 0 && type == SOCK_STREAM) {
        errno = 0;
        printf(", listen: %s", listen(b, 1) < 0 ? strerrorname_np(errno) : "ok");
    }
    printf("\n");
    close(a);
    close(b);
}

int main(void) {
    static const char *addresses[] = {"0.0.0.0", "127.0.0.1", "127.0.0.2"};
    SECTION("streams");
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            for (int first = 0; first < 8; first++)
                for (int second = 0; second < 4; second++)
                    pair(addresses[i], first, addresses[j], second, SOCK_STREAM);
    SECTION("datagrams");
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int first = 0; first < 4; first++)
                for (int second = 0; second < 4; second++)
                    pair(addresses[i], first, addresses[j], second, SOCK_DGRAM);

    SECTION("addresses");
    static const char *odd[] = {"192.0.2.1", "224.0.0.1", "255.255.255.255", "127.255.255.255", "127.9.9.9"};
    for (int i = 0; i < 5; i++) {
        int stream = tcp(), datagram = udp();
        printf("%s\n", odd[i]);
        TRY(bind4(stream, odd[i], 0));
        TRY(bind4(datagram, odd[i], 0));
        close(stream);
        close(datagram);
    }
    int fd = tcp();
    struct sockaddr_in name = in4("127.0.0.1", 0);
    TRY(bind(fd, (struct sockaddr *)&name, 0));
    TRY(bind(fd, (struct sockaddr *)&name, 1));
    TRY(bind(fd, (struct sockaddr *)&name, sizeof name - 1));
    TRY(bind(fd, (struct sockaddr *)&name, -1));
    TRY(bind(fd, (struct sockaddr *)&name, 1000));
    name.sin_family = AF_INET6;
    TRY(bind(fd, (struct sockaddr *)&name, sizeof name));
    name.sin_family = AF_UNSPEC;
    TRY(bind(fd, (struct sockaddr *)&name, sizeof name));
    name.sin_addr.s_addr = 0;
    TRY(bind(fd, (struct sockaddr *)&name, sizeof name));
    say_names(fd);
    TRY(bind4(fd, "127.0.0.1", 0));
    close(fd);

    SECTION("closed, and bound again");
    fd = tcp();
    TRY(bind4(fd, "127.0.0.1", 0));
    int port = port_of(fd);
    for (int i = 0; i < 3; i++) {
        close(fd);
        fd = tcp();
        TRY(bind4(fd, "127.0.0.1", port));
        TRY(listen(fd, 4));
    }
    SECTION("a connection of the closed listener is still there");
    int client = tcp();
    MUST(connect4(client, "127.0.0.1", port));
    int accepted = MUST(accept(fd, NULL, NULL));
    close(fd);
    fd = tcp();
    TRY(bind4(fd, "127.0.0.1", port));
    int one = 1;
    MUST(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    TRY(bind4(fd, "127.0.0.1", port));
    close(accepted);
    wait_for(client, POLLIN);
    close(client);
    close(fd);

    SECTION("shared by fork: bound until the last is closed");
    fd = tcp();
    MUST(bind4(fd, "127.0.0.1", 0));
    port = port_of(fd);
    int hold[2];
    MUST(pipe(hold));
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(hold[1]);
        if (read(hold[0], &byte, 1) < 0)
            _exit(1);
        _exit(0);
    }
    close(fd);
    fd = tcp();
    TRY(bind4(fd, "127.0.0.1", port));
    close(hold[1]);
    waitpid(child, NULL, 0);
    TRY(bind4(fd, "127.0.0.1", port));
    return 0;
}

/* connect(2) on a blocking stream socket. */
#include "oracle.h"

int main(void) {
    int port, server = listener(8, &port), closed = unused_port(SOCK_STREAM);

    SECTION("refused, and what the socket is good for afterwards");
    int fd = tcp();
    say_names(fd);
    TRY(connect4(fd, "127.0.0.1", closed));
    say_error(fd);
    TRY(connect4(fd, "127.0.0.1", closed));
    TRY(connect4(fd, "127.0.0.1", port));
    TRY(connect4(fd, "127.0.0.1", port));
    say_names(fd);
    say_poll("connected", fd, POLLOUT, 1);
    int peer = TRY_FD(accept(server, NULL, NULL));
    say_names(peer);

    SECTION("both ways");
    char buffer[16];
    TRY(write(fd, "hello", 5));
    TRY(read(peer, buffer, sizeof buffer));
    TRY(send(peer, "world!", 6, 0));
    TRY(recv(fd, buffer, sizeof buffer, MSG_WAITALL * 0));
    close(peer);
    close(fd);

    SECTION("addresses that can't be");
    fd = tcp();
    struct sockaddr_in name = in4("127.0.0.1", port);
    TRY(connect(fd, (struct sockaddr *)&name, 0));
    TRY(connect(fd, (struct sockaddr *)&name, 1));
    TRY(connect(fd, (struct sockaddr *)&name, sizeof name - 1));
    TRY(connect(fd, (struct sockaddr *)&name, 1000));
    TRY(connect(fd, (struct sockaddr *)&name, -1));
    name.sin_family = 77;
    TRY(connect(fd, (struct sockaddr *)&name, sizeof name));
    name.sin_family = AF_INET6;
    TRY(connect(fd, (struct sockaddr *)&name, sizeof name));
    struct sockaddr_in6 long_name = in6("::1", port);
    TRY(connect(fd, (struct sockaddr *)&long_name, sizeof long_name));
    TRY(connect4(fd, "224.0.0.1", port));
    TRY(connect4(fd, "255.255.255.255", port));

    SECTION("0.0.0.0 is the host itself");
    TRY(connect4(fd, "0.0.0.0", port));
    say_names(fd);
    close(TRY_FD(accept(server, NULL, NULL)));
    close(fd);

    SECTION("bound before");
    fd = tcp();
    TRY(bind4(fd, "127.0.0.1", 0));
    int mine = port_of(fd);
    TRY(connect4(fd, "127.0.0.1", port));
    printf("the same port: %d\n", port_of(fd) == mine);
    peer = TRY_FD(accept(server, NULL, NULL));
    struct sockaddr_in from = {0};
    socklen_t length = sizeof from;
    TRY(getpeername(peer, (struct sockaddr *)&from, &length));
    printf("seen at that port: %d\n", ntohs(from.sin_port) == mine);

    SECTION("in wrong states");
    TRY(bind4(fd, "127.0.0.1", 0));
    TRY(listen(fd, 1));
    TRY(accept(fd, NULL, NULL));
    TRY(connect4(server, "127.0.0.1", port));
    close(peer);
    close(fd);

    SECTION("dissolved by AF_UNSPEC");
    fd = tcp();
    struct sockaddr nothing = {.sa_family = AF_UNSPEC};
    TRY(connect(fd, &nothing, sizeof nothing));
    TRY(connect4(fd, "127.0.0.1", port));
    peer = TRY_FD(accept(server, NULL, NULL));
    TRY(connect(fd, &nothing, sizeof nothing));
    say_names(fd);
    wait_for(peer, POLLIN);
    TRY(read(peer, buffer, sizeof buffer));
    close(peer);
    close(fd);
    return 0;
}

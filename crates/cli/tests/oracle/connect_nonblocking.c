/* connect(2) on a non-blocking stream socket: EINPROGRESS, poll, SO_ERROR. */
#include "oracle.h"

static int start(void) { return MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)); }

int main(void) {
    int port, server = listener(8, &port), closed = unused_port(SOCK_STREAM);
    char buffer[16];

    SECTION("before");
    int fd = start();
    say_poll("fresh", fd, 0, 0);

    SECTION("accepted");
    TRY(connect4(fd, "127.0.0.1", port));
    say_poll("connected", fd, POLLOUT, 1);
    say_error(fd);
    TRY(connect4(fd, "127.0.0.1", port));
    TRY(connect4(fd, "127.0.0.1", port));
    say_names(fd);
    TRY(read(fd, buffer, sizeof buffer));
    int peer = TRY_FD(accept(server, NULL, NULL));
    TRY(write(peer, "abc", 3));
    say_poll("data", fd, POLLIN, 1);
    TRY(read(fd, buffer, sizeof buffer));
    TRY(read(fd, buffer, sizeof buffer));
    say_poll("read", fd, 0, 0);
    printf("flags kept: %d\n", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    close(peer);
    say_poll("peer closed", fd, POLLIN, 1);
    TRY(read(fd, buffer, sizeof buffer));
    close(fd);

    SECTION("refused, and SO_ERROR asked");
    fd = start();
    TRY(connect4(fd, "127.0.0.1", closed));
    say_poll("refused", fd, POLLOUT, 1);
    say_error(fd);
    say_error(fd);

    SECTION("refused, and connect asked");
    fd = start();
    TRY(connect4(fd, "127.0.0.1", closed));
    wait_for(fd, POLLOUT);
    TRY(connect4(fd, "127.0.0.1", closed));
    say_error(fd);
    close(fd);

    SECTION("refused, and read asked");
    fd = start();
    TRY(connect4(fd, "127.0.0.1", closed));
    wait_for(fd, POLLOUT);
    say_error(fd);
    TRY(read(fd, buffer, sizeof buffer));
    TRY(send(fd, "x", 1, MSG_NOSIGNAL));
    close(fd);

    SECTION("refused, then accepted on the same socket");
    fd = start();
    TRY(connect4(fd, "127.0.0.1", closed));
    wait_for(fd, POLLOUT);
    say_error(fd);
    errno = 0;
    /* Linux tells once more that the first attempt ended: ECONNABORTED. */
    TRY(connect4(fd, "127.0.0.1", port));
    TRY(connect4(fd, "127.0.0.1", port));
    say_poll("connected", fd, POLLOUT, 1);
    say_error(fd);
    peer = TRY_FD(accept(server, NULL, NULL));
    TRY(write(fd, "again", 5));
    TRY(read(peer, buffer, sizeof buffer));
    close(fd);
    close(peer);

    SECTION("made blocking once connected");
    fd = start();
    TRY(connect4(fd, "127.0.0.1", port));
    wait_for(fd, POLLOUT);
    MUST(fcntl(fd, F_SETFL, 0));
    peer = TRY_FD(accept(server, NULL, NULL));
    if (fork() == 0) {
        write(peer, "later", 5);
        _exit(0);
    }
    TRY(read(fd, buffer, sizeof buffer));
    wait(NULL);
    return 0;
}

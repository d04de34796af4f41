/* shutdown(2) and close(2): half-close, end of file, EPIPE, resets. */
#include "oracle.h"

static void on_pipe(int signal) {
    (void)signal;
    if (write(1, "SIGPIPE\n", 8) != 8)
        _exit(9);
}

int main(void) {
    int ends[2], fd, port;
    char buffer[64];
    signal(SIGPIPE, on_pipe);

    SECTION("wrong states and arguments");
    fd = tcp();
    TRY(shutdown(fd, SHUT_RDWR));
    TRY(shutdown(fd, 3));
    TRY(shutdown(fd, -1));
    close(fd);
    fd = udp();
    TRY(shutdown(fd, SHUT_RD));
    close(fd);

    SECTION("half-close");
    connection(ends);
    TRY(write(ends[0], "question", 8));
    TRY(shutdown(ends[0], SHUT_WR));
    TRY(recv(ends[1], buffer, 8, MSG_WAITALL));
    say_poll("after the FIN", ends[1], POLLRDHUP, 1);
    TRY(read(ends[1], buffer, sizeof buffer));
    TRY(write(ends[1], "answer", 6));
    TRY(recv(ends[0], buffer, 6, MSG_WAITALL));
    say_poll("who shut", ends[0], 0, 0);
    TRY(write(ends[0], "x", 1));
    TRY(send(ends[0], "x", 1, MSG_NOSIGNAL));
    TRY(shutdown(ends[0], SHUT_WR));
    TRY(shutdown(ends[1], SHUT_WR));
    say_poll("both shut", ends[0], POLLIN, 1);
    say_poll("both shut", ends[1], POLLHUP, 1);
    TRY(read(ends[0], buffer, sizeof buffer));
    TRY(read(ends[1], buffer, sizeof buffer));
    say_error(ends[0]);
    close(ends[0]);
    close(ends[1]);

    SECTION("shut for reading");
    connection(ends);
    TRY(shutdown(ends[0], SHUT_RD));
    TRY(read(ends[0], buffer, sizeof buffer));
    say_poll("who shut", ends[0], 0, 0);
    TRY(write(ends[0], "still", 5));
    TRY(recv(ends[1], buffer, 5, MSG_WAITALL));
    close(ends[0]);
    close(ends[1]);

    SECTION("shut both ways");
    connection(ends);
    TRY(shutdown(ends[0], SHUT_RDWR));
    TRY(read(ends[0], buffer, sizeof buffer));
    TRY(send(ends[0], "x", 1, MSG_NOSIGNAL));
    TRY(read(ends[1], buffer, sizeof buffer));
    close(ends[0]);
    close(ends[1]);

    SECTION("shutdown acts on the socket, close on the last descriptor");
    connection(ends);
    int copy = MUST(dup(ends[0]));
    close(ends[0]);
    TRY(write(copy, "on", 2));
    TRY(recv(ends[1], buffer, 2, MSG_WAITALL));
    ends[0] = MUST(dup(copy));
    TRY(shutdown(copy, SHUT_WR));
    TRY(send(ends[0], "x", 1, MSG_NOSIGNAL));
    TRY(read(ends[1], buffer, sizeof buffer));
    close(copy);
    close(ends[0]);
    close(ends[1]);

    SECTION("shutdown wakes a reader");
    connection(ends);
    if (fork() == 0) {
        MUST(shutdown(ends[0], SHUT_RD));
        _exit(0);
    }
    TRY(read(ends[0], buffer, sizeof buffer));
    wait(NULL);
    close(ends[0]);
    close(ends[1]);

    SECTION("closed with unread data: a reset");
    connection(ends);
    TRY(write(ends[0], "unread", 6));
    wait_for(ends[1], POLLIN);
    close(ends[1]);
    wait_for(ends[0], POLLIN);
    say_poll("reset", ends[0], POLLIN, 1);
    TRY(read(ends[0], buffer, sizeof buffer));
    TRY(read(ends[0], buffer, sizeof buffer));
    TRY(send(ends[0], "x", 1, MSG_NOSIGNAL));
    close(ends[0]);

    SECTION("linger of zero: a reset, and SO_ERROR tells it");
    connection(ends);
    struct linger now = {1, 0};
    MUST(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &now, sizeof now));
    close(ends[1]);
    wait_for(ends[0], POLLIN);
    say_error(ends[0]);
    say_error(ends[0]);
    TRY(read(ends[0], buffer, sizeof buffer));
    close(ends[0]);

    SECTION("data, then a clean end");
    connection(ends);
    TRY(write(ends[0], "last words", 10));
    close(ends[0]);
    TRY(recv(ends[1], buffer, sizeof buffer, MSG_WAITALL));
    TRY(read(ends[1], buffer, sizeof buffer));
    say_poll("ended", ends[1], POLLIN, 1);
    close(ends[1]);

    SECTION("writing to one that has closed");
    connection(ends);
    close(ends[1]);
    wait_for(ends[0], POLLIN);
    TRY(read(ends[0], buffer, sizeof buffer));
    TRY(send(ends[0], "first", 5, MSG_NOSIGNAL));
    wait_for(ends[0], POLLHUP);
    TRY(send(ends[0], "second", 6, MSG_NOSIGNAL));
    TRY(write(ends[0], "third", 5));
    close(ends[0]);

    SECTION("a listener shut down refuses");
    fd = listener(4, &port);
    TRY(shutdown(fd, SHUT_RD));
    TRY(accept(fd, NULL, NULL));
    int client = tcp();
    TRY(connect4(client, "127.0.0.1", port));
    close(client);
    close(fd);

    SECTION("a listener closed resets who waits in it");
    fd = listener(4, &port);
    client = tcp();
    MUST(connect4(client, "127.0.0.1", port));
    close(fd);
    wait_for(client, POLLIN);
    TRY(read(client, buffer, sizeof buffer));
    return 0;
}

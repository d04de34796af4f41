/* SO_LINGER of no time: the peer is told by a reset, and by nothing before it, however soon `close` comes. */
#include "oracle.h"

#define TIMES 300

/* How often the peer sees a reset, and how often an end, if what was accepted is closed `after` a byte or without one. */
static void closes_at_once(const char *what, int after) {
    static const struct linger at_once = {1, 0};
    int port, fd = listener(8, &port), resets = 0, ends = 0;
    MUST(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
    for (int i = 0; i < TIMES; i++) {
        char byte;
        int peer = tcp();
        MUST(connect4(peer, "127.0.0.1", port));
        int accepted = MUST(accept(fd, NULL, NULL));
        if (after)
            MUST(write(accepted, "x", 1));
        MUST(close(accepted));
        ssize_t n = read(peer, &byte, 1);
        if (n == 1)
            n = read(peer, &byte, 1);
        resets += n < 0 && errno == ECONNRESET;
        ends += n == 0;
        MUST(close(peer));
    }
    MUST(close(fd));
    printf("%s: resets %d, ends %d\n", what, resets, ends);
}

int main(void) {
    closes_at_once("accepted", 0);
    closes_at_once("accepted, written to", 1);
    return 0;
}

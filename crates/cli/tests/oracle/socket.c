/* socket(2) and socketpair(2): which arguments give what, and what a new socket is. */
#include "oracle.h"

static void make(int domain, int type, int protocol) {
    errno = 0;
    int fd = socket(domain, type, protocol);
    printf("socket(%d, %#x, %d): %s\n", domain, type, protocol, fd < 0 ? strerrorname_np(errno) : "ok");
    if (fd < 0)
        return;
    printf("  type %d domain %d protocol %d accepting %d, cloexec %d nonblock %d mode %d\n",
           option(fd, SOL_SOCKET, SO_TYPE), option(fd, SOL_SOCKET, SO_DOMAIN), option(fd, SOL_SOCKET, SO_PROTOCOL),
           option(fd, SOL_SOCKET, SO_ACCEPTCONN), fcntl(fd, F_GETFD) == FD_CLOEXEC,
           (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
    close(fd);
}

int main(void) {
    int families[] = {AF_INET, AF_INET6};
    int flags[] = {0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC};
    for (int f = 0; f < 2; f++) {
        for (int i = 0; i < 4; i++) {
            make(families[f], SOCK_STREAM | flags[i], 0);
            make(families[f], SOCK_DGRAM | flags[i], 0);
        }
        make(families[f], SOCK_STREAM, IPPROTO_TCP);
        make(families[f], SOCK_DGRAM, IPPROTO_UDP);
        make(families[f], SOCK_STREAM, IPPROTO_UDP);
        make(families[f], SOCK_DGRAM, IPPROTO_TCP);
        make(families[f], SOCK_STREAM, 255);
        make(families[f], SOCK_STREAM, 263);
        make(families[f], SOCK_STREAM, -1);
        make(families[f], SOCK_SEQPACKET, 0);
        make(families[f], SOCK_RDM, 0);
        make(families[f], 0, 0);
        make(families[f], 11, 0);
        make(families[f], -1, 0);
        make(families[f], SOCK_STREAM | 0x40000, 0);
        make(families[f], SOCK_STREAM | 0x10, 0);
    }
    make(0, SOCK_STREAM, 0);
    make(46, SOCK_STREAM, 0);
    make(1000, SOCK_STREAM, 0);
    make(-1, SOCK_STREAM, 0);

    int pair[2];
    TRY(socketpair(AF_INET, SOCK_STREAM, 0, pair));
    TRY(socketpair(AF_INET6, SOCK_DGRAM, 0, pair));
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    TRY(write(pair[0], "ab", 2));
    char buffer[8];
    TRY(read(pair[1], buffer, sizeof buffer));
    return 0;
}

/* Bad pointers, lengths and descriptors, on every call that is answered in the kernel's place. */
#include "oracle.h"

#include <sys/mman.h>

/* Not known to the compiler, which would warn. */
static void *volatile bad_address = (void *)16;
#define BAD bad_address

static void descriptors(int fd) {
    struct sockaddr_in name = in4("127.0.0.1", 9);
    socklen_t length = sizeof name;
    int value = 1;
    char byte = 0;
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    struct mmsghdr many = {.msg_hdr = message};
    TRY(bind(fd, (struct sockaddr *)&name, sizeof name));
    TRY(connect(fd, (struct sockaddr *)&name, sizeof name));
    TRY(listen(fd, 1));
    TRY(accept(fd, NULL, NULL));
    TRY(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
    TRY(getsockname(fd, (struct sockaddr *)&name, &length));
    TRY(getpeername(fd, (struct sockaddr *)&name, &length));
    TRY(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value));
    TRY(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &length));
    TRY(shutdown(fd, SHUT_WR));
    TRY(send(fd, &byte, 1, 0));
    TRY(sendto(fd, &byte, 1, 0, (struct sockaddr *)&name, sizeof name));
    TRY(recv(fd, &byte, 1, MSG_DONTWAIT));
    TRY(recvfrom(fd, &byte, 1, MSG_DONTWAIT, (struct sockaddr *)&name, &length));
    TRY(sendmsg(fd, &message, 0));
    TRY(recvmsg(fd, &message, MSG_DONTWAIT));
    TRY(sendmmsg(fd, &many, 1, 0));
    TRY(recvmmsg(fd, &many, 1, MSG_DONTWAIT, NULL));
}

int main(void) {
    char page[4096];
    struct sockaddr_in name = in4("127.0.0.1", 9);
    socklen_t length = sizeof name;
    int value = 1, port, fd, other;

    SECTION("no descriptor");
    descriptors(-1);
    descriptors(999);
    descriptors(INT32_MAX);
    SECTION("not a socket");
    int pipes[2];
    MUST(pipe(pipes));
    descriptors(pipes[0]);
    descriptors(MUST(open("/dev/null", O_RDWR)));
    SECTION("only a path");
    descriptors(MUST(open("/", O_PATH)));

    SECTION("addresses to read");
    fd = tcp();
    TRY(bind(fd, BAD, sizeof name));
    TRY(bind(fd, NULL, sizeof name));
    TRY(connect(fd, BAD, sizeof name));
    TRY(connect(fd, NULL, sizeof name));
    TRY(connect(fd, NULL, 0));
    TRY(bind(fd, (void *)-1, sizeof name));
    int datagram = udp();
    TRY(connect(datagram, BAD, sizeof name));
    TRY(sendto(datagram, "x", 1, 0, BAD, sizeof name));
    TRY(sendto(datagram, "x", 1, 0, (struct sockaddr *)&name, 1000));
    TRY(sendto(datagram, "x", 1, 0, (struct sockaddr *)&name, -1));
    TRY(sendto(datagram, BAD, 1, 0, (struct sockaddr *)&name, sizeof name));
    TRY(sendto(datagram, BAD, 1 << 20, 0, (struct sockaddr *)&name, sizeof name));
    TRY(sendto(datagram, "x", (size_t)-1, 0, (struct sockaddr *)&name, sizeof name));

    SECTION("addresses to write");
    fd = listener(8, &port);
    TRY(getsockname(fd, BAD, &length));
    TRY(getsockname(fd, (struct sockaddr *)&name, BAD));
    TRY(getsockname(fd, NULL, NULL));
    length = 0;
    TRY(getsockname(fd, BAD, &length));
    length = -5;
    TRY(getsockname(fd, (struct sockaddr *)&name, &length));
    TRY(getpeername(fd, BAD, BAD));

    SECTION("an address to write in accept: the connection is lost");
    other = tcp();
    MUST(connect4(other, "127.0.0.1", port));
    length = sizeof name;
    TRY(accept(fd, BAD, &length));
    wait_for(other, POLLIN);
    close(other);
    other = tcp();
    MUST(connect4(other, "127.0.0.1", port));
    TRY(accept(fd, (struct sockaddr *)&name, BAD));
    close(other);
    other = tcp();
    MUST(connect4(other, "127.0.0.1", port));
    length = -1;
    TRY(accept(fd, (struct sockaddr *)&name, &length));
    close(other);

    SECTION("options");
    fd = tcp();
    length = sizeof value;
    TRY(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, BAD, sizeof value));
    TRY(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, NULL, sizeof value));
    TRY(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 0));
    TRY(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 3));
    TRY(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, -1));
    TRY(setsockopt(fd, SOL_TCP, TCP_NODELAY, BAD, sizeof value));
    TRY(setsockopt(fd, SOL_TCP, TCP_NODELAY, &value, 2));
    TRY(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, BAD, &length));
    TRY(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, BAD));
    TRY(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, NULL));
    length = -1;
    TRY(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &length));
    length = 0;
    TRY(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, BAD, &length));
    length = sizeof value;
    TRY(getsockopt(fd, SOL_TCP, TCP_INFO, BAD, &length));
    length = -1;
    TRY(getsockopt(fd, SOL_TCP, TCP_NODELAY, &value, &length));

    SECTION("data of a stream");
    int ends[2];
    connection(ends);
    TRY(write(ends[0], BAD, 1));
    TRY(send(ends[0], BAD, 1, 0));
    MUST(write(ends[0], "abc", 3));
    wait_for(ends[1], POLLIN);
    TRY(read(ends[1], BAD, 1));
    TRY(recv(ends[1], BAD, 1, 0));
    TRY(recvfrom(ends[1], page, 3, 0, BAD, NULL));
    TRY(recvmsg(ends[1], BAD, MSG_DONTWAIT));
    TRY(sendmsg(ends[0], BAD, 0));
    TRY(sendmsg(ends[0], NULL, 0));

    SECTION("message headers of a datagram");
    struct iovec piece = {page, 8};
    struct sockaddr_in here;
    int receiver = udp();
    MUST(bind4(receiver, "127.0.0.1", 0));
    here = in4("127.0.0.1", port_of(receiver));
    struct msghdr message = {.msg_name = &here, .msg_namelen = sizeof here, .msg_iov = &piece, .msg_iovlen = 1};
    struct msghdr bad = message;
    TRY(sendmsg(datagram, BAD, 0));
    bad.msg_iov = BAD;
    TRY(sendmsg(datagram, &bad, 0));
    bad = message;
    bad.msg_iovlen = 1025;
    TRY(sendmsg(datagram, &bad, 0));
    bad = message;
    bad.msg_name = BAD;
    TRY(sendmsg(datagram, &bad, 0));
    bad = message;
    bad.msg_namelen = -1;
    TRY(sendmsg(datagram, &bad, 0));
    bad = message;
    struct iovec negative = {page, (size_t)-1};
    bad.msg_iov = &negative;
    TRY(sendmsg(datagram, &bad, 0));
    bad = message;
    struct iovec nowhere = {BAD, 8};
    bad.msg_iov = &nowhere;
    TRY(sendmsg(datagram, &bad, 0));
    TRY(sendmsg(datagram, &message, 0));
    wait_for(receiver, POLLIN);
    bad = (struct msghdr){.msg_iov = &nowhere, .msg_iovlen = 1};
    TRY(recvmsg(receiver, &bad, 0));
    TRY(sendmsg(datagram, &message, 0));
    wait_for(receiver, POLLIN);
    TRY(recv(receiver, BAD, 8, 0));
    TRY(recvmsg(receiver, BAD, MSG_DONTWAIT));
    TRY(recvmmsg(receiver, BAD, 1, MSG_DONTWAIT, NULL));
    TRY(sendmmsg(datagram, BAD, 1, 0));
    struct mmsghdr none;
    TRY(sendmmsg(datagram, &none, 0, 0));

    SECTION("across the edge of a page");
    char *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(munmap(edge + 4096, 4096));
    memcpy(edge + 4096 - 8, &here, 8);
    TRY(connect(datagram, (struct sockaddr *)(edge + 4096 - 8), sizeof here));
    memcpy(edge + 4096 - 16, &here, 16);
    TRY(connect(datagram, (struct sockaddr *)(edge + 4096 - 16), sizeof here));
    length = sizeof here;
    TRY(getsockname(receiver, (struct sockaddr *)(edge + 4096 - 8), &length));
    TRY(send(datagram, edge + 4096 - 4, 8, 0));
    TRY(send(datagram, edge + 4096 - 4, 4, 0));

    SECTION("memory that may not be written");
    char *constant = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    length = sizeof here;
    TRY(getsockname(receiver, (struct sockaddr *)constant, &length));
    TRY(getsockopt(receiver, SOL_SOCKET, SO_TYPE, constant, &length));
    return 0;
}

/* Datagram sockets. */
#include "oracle.h"

static int bound(int *port) {
    int fd = udp();
    MUST(bind4(fd, "127.0.0.1", 0));
    *port = port_of(fd);
    return fd;
}

static ssize_t to(int fd, const void *data, size_t length, int port) {
    struct sockaddr_in name = in4("127.0.0.1", port);
    return sendto(fd, data, length, 0, (struct sockaddr *)&name, sizeof name);
}

int main(void) {
    int port_a, port_b, a = bound(&port_a), b = bound(&port_b), closed = unused_port(SOCK_DGRAM);
    char buffer[128];
    static char large[70000];
    struct sockaddr_in from;
    socklen_t length;

    SECTION("without a destination");
    int fd = udp();
    say_names(fd);
    say_poll("fresh", fd, 0, 0);
    TRY(sendto(fd, "x", 1, MSG_EOR, NULL, 0));
    TRY(recv(fd, buffer, 1, MSG_DONTWAIT));

    SECTION("there and back");
    TRY(to(a, "hello", 5, port_b));
    say_poll("arrived", b, POLLIN, 1);
    length = sizeof from;
    TRY(recvfrom(b, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length));
    printf("%.5s from its port: %d, length %u\n", buffer, ntohs(from.sin_port) == port_a, (unsigned)length);
    TRY(sendto(b, "yes", 3, 0, (struct sockaddr *)&from, length));
    wait_for(a, POLLIN);
    TRY(read(a, buffer, sizeof buffer));
    TRY(recv(a, buffer, sizeof buffer, MSG_DONTWAIT));

    SECTION("empty, cut, peeked at");
    TRY(to(a, "", 0, port_b));
    TRY(to(a, "0123456789", 10, port_b));
    wait_for(b, POLLIN);
    TRY(recv(b, buffer, sizeof buffer, 0));
    wait_for(b, POLLIN);
    int waiting = -1;
    TRY(ioctl(b, FIONREAD, &waiting));
    printf("%d\n", waiting);
    TRY(recv(b, buffer, 4, MSG_PEEK));
    TRY(recv(b, buffer, 4, MSG_PEEK | MSG_TRUNC));
    struct iovec piece = {buffer, 4};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    TRY(recvmsg(b, &message, MSG_PEEK));
    printf("flags %#x\n", message.msg_flags);
    TRY(recv(b, buffer, 4, MSG_TRUNC));
    TRY(recv(b, buffer, 4, MSG_DONTWAIT));

    SECTION("sizes");
    TRY(to(a, large, 65507, port_b));
    wait_for(b, POLLIN);
    TRY(recv(b, large, sizeof large, 0));
    TRY(to(a, large, 65508, port_b));
    TRY(to(a, large, 70000, port_b));

    SECTION("messages");
    struct iovec pieces[2] = {{"ab", 2}, {"cde", 3}};
    struct sockaddr_in name = in4("127.0.0.1", port_b);
    struct msghdr out = {.msg_name = &name, .msg_namelen = sizeof name, .msg_iov = pieces, .msg_iovlen = 2};
    TRY(sendmsg(a, &out, 0));
    wait_for(b, POLLIN);
    memset(&from, 0, sizeof from);
    struct iovec halves[2] = {{buffer, 1}, {buffer + 10, 50}};
    struct msghdr in = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = halves, .msg_iovlen = 2};
    TRY(recvmsg(b, &in, 0));
    printf("%c %.4s name %u flags %d right port %d\n", buffer[0], buffer + 10, (unsigned)in.msg_namelen,
           in.msg_flags, ntohs(from.sin_port) == port_a);
    struct mmsghdr many[3] = {{.msg_hdr = out}, {.msg_hdr = out}, {.msg_hdr = out}};
    TRY(sendmmsg(a, many, 3, 0));
    wait_for(b, POLLIN);
    TRY(recv(b, buffer, sizeof buffer, 0));
    struct mmsghdr some[3];
    memset(some, 0, sizeof some);
    for (int i = 0; i < 3; i++)
        some[i].msg_hdr = (struct msghdr){.msg_iov = &piece, .msg_iovlen = 1};
    TRY(recvmmsg(b, some, 2, MSG_WAITFORONE * 0, NULL));
    printf("%u %u %d\n", some[0].msg_len, some[1].msg_len, some[0].msg_hdr.msg_flags);

    SECTION("connected");
    fd = udp();
    TRY(connect4(fd, "127.0.0.1", port_a));
    say_names(fd);
    TRY(send(fd, "c", 1, 0));
    wait_for(a, POLLIN);
    TRY(recv(a, buffer, 1, 0));
    TRY(to(b, "stranger", 8, port_of(fd)));
    TRY(to(a, "friend", 6, port_of(fd)));
    wait_for(fd, POLLIN);
    TRY(recv(fd, buffer, sizeof buffer, 0));
    printf("%.6s\n", buffer);
    TRY(recv(fd, buffer, sizeof buffer, MSG_DONTWAIT));
    TRY(to(fd, "elsewhere", 9, port_b));
    wait_for(b, POLLIN);
    TRY(recv(b, buffer, sizeof buffer, 0));
    TRY(connect4(fd, "127.0.0.1", port_b));
    TRY(write(fd, "w", 1));
    wait_for(b, POLLIN);
    TRY(recv(b, buffer, sizeof buffer, 0));
    struct sockaddr nothing = {.sa_family = AF_UNSPEC};
    TRY(connect(fd, &nothing, sizeof nothing));
    say_names(fd);
    TRY(sendto(fd, "x", 1, MSG_EOR, NULL, 0));
    close(fd);

    SECTION("nobody there");
    fd = udp();
    TRY(connect4(fd, "127.0.0.1", closed));
    TRY(send(fd, "x", 1, 0));
    length = sizeof from;
    TRY(recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length));
    TRY(recvfrom(fd, buffer, sizeof buffer, MSG_DONTWAIT, (struct sockaddr *)&from, &length));
    TRY(send(fd, "x", 1, 0));
    say_error(fd);
    say_error(fd);
    TRY(send(fd, "x", 1, 0));
    TRY(recvmsg(fd, &message, 0));
    TRY(send(fd, "x", 1, 0));
    say_poll("told", fd, POLLIN, 1);
    TRY(recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length));
    say_poll("told no more", fd, 0, 0);
    close(fd);
    fd = udp();
    TRY(to(fd, "x", 1, closed));
    TRY(recv(fd, buffer, sizeof buffer, MSG_DONTWAIT));
    say_error(fd);
    close(fd);

    SECTION("closed, then nobody there");
    int port_c, c = bound(&port_c);
    fd = udp();
    MUST(connect4(fd, "127.0.0.1", port_c));
    close(c);
    TRY(send(fd, "x", 1, 0));
    say_error(fd);
    close(fd);

    SECTION("wrong");
    struct sockaddr_in zero = in4("127.0.0.1", 0);
    TRY(sendto(a, "x", 1, 0, (struct sockaddr *)&zero, sizeof zero));
    TRY(sendto(a, "x", 1, 0, (struct sockaddr *)&zero, 3));
    zero.sin_family = 99;
    TRY(sendto(a, "x", 1, 0, (struct sockaddr *)&zero, sizeof zero));
    struct sockaddr_in broadcast = in4("255.255.255.255", 9);
    TRY(sendto(a, "x", 1, 0, (struct sockaddr *)&broadcast, sizeof broadcast));
    TRY(sendto(a, "x", 1, MSG_OOB, (struct sockaddr *)&name, sizeof name));

    SECTION("time limit, and a wait that ends");
    struct timeval limit = {0, 50000};
    MUST(setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
    TRY(recv(a, buffer, 1, 0));
    if (fork() == 0) {
        MUST(to(a, "late", 4, port_b));
        _exit(0);
    }
    TRY(recv(b, buffer, sizeof buffer, 0));
    wait(NULL);

    SECTION("shutdown");
    fd = udp();
    MUST(connect4(fd, "127.0.0.1", port_a));
    TRY(shutdown(fd, SHUT_RD));
    TRY(recv(fd, buffer, sizeof buffer, 0));
    TRY(shutdown(fd, SHUT_WR));
    TRY(send(fd, "x", 1, MSG_NOSIGNAL));

    SECTION("the path's MTU");
    fd = udp();
    TRY(option(fd, SOL_IP, IP_MTU));
    MUST(connect4(fd, "127.0.0.1", port_b));
    TRY(option(fd, SOL_IP, IP_MTU));
    for (int mode = IP_PMTUDISC_DONT; mode <= IP_PMTUDISC_OMIT; mode++) {
        MUST(setsockopt(fd, SOL_IP, IP_MTU_DISCOVER, &mode, sizeof mode));
        TRY(to(fd, large, 65507, port_b));
    }
    close(fd);
    return 0;
}

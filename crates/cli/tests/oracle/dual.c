/* IPv6 sockets, and IPv4 on them by mapped addresses. */
#include "oracle.h"

static int tcp6(void) { return MUST(socket(AF_INET6, SOCK_STREAM, 0)); }

int main(void) {
    char buffer[64];
    int on = 1, fd, peer, client, port;

    SECTION("a wildcard that takes both");
    fd = tcp6();
    say_names(fd);
    TRY(bind6(fd, "::", 0));
    say_names(fd);
    TRY(listen(fd, 4));
    port = port_of(fd);
    client = tcp();
    TRY(connect4(client, "127.0.0.1", port));
    peer = TRY_FD(accept(fd, NULL, NULL));
    say_names(peer);
    say_names(client);
    TRY(write(client, "four", 4));
    TRY(recv(peer, buffer, 4, MSG_WAITALL));
    close(peer);
    close(client);
    client = tcp6();
    TRY(connect6(client, "::1", port));
    peer = TRY_FD(accept(fd, NULL, NULL));
    say_names(peer);
    say_names(client);
    close(peer);
    close(client);
    client = tcp6();
    TRY(connect6(client, "::ffff:127.0.0.1", port));
    peer = TRY_FD(accept(fd, NULL, NULL));
    say_names(client);
    close(peer);
    close(client);
    client = tcp6();
    TRY(connect6(client, "::", port));
    peer = TRY_FD(accept(fd, NULL, NULL));
    say_names(client);
    close(peer);
    close(client);

    SECTION("who else may have that port");
    client = tcp();
    TRY(bind4(client, "127.0.0.1", port));
    TRY(bind4(client, "0.0.0.0", port));
    close(client);
    client = tcp6();
    TRY(bind6(client, "::1", port));
    TRY(bind6(client, "::ffff:127.0.0.1", port));
    close(client);
    close(fd);

    SECTION("IPv6 only");
    fd = tcp6();
    MUST(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on));
    TRY(bind6(fd, "::", 0));
    TRY(listen(fd, 4));
    port = port_of(fd);
    client = tcp();
    TRY(connect4(client, "127.0.0.1", port));
    TRY(bind4(client, "127.0.0.1", port));
    close(client);
    client = tcp6();
    TRY(connect6(client, "::1", port));
    close(client);
    client = tcp6();
    MUST(setsockopt(client, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on));
    TRY(connect6(client, "::ffff:127.0.0.1", port));
    TRY(bind6(client, "::ffff:127.0.0.1", 0));
    close(client);
    close(fd);

    SECTION("wrong");
    fd = tcp6();
    TRY(bind4(fd, "127.0.0.1", 0));
    TRY(connect4(fd, "127.0.0.1", port));
    struct sockaddr_in6 name = in6("::1", port);
    TRY(bind(fd, (struct sockaddr *)&name, 24));
    TRY(bind(fd, (struct sockaddr *)&name, 23));
    TRY(bind6(fd, "2001:db8::1", 0));
    TRY(connect6(fd, "::1", port));
    close(fd);

    SECTION("datagrams");
    int receiver = MUST(socket(AF_INET6, SOCK_DGRAM, 0)), sender = udp();
    TRY(bind6(receiver, "::", 0));
    struct sockaddr_in to = in4("127.0.0.1", port_of(receiver));
    TRY(sendto(sender, "four", 4, 0, (struct sockaddr *)&to, sizeof to));
    wait_for(receiver, POLLIN);
    struct sockaddr_in6 from = {0};
    socklen_t length = sizeof from;
    TRY(recvfrom(receiver, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length));
    say_address("recvfrom", &from, length);
    TRY(sendto(receiver, "back", 4, 0, (struct sockaddr *)&from, length));
    wait_for(sender, POLLIN);
    TRY(recv(sender, buffer, sizeof buffer, 0));
    int six = MUST(socket(AF_INET6, SOCK_DGRAM, 0));
    struct sockaddr_in6 to6 = in6("::1", port_of(receiver));
    TRY(sendto(six, "six", 3, 0, (struct sockaddr *)&to6, sizeof to6));
    wait_for(receiver, POLLIN);
    length = sizeof from;
    TRY(recvfrom(receiver, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length));
    say_address("recvfrom", &from, length);
    TRY(sendto(sender, "x", 1, 0, (struct sockaddr *)&to6, sizeof to6));
    TRY(sendto(six, "x", 1, 0, (struct sockaddr *)&to, sizeof to));
    TRY(connect6(six, "::ffff:127.0.0.1", port_of(receiver)));
    say_names(six);
    TRY(setsockopt(sender, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on));

    SECTION("what is too long for the path");
    static char large[65600];
    for (int mode = IPV6_PMTUDISC_DONT; mode <= IPV6_PMTUDISC_OMIT; mode++) {
        int from6 = MUST(socket(AF_INET6, SOCK_DGRAM, 0));
        MUST(setsockopt(from6, SOL_IPV6, IPV6_MTU_DISCOVER, &mode, sizeof mode));
        TRY(sendto(from6, large, 65536 - 48, 0, (struct sockaddr *)&to6, sizeof to6));
        TRY(sendto(from6, large, 65536 - 48 + 1, 0, (struct sockaddr *)&to6, sizeof to6));
        TRY(connect6(from6, "::1", port_of(receiver)));
        TRY(option(from6, SOL_IPV6, IPV6_MTU));
        close(from6);
    }
    return 0;
}

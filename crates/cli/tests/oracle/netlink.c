// Asks netlink about interfaces, addresses, routes, rules and sockets, and prints each attribute of each answer. What can't be
// the same in two networks (counts, times, the kind of a link) is left out.
#include "oracle.h"
#include <linux/inet_diag.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

static char buffer[65536];
// RTM_NEWADDR has the same number as what tells of sockets, which is this here.
enum { SOCKET_KIND = 1000 };
static int speaks_of_sockets;

struct request {
    struct nlmsghdr header;
    char body[256];
};

static int opened(int protocol, int strict) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), on = 1;
    speaks_of_sockets = protocol == NETLINK_SOCK_DIAG;
    if (setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on))
        printf("no NETLINK_EXT_ACK\n");
    if (strict && setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on))
        printf("no NETLINK_GET_STRICT_CHK\n");
    return fd;
}

static void add(struct request *request, const void *bytes, size_t length) {
    memcpy((char *)request + request->header.nlmsg_len, bytes, length);
    request->header.nlmsg_len += NLMSG_ALIGN(length);
}

static void add_attribute(struct request *request, int type, const void *bytes, size_t length) {
    struct nlattr head = {.nla_len = sizeof head + length, .nla_type = type};
    add(request, &head, sizeof head);
    add(request, bytes, length);
}

static struct request begin(int type, int flags) {
    struct request request = {{sizeof(struct nlmsghdr), type, NLM_F_REQUEST | flags, 7, 0}, {0}};
    return request;
}

static void hex(const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++)
        printf("%02x", (unsigned char)bytes[i]);
    printf("\n");
}

// What of an answer isn't shown: 1 if its value may differ in two networks made alike, 2 if only a veth has it.
static int differs(int kind, int type) {
    switch (kind) {
    case RTM_NEWLINK:
        switch (type) {
        case IFLA_LINK:
        case IFLA_LINKINFO:
        case IFLA_LINK_NETNSID:
            return 2;
        case IFLA_STATS:
        case IFLA_STATS64:
        case IFLA_AF_SPEC:
        case IFLA_PROTINFO:
        case IFLA_CARRIER_CHANGES:
        case IFLA_CARRIER_UP_COUNT:
        case IFLA_CARRIER_DOWN_COUNT:
        case IFLA_NUM_TX_QUEUES:
        case IFLA_NUM_RX_QUEUES:
            return 1;
        }
        return 0;
    case RTM_NEWADDR:
        return type == IFA_CACHEINFO;
    case RTM_NEWROUTE:
        return type == RTA_CACHEINFO;
    case RTM_NEWNEIGH:
        return type == NDA_CACHEINFO;
    case SOCKET_KIND:
        // Control groups aren't told of.
        if (type == 21)
            return 2;
        return type == INET_DIAG_MEMINFO || type == INET_DIAG_SKMEMINFO || type == INET_DIAG_INFO;
    }
    return 0;
}

static size_t fixed(int kind) {
    switch (kind) {
    case RTM_NEWLINK:
        return sizeof(struct ifinfomsg);
    case RTM_NEWADDR:
        return sizeof(struct ifaddrmsg);
    case SOCKET_KIND:
        return sizeof(struct inet_diag_msg);
    }
    return sizeof(struct rtmsg);
}

static void show_attributes(int kind, const char *bytes, size_t length) {
    while (length >= sizeof(struct nlattr)) {
        const struct nlattr *attribute = (const void *)bytes;
        size_t whole = NLA_ALIGN(attribute->nla_len);
        if (attribute->nla_len < sizeof *attribute || attribute->nla_len > length) {
            printf("  bad attribute\n");
            return;
        }
        int type = attribute->nla_type & NLA_TYPE_MASK;
        int left_out = differs(kind, type);
        if (left_out == 1)
            printf("  %d\n", attribute->nla_type);
        else if (!left_out) {
            printf("  %d: ", attribute->nla_type);
            hex(bytes + sizeof *attribute, attribute->nla_len - sizeof *attribute);
        }
        bytes += whole;
        length = length > whole ? length - whole : 0;
    }
}

static void show_socket(const struct inet_diag_msg *m) {
    char local[64], remote[64];
    inet_ntop(m->idiag_family, m->id.idiag_src, local, sizeof local);
    inet_ntop(m->idiag_family, m->id.idiag_dst, remote, sizeof remote);
    printf("family %d state %d timer %d retransmits %d %s %d %s %d interface %u queues %u %u held %d due %d\n",
           m->idiag_family, m->idiag_state, m->idiag_timer, m->idiag_retrans, local, ntohs(m->id.idiag_sport), remote,
           ntohs(m->id.idiag_dport), m->id.idiag_if, m->idiag_rqueue, m->idiag_wqueue, m->idiag_inode != 0,
           m->idiag_expires != 0);
}

// An answer. Returns whether more is to come.
static int show(const struct nlmsghdr *header) {
    const char *body = NLMSG_DATA(header);
    size_t length = header->nlmsg_len - sizeof *header;
    if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) {
        int error;
        memcpy(&error, body, sizeof error);
        printf("%s %s flags %x\n", header->nlmsg_type == NLMSG_DONE ? "done" : "error",
               error ? strerrorname_np(-error) : "0", header->nlmsg_flags & ~NLM_F_ACK_TLVS);
        return 0;
    }
    printf("message %d flags %x seq %u\n", header->nlmsg_type, header->nlmsg_flags, header->nlmsg_seq);
    int kind = speaks_of_sockets ? SOCKET_KIND : header->nlmsg_type;
    size_t head = fixed(kind);
    if (kind == SOCKET_KIND)
        show_socket((const void *)body);
    else
        hex(body, head);
    show_attributes(kind, body + head, length - head);
    return header->nlmsg_flags & NLM_F_MULTI;
}

static void ask(const char *what, int fd, const struct request *request) {
    printf("== %s\n", what);
    send(fd, request, request->header.nlmsg_len, 0);
    int more = 1;
    while (more) {
        struct sockaddr_nl from = {0};
        socklen_t length = sizeof from;
        ssize_t n = recvfrom(fd, buffer, sizeof buffer, 0, (void *)&from, &length);
        if (n < 0) {
            printf("recv: %s\n", strerror(errno));
            return;
        }
        if (from.nl_family != AF_NETLINK || from.nl_pid != 0 || length != sizeof from)
            printf("from somebody else\n");
        struct nlmsghdr *header = (void *)buffer;
        for (size_t left = n; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left))
            more = show(header);
    }
}

// A request whose fixed part is these bytes.
static void ask_for(const char *what, int strict, int type, int flags, const void *body, size_t length) {
    int fd = opened(NETLINK_ROUTE, strict);
    struct request request = begin(type, flags);
    add(&request, body, length);
    ask(what, fd, &request);
    close(fd);
}

static void links(void) {
    for (int strict = 0; strict < 2; strict++) {
        struct ifinfomsg link = {0};
        ask_for("links", strict, RTM_GETLINK, NLM_F_DUMP, &link, sizeof link);
        link.ifi_family = AF_INET6;
        ask_for("links of IPv6", strict, RTM_GETLINK, NLM_F_DUMP, &link, sizeof link);
        link.ifi_family = AF_BRIDGE;
        ask_for("links of bridges", strict, RTM_GETLINK, NLM_F_DUMP, &link, sizeof link);
        link.ifi_family = AF_UNSPEC;
        link.ifi_index = 2;
        ask_for("link 2", strict, RTM_GETLINK, 0, &link, sizeof link);
        ask_for("link 2 acknowledged", strict, RTM_GETLINK, NLM_F_ACK, &link, sizeof link);
        ask_for("links of an index", strict, RTM_GETLINK, NLM_F_DUMP, &link, sizeof link);
        link.ifi_index = 9;
        ask_for("link 9", strict, RTM_GETLINK, 0, &link, sizeof link);
        ask_for("too short", strict, RTM_GETLINK, 0, &link, 4);
        ask_for("links, too short", strict, RTM_GETLINK, NLM_F_DUMP, &link, 4);
        ask_for("no such kind", strict, 200, 0, &link, sizeof link);
        ask_for("nothing to dump", strict, 98, NLM_F_DUMP, &link, sizeof link);
    }
    for (const char *const *name = (const char *const[]){"eth0", "lo", "nope", NULL}; *name; name++) {
        int fd = opened(NETLINK_ROUTE, 1);
        struct request request = begin(RTM_GETLINK, 0);
        struct ifinfomsg link = {0};
        add(&request, &link, sizeof link);
        add_attribute(&request, IFLA_IFNAME, *name, strlen(*name) + 1);
        ask(*name, fd, &request);
        close(fd);
    }
}

static void addresses(void) {
    for (int strict = 0; strict < 2; strict++)
        for (const int *family = (const int[]){AF_UNSPEC, AF_INET, AF_INET6, -1}; *family >= 0; family++) {
            struct ifaddrmsg address = {.ifa_family = *family};
            ask_for("addresses", strict, RTM_GETADDR, NLM_F_DUMP, &address, sizeof address);
            address.ifa_index = 2;
            ask_for("addresses of 2", strict, RTM_GETADDR, NLM_F_DUMP, &address, sizeof address);
            address.ifa_prefixlen = 9;
            ask_for("addresses with a prefix", strict, RTM_GETADDR, NLM_F_DUMP, &address, sizeof address);
        }
}

static void route_to(const char *to, int flags) {
    char address[16];
    int family = strchr(to, ':') ? AF_INET6 : AF_INET;
    inet_pton(family, to, address);
    size_t length = family == AF_INET ? 4 : 16;
    struct rtmsg route = {.rtm_family = family, .rtm_dst_len = 8 * length, .rtm_flags = flags};
    struct request request = begin(RTM_GETROUTE, 0);
    add(&request, &route, sizeof route);
    add_attribute(&request, RTA_DST, address, length);
    int fd = opened(NETLINK_ROUTE, 1);
    ask(to, fd, &request);
    close(fd);
}

static void routes(void) {
    for (int strict = 0; strict < 2; strict++)
        for (const int *family = (const int[]){AF_INET, AF_INET6, -1}; *family >= 0; family++)
            for (const int *table = (const int[]){0, RT_TABLE_MAIN, RT_TABLE_LOCAL, 77, -1}; *table >= 0; table++) {
                struct rtmsg route = {.rtm_family = *family, .rtm_table = *table};
                ask_for("routes", strict, RTM_GETROUTE, NLM_F_DUMP, &route, sizeof route);
            }
    for (const char *const *to = (const char *const[]){"10.61.0.9", "10.61.0.1", "127.0.0.9", "224.0.0.9", "10.61.0.255",
                                                       "8.8.8.8", "fd61::2", "fd61::1", "::1", "fe80::ff:fe00:2",
                                                       "2001::1", NULL};
         *to; to++) {
        route_to(*to, 0);
        route_to(*to, RTM_F_LOOKUP_TABLE);
    }
    for (const int *family = (const int[]){AF_INET, AF_INET6, -1}; *family >= 0; family++) {
        struct rtmsg rule = {.rtm_family = *family};
        ask_for("rules", 1, RTM_GETRULE, NLM_F_DUMP, &rule, sizeof rule);
    }
}

static void changes(void) {
    struct ifinfomsg none = {0};
    // What isn't a request, or none of this protocol's, is acknowledged at most.
    int fd = opened(NETLINK_ROUTE, 0);
    struct request request = begin(NLMSG_NOOP, NLM_F_ACK);
    ask("no-op", fd, &request);
    request = begin(RTM_GETLINK, 0);
    request.header.nlmsg_flags = NLM_F_ACK;
    add(&request, &none, sizeof none);
    ask("no request", fd, &request);
    // Two requests at once.
    request = begin(RTM_GETLINK, 0);
    none.ifi_index = 9;
    add(&request, &none, sizeof none);
    char both[512];
    memcpy(both, &request, request.header.nlmsg_len);
    memcpy(both + request.header.nlmsg_len, &request, request.header.nlmsg_len);
    printf("two at once: %zd\n", send(fd, both, 2 * request.header.nlmsg_len, 0));
    for (int i = 0; i < 2; i++) {
        ssize_t n = recv(fd, buffer, sizeof buffer, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
        printf("peeked %zd", n);
        n = recv(fd, buffer, 10, MSG_TRUNC | MSG_DONTWAIT);
        printf(", read %zd\n", n);
    }
    TRY(recv(fd, buffer, sizeof buffer, MSG_DONTWAIT));
    close(fd);
}

static void name_of(int fd) {
    struct sockaddr_nl name = {0};
    socklen_t length = sizeof name;
    TRY(getsockname(fd, (void *)&name, &length));
    printf("family %d, length %d, %s, groups %x\n", name.nl_family, length,
           name.nl_pid == (unsigned)getpid() ? "this process" : name.nl_pid ? "another" : "none", name.nl_groups);
}

// The calls themselves.
static void calls(void) {
    TRY(socket(AF_NETLINK, SOCK_STREAM, 0));
    TRY(socket(AF_NETLINK, SOCK_SEQPACKET, 0));
    TRY(socket(AF_NETLINK, SOCK_RAW, 33));
    TRY(socket(AF_NETLINK, SOCK_RAW, -1));
    TRY(socket(AF_NETLINK, 77, 0));
    int pair[2];
    TRY(socketpair(AF_NETLINK, SOCK_RAW, 0, pair));
    int fd = MUST(socket(AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK, NETLINK_ROUTE)), word = -1;
    int other = MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    socklen_t length = sizeof word;
    for (const int *option = (const int[]){SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_RCVBUF, SO_SNDBUF, SO_ERROR, -1};
         *option >= 0; option++) {
        TRY(getsockopt(fd, SOL_SOCKET, *option, &word, &length));
        printf("option %d: %d\n", *option, word);
    }
    name_of(fd);
    struct sockaddr_nl name = {.nl_family = AF_NETLINK};
    TRY(bind(fd, (void *)&name, 4));
    name.nl_family = AF_INET;
    TRY(bind(fd, (void *)&name, sizeof name));
    name.nl_family = AF_NETLINK;
    name.nl_groups = 5;
    TRY(bind(fd, (void *)&name, sizeof name));
    name_of(fd);
    name.nl_pid = 99;
    TRY(bind(fd, (void *)&name, sizeof name));
    name.nl_pid = getpid();
    TRY(bind(other, (void *)&name, sizeof name));
    name.nl_pid = 0;
    TRY(bind(other, (void *)&name, sizeof name));
    name_of(other);
    word = 9;
    TRY(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &word, sizeof word));
    TRY(setsockopt(fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &word, 2));
    word = 0;
    TRY(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &word, sizeof word));
    name_of(fd);
    for (const int *option = (const int[]){NETLINK_BROADCAST_ERROR, NETLINK_NO_ENOBUFS, NETLINK_CAP_ACK, NETLINK_EXT_ACK,
                                           NETLINK_GET_STRICT_CHK, 99, -1};
         *option >= 0; option++) {
        word = 3;
        TRY(setsockopt(fd, SOL_NETLINK, *option, &word, sizeof word));
        length = sizeof word;
        TRY(getsockopt(fd, SOL_NETLINK, *option, &word, &length));
        printf("option %d: %d\n", *option, word);
    }
    TRY(getsockopt(fd, SOL_IP, 1, &word, &length));
    TRY(setsockopt(fd, SOL_IP, 1, &word, sizeof word));
    TRY(listen(fd, 1));
    TRY(accept(fd, NULL, NULL));
    TRY(shutdown(fd, SHUT_RD));
    TRY(recv(fd, buffer, sizeof buffer, 0));
    TRY(recvfrom(fd, buffer, sizeof buffer, MSG_OOB, NULL, NULL));
    name = (struct sockaddr_nl){.nl_family = AF_NETLINK};
    TRY(connect(fd, (void *)&name, sizeof name));
    TRY(connect(fd, (void *)&name, 1));
    length = sizeof name;
    TRY(getpeername(fd, (void *)&name, &length));
    printf("family %d pid %u\n", name.nl_family, name.nl_pid);
    // Binding anew changes no port: it has taken its own by the first request.
    int third = MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG));
    struct request request = begin(NLMSG_NOOP, NLM_F_ACK);
    ask("before a name", third, &request);
    name_of(third);
    struct pollfd ready = {.fd = third, .events = POLLIN | POLLOUT};
    poll(&ready, 1, 0);
    printf("ready %x\n", ready.revents);
    struct msghdr header = {.msg_name = &name, .msg_namelen = sizeof name};
    struct iovec piece = {&request, request.header.nlmsg_len};
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    name.nl_family = AF_NETLINK;
    TRY(sendmsg(third, &header, 0));
    ready.events = POLLIN;
    poll(&ready, 1, 1000);
    printf("ready %x\n", ready.revents);
    piece = (struct iovec){buffer, 8};
    TRY(recvmsg(third, &header, MSG_TRUNC));
    printf("flags %x, name of %d, family %d, pid %u\n", header.msg_flags, header.msg_namelen, name.nl_family, name.nl_pid);
    struct timeval limit = {.tv_usec = 20000};
    setsockopt(third, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    TRY(recvmsg(third, &header, 0));
    TRY(recv(third, buffer, sizeof buffer, 0));
    close(fd);
    close(other);
    close(third);
}

static void ask_sockets(const char *what, int family, int protocol, int flags, struct inet_diag_sockid id) {
    struct inet_diag_req_v2 asked = {family, protocol, 0xff, 0, ~(1 << 13), id};
    struct request request = begin(SOCK_DIAG_BY_FAMILY, flags);
    add(&request, &asked, sizeof asked);
    int fd = opened(NETLINK_SOCK_DIAG, 0);
    ask(what, fd, &request);
    close(fd);
}

// All sockets of one local port, by its filter.
static void ask_port(int family, int protocol, int port) {
    // Of connections from the listener's port the order isn't known.
    unsigned states = port == 5000 ? 1 << 10 : ~(1 << 13);
    struct inet_diag_req_v2 asked = {family, protocol, 0xff, 0, states, {0}};
    struct request request = begin(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
    add(&request, &asked, sizeof asked);
    struct inet_diag_bc_op code[] = {{INET_DIAG_BC_S_GE, 8, 20}, {0, 0, port}, {INET_DIAG_BC_S_LE, 8, 12}, {0, 0, port}};
    add_attribute(&request, INET_DIAG_REQ_BYTECODE, code, sizeof code);
    int fd = opened(NETLINK_SOCK_DIAG, 0);
    char what[64];
    sprintf(what, "family %d protocol %d port %d", family, protocol, port);
    ask(what, fd, &request);
    close(fd);
}

static void sockets(void) {
    int on = 1;
    int listener = tcp(), client = tcp(), bound = tcp();
    MUST(bind4(listener, "127.0.0.1", 5000));
    MUST(listen(listener, 7));
    MUST(bind4(client, "127.0.0.1", 5001));
    MUST(connect4(client, "127.0.0.1", 5000));
    int served = MUST(accept(listener, NULL, NULL));
    MUST(setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on));
    MUST(send(served, "hello", 5, 0));
    struct pollfd ready = {.fd = client, .events = POLLIN};
    poll(&ready, 1, 5000);
    MUST(bind4(bound, "127.0.0.1", 5002));
    int waiting = tcp();
    MUST(bind4(waiting, "127.0.0.1", 5003));
    MUST(connect4(waiting, "127.0.0.1", 5000));
    int syn = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    MUST(bind4(syn, "10.61.0.1", 5004));
    TRY(connect4(syn, "10.61.0.77", 81));
    int tcp6 = MUST(socket(AF_INET6, SOCK_STREAM, 0));
    MUST(bind6(tcp6, "::", 5005));
    MUST(listen(tcp6, 9));
    int udp4 = udp(), peer = udp(), udp6 = MUST(socket(AF_INET6, SOCK_DGRAM, 0)), tos = 8;
    MUST(bind4(udp4, "127.0.0.1", 6000));
    MUST(setsockopt(udp4, SOL_IP, IP_TOS, &tos, sizeof tos));
    MUST(bind4(peer, "127.0.0.1", 6001));
    MUST(connect4(peer, "127.0.0.1", 6000));
    MUST(bind6(udp6, "::1", 6002));
    for (int port = 5000; port < 5005; port++)
        ask_port(AF_INET, IPPROTO_TCP, port);
    ask_port(AF_INET6, IPPROTO_TCP, 5005);
    for (int port = 6000; port < 6002; port++)
        ask_port(AF_INET, IPPROTO_UDP, port);
    ask_port(AF_INET6, IPPROTO_UDP, 6002);
    struct inet_diag_sockid id = {.idiag_cookie = {~0U, ~0U}};
    ask_sockets("another family", AF_UNSPEC, IPPROTO_TCP, NLM_F_DUMP, id);
    ask_sockets("another protocol", AF_INET, IPPROTO_SCTP, NLM_F_DUMP, id);
    id.idiag_sport = htons(5000);
    inet_pton(AF_INET, "127.0.0.1", id.idiag_src);
    ask_sockets("one listener", AF_INET, IPPROTO_TCP, 0, id);
    id.idiag_dport = htons(5001);
    inet_pton(AF_INET, "127.0.0.1", id.idiag_dst);
    ask_sockets("one connection", AF_INET, IPPROTO_TCP, 0, id);
    id.idiag_sport = htons(5999);
    ask_sockets("none", AF_INET, IPPROTO_TCP, 0, id);
    struct request request = begin(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
    int fd = opened(NETLINK_SOCK_DIAG, 0);
    add(&request, "\2\6", 2);
    ask("too short", fd, &request);
    // The peer's end is closed, then this one.
    close(served);
    char byte[8];
    while (recv(client, byte, sizeof byte, 0) > 0)
        ;
    ask_port(AF_INET, IPPROTO_TCP, 5001);
    close(client);
}

int main(void) {
    links();
    addresses();
    routes();
    changes();
    calls();
    sockets();
    return 0;
}

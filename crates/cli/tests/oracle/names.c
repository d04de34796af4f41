// What libc says of names and of addresses as text. Each line of the input is a question: a word that says which call,
// then its arguments ("-" is NULL, "." an empty string). The same questions are asked of the library.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *argument(char *word) {
    if (!word || !strcmp(word, "-")) return NULL;
    return strcmp(word, ".") ? word : "";
}

static const char *text(const struct sockaddr *address, char *buffer) {
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)address;
        char host[64];
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        sprintf(buffer, "%s port %d", host, ntohs(in->sin_port));
    } else {
        const struct sockaddr_in6 *in6 = (const void *)address;
        char host[64];
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        sprintf(buffer, "%s scope %u port %d", host, in6->sin6_scope_id, ntohs(in6->sin6_port));
    }
    return buffer;
}

static void addresses(const char *node, const char *service, char *rest) {
    struct addrinfo hints = {0}, *list, *at;
    int family = 0;
    if (rest)
        sscanf(rest, "%d %d %d %i", &family, &hints.ai_socktype, &hints.ai_protocol, &hints.ai_flags);
    hints.ai_family = family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC;
    int error = getaddrinfo(node, service, &hints, &list);
    if (error) {
        printf("  %d %s\n", error, gai_strerror(error));
        return;
    }
    for (at = list; at; at = at->ai_next) {
        char buffer[100];
        printf("  type %d protocol %d %s%s%s\n", at->ai_socktype, at->ai_protocol, text(at->ai_addr, buffer),
               at->ai_canonname ? " canonical " : "", at->ai_canonname ? at->ai_canonname : "");
    }
    freeaddrinfo(list);
}

static int parse(const char *host, int port, struct sockaddr_storage *address) {
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *list;
    char service[16];
    sprintf(service, "%d", port);
    if (getaddrinfo(host, service, &hints, &list)) return 0;
    int length = list->ai_addrlen;
    memcpy(address, list->ai_addr, length);
    freeaddrinfo(list);
    return length;
}

static void name_of(const char *host, const char *port, char *rest) {
    struct sockaddr_storage address;
    int flags = rest ? strtol(rest, NULL, 0) : 0;
    int length = parse(host, atoi(port), &address);
    char name[NI_MAXHOST], service[NI_MAXSERV];
    int error = getnameinfo((void *)&address, length, name, sizeof name, service, sizeof service, flags);
    if (error) printf("  %d %s\n", error, gai_strerror(error));
    else printf("  %s %s\n", name, service);
}

static void words(const char *name, char **aliases) {
    printf("  %s", name);
    for (; *aliases; aliases++) printf(" alias %s", *aliases);
}

static void host(const struct hostent *entry) {
    if (!entry) {
        printf("  h_errno %d\n", h_errno);
        return;
    }
    words(entry->h_name, entry->h_aliases);
    for (char **at = entry->h_addr_list; *at; at++) {
        char buffer[64];
        printf(" %s", inet_ntop(entry->h_addrtype, *at, buffer, sizeof buffer));
    }
    puts("");
}

static int service(const struct servent *entry) {
    if (!entry) return puts("  none"), 0;
    words(entry->s_name, entry->s_aliases);
    printf(" %d/%s\n", ntohs(entry->s_port), entry->s_proto);
    return 1;
}

static int protocol(const struct protoent *entry) {
    if (!entry) return puts("  none"), 0;
    words(entry->p_name, entry->p_aliases);
    printf(" %d\n", entry->p_proto);
    return 1;
}

static int network(const struct netent *entry) {
    if (!entry) return puts("  none"), 0;
    words(entry->n_name, entry->n_aliases);
    printf(" %#x\n", entry->n_net);
    return 1;
}

static void number(const char *call, const char *first) {
    struct in_addr in = {0};
    struct in6_addr in6;
    char buffer[64];
    if (!strcmp(call, "aton")) {
        int good = inet_aton(first, &in);
        printf("  %d %s\n", good, inet_ntoa(in));
    } else if (!strcmp(call, "inet_network")) {
        printf("  %#x\n", inet_network(first));
    } else if (!strcmp(call, "pton4")) {
        int good = inet_pton(AF_INET, first, &in);
        printf("  %d %s\n", good, inet_ntoa(in));
    } else {
        int good = inet_pton(AF_INET6, first, &in6);
        printf("  %d %s\n", good, good ? inet_ntop(AF_INET6, &in6, buffer, sizeof buffer) : "");
    }
}

static void ask(const char *call, const char *first, const char *second, char *rest) {
    struct in_addr in;
    struct in6_addr in6;
    if (!strcmp(call, "getaddrinfo")) addresses(first, second, rest);
    else if (!strcmp(call, "getnameinfo")) name_of(first, second, rest);
    else if (!strcmp(call, "gethostbyname"))
        host(gethostbyname2(first, second && *second == '6' ? AF_INET6 : AF_INET));
    else if (!strcmp(call, "gethostbyaddr"))
        host(inet_pton(AF_INET, first, &in) ? gethostbyaddr(&in, 4, AF_INET)
             : inet_pton(AF_INET6, first, &in6) ? gethostbyaddr(&in6, 16, AF_INET6) : NULL);
    else if (!strcmp(call, "getservbyname")) service(getservbyname(first, second));
    else if (!strcmp(call, "getservbyport")) service(getservbyport(htons(atoi(first)), second));
    else if (!strcmp(call, "getprotobyname")) protocol(getprotobyname(first));
    else if (!strcmp(call, "getprotobynumber")) protocol(getprotobynumber(atoi(first)));
    else if (!strcmp(call, "getnetbyname")) network(getnetbyname(first));
    else if (!strcmp(call, "getnetbyaddr")) network(getnetbyaddr(strtoul(first, NULL, 0), AF_INET));
    else if (!strcmp(call, "getservent")) while (service(getservent())) ;
    else if (!strcmp(call, "getprotoent")) while (protocol(getprotoent())) ;
    else if (!strcmp(call, "getnetent")) while (network(getnetent())) ;
    else number(call, first);
}

int main(void) {
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (!*line || *line == '#') continue;
        puts(line);
        char *save, *words[3];
        for (int i = 0; i < 3; i++) words[i] = strtok_r(i ? NULL : line, " ", &save);
        for (int i = 1; i < 3; i++)  // An underscore at the end stands for a space.
            if (words[i] && words[i][strlen(words[i]) - 1] == '_') words[i][strlen(words[i]) - 1] = ' ';
        ask(words[0], argument(words[1]), argument(words[2]), words[2] ? save : NULL);
    }
}

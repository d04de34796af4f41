/* Sockets shared by dup, fork and exec, and passed over a Unix-domain socket. */
#include "oracle.h"

/* Sends a descriptor over a Unix-domain socket. */
static void pass(int over, int fd) {
    char byte = 'f', control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    MUST(sendmsg(over, &message, 0));
}

static int take(int over) {
    int fd;
    char byte, control[CMSG_SPACE(sizeof fd)];
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    MUST(recvmsg(over, &message, 0));
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

int main(int count, char **words) {
    char buffer[64], number[16];
    int ends[2], status, port;
    if (count == 2) {
        /* What exec started: the connection is descriptor words[1]. */
        int fd = atoi(words[1]);
        say_names(fd);
        MUST(write(fd, "after exec", 10));
        return 7;
    }

    SECTION("dup");
    connection(ends);
    int copy = MUST(dup2(ends[0], 100));
    TRY(fcntl(copy, F_GETFL) == fcntl(ends[0], F_GETFL));
    TRY(write(ends[0], "a", 1));
    TRY(write(copy, "b", 1));
    TRY(recv(ends[1], buffer, 2, MSG_WAITALL));
    MUST(fcntl(copy, F_SETFL, O_NONBLOCK));
    TRY(read(ends[0], buffer, 1));
    MUST(fcntl(copy, F_SETFL, 0));
    int value = 1;
    MUST(setsockopt(copy, SOL_TCP, TCP_NODELAY, &value, sizeof value));
    TRY(option(ends[0], SOL_TCP, TCP_NODELAY));
    close(ends[0]);
    say_names(copy);

    SECTION("exec keeps it");
    fflush(stdout);
    if (fork() == 0) {
        snprintf(number, sizeof number, "%d", copy);
        execl("/proc/self/exe", "again", number, (char *)NULL);
        _exit(9);
    }
    wait(&status);
    printf("status %d\n", WEXITSTATUS(status));
    TRY(recv(ends[1], buffer, 10, MSG_WAITALL));

    SECTION("exec closes it");
    MUST(fcntl(copy, F_SETFD, FD_CLOEXEC));
    if (fork() == 0) {
        snprintf(number, sizeof number, "%d", copy);
        execl("/proc/self/exe", "again", number, (char *)NULL);
        _exit(9);
    }
    wait(&status);
    printf("status %d\n", WEXITSTATUS(status));
    close(copy);
    TRY(read(ends[1], buffer, sizeof buffer));
    close(ends[1]);

    SECTION("fork shares it");
    connection(ends);
    if (fork() == 0) {
        close(ends[1]);
        MUST(write(ends[0], "child", 5));
        _exit(0);
    }
    wait(NULL);
    MUST(write(ends[0], "parent", 6));
    TRY(recv(ends[1], buffer, 11, MSG_WAITALL));
    printf("%.11s\n", buffer);
    close(ends[0]);
    TRY(read(ends[1], buffer, sizeof buffer));
    close(ends[1]);

    SECTION("a child accepts, the parent connects");
    int server = listener(4, &port);
    pid_t child = fork();
    if (child == 0) {
        int fd = MUST(accept(server, NULL, NULL));
        ssize_t n = recv(fd, buffer, 4, MSG_WAITALL);
        MUST(write(fd, buffer, n));
        _exit(0);
    }
    close(server);
    int client = tcp();
    TRY(connect4(client, "127.0.0.1", port));
    TRY(write(client, "ping", 4));
    TRY(recv(client, buffer, sizeof buffer, MSG_WAITALL));
    waitpid(child, NULL, 0);
    close(client);

    SECTION("passed over a Unix-domain socket");
    int unix_pair[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, unix_pair));
    connection(ends);
    child = fork();
    if (child == 0) {
        int fd = take(unix_pair[1]);
        say_names(fd);
        fflush(stdout);
        MUST(write(fd, "passed", 6));
        _exit(0);
    }
    pass(unix_pair[0], ends[0]);
    close(ends[0]);
    waitpid(child, NULL, 0);
    TRY(recv(ends[1], buffer, sizeof buffer, MSG_WAITALL));
    close(ends[1]);

    SECTION("a process that is killed closes its sockets");
    server = listener(4, &port);
    child = fork();
    if (child == 0) {
        client = MUST(socket(AF_INET, SOCK_STREAM, 0));
        MUST(connect4(client, "127.0.0.1", port));
        MUST(write(client, "k", 1));
        pause();
        _exit(0);
    }
    int fd = TRY_FD(accept(server, NULL, NULL));
    TRY(recv(fd, buffer, 1, MSG_WAITALL));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    TRY(read(fd, buffer, sizeof buffer));
    return 0;
}

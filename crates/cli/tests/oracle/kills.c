/* Processes that are killed in the middle of whatever they do with sockets, at random: what they held is closed, and the
 * supervisor has as many descriptors afterwards as before.
 *
 *   kills SEED COUNT */
#include "oracle.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <time.h>

static uint64_t state;

static uint64_t chance(uint64_t below) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state >> 33) % below;
}

static int parent_of(int pid) {
    char path[64];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    if (fscanf(file, "%*d %*[^)]) %*c %d", &parent) != 1)
        parent = 0;
    fclose(file);
    return parent;
}

static int descriptors_of(int pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *folder = opendir(path);
    int count = 0;
    if (!folder)
        return -1;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void *writes(void *argument) {
    static char data[1 << 16];
    int fd = *(int *)argument;
    while (write(fd, data, sizeof data) > 0) {
    }
    return NULL;
}

/* Everything at once, without an end. */
__attribute__((noreturn)) static void work(int meeting) {
    char buffer[4096];
    pthread_t thread;
    pid_t me = getpid();
    MUST(signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0);
    for (;;) {
        int port, server = listener(4, &port), away = tcp(), ends[2], pair[2];
        connect4(away, "127.0.0.1", meeting);
        write(away, "hello", 5);
        connection(ends);
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != me)
                _exit(0);
            int peer = accept(server, NULL, NULL);
            while (read(peer, buffer, sizeof buffer) > 0) {
            }
            _exit(0);
        }
        int client = tcp();
        connect4(client, "127.0.0.1", port);
        pthread_create(&thread, NULL, writes, &client);
        int fd = udp(), other = udp();
        bind4(fd, "127.0.0.1", 0);
        connect4(other, "127.0.0.1", port_of(fd));
        for (int i = 0; i < 20; i++) {
            send(other, "datagram", 8, 0);
            recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
            write(ends[0], buffer, 100);
            read(ends[1], buffer, 10);
        }
        /* Some on their way in messages. */
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
        union {
            char bytes[CMSG_SPACE(sizeof(int))];
            struct cmsghdr head;
        } control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
        memcpy(CMSG_DATA(&control.head), &ends[1], sizeof(int));
        struct iovec piece = {"f", 1};
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
        sendmsg(pair[0], &message, MSG_DONTWAIT);
        fcntl(server, F_SETFL, O_NONBLOCK);
        int late = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect4(late, "127.0.0.1", port);
        if (port % 2)
            accept(server, NULL, NULL);
        shutdown(client, SHUT_RDWR);
        pthread_join(thread, NULL);
        int all[] = {server, away, ends[0], ends[1], client, fd, other, pair[0], pair[1], late};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            close(all[i]);
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
}

/* A second after a call the supervisor lets go of what only calls need, and looks who is gone. */
static int descriptors_at_rest(int supervisor) {
    nanosleep(&(struct timespec){1, 200000000}, NULL);
    return descriptors_of(supervisor);
}

int main(int count, char **words) {
    if (count < 3)
        return 2;
    alarm(0);
    state = strtoull(words[1], NULL, 10);
    int supervisor = parent_of(getppid()), port, server = listener(64, &port), status;
    MUST(fcntl(server, F_SETFL, O_NONBLOCK));
    /* What the first connection makes stays. */
    int first = tcp(), accepted;
    connect4(first, "127.0.0.1", port);
    while ((accepted = accept(server, NULL, NULL)) < 0) {
    }
    close(first);
    close(accepted);
    int before = descriptors_at_rest(supervisor), after = 0;
    for (int i = atoi(words[2]); i > 0; i--) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0)
            work(port);
        struct timespec span = {0, (long)chance(8000000)};
        nanosleep(&span, NULL);
        kill(child, SIGKILL);
        MUST(waitpid(child, &status, 0));
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            printf("status %d\n", status);
        /* Whoever had come is seen to be gone. */
        int fd;
        while ((fd = accept(server, NULL, NULL)) >= 0) {
            char buffer[64];
            struct pollfd entry = {.fd = fd, .events = POLLIN};
            long n;
            do
                if (poll(&entry, 1, 20000) != 1)
                    printf("a connection of the dead lives\n");
            while ((n = read(fd, buffer, sizeof buffer)) > 0);
            close(fd);
        }
    }
    /* Who was orphaned is killed, too; all is closed in a moment. */
    for (int i = 0; i < 10 && (after = descriptors_at_rest(supervisor)) != before; i++) {
    }
    printf("descriptors of the supervisor: %s\n", after == before ? "as before" : "more");
    if (after != before)
        printf("%d before, %d after\n", before, after);
    return 0;
}

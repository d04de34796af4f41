/* Arguments that change while they are read, and descriptors that are closed meanwhile: any result will do, but there is one. */
#include "oracle.h"

#include <pthread.h>
#include <sys/syscall.h>

static struct sockaddr_in name;
static socklen_t length;
static char buffer[256], control[256];
static struct iovec pieces[4];
static struct msghdr message;
static struct mmsghdr many[4];
static volatile int fd, ended;

static unsigned chance(unsigned *state) { return (*state = *state * 1103515245 + 12345) >> 16; }

/* Scribbles over all that calls are given. */
static void *scribbles(void *argument) {
    unsigned state = 7;
    void *places[] = {buffer, (void *)16, control, (void *)-1, NULL, &message};
    (void)argument;
    while (!ended) {
        name.sin_family = chance(&state) % 12;
        name.sin_port = chance(&state);
        length = chance(&state) % 3 ? sizeof name : chance(&state) - 30000;
        for (int i = 0; i < 4; i++) {
            pieces[i].iov_base = places[chance(&state) % 6];
            pieces[i].iov_len = chance(&state) % 3 ? chance(&state) % 64 : (size_t)chance(&state) << 48;
            many[i].msg_hdr = message;
        }
        message.msg_iov = chance(&state) % 4 ? pieces : places[chance(&state) % 6];
        message.msg_iovlen = chance(&state) % 8 ? chance(&state) % 5 : chance(&state) << 12;
        message.msg_name = chance(&state) % 2 ? &name : places[chance(&state) % 6];
        message.msg_namelen = chance(&state) % 4 ? sizeof name : chance(&state);
        message.msg_control = places[chance(&state) % 6];
        message.msg_controllen = chance(&state) % 3 ? chance(&state) % 256 : (size_t)chance(&state) << 40;
        for (int i = 0; i < 8; i++)
            *(unsigned *)(control + 4 * (chance(&state) % 64)) = chance(&state) % 64;
    }
    return NULL;
}

static void *closes(void *argument) {
    (void)argument;
    while (!ended) {
        struct timespec span = {0, 300000};
        nanosleep(&span, NULL);
        close(fd);
    }
    return NULL;
}

int main(void) {
    static const long calls[] = {SYS_bind,     SYS_connect,  SYS_sendto,   SYS_recvfrom, SYS_sendmsg, SYS_recvmsg,     SYS_sendmmsg,
                                 SYS_recvmmsg, SYS_accept,   SYS_accept4,  SYS_readv,    SYS_writev,  SYS_getsockname, SYS_getpeername,
                                 SYS_setsockopt, SYS_getsockopt, SYS_listen, SYS_shutdown};
    unsigned state = 42;
    pthread_t threads[2];
    MUST(signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0);
    MUST(-pthread_create(&threads[0], NULL, scribbles, NULL));
    MUST(-pthread_create(&threads[1], NULL, closes, NULL));
    for (int i = 0; i < 5000; i++) {
        if (i % 10 == 0) {
            int ends[2];
            static const int kinds[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW};
            int kind = kinds[chance(&state) % 3];
            close(fd);
            ends[0] = socket(chance(&state) % 2 ? AF_INET : AF_INET6, kind | SOCK_NONBLOCK, kind == SOCK_RAW ? 1 : 0);
            fd = ends[0];
        }
        long call = calls[chance(&state) % (sizeof calls / sizeof *calls)];
        void *place = call == SYS_sendmsg || call == SYS_recvmsg ? (void *)&message
                      : call == SYS_sendmmsg || call == SYS_recvmmsg ? (void *)many
                      : call == SYS_readv || call == SYS_writev ? (void *)pieces
                      : call == SYS_setsockopt || call == SYS_getsockopt ? (void *)(long)(chance(&state) % 3)
                                                                         : (void *)&name;
        long third = call == SYS_getsockname || call == SYS_getpeername || call == SYS_accept || call == SYS_accept4
                         ? (long)&length
                     : call == SYS_sendmsg || call == SYS_recvmsg ? MSG_DONTWAIT | MSG_NOSIGNAL
                     : call == SYS_readv || call == SYS_writev ? 4
                     : call == SYS_setsockopt || call == SYS_getsockopt ? (long)(chance(&state) % 80)
                                                                        : (long)sizeof name;
        syscall(call, fd, place, third, call == SYS_setsockopt || call == SYS_getsockopt ? (long)buffer : MSG_DONTWAIT | MSG_NOSIGNAL,
                call == SYS_setsockopt ? 16 : call == SYS_getsockopt ? (long)&length : call == SYS_sendto ? (long)&name : 0,
                call == SYS_sendto ? (long)sizeof name : 0);
    }
    ended = 1;
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    printf("alive\n");
    return 0;
}

/* Socket calls of the 32-bit interface, made by a 64-bit program with `int $0x80`. */
#include "oracle.h"

static long int80(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

static void say(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerrorname_np((int)-result) : "ok");
}

int main(void) {
    int pid = (int)int80(20, 0, 0, 0);
    say("socket", int80(359, AF_INET, SOCK_STREAM, 0));
    say("socketcall", int80(102, 1, 0, 0));
    say("connect", int80(362, 0, 0, 0));
    printf("getpid: %s\n", pid == getpid() ? "right" : "wrong");
    return 0;
}

/* What is known to differ from Linux: a line each, by the names in docs/compatibility.md. */
#include "oracle.h"

#define SHOW(name, call)                                                                                               \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        long result_ = (long)(call);                                                                                   \
        if (result_ < 0)                                                                                               \
            printf("%s: %s\n", name, strerrorname_np(errno));                                                          \
        else                                                                                                           \
            printf("%s: %ld\n", name, result_);                                                                        \
    } while (0)

int main(void) {
    return 0;
}

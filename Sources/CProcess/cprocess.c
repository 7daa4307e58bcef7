#define _GNU_SOURCE
#include "cprocess.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

int frost_process_descriptor(pid_t process) {
#ifdef SYS_pidfd_open
    // The library has it from glibc 2.36 on; the programs run with older ones too.
    return (int)syscall(SYS_pidfd_open, process, 0);
#else
    (void)process;
    errno = ENOSYS;
    return -1;
#endif
}

int frost_close_descriptors(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

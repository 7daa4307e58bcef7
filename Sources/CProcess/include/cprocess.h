#ifndef FROST_CPROCESS_H
#define FROST_CPROCESS_H

#include <spawn.h>
#include <sys/types.h>

/// A descriptor of a process, child or not, which can be read once the process has ended (pidfd_open(2)). It goes on
/// standing for this process when another gets its number. Closed in programs that this process becomes or starts.
///
/// Returns -1 where the kernel has none (before Linux 5.3) and for a process that is gone; `errno` says why.
int frost_process_descriptor(pid_t process);

/// Has a program that is to be started have no descriptor from `first` on. Returns 0 or the fault, as posix_spawn(3) does.
int frost_close_descriptors(posix_spawn_file_actions_t *actions, int first);

#endif

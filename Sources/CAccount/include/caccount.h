#ifndef FROST_CACCOUNT_H
#define FROST_CACCOUNT_H

#include <sys/types.h>

/// Has the calling thread, and no other of the process, reach files as an account: its user, its group, no
/// supplementary groups, and none of root's rights over files (setfsuid(2), capabilities(7)). Not undone; the thread
/// ends with it. Signals are still those of the process, so that the account cannot kill it by this thread.
///
/// Returns 0, or -1 when the kernel refuses; `errno` says why.
int frost_reach_files_as(uid_t uid, gid_t gid);

#endif

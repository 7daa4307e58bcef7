// Shows Thread Sanitizer the standard library's Mutex (scripts/tsan.sh compiles and preloads it).
//
// Mutex takes and gives back a free lock in code that is inlined into its user, and instrumented there. What it does
// when somebody waits is a futex within libswiftSynchronization, which is not instrumented: the sanitizer then takes
// two accesses under one lock for a race. These two functions of the library (`_MutexHandle`, LinuxImpl.swift, Swift
// 6.3) are therefore put in the place of its own, call them, and tell the sanitizer what happened. Should their names
// change, such races are reported again, within `withLock` of a Mutex.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

// The sanitizer's own; absent in the programs that tests start.
__attribute__((weak)) void __tsan_acquire(void *);
__attribute__((weak)) void __tsan_release(void *);

typedef SWIFT void lock_slow(uint32_t, SELF void *);
typedef SWIFT void unlock_slow(SELF void *);

SWIFT void lock_slow_seen(uint32_t thread, SELF void *handle) __asm__(LOCK_SLOW);
SWIFT void unlock_slow_seen(SELF void *handle) __asm__(UNLOCK_SLOW);

static void *next(const char *name, void **found) {
    void *function = __atomic_load_n(found, __ATOMIC_RELAXED);
    if (function == NULL) {
        function = dlsym(RTLD_NEXT, name);
        if (function == NULL) abort();
        __atomic_store_n(found, function, __ATOMIC_RELAXED);
    }
    return function;
}

SWIFT void lock_slow_seen(uint32_t thread, SELF void *handle) {
    static void *found;
    ((lock_slow *)next(LOCK_SLOW, &found))(thread, handle);
    if (__tsan_acquire) __tsan_acquire(handle);
}

SWIFT void unlock_slow_seen(SELF void *handle) {
    static void *found;
    if (__tsan_release) __tsan_release(handle);
    ((unlock_slow *)next(UNLOCK_SLOW, &found))(handle);
}

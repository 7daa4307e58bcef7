#ifndef CGATEWAY_H
#define CGATEWAY_H

// What glibc has and Swift's Glibc module does not show.

/// A descriptor that is readable once it was written to (eventfd(2)), non-blocking, closed on exec; -1 and errno.
int gateway_eventfd(void);

/// Gives memory that is free back to the kernel (malloc_trim(3)).
void gateway_trim_memory(void);

#endif

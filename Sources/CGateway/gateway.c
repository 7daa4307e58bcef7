#include "CGateway.h"

#include <malloc.h>
#include <sys/eventfd.h>

int gateway_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

void gateway_trim_memory(void) { malloc_trim(0); }

#include "version.h"

const char *frost_version(void) { return FROST_VERSION; }

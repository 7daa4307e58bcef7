#include "version.h"

const char *frost_version(void) { return FROST_VERSION; }

const char *frost_sources(void) { return FROST_SOURCES; }

const char *gateway_sources(void) { return FROST_GATEWAY_SOURCES; }

#ifndef FROST_VERSION_H
#define FROST_VERSION_H

/// The version this program was built as.
const char *frost_version(void);

/// The hash of the sources that frost was built from (scripts/sources.py); "unknown" in a build that was not told.
const char *frost_sources(void);

/// The same of the gateway, with the spike and the gate's harness: the hash that the gate passed on.
const char *gateway_sources(void);

#endif

#ifndef FROST_VERSION_H
#define FROST_VERSION_H

/// The version this program was built as.
const char *frost_version(void);

#endif

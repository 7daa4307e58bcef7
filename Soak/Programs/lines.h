// Commands from standard input, one a line.
#ifndef FROST_SOAK_LINES_H
#define FROST_SOAK_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct lines {
    int descriptor;
    char text[4096];
    size_t count;
};

/// Reads once, and passes each whole line on, without its end; ends the program when one is not obeyed. False when
/// there will be no more.
bool read_lines(struct lines *lines, bool (*obey)(char *line));

#endif

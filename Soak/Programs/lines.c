#include "lines.h"

#include "common.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool read_lines(struct lines *lines, bool (*obey)(char *line)) {
    ssize_t count = read(lines->descriptor, lines->text + lines->count, sizeof lines->text - lines->count);
    if (count <= 0) return false;
    lines->count += (size_t)count;
    char *from = lines->text, *end;
    while ((end = memchr(from, '\n', lines->count)) != NULL) {
        *end = 0;
        errno = 0;
        if (!obey(from)) fail("cannot obey \"%s\"", from);
        lines->count -= (size_t)(end + 1 - from);
        from = end + 1;
    }
    if (lines->count == sizeof lines->text) fail("a line is too long");
    memmove(lines->text, from, lines->count);
    return true;
}

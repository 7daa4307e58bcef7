#include "tally.h"

#include "common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { most_rows = 1024, most_printed = 100 };

struct row {
    char kind[24], outcome[48];
    enum verdict verdict;
    long count;
};

static struct row rows[most_rows];
static int row_count;
static long counts[verdict_count];
static const char *const verdicts[] = {"expected", "changed", "fault", "failed"};

void tally(const char *kind, const char *outcome, enum verdict verdict, const char *text) {
    counts[verdict] += 1;
    if (verdict == not_held && counts[verdict] <= most_printed) {
        printf("failed: %s: %s: %s\n", kind, outcome, text);
        fflush(stdout);
    }
    for (int index = 0; index < row_count; index += 1) {
        struct row *row = &rows[index];
        if (row->verdict == verdict && strcmp(row->kind, kind) == 0 && strcmp(row->outcome, outcome) == 0) {
            row->count += 1;
            return;
        }
    }
    errno = 0;
    if (row_count == most_rows) fail("too many different outcomes");
    struct row *row = &rows[row_count];
    row_count += 1;
    *row = (struct row){.verdict = verdict, .count = 1};
    snprintf(row->kind, sizeof row->kind, "%s", kind);
    snprintf(row->outcome, sizeof row->outcome, "%s", outcome);
}

void print_tally(void) {
    putchar('[');
    for (int index = 0; index < row_count; index += 1)
        printf("%s[\"%s\", \"%s\", \"%s\", %ld]", index == 0 ? "" : ", ", rows[index].kind, rows[index].outcome,
               verdicts[rows[index].verdict], rows[index].count);
    putchar(']');
}

long tallied(enum verdict verdict) { return counts[verdict]; }

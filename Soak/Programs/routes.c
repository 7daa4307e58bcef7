#include "routes.h"

#include "common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/// Changes that are remembered of a hostname: many more than a connection lives to see.
enum { remembered = 64, name_size = 128 };

struct host {
    char name[name_size];
    uint64_t generations[remembered];
    int meanings[remembered];
    /// Ever; the last `remembered` are there.
    unsigned changes;
};

static struct host hosts[most_names];
static char branches[most_names][name_size];
static uint64_t disturbed[most_names];
static int hosts_named, branches_named;
static uint64_t published_generation, confirmed_generation;

static int checked(int index) {
    errno = 0;
    if (index < 0 || index >= most_names) fail("%d is no index", index);
    return index;
}

void name_host(int host, const char *name) {
    snprintf(hosts[checked(host)].name, name_size, "%s", name);
    if (host >= hosts_named) hosts_named = host + 1;
    if (hosts[host].changes == 0) set_route(0, host, is_gone);
}

void name_branch(int branch, const char *name) {
    snprintf(branches[checked(branch)], name_size, "%s", name);
    if (branch >= branches_named) branches_named = branch + 1;
}

int host_count(void) { return hosts_named; }
const char *host_name(int host) { return hosts[host].name; }
const char *branch_name(int branch) { return branch < 0 ? "none" : branches[branch]; }

int branch_named(const char *name, unsigned length) {
    for (int branch = 0; branch < branches_named; branch += 1)
        if (strlen(branches[branch]) == length && memcmp(branches[branch], name, length) == 0) return branch;
    return no_branch;
}

void set_route(uint64_t generation, int host, int meaning) {
    struct host *of = &hosts[checked(host)];
    of->generations[of->changes % remembered] = generation;
    of->meanings[of->changes % remembered] = meaning;
    of->changes += 1;
}

void disturb(uint64_t generation, int branch) { disturbed[checked(branch)] = generation; }
void publish(uint64_t generation) { published_generation = generation; }
void confirm(uint64_t generation) { confirmed_generation = generation; }
uint64_t published(void) { return published_generation; }
uint64_t confirmed(void) { return confirmed_generation; }

int latest_meaning(int host) {
    const struct host *of = &hosts[host];
    return of->meanings[(of->changes - 1) % remembered];
}

/// Calls for each meaning since `low`, the one at `low` first, until one is what is looked for.
static bool any_since(int host, uint64_t low, bool (*is_it)(int meaning, uint64_t low, int wanted), int wanted) {
    const struct host *of = &hosts[host];
    for (unsigned back = 1; back <= of->changes && back <= remembered; back += 1) {
        unsigned at = (of->changes - back) % remembered;
        if (is_it(of->meanings[at], low, wanted)) return true;
        if (of->generations[at] <= low) return false;
    }
    return false;
}

static bool is_same(int meaning, uint64_t low, int wanted) {
    (void)low;
    return meaning == wanted;
}

static bool is_disturbed_branch(int meaning, uint64_t low, int wanted) {
    (void)wanted;
    return meaning >= 0 && is_disturbed(meaning, low);
}

bool may_mean(int host, uint64_t low, int meaning) { return any_since(host, low, is_same, meaning); }

bool has_changed(int host, uint64_t low) {
    const struct host *of = &hosts[host];
    return of->generations[(of->changes - 1) % remembered] > low || any_since(host, low, is_disturbed_branch, 0);
}

bool is_disturbed(int branch, uint64_t low) { return branch >= 0 && disturbed[branch] > low; }

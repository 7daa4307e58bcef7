// What each hostname may answer, at each generation of the route map.
//
// A generation is published before its file is written, and confirmed after the gateway has loaded it. A connection that
// begins when LOW is confirmed, and ends when HIGH is published, may see what its hostname meant at LOW, and what it has
// come to mean up to HIGH; nothing older.
#ifndef FROST_SOAK_ROUTES_H
#define FROST_SOAK_ROUTES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    most_names = 2048,
    /// What a hostname means that is no branch's.
    is_gone = -1,
    is_stopped = -2,
    no_branch = -3,
};

void name_host(int host, const char *name);
void name_branch(int branch, const char *name);
int host_count(void);
const char *host_name(int host);
const char *branch_name(int branch);
/// The branch that has this name; `no_branch` when none has.
int branch_named(const char *name, unsigned length);

/// From this generation on, a hostname means a branch, `is_gone` or `is_stopped`.
void set_route(uint64_t generation, int host, int meaning);
/// From this generation on, sessions of a branch may be ended: its server stops, or its address changes.
void disturb(uint64_t generation, int branch);
void publish(uint64_t generation);
void confirm(uint64_t generation);
uint64_t published(void);
uint64_t confirmed(void);

/// What a hostname means when all that is published is in effect.
int latest_meaning(int host);
/// Whether a hostname may have had a meaning at some time since `low` was confirmed.
bool may_mean(int host, uint64_t low, int meaning);
/// Whether the meaning of a hostname has changed since `low`, or a branch that it had has been disturbed.
bool has_changed(int host, uint64_t low);
bool is_disturbed(int branch, uint64_t low);

#endif

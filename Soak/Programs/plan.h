// What a connection is going to do, drawn from a seed.
#ifndef FROST_SOAK_PLAN_H
#define FROST_SOAK_PLAN_H

#include <stdbool.h>
#include <stdint.h>

enum kind {
    /// To a branch, with a query or a few.
    ordinary,
    direct,
    after_gss,
    /// Each pauses once, long enough for the route map to change.
    slow,
    /// Reset by the client at a stage.
    reset,
    /// Cancels a query of its own: on a second connection, in TLS or in plaintext; after its own was reset; and requests
    /// that must not arrive anywhere.
    canceled,
    cancel_in_tls,
    cancel_plain,
    cancel_wrong,
    cancel_stale,
    /// Refused.
    unknown_name,
    no_name,
    no_alpn,
    plaintext,
    old_protocol,
    malformed,
    nested,
    /// Closed without a word.
    stuffed,
    foreign,
    silent,
    /// Leave by themselves.
    probe,
    scan,
    /// Stays, and asks again and again.
    busy,
    /// Stays until the end, to fill a limit.
    held,
    kind_count,
};

enum stage {
    no_stage,
    connected,
    asked,
    half_hello,
    shaken,
    half_startup,
    started,
    ready,
    queried,
    in_result,
    stage_count,
};

enum negotiation { postgres_tls, direct_tls, gss_first, no_tls };

struct plan {
    enum kind kind;
    enum negotiation negotiation;
    /// Where it is reset, or pauses.
    enum stage at;
    unsigned pause_ms;
    unsigned queries;
    bool offers_alpn, resumes, waits_for_end, is_cut_in_result;
};

const char *kind_name(enum kind kind);
const char *stage_name(enum stage stage);

void seed_random(uint64_t seed);
/// From 0 up to, and without, the bound.
unsigned random_below(unsigned bound);

/// The next connection of the mix.
struct plan draw_plan(void);
/// One of a kind.
struct plan plan_of(enum kind kind);

#endif

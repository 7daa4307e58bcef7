#include "plan.h"

static const char *const kinds[kind_count] = {
    "ordinary",        "direct TLS",   "GSSENCRequest first",   "slow",           "reset",
    "query canceled",  "cancel in TLS", "cancel in plaintext",  "cancel, wrong key", "cancel, ended session",
    "unknown hostname", "no server name", "direct TLS without ALPN", "no TLS",       "protocol 2.0",
    "malformed start", "SSLRequest in TLS", "bytes behind SSLRequest", "other protocol", "silent",
    "probe",           "port scan",    "busy session",          "limit filled",
};

static const char *const stages[stage_count] = {
    "nowhere", "after connect", "after SSLRequest", "in ClientHello", "after handshake",
    "in StartupMessage", "after StartupMessage", "at ReadyForQuery", "after query", "in result",
};

/// Of a thousand connections.
static const struct {
    enum kind kind;
    unsigned share;
} mix[] = {
    {ordinary, 455}, {direct, 110},      {after_gss, 60},    {slow, 40},         {reset, 90},    {canceled, 25},
    {cancel_wrong, 10}, {cancel_stale, 25}, {unknown_name, 40}, {no_name, 10},     {no_alpn, 10},  {plaintext, 20},
    {old_protocol, 5}, {malformed, 5},    {nested, 5},        {stuffed, 10},      {foreign, 20},  {silent, 3},
    {probe, 27},     {scan, 30},
};

static uint64_t state = 1;

const char *kind_name(enum kind kind) { return kinds[kind]; }
const char *stage_name(enum stage stage) { return stages[stage]; }

void seed_random(uint64_t seed) { state = seed * 0x9E3779B97F4A7C15u | 1; }

unsigned random_below(unsigned bound) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (unsigned)((state * 0x2545F4914F6CDD1Du) >> 33) % bound;
}

struct plan plan_of(enum kind kind) {
    struct plan plan = {
        .kind = kind,
        .offers_alpn = random_below(2) == 0,
        .resumes = random_below(5) == 0,
        .queries = 1 + (random_below(4) == 0 ? random_below(4) : 0),
    };
    unsigned share = random_below(10);
    plan.negotiation = share < 7 ? postgres_tls : share < 9 ? direct_tls : gss_first;
    switch (kind) {
    case ordinary:
        plan.negotiation = postgres_tls;
        plan.waits_for_end = random_below(4) == 0;
        break;
    case direct:
    case no_alpn: plan.negotiation = direct_tls; break;
    case after_gss: plan.negotiation = gss_first; break;
    case slow:
        // Half of them between the ClientHello, which selects the route, and the StartupMessage, which uses it.
        plan.at = random_below(2) == 0 ? (random_below(2) == 0 ? shaken : half_startup)
                                       : connected + random_below(in_result - connected);
        plan.pause_ms = 200 + random_below(3800);
        break;
    case reset:
        plan.at = connected + random_below(stage_count - connected);
        plan.is_cut_in_result = plan.at == in_result;
        plan.queries = 1;
        break;
    case canceled: plan.queries = 1; break;
    case cancel_plain:
    case plaintext:
    case foreign:
    case silent:
    case scan: plan.negotiation = no_tls; break;
    case cancel_wrong:
    case cancel_stale:
        if (random_below(2) == 0) plan.negotiation = no_tls;
        break;
    case stuffed:
    case probe: plan.negotiation = postgres_tls; break;
    default: break;
    }
    // Direct TLS without it is refused.
    if (plan.negotiation == direct_tls) plan.offers_alpn = kind != no_alpn;
    // A stage that this negotiation does not have.
    if (plan.at == asked && plan.negotiation == direct_tls) plan.at = connected;
    return plan;
}

struct plan draw_plan(void) {
    unsigned drawn = random_below(1000);
    for (unsigned index = 0; index < sizeof mix / sizeof *mix; index += 1) {
        if (drawn < mix[index].share) return plan_of(mix[index].kind);
        drawn -= mix[index].share;
    }
    return plan_of(ordinary);
}

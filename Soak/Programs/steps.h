// What the parts of a visit share: visit.c begins and ends it, steps.c sends, answers.c receives.
#ifndef FROST_SOAK_STEPS_H
#define FROST_SOAK_STEPS_H

#include "visit.h"

/// Longer than any limit of the gateway; in nanoseconds.
static const uint64_t time_limit = 60000000000u;

// ---- visit.c

/// Judges the end of a visit, and frees it after the events at hand.
void finish(struct visit *visit, const char *outcome);
/// Ends it with a reset, as planned.
void reset_now(struct visit *visit);
/// The peer has ended the connection; what it said before counts more than how.
void ended_by_peer(struct visit *visit, const char *how);
/// After a call of the TLS library that failed for good.
void failed_in_tls(struct visit *visit, int result);
void await(struct visit *visit, uint32_t events);
/// Both write into an empty socket; false when the visit has ended because of it.
bool put_plain(struct visit *visit, const void *bytes, size_t count);
bool put(struct visit *visit, const void *bytes, size_t count);

// ---- steps.c

/// Goes on behind a stage, unless the plan has something else.
void passed(struct visit *visit, enum stage stage);
/// Goes on behind a stage.
void proceed(struct visit *visit, enum stage stage);
void begin_tls(struct visit *visit);
void shake(struct visit *visit);
void finish_query(struct visit *visit);
void ask(struct visit *visit);

// ---- answers.c

/// Takes what has come in TLS.
void read_tls(struct visit *visit);

#endif

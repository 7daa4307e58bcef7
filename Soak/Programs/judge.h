// Whether what has become of a connection is what had to become of it.
#ifndef FROST_SOAK_JUDGE_H
#define FROST_SOAK_JUDGE_H

#include "visit.h"

/// Marks a branch as broken by the orchestrator, or repaired.
void mark_broken(int branch, bool is_broken);
/// Judges and counts the end of a visit; "ok" is the outcome of one that has done all it was to do.
void judge(const struct visit *visit, const char *outcome);
/// Whether a visit may see this branch; if not, says so at once.
bool accepts_branch(struct visit *visit, int branch, const char *name);

#endif

// What became of the connections, counted by kind and outcome.
#ifndef FROST_SOAK_TALLY_H
#define FROST_SOAK_TALLY_H

enum verdict {
    /// What this kind must see.
    as_expected,
    /// What it may see because its route changed, or its server stopped, while it went on.
    by_change,
    /// What it may see while the orchestrator breaks something.
    by_fault,
    /// What nobody may see.
    not_held,
    verdict_count,
};

/// Counts one. Of those that do not hold, the first are printed, with a text that says more.
void tally(const char *kind, const char *outcome, enum verdict verdict, const char *text);
/// Prints an array of [kind, outcome, verdict, count].
void print_tally(void);
/// How many have been counted with a verdict.
long tallied(enum verdict verdict);

#endif

#include "judge.h"

#include "common.h"
#include "routes.h"
#include "tally.h"

#include <stdio.h>
#include <string.h>

static struct {
    bool is_broken;
    uint64_t repaired_at;
} breaks[most_names];

void mark_broken(int branch, bool is_broken) {
    breaks[branch].is_broken = is_broken;
    if (!is_broken) breaks[branch].repaired_at = now_ns();
}

static bool was_broken(int branch, uint64_t since) {
    return branch >= 0 && (breaks[branch].is_broken || breaks[branch].repaired_at > since);
}

static bool is_one_of(const char *outcome, const char *list) {
    const char *at = strstr(list, outcome);
    size_t length = strlen(outcome);
    return at != NULL && (at == list || at[-1] == ' ') && (at[length] == 0 || at[length] == ' ');
}

/// What a connection to a branch may become, by its hostname's meanings while it went on.
static enum verdict of_route(const struct visit *visit, const char *outcome) {
    if (visit->host < 0) return not_held;
    bool has_changes =
        visit->branch >= 0 ? is_disturbed(visit->branch, visit->low) : has_changed(visit->host, visit->low);
    if (visit->branch < 0) {
        if (strcmp(outcome, "3D000") == 0 && may_mean(visit->host, visit->low, is_gone)) return as_expected;
        if (strcmp(outcome, "57P03") == 0 && may_mean(visit->host, visit->low, is_stopped)) return as_expected;
    }
    // A server that stops says so; where it has unread bytes, a reset may overtake what it says.
    if (has_changes && is_one_of(outcome, visit->is_ready ? "57P01 closed" : "57P01 57P03")) return by_change;
    return not_held;
}

static bool is_by_fault(const struct visit *visit, const char *outcome) {
    if (!is_one_of(outcome, "57P01 57P02 57P03 57014 53300 closed cut reset refused timeout")) return false;
    if (visit->is_excused || around.is_excusing || around.excuses != visit->excuses) return true;
    return was_broken(visit->branch, visit->since) ||
           (visit->host >= 0 && was_broken(latest_meaning(visit->host), visit->since));
}

static enum verdict verdict_of(const struct visit *visit, const char *outcome) {
    const char *expected = "ok";
    switch (visit->plan.kind) {
    case cancel_in_tls:
    case cancel_plain:
    case cancel_wrong:
    case cancel_stale:
    case silent: expected = "closed"; break;
    case foreign:
    case stuffed: expected = "closed reset"; break;
    case unknown_name: expected = "3D000"; break;
    case no_name: expected = "08004"; break;
    case no_alpn:
    case malformed:
    case nested: expected = "08P01"; break;
    case plaintext: expected = "28000"; break;
    case old_protocol: expected = "0A000"; break;
    case held: expected = visit->expected; break;
    default: break;
    }
    if (is_one_of(outcome, expected)) return as_expected;
    enum verdict verdict = of_route(visit, outcome);
    if (verdict == not_held && is_by_fault(visit, outcome)) return by_fault;
    return verdict;
}

static const char *description(const struct visit *visit) {
    static char text[512];
    snprintf(text, sizeof text,
             "hostname %s, branch %s, step %d, stage %s, generations %llu (confirmed when it began) to %llu, after %.3f s",
             visit->host < 0 ? "none" : host_name(visit->host), branch_name(visit->branch), visit->step,
             stage_name(visit->plan.at), (unsigned long long)visit->low, (unsigned long long)published(),
             (double)(now_ns() - visit->began) / 1e9);
    return text;
}

void judge(const struct visit *visit, const char *outcome) {
    enum verdict verdict = verdict_of(visit, outcome);
    // Allowed, and rare: for somebody who wants to know how it came about.
    if (verdict == by_change && strcmp(outcome, "closed") == 0)
        fprintf(stderr, "closed without a word: %s: %s\n", kind_name(visit->plan.kind), description(visit));
    tally(kind_name(visit->plan.kind), outcome, verdict, description(visit));
}

bool accepts_branch(struct visit *visit, int branch, const char *name) {
    bool is_right = branch >= 0 && (visit->branch >= 0 ? visit->branch == branch
                                                        : may_mean(visit->host, visit->low, branch));
    if (is_right) {
        visit->branch = branch;
        return true;
    }
    around.wrong += 1;
    printf("wrong: \"%s\" answered: %s; means %s now\n", name, description(visit), branch_name(latest_meaning(visit->host)));
    fflush(stdout);
    return false;
}

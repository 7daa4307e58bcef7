// The clients of the soak: thousands of connections that behave and misbehave, in one thread with epoll.
//
//   clients PORT SOURCES SEED
//
// They connect to 127.0.0.1 from SOURCES addresses, 127.0.1.1 and up. Commands come on standard input, one a line:
//
//   host NUMBER NAME, branch NUMBER NAME     name them
//   route GENERATION HOST MEANING            from a generation on: a branch's number, -1 (gone) or -2 (stopped)
//   disturb GENERATION BRANCH                sessions of this branch may be ended from it on
//   publish GENERATION                       its file is about to be written; answered with "published GENERATION"
//   confirm GENERATION                       the gateway has loaded it
//   lively COUNT                             branches with smaller numbers change often
//   certificate PUBLISHED CONFIRMED          the serial numbers that may be offered
//   broken BRANCH 0|1                        the orchestrator breaks the branch, or has repaired it
//   excuse 0|1                               the orchestrator breaks the gateway, or has repaired it; answered
//   connects COUNT AT-ONCE                   go on to COUNT connections, AT-ONCE at a time
//   calm 0|1                                 open no more silent connections: soon all will have ended
//   busy COUNT                               keep COUNT sessions that ask again and again
//   hold HOST SOURCE OUTCOME                 open a session that stays; "ok", or how it is to be refused
//   release                                  end those
//   report                                   one JSON object
//
// What does not hold is printed when it is seen: "wrong: ..." for an answer of another branch, "failed: ..." for any
// other unexpected end. Ends with its standard input.

#include "common.h"
#include "judge.h"
#include "lines.h"
#include "routes.h"
#include "tally.h"
#include "visit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    /// At a time: connections that take long on purpose, silent ones among them, and busy sessions that are being opened.
    most_slow = 150,
    most_silent = 40,
    most_starting = 16,
};

static unsigned sources;
static int is_calm;
/// Branches with smaller numbers change often.
static int lively = most_names;
static long wanted, at_once, wanted_busy, opened;

static long open_slow(void) { return around.open[slow] + around.open[silent] + around.open[canceled]; }

static long open_quick(void) {
    long count = 0;
    for (int kind = 0; kind < kind_count; kind += 1) count += around.open[kind];
    return count - open_slow() - around.open[busy] - around.open[held];
}

/// A hostname, most often one that means a branch; for slow connections, one of those that change often.
static int choose_host(enum kind kind) {
    int host = 0;
    for (int tries = 0; tries < 40; tries += 1) {
        host = (int)random_below((unsigned)host_count());
        int meaning = latest_meaning(host);
        if (kind == slow && tries < 30 && meaning >= lively) continue;
        if (meaning >= 0 || (kind == ordinary && tries > 2)) return host;
    }
    return host;
}

static void open_next(void) {
    struct plan plan = draw_plan();
    if ((plan.kind == slow || plan.kind == canceled || plan.kind == silent) &&
        (open_slow() >= most_slow || (plan.kind == silent && (is_calm || around.open[silent] >= most_silent))))
        plan = plan_of(ordinary);
    int host = plan.kind == no_name || plan.kind == unknown_name ? -1 : choose_host(plan.kind);
    open_visit(plan, host, random_below(sources));
    opened += 1;
}

static void open_more(void) {
    if (host_count() == 0) return;
    // Where nobody accepts, they come one at a time.
    long room = around.is_refused ? 1 : at_once;
    around.is_refused = false;
    while (around.open[busy] < wanted_busy && !around.is_refused && around.open[busy] - around.ready_busy < most_starting)
        open_visit(plan_of(busy), choose_host(busy), random_below(sources));
    long quick = open_quick();
    while (opened < wanted && quick < at_once && room > 0 && !around.is_refused) {
        open_next();
        quick += 1;
        room -= 1;
    }
}

static void report(void) {
    printf("{\"opened\": %ld, \"done\": %ld, \"open\": %ld, \"slow\": %ld, \"busy\": %ld, \"held\": %ld, "
           "\"round_trips\": %ld, \"wrong\": %ld, \"changed\": %ld, \"fault\": %ld, \"failed\": %ld, \"tally\": ",
           opened, around.done, open_quick(), open_slow(), around.ready_busy, around.ready_held, around.round_trips,
           around.wrong, tallied(by_change), tallied(by_fault), tallied(not_held));
    print_tally();
    puts("}");
}

static void end_kind(enum kind kind) {
    for (struct visit *visit = around.first, *next; visit != NULL; visit = next) {
        next = visit->next;
        if (visit->plan.kind == kind && visit->step == resting) leave(visit);
    }
}

static bool obey(char *line) {
    int number, value;
    unsigned source;
    unsigned long long generation, other;
    char name[128];
    if (sscanf(line, "route %llu %d %d", &generation, &number, &value) == 3) {
        set_route(generation, number, value);
    } else if (sscanf(line, "disturb %llu %d", &generation, &number) == 2) {
        disturb(generation, number);
    } else if (sscanf(line, "publish %llu", &generation) == 1) {
        publish(generation);
        printf("published %llu\n", generation);
    } else if (sscanf(line, "confirm %llu", &generation) == 1) {
        confirm(generation);
    } else if (sscanf(line, "host %d %127s", &number, name) == 2) {
        name_host(number, name);
    } else if (sscanf(line, "branch %d %127s", &number, name) == 2) {
        name_branch(number, name);
    } else if (sscanf(line, "lively %d", &lively) == 1) {
    } else if (sscanf(line, "calm %d", &is_calm) == 1) {
    } else if (sscanf(line, "certificate %llu %llu", &generation, &other) == 2) {
        around.certificate_published = generation;
        around.certificate_confirmed = other;
    } else if (sscanf(line, "broken %d %d", &number, &value) == 2) {
        mark_broken(number, value != 0);
    } else if (sscanf(line, "excuse %d", &value) == 1) {
        around.is_excusing = value != 0;
        around.excuses += 1;
        printf("excuse %d\n", value);
    } else if (sscanf(line, "connects %ld %ld", &wanted, &at_once) == 2) {
    } else if (sscanf(line, "busy %ld", &wanted_busy) == 1) {
        around.busy_leave = wanted_busy == 0;
        if (around.busy_leave) end_kind(busy);
    } else if (sscanf(line, "hold %d %u %127s", &number, &source, name) == 3) {
        struct visit *visit = open_visit(plan_of(held), number, source);
        snprintf(visit->expected, sizeof visit->expected, "%.7s", name);
    } else if (strcmp(line, "release") == 0) {
        end_kind(held);
    } else if (strcmp(line, "report") == 0) {
        report();
    } else {
        return false;
    }
    fflush(stdout);
    return true;
}

static SSL_CTX *make_context(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) fail("SSL_CTX_new");
    // Which certificate it is, is seen by its number.
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_ticket);
    return context;
}

int main(int count, char **arguments) {
    if (count != 4) {
        fputs("usage: clients PORT SOURCES SEED; the head of clients.c has the commands\n", stderr);
        return 2;
    }
    around.port = (uint16_t)number(arguments[1], "PORT", 1, 65535);
    sources = (unsigned)number(arguments[2], "SOURCES", 1, 250);
    seed_random((uint64_t)number(arguments[3], "SEED", 0, 1000000000));
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    around.context = make_context();
    around.poller = epoll_create1(EPOLL_CLOEXEC);
    if (around.poller < 0) fail("epoll_create1");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(around.poller, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) fail("epoll_ctl");
    struct lines lines = {.descriptor = STDIN_FILENO};
    uint64_t ticked = 0;
    for (;;) {
        struct epoll_event events[events_at_once];
        int ready = epoll_wait(around.poller, events, events_at_once, 5);
        if (ready < 0 && errno != EINTR) fail("epoll_wait");
        for (int index = 0; index < ready; index += 1) {
            if (events[index].data.ptr == NULL) {
                if (!read_lines(&lines, obey)) return 0;
            } else {
                serve_visit(events[index].data.ptr, events[index].events);
            }
        }
        uint64_t now = now_ns();
        bool has_ticked = now - ticked > 10000000;
        if (has_ticked) {
            ticked = now;
            for (struct visit *visit = around.first, *next; visit != NULL; visit = next) {
                next = visit->next;
                wake_visit(visit, now);
            }
        }
        if (!around.is_refused || has_ticked) open_more();
        free_visits();
    }
}

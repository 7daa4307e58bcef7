// A connection to the gateway, from its first byte to its verdict.
#ifndef FROST_SOAK_VISIT_H
#define FROST_SOAK_VISIT_H

#include "plan.h"

#include <openssl/ssl.h>
#include <stddef.h>

enum step {
    connecting,
    awaiting_gss_answer,
    awaiting_tls_answer,
    shaking,
    pausing,
    starting,
    querying,
    sleeping,
    /// Between two queries, or until its canceler has ended.
    resting,
    /// Has said that it leaves, or what ends the connection; waits for its end.
    leaving,
    over,
};

struct visit {
    struct plan plan;
    enum step step, resumes_at;
    int socket, connect_error;
    uint32_t events;
    SSL *tls;
    int host;
    unsigned source;
    /// The map's generation that was confirmed, and the certificate's, when the gateway could decide at the earliest.
    uint64_t low, certificate_low;
    /// The branch that has answered; `no_branch` before.
    int branch;
    /// `since`: what was broken and repaired before it does not matter to it.
    uint64_t began, since, deadline, wakes_at;
    /// Whether the orchestrator was breaking something when it began, and how often it had until then.
    bool is_excused;
    unsigned excuses;
    /// What a held session is to become.
    char expected[8];
    /// Of the message that is being read.
    uint8_t head[5];
    size_t head_count, to_read;
    uint8_t body[512];
    size_t body_count;
    char state[8];
    bool is_fatal, has_key, is_ready;
    uint8_t key[8];
    struct visit *canceler, *canceled;
    struct visit *next, *previous;
};

/// What visits need of the program around them.
struct surroundings {
    int poller;
    uint16_t port;
    SSL_CTX *context;
    uint64_t certificate_published, certificate_confirmed;
    bool is_excusing;
    unsigned excuses;
    long open[kind_count], ready_busy, ready_held, done, round_trips, wrong;
    /// Connections that the gateway did not accept lately: no reason to hurry.
    bool is_refused;
    /// Whether busy sessions end after the answer they wait for.
    bool busy_leave;
    struct visit *first, *over;
};

extern struct surroundings around;

/// Begins a connection to a hostname, -1 for none, from a source address.
struct visit *open_visit(struct plan plan, int host, unsigned source);
/// Goes on after an event of its socket.
void serve_visit(struct visit *visit, uint32_t events);
/// Goes on, or ends, when its time has come.
void wake_visit(struct visit *visit, uint64_t now);
/// Ends a session that stays: with Terminate.
void leave(struct visit *visit);
/// Frees those that have ended.
void free_visits(void);
/// For OpenSSL. Keeps the latest ticket, of whatever hostname: a server name decides, not a ticket.
int keep_ticket(SSL *tls, SSL_SESSION *session);

#endif

#include "visit.h"

#include "common.h"
#include "judge.h"
#include "routes.h"
#include "steps.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ended_keys = 4096 };

/// After this time no part of the gateway may know an ended session any more.
static const uint64_t forgotten_after = 12000000000u;

struct surroundings around;

/// Of sessions that ended in order, the last ones.
static struct {
    uint8_t key[8];
    uint64_t at;
} ended[ended_keys];
static unsigned long ended_count, taken_count;

// ---- Ends

void finish(struct visit *visit, const char *outcome) {
    if (visit->step == over) return;
    judge(visit, outcome);
    if (visit->is_ready && visit->plan.kind == busy) around.ready_busy -= 1;
    if (visit->is_ready && visit->plan.kind == held) around.ready_held -= 1;
    if (visit->canceler != NULL) visit->canceler->canceled = NULL;
    if (visit->canceled != NULL) visit->canceled->canceler = NULL;
    struct visit *freed = visit->canceled;
    visit->step = over;
    if (visit->tls != NULL) SSL_free(visit->tls);
    ERR_clear_error();
    close(visit->socket);
    around.open[visit->plan.kind] -= 1;
    if (visit->plan.kind != busy && visit->plan.kind != held) around.done += 1;
    if (visit->previous != NULL) visit->previous->next = visit->next;
    if (visit->next != NULL) visit->next->previous = visit->previous;
    if (around.first == visit) around.first = visit->next;
    visit->next = around.over;
    around.over = visit;
    if (freed != NULL && freed->step == resting) leave(freed);
}

void free_visits(void) {
    while (around.over != NULL) {
        struct visit *next = around.over->next;
        free(around.over);
        around.over = next;
    }
}

void reset_now(struct visit *visit) {
    struct linger linger = {.l_onoff = 1};
    setsockopt(visit->socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    finish(visit, "ok");
}

void ended_by_peer(struct visit *visit, const char *how) {
    if (visit->step == leaving && visit->plan.waits_for_end && strcmp(how, "closed") == 0) {
        memcpy(ended[ended_count % ended_keys].key, visit->key, 8);
        ended[ended_count % ended_keys].at = now_ns();
        ended_count += 1;
        return finish(visit, "ok");
    }
    finish(visit, visit->is_fatal ? visit->state : how);
}

void failed_in_tls(struct visit *visit, int result) {
    int error = SSL_get_error(visit->tls, result);
    int code = errno;
    if (error == SSL_ERROR_ZERO_RETURN) return ended_by_peer(visit, "closed");
    unsigned long reason = ERR_peek_error();
    if (error == SSL_ERROR_SYSCALL || ERR_GET_REASON(reason) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return ended_by_peer(visit, error == SSL_ERROR_SYSCALL && (code == ECONNRESET || code == EPIPE) ? "reset" : "cut");
    const char *text = ERR_reason_error_string(reason);
    ended_by_peer(visit, text == NULL ? "TLS error" : text);
}

void leave(struct visit *visit) {
    static const uint8_t terminate[] = {'X', 0, 0, 0, 4};
    int result = SSL_write(visit->tls, terminate, sizeof terminate);
    if (result <= 0) return failed_in_tls(visit, result);
    visit->step = leaving;
    if (visit->plan.waits_for_end) return;
    SSL_shutdown(visit->tls);
    finish(visit, "ok");
}

// ---- Bytes

void await(struct visit *visit, uint32_t events) {
    if (visit->step == over || visit->events == events) return;
    visit->events = events;
    struct epoll_event event = {.events = events, .data.ptr = visit};
    if (epoll_ctl(around.poller, EPOLL_CTL_MOD, visit->socket, &event) != 0) fail("epoll_ctl");
}

bool put_plain(struct visit *visit, const void *bytes, size_t count) {
    if (send(visit->socket, bytes, count, MSG_NOSIGNAL) == (ssize_t)count) return true;
    ended_by_peer(visit, "reset");
    return false;
}

bool put(struct visit *visit, const void *bytes, size_t count) {
    int result = SSL_write(visit->tls, bytes, (int)count);
    if (result > 0) return true;
    failed_in_tls(visit, result);
    return false;
}

// ---- Time

static void send_cancel(struct visit *visit) {
    if (!visit->has_key) return finish(visit, "no key");
    struct visit *canceler = open_visit(plan_of(random_below(2) == 0 ? cancel_in_tls : cancel_plain), visit->host, visit->source);
    memcpy(canceler->key, visit->key, 8);
    // Some are gone when their query is canceled.
    if (random_below(4) == 0) return reset_now(visit);
    visit->canceler = canceler;
    canceler->canceled = visit;
    visit->wakes_at = now_ns() + 3000000000u;
}

void wake_visit(struct visit *visit, uint64_t now) {
    if (now > visit->deadline) return finish(visit, "timeout");
    if (visit->wakes_at == 0 || visit->wakes_at > now) return;
    visit->wakes_at = 0;
    switch (visit->step) {
    case pausing:
        visit->step = visit->resumes_at;
        await(visit, EPOLLIN);
        proceed(visit, visit->plan.at);
        // What came meanwhile may be in the TLS library already.
        if (visit->step > pausing && visit->step != over && visit->tls != NULL) read_tls(visit);
        return;
    case sleeping:
        if (visit->canceler == NULL) send_cancel(visit);
        return;
    case resting:
        if (visit->plan.kind == busy) ask(visit);
        return;
    default: return;
    }
}

/// The key of a session that ended a while ago; false when there is none.
static bool take_ended_key(struct visit *visit) {
    if (ended_count - taken_count > ended_keys) taken_count = ended_count - ended_keys;
    if (taken_count == ended_count || ended[taken_count % ended_keys].at + forgotten_after > now_ns()) return false;
    memcpy(visit->key, ended[taken_count % ended_keys].key, 8);
    taken_count += 1;
    return true;
}

struct visit *open_visit(struct plan plan, int host, unsigned source) {
    struct visit *visit = calloc(1, sizeof *visit);
    if (visit == NULL) fail("calloc");
    *visit = (struct visit){.plan = plan, .host = host, .source = source, .branch = no_branch, .low = confirmed()};
    visit->began = visit->since = now_ns();
    visit->deadline = visit->began + time_limit;
    visit->is_excused = around.is_excusing;
    visit->excuses = around.excuses;
    if (plan.kind == cancel_stale && !take_ended_key(visit)) visit->plan.kind = cancel_wrong;
    if (visit->plan.kind == cancel_wrong) {
        put_u32(visit->key, 3000000000u + random_below(1000000));
        put_u32(visit->key + 4, random_below(UINT32_MAX));
    }
    visit->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (visit->socket < 0) fail("socket");
    prepare_socket(visit->socket);
    int on = 1;
    setsockopt(visit->socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 256 + source)};
    if (bind(visit->socket, (struct sockaddr *)&address, sizeof address) != 0) fail("bind");
    address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(around.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(visit->socket, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS) {
        if (errno != ECONNREFUSED && errno != ECONNRESET) fail("connect");
        visit->connect_error = errno;
        around.is_refused = true;
    }
    visit->events = EPOLLOUT;
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = visit};
    if (epoll_ctl(around.poller, EPOLL_CTL_ADD, visit->socket, &event) != 0) fail("epoll_ctl");
    visit->next = around.first;
    if (around.first != NULL) around.first->previous = visit;
    around.first = visit;
    around.open[visit->plan.kind] += 1;
    return visit;
}

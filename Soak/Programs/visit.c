#include "visit.h"

#include "common.h"
#include "judge.h"
#include "routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { gss_request = 80877104, ended_keys = 4096 };

/// Longer than any limit of the gateway; in nanoseconds.
static const uint64_t time_limit = 60000000000u;
/// After this time no part of the gateway may know an ended session any more.
static const uint64_t forgotten_after = 12000000000u;

struct surroundings around;

/// Of sessions that ended in order, the last ones.
static struct {
    uint8_t key[8];
    uint64_t at;
} ended[ended_keys];
static unsigned long ended_count, taken_count;
static SSL_SESSION *ticket;

static void passed(struct visit *visit, enum stage stage);

// ---- Ends

static void finish(struct visit *visit, const char *outcome) {
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

static void reset_now(struct visit *visit) {
    struct linger linger = {.l_onoff = 1};
    setsockopt(visit->socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    finish(visit, "ok");
}

/// The peer has ended the connection; what it said before counts more than how.
static void ended_by_peer(struct visit *visit, const char *how) {
    if (visit->step == leaving && visit->plan.waits_for_end && strcmp(how, "closed") == 0) {
        memcpy(ended[ended_count % ended_keys].key, visit->key, 8);
        ended[ended_count % ended_keys].at = now_ns();
        ended_count += 1;
        return finish(visit, "ok");
    }
    finish(visit, visit->is_fatal ? visit->state : how);
}

static void failed_in_tls(struct visit *visit, int result) {
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

// ---- Writes

static void await(struct visit *visit, uint32_t events) {
    if (visit->step == over || visit->events == events) return;
    visit->events = events;
    struct epoll_event event = {.events = events, .data.ptr = visit};
    if (epoll_ctl(around.poller, EPOLL_CTL_MOD, visit->socket, &event) != 0) fail("epoll_ctl");
}

/// Writes into an empty socket; false when the visit has ended because of it.
static bool put_plain(struct visit *visit, const void *bytes, size_t count) {
    if (send(visit->socket, bytes, count, MSG_NOSIGNAL) == (ssize_t)count) return true;
    ended_by_peer(visit, "reset");
    return false;
}

static bool put(struct visit *visit, const void *bytes, size_t count) {
    int result = SSL_write(visit->tls, bytes, (int)count);
    if (result > 0) return true;
    failed_in_tls(visit, result);
    return false;
}

static size_t put_first_packet(const struct visit *visit, uint8_t *bytes) {
    static const char parameters[] = "user\0postgres\0database\0postgres\0application_name\0soak\0";
    size_t count = 8;
    put_u32(bytes + 4, protocol_version);
    switch (visit->plan.kind) {
    case old_protocol: put_u32(bytes + 4, 2 << 16); break;
    case nested: put_u32(bytes + 4, ssl_request); break;
    case cancel_in_tls:
    case cancel_plain:
    case cancel_wrong:
    case cancel_stale:
        put_u32(bytes + 4, cancel_request);
        memcpy(bytes + 8, visit->key, 8);
        count = 16;
        break;
    default: break;
    }
    if (count == 8 && visit->plan.kind != nested) {
        memcpy(bytes + 8, parameters, sizeof parameters);
        count += sizeof parameters;
    }
    put_u32(bytes, visit->plan.kind == malformed ? 1000000 : (uint32_t)count);
    return count;
}

static bool put_query(struct visit *visit, const char *text) {
    uint8_t bytes[128] = {'Q'};
    size_t count = strlen(text) + 1;
    put_u32(bytes + 1, (uint32_t)count + 4);
    memcpy(bytes + 5, text, count);
    return put(visit, bytes, count + 5);
}

static void ask(struct visit *visit) {
    const char *text = "SELECT current_setting('cluster_name')";
    if (visit->plan.kind == canceled) text = "SELECT pg_sleep(30)";
    if (visit->plan.is_cut_in_result) text = "SELECT repeat('x', 300000)";
    visit->deadline = now_ns() + time_limit;
    visit->step = querying;
    if (put_query(visit, text)) passed(visit, queried);
}

// ---- Steps

static void shake(struct visit *visit);

static void begin_tls(struct visit *visit) {
    static const unsigned char protocols[] = "\x0apostgresql";
    visit->tls = SSL_new(around.context);
    if (visit->tls == NULL || SSL_set_fd(visit->tls, visit->socket) != 1) fail("SSL_new");
    char name[64];
    const char *server_name = visit->host < 0 ? NULL : host_name(visit->host);
    if (visit->plan.kind == unknown_name) {
        snprintf(name, sizeof name, "nobody-%u.pg.soak.example.net", random_below(1000000));
        server_name = name;
    }
    if (server_name != NULL) SSL_set_tlsext_host_name(visit->tls, server_name);
    if (visit->plan.offers_alpn) SSL_set_alpn_protos(visit->tls, protocols, sizeof protocols - 1);
    if (visit->plan.resumes && ticket != NULL) SSL_set_session(visit->tls, ticket);
    SSL_set_connect_state(visit->tls);
    visit->step = shaking;
    visit->low = confirmed();
    visit->certificate_low = around.certificate_confirmed;
    if (visit->plan.at != half_hello) return shake(visit);
    // The ClientHello goes into memory, and out in two parts.
    SSL_set0_wbio(visit->tls, BIO_new(BIO_s_mem()));
    SSL_connect(visit->tls);
    char *bytes = NULL;
    long count = BIO_get_mem_data(SSL_get_wbio(visit->tls), &bytes);
    if (count > 2 && put_plain(visit, bytes, (size_t)count / 2)) passed(visit, half_hello);
}

static void send_other_half(struct visit *visit) {
    char *bytes = NULL;
    long count = BIO_get_mem_data(SSL_get_wbio(visit->tls), &bytes);
    visit->low = confirmed();
    visit->certificate_low = around.certificate_confirmed;
    if (!put_plain(visit, bytes + count / 2, (size_t)(count - count / 2))) return;
    SSL_set0_wbio(visit->tls, BIO_new_socket(visit->socket, BIO_NOCLOSE));
    visit->step = shaking;
    await(visit, EPOLLIN);
}

static bool has_right_certificate(struct visit *visit) {
    if (SSL_session_reused(visit->tls)) return true;
    const X509 *certificate = SSL_get0_peer_certificate(visit->tls);
    long number = certificate == NULL ? -1 : ASN1_INTEGER_get(X509_get0_serialNumber(certificate));
    return number >= (long)visit->certificate_low && number <= (long)around.certificate_published;
}

static void shake(struct visit *visit) {
    ERR_clear_error();
    int result = SSL_connect(visit->tls);
    if (result <= 0) {
        int error = SSL_get_error(visit->tls, result);
        if (error == SSL_ERROR_WANT_READ) return await(visit, EPOLLIN);
        if (error == SSL_ERROR_WANT_WRITE) return await(visit, EPOLLOUT);
        return failed_in_tls(visit, result);
    }
    if (!has_right_certificate(visit)) return finish(visit, "another certificate");
    visit->step = starting;
    await(visit, EPOLLIN);
    passed(visit, shaken);
}

static void begin(struct visit *visit) {
    static const char request[] = "GET / HTTP/1.1\r\nHost: example.net\r\n\r\n";
    uint8_t bytes[256];
    size_t count = 8;
    visit->step = leaving;
    await(visit, EPOLLIN);
    switch (visit->plan.kind) {
    case scan: return finish(visit, "ok");
    case silent: return;
    case foreign:
        put_plain(visit, request, sizeof request - 1);
        return;
    default: break;
    }
    switch (visit->plan.negotiation) {
    case no_tls:
        count = put_first_packet(visit, bytes);
        put_plain(visit, bytes, count);
        return;
    case direct_tls: return begin_tls(visit);
    case gss_first:
        visit->step = awaiting_gss_answer;
        put_u32(bytes, 8);
        put_u32(bytes + 4, gss_request);
        put_plain(visit, bytes, 8);
        return;
    case postgres_tls: break;
    }
    visit->step = awaiting_tls_answer;
    put_u32(bytes, 8);
    put_u32(bytes + 4, ssl_request);
    if (visit->plan.kind == stuffed) {
        put_u32(bytes + 8, 8);
        count = 12;
        visit->step = leaving;
    }
    if (put_plain(visit, bytes, count) && visit->plan.kind != stuffed) passed(visit, asked);
}

static void start(struct visit *visit) {
    uint8_t bytes[256];
    size_t count = put_first_packet(visit, bytes);
    visit->step = starting;
    if (visit->plan.at == half_startup) {
        if (put(visit, bytes, 11)) passed(visit, half_startup);
    } else if (put(visit, bytes, count)) {
        passed(visit, started);
    }
}

static void proceed(struct visit *visit, enum stage stage) {
    uint8_t bytes[256];
    switch (stage) {
    case connected: return begin(visit);
    case asked: return await(visit, EPOLLIN);
    case half_hello: return send_other_half(visit);
    case shaken: return start(visit);
    case half_startup: {
        size_t count = put_first_packet(visit, bytes);
        if (put(visit, bytes + 11, count - 11)) passed(visit, started);
        return;
    }
    case started: return await(visit, EPOLLIN);
    case ready:
        if (visit->plan.kind == held) {
            visit->step = resting;
            return;
        }
        return ask(visit);
    case queried:
        if (visit->plan.kind == canceled) {
            visit->step = sleeping;
            visit->wakes_at = now_ns() + 100000000u + random_below(300) * 1000000u;
        }
        return await(visit, EPOLLIN);
    default: return;
    }
}

/// Goes on behind a stage, unless the plan has something else.
static void passed(struct visit *visit, enum stage stage) {
    if (visit->step == over) return;
    if (visit->plan.at == stage && visit->plan.kind == reset) return reset_now(visit);
    if (visit->plan.at == stage && visit->plan.pause_ms > 0) {
        visit->resumes_at = visit->step;
        visit->step = pausing;
        visit->wakes_at = now_ns() + visit->plan.pause_ms * 1000000u;
        visit->plan.pause_ms = 0;
        return await(visit, 0);
    }
    proceed(visit, stage);
}

static void finish_query(struct visit *visit) {
    if (visit->plan.kind == busy && visit->branch != no_branch && visit->state[0] == 0) {
        around.round_trips += 1;
        // What was broken before did not end it.
        visit->is_excused = around.is_excusing;
        visit->excuses = around.excuses;
        visit->since = now_ns();
        if (around.busy_leave) return leave(visit);
        visit->step = resting;
        visit->deadline = UINT64_MAX;
        visit->wakes_at = now_ns() + (500 + random_below(3000)) * 1000000ull;
        return;
    }
    if (visit->plan.kind == canceled && strcmp(visit->state, "57014") != 0) return finish(visit, "not canceled");
    if (visit->plan.kind != canceled && visit->state[0] != 0) return finish(visit, visit->state);
    if (visit->plan.kind != canceled && visit->branch == no_branch) return finish(visit, "no row");
    visit->plan.queries -= 1;
    if (visit->plan.queries > 0) return ask(visit);
    if (visit->canceler == NULL) return leave(visit);
    visit->step = resting;
}

// ---- Reads

static void take_error(struct visit *visit) {
    const uint8_t *at = visit->body, *end = visit->body + visit->body_count;
    while (at < end && *at != 0) {
        const uint8_t *stop = memchr(at, 0, (size_t)(end - at));
        if (stop == NULL) break;
        if (*at == 'C') snprintf(visit->state, sizeof visit->state, "%s", (const char *)at + 1);
        if (*at == 'V') visit->is_fatal = strcmp((const char *)at + 1, "FATAL") == 0;
        at = stop + 1;
    }
}

static void take_row(struct visit *visit) {
    if (visit->plan.is_cut_in_result || visit->plan.kind == canceled || visit->body_count < 6) return;
    uint32_t length = get_u32(visit->body + 2);
    if (length > visit->body_count - 6) return;
    visit->body[6 + length] = 0;
    const char *name = (const char *)visit->body + 6;
    if (!accepts_branch(visit, branch_named(name, length), name)) finish(visit, "wrong branch");
}

static void take_message(struct visit *visit) {
    switch (visit->head[0]) {
    case 'E': return take_error(visit);
    case 'K':
        visit->has_key = visit->body_count == 8;
        if (visit->has_key) memcpy(visit->key, visit->body, 8);
        return;
    case 'D': return take_row(visit);
    case 'Z':
        if (visit->is_ready) return finish_query(visit);
        visit->is_ready = true;
        if (visit->plan.kind == busy) around.ready_busy += 1;
        if (visit->plan.kind == held) {
            around.ready_held += 1;
            visit->deadline = UINT64_MAX;
        }
        return passed(visit, ready);
    default: return;
    }
}

static void take(struct visit *visit, const uint8_t *bytes, size_t count) {
    while (count > 0 && visit->step != over) {
        if (visit->head_count < sizeof visit->head) {
            visit->head[visit->head_count] = *bytes;
            visit->head_count += 1;
            bytes += 1;
            count -= 1;
            if (visit->head_count < sizeof visit->head) continue;
            uint32_t length = get_u32(visit->head + 1);
            if (length < 4) return finish(visit, "no message");
            visit->to_read = length - 4;
            visit->body_count = 0;
        } else {
            size_t some = visit->to_read < count ? visit->to_read : count;
            size_t room = sizeof visit->body - 1 - visit->body_count;
            size_t kept = some < room ? some : room;
            memcpy(visit->body + visit->body_count, bytes, kept);
            visit->body_count += kept;
            visit->to_read -= some;
            bytes += some;
            count -= some;
        }
        if (visit->to_read > 0) {
            // Somewhere in a long row.
            if (visit->plan.is_cut_in_result && visit->head[0] == 'D' && visit->is_ready) return reset_now(visit);
            continue;
        }
        visit->head_count = 0;
        take_message(visit);
    }
}

static void read_tls(struct visit *visit) {
    static uint8_t bytes[chunk];
    while (visit->step != over && visit->step != pausing) {
        ERR_clear_error();
        errno = 0;
        int count = SSL_read(visit->tls, bytes, sizeof bytes);
        if (count <= 0) {
            if (SSL_get_error(visit->tls, count) != SSL_ERROR_WANT_READ) failed_in_tls(visit, count);
            return;
        }
        take(visit, bytes, (size_t)count);
    }
}

static void read_plain(struct visit *visit) {
    uint8_t bytes[1024];
    ssize_t count = recv(visit->socket, bytes, sizeof bytes, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return ended_by_peer(visit, count == 0 ? "closed" : "reset");
    take(visit, bytes, (size_t)count);
}

static void read_answer(struct visit *visit) {
    char answer = 0;
    ssize_t count = recv(visit->socket, &answer, 1, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return ended_by_peer(visit, count == 0 ? "closed" : "reset");
    if (visit->step == awaiting_gss_answer) {
        if (answer != 'N') return finish(visit, "GSSENCRequest not answered with N");
        uint8_t bytes[8];
        put_u32(bytes, 8);
        put_u32(bytes + 4, ssl_request);
        visit->step = awaiting_tls_answer;
        if (put_plain(visit, bytes, 8)) passed(visit, asked);
        return;
    }
    if (answer != 'S') return finish(visit, "SSLRequest not answered with S");
    if (visit->plan.kind == probe) return finish(visit, "ok");
    begin_tls(visit);
}

void serve_visit(struct visit *visit, uint32_t events) {
    int error = 0;
    socklen_t size = sizeof error;
    switch (visit->step) {
    case connecting:
        getsockopt(visit->socket, SOL_SOCKET, SO_ERROR, &error, &size);
        if (visit->connect_error != 0) error = visit->connect_error;
        if (error != 0) {
            around.is_refused = true;
            return finish(visit, error == ECONNREFUSED ? "refused" : error == ECONNRESET ? "reset" : strerror(error));
        }
        await(visit, EPOLLIN);
        return passed(visit, connected);
    case awaiting_gss_answer:
    case awaiting_tls_answer: return read_answer(visit);
    case shaking: return shake(visit);
    case pausing:
        // It asked for nothing, so this is the end; what came before may say why.
        if (!(events & (EPOLLHUP | EPOLLERR))) return;
        visit->step = visit->resumes_at;
        if (visit->tls != NULL && visit->step > pausing) read_tls(visit);
        return finish(visit, "reset");
    case over: return;
    default: break;
    }
    if (visit->tls == NULL) return read_plain(visit);
    read_tls(visit);
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

int keep_ticket(SSL *tls, SSL_SESSION *session) {
    (void)tls;
    if (ticket != NULL) SSL_SESSION_free(ticket);
    ticket = session;
    return 1;
}

#include "steps.h"

#include "common.h"
#include "routes.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

enum { gss_request = 80877104 };

static SSL_SESSION *ticket;

int keep_ticket(SSL *tls, SSL_SESSION *session) {
    (void)tls;
    if (ticket != NULL) SSL_SESSION_free(ticket);
    ticket = session;
    return 1;
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

void ask(struct visit *visit) {
    const char *text = "SELECT current_setting('cluster_name')";
    if (visit->plan.kind == canceled) text = "SELECT pg_sleep(30)";
    if (visit->plan.is_cut_in_result) text = "SELECT repeat('x', 300000)";
    visit->deadline = now_ns() + time_limit;
    visit->step = querying;
    if (put_query(visit, text)) passed(visit, queried);
}

// ---- Steps

void begin_tls(struct visit *visit) {
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

void shake(struct visit *visit) {
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

void proceed(struct visit *visit, enum stage stage) {
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

void passed(struct visit *visit, enum stage stage) {
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

void finish_query(struct visit *visit) {
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

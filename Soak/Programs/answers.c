#include "steps.h"

#include "common.h"
#include "judge.h"
#include "routes.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

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

void read_tls(struct visit *visit) {
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

// The floor: a relay that does what must be done and nothing else, with epoll and OpenSSL.
//
//   relay CERTIFICATE KEY BACKEND-PORT
//
// Terminates TLS on a free port of 127.0.0.1, which it prints, and relays to BACKEND-PORT. No hostnames, no limits, no
// time limits, no log. Ends with its standard input.

#include "common.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { buffer_size = 16384 };

struct session;

/// One of a session's two sockets, as epoll knows it.
struct leg {
    struct session *session;
    int socket;
    uint32_t events;
};

struct session {
    struct leg client, backend;
    SSL *tls;
    bool is_shaken, is_over;
    /// What one leg has sent and the other has not taken yet.
    uint8_t *to_backend, *to_client;
    size_t to_backend_count, to_client_count;
    struct session *next_over;
};

static int poller;
static SSL_CTX *context;
static uint16_t backend_port;
static struct session *over;

static void await(struct leg *leg, uint32_t events) {
    if (leg->events == events) return;
    leg->events = events;
    struct epoll_event event = {.events = events, .data.ptr = leg};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, leg->socket, &event) != 0) fail("epoll_ctl");
}

static void add(struct leg *leg, struct session *session, int socket, uint32_t events) {
    *leg = (struct leg){.session = session, .socket = socket, .events = events};
    struct epoll_event event = {.events = events, .data.ptr = leg};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event) != 0) fail("epoll_ctl");
}

/// Freed after the events at hand, of which another may be this session's.
static void end(struct session *session) {
    if (session->is_over) return;
    session->is_over = true;
    session->next_over = over;
    over = session;
}

static void free_ended(void) {
    while (over != NULL) {
        struct session *session = over;
        over = session->next_over;
        SSL_free(session->tls);
        close(session->client.socket);
        if (session->backend.session != NULL) close(session->backend.socket);
        free(session->to_backend);
        free(session->to_client);
        free(session);
    }
}

static bool flush_to_backend(struct session *session) {
    while (session->to_backend_count > 0) {
        ssize_t written = send(session->backend.socket, session->to_backend, session->to_backend_count, MSG_NOSIGNAL);
        if (written < 0) return errno == EAGAIN || errno == ENOTCONN;
        session->to_backend_count -= (size_t)written;
        memmove(session->to_backend, session->to_backend + written, session->to_backend_count);
    }
    return true;
}

static bool flush_to_client(struct session *session) {
    if (session->to_client_count == 0) return true;
    int written = SSL_write(session->tls, session->to_client, (int)session->to_client_count);
    if (written <= 0) return SSL_get_error(session->tls, written) == SSL_ERROR_WANT_WRITE;
    session->to_client_count = 0;
    return true;
}

/// Reads as long as the other side takes it; false when the session is over.
static bool pump_to_backend(struct session *session) {
    for (;;) {
        if (!flush_to_backend(session)) return false;
        if (session->to_backend_count > 0) return true;
        int count = SSL_read(session->tls, session->to_backend, buffer_size);
        if (count <= 0) return SSL_get_error(session->tls, count) == SSL_ERROR_WANT_READ;
        session->to_backend_count = (size_t)count;
    }
}

static bool pump_to_client(struct session *session) {
    for (;;) {
        if (!flush_to_client(session)) return false;
        if (session->to_client_count > 0) return true;
        ssize_t count = recv(session->backend.socket, session->to_client, buffer_size, 0);
        if (count < 0) return errno == EAGAIN || errno == ENOTCONN;
        if (count == 0) return false;
        session->to_client_count = (size_t)count;
        if (count < buffer_size) return flush_to_client(session);
    }
}

static void await_both(struct session *session) {
    await(&session->client,
          (session->to_backend_count == 0 ? EPOLLIN : 0) | (session->to_client_count > 0 ? EPOLLOUT : 0));
    await(&session->backend,
          (session->to_client_count == 0 ? EPOLLIN : 0) | (session->to_backend_count > 0 ? EPOLLOUT : 0));
}

static void serve(void *of, uint32_t events) {
    struct leg *leg = of;
    struct session *session = leg->session;
    if (session->is_over) return;
    if (!session->is_shaken) {
        int result = SSL_accept(session->tls);
        if (result <= 0) {
            int error = SSL_get_error(session->tls, result);
            if (error == SSL_ERROR_WANT_WRITE) await(leg, EPOLLOUT);
            else if (error == SSL_ERROR_WANT_READ) await(leg, EPOLLIN);
            else end(session);
            ERR_clear_error();
            return;
        }
        session->is_shaken = true;
        session->to_backend = malloc(buffer_size);
        session->to_client = malloc(buffer_size);
        if (session->to_backend == NULL || session->to_client == NULL) fail("malloc");
        add(&session->backend, session, connect_to(backend_port), EPOLLIN);
    }
    bool goes_on = true;
    if (leg == &session->client || events & EPOLLOUT) goes_on = pump_to_backend(session);
    if (goes_on && (leg == &session->backend || events & EPOLLOUT)) goes_on = pump_to_client(session);
    if (!goes_on) {
        ERR_clear_error();
        end(session);
        return;
    }
    await_both(session);
}

static void accepted(int socket) {
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL) fail("calloc");
    session->tls = SSL_new(context);
    if (session->tls == NULL || SSL_set_fd(session->tls, socket) != 1) fail("SSL_new");
    SSL_set_accept_state(session->tls);
    add(&session->client, session, socket, EPOLLIN);
}

static int choose_alpn(SSL *tls, const unsigned char **out, unsigned char *count, const unsigned char *offered,
                       unsigned int offered_count, void *argument) {
    (void)tls;
    (void)argument;
    static const unsigned char own[] = "\x0apostgresql";
    if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, count, own, sizeof own - 1, offered, offered_count) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

int main(int count, char **arguments) {
    if (count != 4) {
        fputs("usage: relay CERTIFICATE KEY BACKEND-PORT\n", stderr);
        return 64;
    }
    raise_descriptor_limit();
    context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || SSL_CTX_use_certificate_chain_file(context, arguments[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, arguments[2], SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        return 1;
    }
    backend_port = (uint16_t)number(arguments[3], "BACKEND-PORT", 1, 65535);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(context, choose_alpn, NULL);
    // As the gateway: no session is resumed, so that every connect is a whole handshake.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);

    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) fail("epoll_create1");
    serve_clients(poller, 0, accepted, serve, free_ended);
}

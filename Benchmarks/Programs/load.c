// The load: clients that speak just enough of PostgreSQL's protocol, over TLS, in one thread with epoll.
//
//   load query   PORT NAME SESSIONS ROUNDS     each session does ROUNDS round trips, one after the other
//   load connect PORT NAME COUNT RATE AT-ONCE  COUNT connections, a whole handshake each; RATE a second, 0: no pause
//   load down    PORT NAME SESSIONS MEGABYTES  each session reads MEGABYTES
//   load up      PORT NAME SESSIONS MEGABYTES  each session sends MEGABYTES
//   load idle    PORT NAME SESSIONS            opens them, says so, and holds them until standard input ends
//
// NAME is sent as TLS server name. The variable NEGOTIATION says how TLS begins: "direct" (default) or "postgres"
// (SSLRequest first). Prints one JSON object; latencies are in microseconds. Any failed connection ends it with 1.

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

enum { copy_size = 8192 };

enum kind { query, connects, down, up, idle };

enum step { connecting, asking, shaking, starting, working, leaving };

struct session {
    int socket;
    uint32_t events;
    enum step step;
    SSL *tls;
    /// When the connection, or the round trip at hand, began.
    uint64_t began;
    long rounds_left;
    /// Of the message that is being read.
    uint8_t head[5];
    size_t head_count, to_skip;
    /// Still to be sent by `up`, in bytes.
    uint64_t to_send;
};

static int poller;
static SSL_CTX *context;
static enum kind kind;
static uint16_t port;
static const char *server_name;
static bool asks_first;
/// Round trips of `query`, or megabytes.
static long amount;

static uint32_t *latencies;
static size_t latency_count, latency_room;
static long open_sessions, done_sessions;

static void note(uint64_t began) {
    if (latency_count == latency_room) {
        latency_room = latency_room == 0 ? 65536 : latency_room * 2;
        latencies = realloc(latencies, latency_room * sizeof *latencies);
        if (latencies == NULL) fail("realloc");
    }
    uint64_t passed = (now_ns() - began) / 100;
    latencies[latency_count] = passed > UINT32_MAX ? UINT32_MAX : (uint32_t)passed;
    latency_count += 1;
}

static void await(struct session *session, uint32_t events) {
    if (session->events == events) return;
    session->events = events;
    struct epoll_event event = {.events = events, .data.ptr = session};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, session->socket, &event) != 0) fail("epoll_ctl");
}

static void open_session(void) {
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL) fail("calloc");
    session->began = now_ns();
    session->socket = connect_to(port);
    session->events = EPOLLOUT;
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = session};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, session->socket, &event) != 0) fail("epoll_ctl");
    open_sessions += 1;
}

static void close_session(struct session *session) {
    static const uint8_t terminate[] = {'X', 0, 0, 0, 4};
    SSL_write(session->tls, terminate, sizeof terminate);
    SSL_shutdown(session->tls);
    ERR_clear_error();
    SSL_free(session->tls);
    close(session->socket);
    free(session);
    open_sessions -= 1;
    done_sessions += 1;
}

/// Writes what always fits into an empty socket.
static void put(struct session *session, const void *bytes, size_t count) {
    if (SSL_write(session->tls, bytes, (int)count) != (int)count) fail("a session took no more");
}

static void put_query(struct session *session, const char *text) {
    uint8_t bytes[64] = {'Q'};
    size_t count = strlen(text) + 1;
    put_u32(bytes + 1, (uint32_t)count + 4);
    memcpy(bytes + 5, text, count);
    put(session, bytes, count + 5);
}

static void put_startup(struct session *session) {
    static const char parameters[] = "user\0bench\0database\0bench\0";
    uint8_t bytes[64];
    put_u32(bytes, 8 + sizeof parameters);
    put_u32(bytes + 4, protocol_version);
    memcpy(bytes + 8, parameters, sizeof parameters);
    put(session, bytes, 8 + sizeof parameters);
}

/// Sends CopyData as long as the socket takes it, then CopyDone.
static void put_copy(struct session *session) {
    static uint8_t bytes[5 + copy_size] = {'d'};
    put_u32(bytes + 1, copy_size + 4);
    while (session->to_send > 0) {
        int written = SSL_write(session->tls, bytes, sizeof bytes);
        if (written <= 0) {
            if (SSL_get_error(session->tls, written) != SSL_ERROR_WANT_WRITE) fail("a session ended while it sent");
            return await(session, EPOLLIN | EPOLLOUT);
        }
        session->to_send -= session->to_send < copy_size ? session->to_send : copy_size;
    }
    static const uint8_t done[] = {'c', 0, 0, 0, 4};
    int written = SSL_write(session->tls, done, sizeof done);
    if (written <= 0) return await(session, EPOLLIN | EPOLLOUT);
    session->rounds_left = 0;
    await(session, EPOLLIN);
}

/// What comes after a ReadyForQuery; false when the session has done its work.
static bool go_on(struct session *session) {
    if (session->step == starting) {
        if (kind != query) note(session->began);
        session->step = working;
        session->rounds_left = kind == query ? amount : 1;
        if (kind == connects) return false;
        if (kind == idle) {
            done_sessions += 1;
            return true;
        }
    } else if (kind == query) {
        note(session->began);
        session->rounds_left -= 1;
        if (session->rounds_left == 0) return false;
    } else {
        return false;
    }
    session->began = now_ns();
    char text[32];
    switch (kind) {
    case query: put_query(session, "SELECT 1"); break;
    case down:
        snprintf(text, sizeof text, "down %ld", amount * 1000000);
        put_query(session, text);
        break;
    default:
        put_query(session, "up");
        session->to_send = (uint64_t)amount * 1000000;
        put_copy(session);
    }
    return true;
}

/// Reads messages; false when the session has done its work.
static bool take(struct session *session, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        if (session->to_skip > 0) {
            size_t skipped = session->to_skip < count ? session->to_skip : count;
            session->to_skip -= skipped;
            bytes += skipped;
            count -= skipped;
        } else {
            session->head[session->head_count] = *bytes;
            session->head_count += 1;
            bytes += 1;
            count -= 1;
            if (session->head_count < sizeof session->head) continue;
            uint32_t length = get_u32(session->head + 1);
            errno = 0;
            if (length < 4) fail("a message of %u bytes", length);
            session->to_skip = length - 4;
        }
        if (session->head_count < sizeof session->head || session->to_skip > 0) continue;
        session->head_count = 0;
        errno = 0;
        if (session->head[0] == 'E') fail("the server answered with an error");
        if (session->head[0] == 'Z' && !go_on(session)) return false;
    }
    return true;
}

static void begin_tls(struct session *session) {
    session->tls = SSL_new(context);
    static const unsigned char protocols[] = "\x0apostgresql";
    if (session->tls == NULL || SSL_set_fd(session->tls, session->socket) != 1 ||
        SSL_set_tlsext_host_name(session->tls, server_name) != 1 ||
        SSL_set_alpn_protos(session->tls, protocols, sizeof protocols - 1) != 0)
        fail("SSL_new");
    SSL_set_connect_state(session->tls);
    session->step = shaking;
}

static void serve(struct session *session, uint32_t events) {
    static uint8_t bytes[chunk];
    if (session->step == connecting) {
        if (asks_first) {
            uint8_t request[8];
            put_u32(request, 8);
            put_u32(request + 4, ssl_request);
            if (send(session->socket, request, sizeof request, MSG_NOSIGNAL) != sizeof request) fail("SSLRequest");
            session->step = asking;
            return await(session, EPOLLIN);
        }
        begin_tls(session);
    }
    if (session->step == asking) {
        char answer = 0;
        ssize_t count = recv(session->socket, &answer, 1, 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count != 1 || answer != 'S') fail("SSLRequest was not answered with S");
        begin_tls(session);
    }
    if (session->step == shaking) {
        int result = SSL_connect(session->tls);
        if (result <= 0) {
            int error = SSL_get_error(session->tls, result);
            if (error == SSL_ERROR_WANT_READ) return await(session, EPOLLIN);
            if (error == SSL_ERROR_WANT_WRITE) return await(session, EPOLLOUT);
            ERR_print_errors_fp(stderr);
            fail("handshake");
        }
        session->step = starting;
        put_startup(session);
        await(session, EPOLLIN);
    }
    if (events & EPOLLOUT && session->step == working && kind == up && session->rounds_left > 0) put_copy(session);
    for (;;) {
        int count = SSL_read(session->tls, bytes, sizeof bytes);
        if (count <= 0) {
            if (SSL_get_error(session->tls, count) == SSL_ERROR_WANT_READ) return;
            fail("a session was ended");
        }
        if (!take(session, bytes, (size_t)count)) return close_session(session);
    }
}

static int compare(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static double quantile(double of) {
    if (latency_count == 0) return 0;
    size_t index = (size_t)(of * (double)(latency_count - 1) + 0.5);
    return latencies[index] / 10.0;
}

static void report(uint64_t began) {
    double seconds = (double)(now_ns() - began) / 1e9;
    qsort(latencies, latency_count, sizeof *latencies, compare);
    printf("{\"seconds\": %.6f, \"samples\": %zu, \"p50\": %.1f, \"p95\": %.1f, \"p99\": %.1f, \"max\": %.1f}\n", seconds,
           latency_count, quantile(0.5), quantile(0.95), quantile(0.99), quantile(1));
    fflush(stdout);
}

/// Waits for at most a time, in milliseconds; false when standard input has ended.
static bool turn(int timeout) {
    struct epoll_event events[events_at_once];
    int ready = epoll_wait(poller, events, events_at_once, timeout);
    if (ready < 0 && errno != EINTR) fail("epoll_wait");
    for (int index = 0; index < ready; index += 1) {
        if (events[index].data.ptr == NULL) {
            char ignored[64];
            if (read(STDIN_FILENO, ignored, sizeof ignored) <= 0) return false;
        } else {
            serve(events[index].data.ptr, events[index].events);
        }
    }
    return true;
}

/// Opens connections at their times, not when others have ended: a relay that stalls is charged for all that wait.
static void run_connects(long count, long rate, long at_once, uint64_t began) {
    long opened = 0;
    while (done_sessions < count) {
        uint64_t passed = now_ns() - began;
        while (opened < count && open_sessions < at_once &&
               (rate == 0 || (uint64_t)opened * 1000000000u / (uint64_t)rate <= passed)) {
            open_session();
            opened += 1;
        }
        turn(opened < count && rate > 0 ? 1 : 1000);
    }
}

static void usage(void) {
    fputs("usage: load query|connect|down|up|idle PORT NAME NUMBER...; the head of load.c has what they mean\n", stderr);
    exit(64);
}

int main(int count, char **arguments) {
    static const char *const names[] = {"query", "connect", "down", "up", "idle"};
    static const int wanted[] = {6, 7, 6, 6, 5};
    if (count < 2) usage();
    while (strcmp(arguments[1], names[kind]) != 0) {
        if (kind == idle) usage();
        kind += 1;
    }
    if (count != wanted[kind]) usage();
    port = (uint16_t)number(arguments[2], "PORT", 1, 65535);
    server_name = arguments[3];
    long sessions = number(arguments[4], "NUMBER", 1, 100000000);
    if (kind == query || kind == down || kind == up) amount = number(arguments[5], "NUMBER", 1, 100000000);
    const char *negotiation = getenv("NEGOTIATION");
    asks_first = negotiation != NULL && strcmp(negotiation, "postgres") == 0;

    raise_descriptor_limit();
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) fail("SSL_CTX_new");
    // What the clients check costs the relay nothing.
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) fail("epoll_create1");

    uint64_t began = now_ns();
    switch (kind) {
    case connects:
        run_connects(sessions, number(arguments[5], "RATE", 0, 1000000),
                     number(arguments[6], "AT-ONCE", 1, 100000), began);
        break;
    case idle: {
        for (long opened = 0; done_sessions < sessions;) {
            // A few at a time: a relay may pace its handshakes.
            while (opened < sessions && opened - done_sessions < 32) {
                open_session();
                opened += 1;
            }
            turn(1000);
        }
        report(began);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
        // A file in place of a terminal or a pipe cannot be waited for.
        if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) return 0;
        while (turn(-1)) {
        }
        return 0;
    }
    default:
        for (long opened = 0; opened < sessions; opened += 1) open_session();
        while (done_sessions < sessions) turn(1000);
    }
    report(began);
    return 0;
}

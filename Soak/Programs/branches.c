// Stand-ins for the servers of many branches: one process that listens on many ports, each with its branch's name.
//
//   branches FIRST-PROCESS
//
// Reads commands from standard input, one a line, and answers each with one line when it has taken effect:
//
//   open PORT NAME   a server starts: it accepts, and answers every simple query with one row that has NAME
//   close PORT       a server stops: its sessions hear FATAL 57P01, and nothing listens any more
//   report           {"sessions": N, "cancels": N, "late": N, "errors": N}
//
// Two queries are different: pg_sleep(N) is answered after N seconds, or with 57014 when it is canceled, also when its
// client has gone meanwhile, as PostgreSQL does it; repeat('x', N) with a row of N bytes. Process ids begin with
// FIRST-PROCESS. A cancel request at another server than the one whose key it has, or with the key of no session, is an
// error, printed as "error: ..."; with the key of a session that ended a moment ago it is late, and counted. Ends with its
// standard input.

#include "common.h"
#include "lines.h"
#include "peer.h"

#include <errno.h>
#include <signal.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { most_servers = 1024, buckets = 65536, name_size = 64 };

/// What epoll's pointers begin with.
enum what { is_server, is_client };

struct server {
    enum what what;
    int listener;
    uint16_t port;
    char name[name_size];
    bool is_open;
};

struct client {
    enum what what;
    struct peer peer;
    uint16_t port;
    char name[name_size];
    bool is_over, has_key, has_gone;
    uint32_t process, secret;
    /// When a query that sleeps ends; 0 when none does.
    uint64_t sleeps_until;
    struct client *next, *previous, *next_of_bucket;
};

static int poller;
static struct server servers[most_servers];
static size_t server_count;
static struct client *clients, *over;
static struct client *keys[buckets];
/// Of sessions that have ended, the last of each bucket.
static struct {
    uint32_t process, secret;
    uint16_t port;
    uint64_t at;
} ended[buckets];
/// As long as the gateway waits for a client to close; in nanoseconds. Until then a request may be on its way.
static const uint64_t late_for = 6000000000u;
static uint32_t processes;
static long sessions, cancels, late, errors;

static void put_error_line(const char *text, const struct client *client) {
    errors += 1;
    printf("error: %s at %s (port %u, process %u)\n", text, client->name, client->port, client->process);
    fflush(stdout);
}

static void forget_key(struct client *client) {
    if (!client->has_key) return;
    client->has_key = false;
    sessions -= 1;
    size_t bucket = client->process % buckets;
    ended[bucket].process = client->process;
    ended[bucket].secret = client->secret;
    ended[bucket].port = client->port;
    ended[bucket].at = now_ns();
    struct client **at = &keys[client->process % buckets];
    while (*at != client) at = &(*at)->next_of_bucket;
    *at = client->next_of_bucket;
}

/// Freed after the events at hand, of which another may be this client's.
static void end(struct client *client) {
    if (client->is_over) return;
    client->is_over = true;
    forget_key(client);
    end_peer(&client->peer);
    if (client->previous != NULL) client->previous->next = client->next;
    if (client->next != NULL) client->next->previous = client->previous;
    if (clients == client) clients = client->next;
    client->next = over;
    over = client;
}

/// Lets a client in, with a key that is known until it leaves.
static bool start_session(struct client *client) {
    client->process = ++processes;
    client->secret = (uint32_t)(now_ns() * 2654435761u);
    client->has_key = true;
    client->next_of_bucket = keys[client->process % buckets];
    keys[client->process % buckets] = client;
    sessions += 1;
    return put_start(&client->peer, client->process, client->secret);
}

static bool put_error(struct client *client, const char *severity, const char *state, const char *text, bool goes_on) {
    uint8_t answer[256], body[192];
    int count = snprintf((char *)body, sizeof body, "S%s%cV%s%cC%s%cM%s%c", severity, 0, severity, 0, state, 0, text, 0);
    body[count] = 0;
    size_t length = message(answer, 'E', body, (size_t)count + 1);
    if (goes_on) length += message(answer + length, 'Z', "I", 1);
    return put(&client->peer, answer, length);
}

/// The number behind a word of a query; 0 when it is not in it.
static unsigned long argument(const char *query, const char *word) {
    const char *at = strstr(query, word);
    return at == NULL ? 0 : strtoul(at + strlen(word), NULL, 10);
}

static bool answer(struct client *client, char type, const char *body) {
    if (type == 'X') return false;
    if (type != 'Q') return true;
    unsigned long seconds = argument(body, "pg_sleep("), length = argument(body, "repeat('x', ");
    if (seconds > 0) {
        client->sleeps_until = now_ns() + seconds * 1000000000u;
        return true;
    }
    if (length == 0 || length > 10000000) return put_row(&client->peer, client->name, strlen(client->name));
    char *value = malloc(length);
    if (value == NULL) fail("malloc");
    memset(value, 'x', length);
    bool is_there = put_row(&client->peer, value, length);
    free(value);
    return is_there;
}

static void cancel(struct client *asker, uint32_t process, uint32_t secret) {
    cancels += 1;
    struct client *found = keys[process % buckets];
    while (found != NULL && (found->process != process || found->secret != secret)) found = found->next_of_bucket;
    asker->process = process;
    if (found == NULL && ended[process % buckets].process == process && ended[process % buckets].secret == secret) {
        if (ended[process % buckets].port != asker->port)
            return put_error_line("a cancel request for an ended session of another server", asker);
        if (ended[process % buckets].at + late_for < now_ns())
            return put_error_line("a cancel request with the key of a session that ended a while ago", asker);
        late += 1;
        return;
    }
    if (found == NULL) return put_error_line("a cancel request with the key of no session", asker);
    if (found->port != asker->port) return put_error_line("a cancel request for a session of another server", asker);
    if (found->sleeps_until == 0) return;
    found->sleeps_until = 0;
    if (!put_error(found, "ERROR", "57014", "canceling statement due to user request", true) || found->has_gone) end(found);
}

/// A first packet; false when the client is to be closed.
static bool begin(struct client *client, const uint8_t *body) {
    uint32_t code = get_u32(body);
    if (code == cancel_request) cancel(client, get_u32(body + 4), get_u32(body + 8));
    return code == protocol_version && start_session(client);
}

static bool take_from(struct peer *peer, char type, const uint8_t *body, size_t count) {
    (void)count;
    struct client *client = peer->pointer;
    return type == 0 ? begin(client, body) : answer(client, type, (const char *)body);
}

static bool serve(struct client *client, uint32_t events) {
    if (events & EPOLLOUT) {
        int rest = put_rest(&client->peer);
        if (rest > 0) await(&client->peer, EPOLLIN);
        return rest >= 0;
    }
    int read = read_messages(&client->peer, take_from);
    if (read == 0 && client->sleeps_until > 0) {
        // A server notices that its client has gone when its query is over.
        client->has_gone = true;
        await(&client->peer, 0);
        return true;
    }
    return read > 0;
}

static bool accept_one(struct server *server) {
    int socket = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    if (socket < 0) return false;
    prepare_socket(socket);
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) fail("calloc");
    client->what = is_client;
    client->port = server->port;
    client->next = clients;
    memcpy(client->name, server->name, sizeof client->name);
    if (clients != NULL) clients->previous = client;
    clients = client;
    begin_peer(&client->peer, socket, poller, client);
    return true;
}

static struct server *server_at(uint16_t port) {
    for (size_t index = 0; index < server_count; index += 1)
        if (servers[index].is_open && servers[index].port == port) return &servers[index];
    return NULL;
}

static void open_server(uint16_t port, const char *name) {
    size_t index = 0;
    while (index < server_count && servers[index].is_open) index += 1;
    if (index == most_servers) fail("too many servers");
    if (index == server_count) server_count += 1;
    struct server *server = &servers[index];
    *server = (struct server){.what = is_server, .port = port, .is_open = true, .listener = listen_on(&port)};
    snprintf(server->name, sizeof server->name, "%s", name);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = server};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, server->listener, &event) != 0) fail("epoll_ctl");
}

static void close_server(struct server *server) {
    // Those that wait in the queue came to this server, not to the next one at its port.
    while (accept_one(server)) {
    }
    for (struct client *client = clients, *next; client != NULL; client = next) {
        next = client->next;
        if (client->port != server->port) continue;
        if (client->peer.is_started)
            put_error(client, "FATAL", "57P01", "terminating connection due to administrator command", false);
        end(client);
    }
    close(server->listener);
    server->is_open = false;
}

/// False for a command that is none.
static bool obey(char *line) {
    unsigned port;
    char name[name_size];
    if (sscanf(line, "open %u %63s", &port, name) == 2) {
        open_server((uint16_t)port, name);
        printf("open %u\n", port);
    } else if (sscanf(line, "close %u", &port) == 1) {
        struct server *server = server_at((uint16_t)port);
        if (server == NULL) return false;
        close_server(server);
        printf("closed %u\n", port);
    } else if (strcmp(line, "report") == 0) {
        printf("{\"sessions\": %ld, \"cancels\": %ld, \"late\": %ld, \"errors\": %ld}\n", sessions, cancels, late, errors);
    } else {
        return false;
    }
    fflush(stdout);
    return true;
}

static void wake_sleepers(void) {
    uint64_t now = now_ns();
    for (struct client *client = clients, *next; client != NULL; client = next) {
        next = client->next;
        if (client->sleeps_until == 0 || client->sleeps_until > now) continue;
        client->sleeps_until = 0;
        if (client->has_gone || !put_row(&client->peer, "", 0)) end(client);
    }
}

int main(int count, char **arguments) {
    if (count != 2) {
        fputs("usage: branches FIRST-PROCESS; the head of branches.c has the commands\n", stderr);
        return 2;
    }
    processes = (uint32_t)number(arguments[1], "FIRST-PROCESS", 0, 2000000000);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) fail("epoll_create1");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) fail("epoll_ctl");
    struct lines lines = {.descriptor = STDIN_FILENO};
    for (;;) {
        struct epoll_event events[events_at_once];
        int ready = epoll_wait(poller, events, events_at_once, 100);
        if (ready < 0 && errno != EINTR) fail("epoll_wait");
        for (int index = 0; index < ready; index += 1) {
            void *of = events[index].data.ptr;
            if (of == NULL) {
                if (!read_lines(&lines, obey)) return 0;
            } else if (*(enum what *)of == is_server) {
                while (((struct server *)of)->is_open && accept_one(of)) {
                }
            } else if (!((struct client *)of)->is_over && !serve(of, events[index].events)) {
                end(of);
            }
        }
        wake_sleepers();
        while (over != NULL) {
            struct client *next = over->next;
            free(over);
            over = next;
        }
    }
}

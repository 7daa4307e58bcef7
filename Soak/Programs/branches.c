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

enum { longest_kept = 256, most_servers = 1024, buckets = 65536, name_size = 64 };

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
    int socket;
    uint16_t port;
    char name[name_size];
    bool is_started, is_over, has_key, has_gone;
    uint32_t process, secret;
    /// The head of a message, and what is kept of a query; longer ones are read and forgotten.
    uint8_t kept[longest_kept];
    size_t kept_count, to_skip;
    /// When a query that sleeps ends; 0 when none does.
    uint64_t sleeps_until;
    /// Written when the socket takes no more.
    uint8_t *pending;
    size_t pending_count, pending_offset;
    uint32_t events;
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
    close(client->socket);
    if (client->previous != NULL) client->previous->next = client->next;
    if (client->next != NULL) client->next->previous = client->previous;
    if (clients == client) clients = client->next;
    client->next = over;
    over = client;
}

static void await(struct client *client, uint32_t events) {
    if (client->events == events) return;
    client->events = events;
    struct epoll_event event = {.events = events, .data.ptr = client};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, client->socket, &event) != 0) fail("epoll_ctl");
}

/// Writes, or keeps the rest for later; false when the client has gone.
static bool put(struct client *client, const uint8_t *bytes, size_t count) {
    if (client->pending_count == 0) {
        ssize_t written = send(client->socket, bytes, count, MSG_NOSIGNAL);
        if (written < 0) {
            if (errno != EAGAIN) return false;
            written = 0;
        }
        bytes += written;
        count -= (size_t)written;
        if (count == 0) return true;
        client->pending_offset = 0;
    }
    uint8_t *grown = realloc(client->pending, client->pending_offset + client->pending_count + count);
    if (grown == NULL) fail("realloc");
    memcpy(grown + client->pending_offset + client->pending_count, bytes, count);
    client->pending = grown;
    client->pending_count += count;
    await(client, EPOLLOUT);
    return true;
}

static size_t message(uint8_t *at, char type, const void *body, size_t count) {
    at[0] = (uint8_t)type;
    put_u32(at + 1, (uint32_t)count + 4);
    memcpy(at + 5, body, count);
    return count + 5;
}

static bool put_start(struct client *client) {
    uint8_t answer[128], key[8];
    size_t count = message(answer, 'R', "\0\0\0", 4);
    count += message(answer + count, 'S', "server_version\0" "17.0", 20);
    client->process = ++processes;
    client->secret = (uint32_t)(now_ns() * 2654435761u);
    client->has_key = true;
    client->next_of_bucket = keys[client->process % buckets];
    keys[client->process % buckets] = client;
    sessions += 1;
    put_u32(key, client->process);
    put_u32(key + 4, client->secret);
    count += message(answer + count, 'K', key, 8);
    count += message(answer + count, 'Z', "I", 1);
    return put(client, answer, count);
}

static bool put_row(struct client *client, const void *value, size_t length) {
    // One column of type text.
    static const uint8_t description[] = "\0\1n\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0";
    uint8_t *answer = malloc(length + 128);
    if (answer == NULL) fail("malloc");
    size_t count = message(answer, 'T', description, sizeof description - 1 + 1);
    answer[count] = 'D';
    put_u32(answer + count + 1, (uint32_t)length + 10);
    answer[count + 5] = 0;
    answer[count + 6] = 1;
    put_u32(answer + count + 7, (uint32_t)length);
    memcpy(answer + count + 11, value, length);
    count += length + 11;
    count += message(answer + count, 'C', "SELECT 1", 9);
    count += message(answer + count, 'Z', "I", 1);
    bool is_there = put(client, answer, count);
    free(answer);
    return is_there;
}

static bool put_error(struct client *client, const char *severity, const char *state, const char *text, bool goes_on) {
    uint8_t answer[256], body[192];
    int count = snprintf((char *)body, sizeof body, "S%s%cV%s%cC%s%cM%s%c", severity, 0, severity, 0, state, 0, text, 0);
    body[count] = 0;
    size_t length = message(answer, 'E', body, (size_t)count + 1);
    if (goes_on) length += message(answer + length, 'Z', "I", 1);
    return put(client, answer, length);
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
    if (length == 0 || length > 10000000) return put_row(client, client->name, strlen(client->name));
    char *value = malloc(length);
    if (value == NULL) fail("malloc");
    memset(value, 'x', length);
    bool is_there = put_row(client, value, length);
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
static bool begin(struct client *client) {
    uint32_t code = get_u32(client->kept + 4);
    if (code == cancel_request) cancel(client, get_u32(client->kept + 8), get_u32(client->kept + 12));
    if (code != protocol_version) return false;
    client->is_started = true;
    return put_start(client);
}

/// Takes what arrived; false when the client is to be closed.
static bool take(struct client *client, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        if (client->to_skip > 0) {
            size_t skipped = client->to_skip < count ? client->to_skip : count;
            client->to_skip -= skipped;
            bytes += skipped;
            count -= skipped;
            continue;
        }
        // A first packet has no type; its length comes first, and counts itself.
        size_t type = client->is_started ? 1 : 0;
        size_t head = client->is_started ? 5 : 8;
        size_t wanted = head;
        if (client->kept_count >= head) wanted = get_u32(client->kept + type) + type;
        if (wanted < head) return false;
        size_t keeps = wanted < longest_kept - 1 ? wanted : longest_kept - 1;
        size_t taken = keeps - client->kept_count < count ? keeps - client->kept_count : count;
        memcpy(client->kept + client->kept_count, bytes, taken);
        client->kept_count += taken;
        bytes += taken;
        count -= taken;
        if (client->kept_count < keeps) return true;
        if (wanted == head && get_u32(client->kept + type) + type != head) continue;
        client->to_skip = wanted - client->kept_count;
        client->kept[client->kept_count] = 0;
        client->kept_count = 0;
        if (!(client->is_started ? answer(client, (char)client->kept[0], (char *)client->kept + 5) : begin(client)))
            return false;
    }
    return true;
}

static bool serve(struct client *client, uint32_t events) {
    static uint8_t bytes[chunk];
    if (events & EPOLLOUT) {
        while (client->pending_count > 0) {
            ssize_t written =
                send(client->socket, client->pending + client->pending_offset, client->pending_count, MSG_NOSIGNAL);
            if (written < 0) return errno == EAGAIN;
            client->pending_offset += (size_t)written;
            client->pending_count -= (size_t)written;
        }
        client->pending_offset = 0;
        if (client->pending_count == 0) await(client, EPOLLIN);
        return true;
    }
    ssize_t count = recv(client->socket, bytes, sizeof bytes, 0);
    if (count < 0) return errno == EAGAIN;
    if (count == 0 && client->sleeps_until > 0) {
        // A server notices that its client has gone when its query is over.
        client->has_gone = true;
        await(client, 0);
        return true;
    }
    return count > 0 && take(client, bytes, (size_t)count);
}

static bool accept_one(struct server *server) {
    int socket = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    if (socket < 0) return false;
    prepare_socket(socket);
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) fail("calloc");
    *client = (struct client){.what = is_client, .socket = socket, .port = server->port, .events = EPOLLIN, .next = clients};
    memcpy(client->name, server->name, sizeof client->name);
    if (clients != NULL) clients->previous = client;
    clients = client;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event) != 0) fail("epoll_ctl");
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
        if (client->is_started)
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
        if (client->has_gone || !put_row(client, "", 0)) end(client);
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
            free(over->pending);
            free(over);
            over = next;
        }
    }
}

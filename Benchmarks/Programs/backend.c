// A stand-in for a PostgreSQL server, so small that what is measured is the relay in front of it.
//
//   backend [PORT [NAME]]
//
// Listens on 127.0.0.1 (port 0, or none: any free one) and prints the port. It lets everybody in, and answers every
// simple query with one row that has NAME. Two queries are different: "down N" is answered with N bytes in rows of
// 8 KiB, and after "up" it reads CopyData until CopyDone. Ends with its standard input.

#include "common.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { row_size = 8192, longest_kept = 256 };

struct client {
    int socket;
    bool is_started;
    /// The head of a message, and what is kept of a query; longer ones are read and forgotten.
    uint8_t kept[longest_kept];
    size_t kept_count;
    /// Of the message that is being read, behind what is kept.
    size_t to_skip;
    /// Of a bulk answer.
    uint64_t rows_left;
    /// Written when the socket takes no more.
    uint8_t *pending;
    size_t pending_count, pending_offset;
    bool awaits_write;
};

static int poller;
static const char *name = "backend";
static uint8_t row[5 + 6 + row_size];
static uint32_t processes;

static void end(struct client *client) {
    close(client->socket);
    free(client->pending);
    free(client);
}

static void await(struct client *client, bool write) {
    if (client->awaits_write == write) return;
    client->awaits_write = write;
    struct epoll_event event = {.events = write ? EPOLLOUT : EPOLLIN, .data.ptr = client};
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
    await(client, true);
    return true;
}

static size_t message(uint8_t *at, char type, const void *body, size_t count) {
    at[0] = (uint8_t)type;
    put_u32(at + 1, (uint32_t)count + 4);
    memcpy(at + 5, body, count);
    return count + 5;
}

static bool put_ready(struct client *client) {
    uint8_t answer[64];
    size_t count = message(answer, 'C', "SELECT 1", 9);
    count += message(answer + count, 'Z', "I", 1);
    return put(client, answer, count);
}

static bool put_start(struct client *client) {
    uint8_t answer[128], key[8];
    size_t count = message(answer, 'R', "\0\0\0", 4);
    count += message(answer + count, 'S', "server_version\0" "17.0", 20);
    put_u32(key, ++processes);
    put_u32(key + 4, (uint32_t)now_ns());
    count += message(answer + count, 'K', key, 8);
    count += message(answer + count, 'Z', "I", 1);
    return put(client, answer, count);
}

static bool put_name(struct client *client) {
    uint8_t answer[512], body[256];
    // One column of type text.
    static const uint8_t description[] = "\0\1n\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0";
    size_t count = message(answer, 'T', description, sizeof description - 1 + 1);
    size_t length = strlen(name);
    body[0] = 0;
    body[1] = 1;
    put_u32(body + 2, (uint32_t)length);
    memcpy(body + 6, name, length);
    count += message(answer + count, 'D', body, length + 6);
    count += message(answer + count, 'C', "SELECT 1", 9);
    count += message(answer + count, 'Z', "I", 1);
    return put(client, answer, count);
}

/// The rest of a bulk answer, as far as the socket takes it.
static bool put_rows(struct client *client) {
    while (client->rows_left > 0 && client->pending_count == 0) {
        client->rows_left -= 1;
        if (!put(client, row, sizeof row)) return false;
        if (client->rows_left == 0) return put_ready(client);
    }
    return true;
}

static bool answer(struct client *client, char type, const uint8_t *body, size_t count) {
    switch (type) {
    case 'Q':
        if (count > 5 && memcmp(body, "down ", 5) == 0) {
            char digits[24] = {0};
            memcpy(digits, body + 5, count - 5 < 23 ? count - 5 : 23);
            client->rows_left = strtoull(digits, NULL, 10) / row_size;
            return client->rows_left == 0 ? put_ready(client) : put_rows(client);
        }
        if (count >= 2 && memcmp(body, "up", 2) == 0) return true;
        return put_name(client);
    case 'c': return put_ready(client);
    case 'X': return false;
    default: return true;
    }
}

/// Takes what arrived; false when the client is to be closed.
static bool take(struct client *client, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        if (client->to_skip > 0) {
            size_t skipped = client->to_skip < count ? client->to_skip : count;
            client->to_skip -= skipped;
            bytes += skipped;
            count -= skipped;
            if (client->to_skip > 0) return true;
            continue;
        }
        // A first packet has no type; its length comes first, and counts itself.
        size_t type = client->is_started ? 1 : 0;
        size_t head = client->is_started ? 5 : 8;
        size_t wanted = head;
        if (client->kept_count >= head) wanted = get_u32(client->kept + type) + type;
        if (wanted < head) return false;
        size_t keeps = wanted < longest_kept ? wanted : longest_kept;
        size_t taken = keeps - client->kept_count < count ? keeps - client->kept_count : count;
        memcpy(client->kept + client->kept_count, bytes, taken);
        client->kept_count += taken;
        bytes += taken;
        count -= taken;
        if (client->kept_count < keeps) return true;
        if (wanted == head && get_u32(client->kept + type) + type != head) continue;
        client->to_skip = wanted - client->kept_count;
        size_t kept = client->kept_count;
        client->kept_count = 0;
        if (client->is_started) {
            if (!answer(client, (char)client->kept[0], client->kept + 5, kept - 5)) return false;
        } else {
            if (get_u32(client->kept + 4) != protocol_version) return false;
            client->is_started = true;
            if (!put_start(client)) return false;
        }
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
        if (!put_rows(client)) return false;
        if (client->pending_count == 0) await(client, false);
        return true;
    }
    ssize_t count = recv(client->socket, bytes, sizeof bytes, 0);
    if (count < 0) return errno == EAGAIN;
    return count > 0 && take(client, bytes, (size_t)count);
}

static void accepted(int socket) {
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) fail("calloc");
    client->socket = socket;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event) != 0) fail("epoll_ctl");
}

static void served(void *client, uint32_t events) {
    if (!serve(client, events)) end(client);
}

int main(int count, char **arguments) {
    uint16_t port = count > 1 ? (uint16_t)number(arguments[1], "PORT", 0, 65535) : 0;
    if (count > 2) name = arguments[2];
    if (strlen(name) > 200) {
        errno = 0;
        fail("NAME may have 200 bytes");
    }
    raise_descriptor_limit();
    uint8_t *body = row + 5;
    row[0] = 'D';
    put_u32(row + 1, sizeof row - 1);
    body[1] = 1;
    put_u32(body + 2, row_size);
    memset(body + 6, 'x', row_size);

    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) fail("epoll_create1");
    serve_clients(poller, port, accepted, served, NULL);
}

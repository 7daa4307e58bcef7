// A stand-in for a PostgreSQL server, so small that what is measured is the relay in front of it.
//
//   backend [PORT [NAME]]
//
// Listens on 127.0.0.1 (port 0, or none: any free one) and prints the port. It lets everybody in, and answers every
// simple query with one row that has NAME. Two queries are different: "down N" is answered with N bytes in rows of
// 8 KiB, and after "up" it reads CopyData until CopyDone. Ends with its standard input.

#include "common.h"
#include "peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { row_size = 8192 };

struct client {
    /// First, so that a pointer to one is one to the other.
    struct peer peer;
    /// Of a bulk answer.
    uint64_t rows_left;
};

static int poller;
static const char *name = "backend";
static uint8_t row[5 + 6 + row_size];
static uint32_t processes;

/// The rest of a bulk answer, as far as the socket takes it.
static bool put_rows(struct client *client) {
    while (client->rows_left > 0 && client->peer.pending_count == 0) {
        client->rows_left -= 1;
        if (!put(&client->peer, row, sizeof row)) return false;
        if (client->rows_left == 0) return put_ready(&client->peer);
    }
    return true;
}

static bool answer(struct peer *peer, char type, const uint8_t *body, size_t count) {
    struct client *client = (struct client *)peer;
    switch (type) {
    case 0: return get_u32(body) == protocol_version && put_start(peer, ++processes, (uint32_t)now_ns());
    case 'Q':
        if (count > 5 && memcmp(body, "down ", 5) == 0) {
            char digits[24] = {0};
            memcpy(digits, body + 5, count - 5 < 23 ? count - 5 : 23);
            client->rows_left = strtoull(digits, NULL, 10) / row_size;
            return client->rows_left == 0 ? put_ready(peer) : put_rows(client);
        }
        if (count >= 2 && memcmp(body, "up", 2) == 0) return true;
        return put_row(peer, name, strlen(name));
    case 'c': return put_ready(peer);
    case 'X': return false;
    default: return true;
    }
}

static bool serve(struct client *client, uint32_t events) {
    if (!(events & EPOLLOUT)) return read_messages(&client->peer, answer) > 0;
    int rest = put_rest(&client->peer);
    if (rest <= 0) return rest == 0;
    if (!put_rows(client)) return false;
    if (client->peer.pending_count == 0) await(&client->peer, EPOLLIN);
    return true;
}

static void accepted(int socket) {
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) fail("calloc");
    begin_peer(&client->peer, socket, poller, client);
}

static void served(void *client, uint32_t events) {
    if (serve(client, events)) return;
    end_peer(&((struct client *)client)->peer);
    free(client);
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

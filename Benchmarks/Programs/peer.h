// A client as a stand-in for a PostgreSQL server has it: its messages, which arrive in pieces, and what waits to be written.
#ifndef FROST_BENCHMARK_PEER_H
#define FROST_BENCHMARK_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { longest_kept = 256 };

struct peer {
    int socket, poller;
    /// What epoll hands out for it.
    void *pointer;
    /// What epoll looks for.
    uint32_t events;
    bool is_started;
    /// The head of a message, and what is kept of its body, with a zero behind; longer ones are read and forgotten.
    uint8_t kept[longest_kept + 1];
    size_t kept_count;
    /// Of the message that is being read, behind what is kept.
    size_t to_skip;
    /// Written when the socket takes no more.
    uint8_t *pending;
    size_t pending_count, pending_offset;
};

/// Takes a message's type, 0 for a first packet, and what was kept of its body; false when the client is to be closed.
typedef bool take_message(struct peer *peer, char type, const uint8_t *body, size_t count);

/// Begins to look for input on a socket.
void begin_peer(struct peer *peer, int socket, int poller, void *pointer);

/// Closes the socket, and forgets what was to be written.
void end_peer(struct peer *peer);

void await(struct peer *peer, uint32_t events);

/// Writes, or keeps the rest for later; false when the client has gone.
bool put(struct peer *peer, const uint8_t *bytes, size_t count);

/// Writes what was kept: 1 when all of it is out, 0 when some still waits, -1 when the client has gone.
int put_rest(struct peer *peer);

/// Takes what arrived; false when the client is to be closed. A client is started when its first packet was taken.
bool take(struct peer *peer, const uint8_t *bytes, size_t count, take_message *message);

/// Reads once, and takes what arrived: 1 when the client goes on, 0 when it has ended its output, -1 when it is to be closed.
int read_messages(struct peer *peer, take_message *message);

/// Makes a message; returns its length.
size_t message(uint8_t *at, char type, const void *body, size_t count);

/// Lets a client in: AuthenticationOk, server_version, BackendKeyData, ReadyForQuery.
bool put_start(struct peer *peer, uint32_t process, uint32_t secret);

/// One row with one text, and ReadyForQuery.
bool put_row(struct peer *peer, const void *value, size_t length);

/// The end of a query that was answered, and ReadyForQuery.
bool put_ready(struct peer *peer);

#endif

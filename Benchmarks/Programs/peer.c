#include "peer.h"

#include "common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void begin_peer(struct peer *peer, int socket, int poller, void *pointer) {
    *peer = (struct peer){.socket = socket, .poller = poller, .pointer = pointer, .events = EPOLLIN};
    struct epoll_event event = {.events = peer->events, .data.ptr = pointer};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event) != 0) fail("epoll_ctl");
}

void end_peer(struct peer *peer) {
    close(peer->socket);
    free(peer->pending);
    peer->pending = NULL;
}

void await(struct peer *peer, uint32_t events) {
    if (peer->events == events) return;
    peer->events = events;
    struct epoll_event event = {.events = events, .data.ptr = peer->pointer};
    if (epoll_ctl(peer->poller, EPOLL_CTL_MOD, peer->socket, &event) != 0) fail("epoll_ctl");
}

bool put(struct peer *peer, const uint8_t *bytes, size_t count) {
    if (peer->pending_count == 0) {
        ssize_t written = send(peer->socket, bytes, count, MSG_NOSIGNAL);
        if (written < 0) {
            if (errno != EAGAIN) return false;
            written = 0;
        }
        bytes += written;
        count -= (size_t)written;
        if (count == 0) return true;
        peer->pending_offset = 0;
    }
    uint8_t *grown = realloc(peer->pending, peer->pending_offset + peer->pending_count + count);
    if (grown == NULL) fail("realloc");
    memcpy(grown + peer->pending_offset + peer->pending_count, bytes, count);
    peer->pending = grown;
    peer->pending_count += count;
    await(peer, EPOLLOUT);
    return true;
}

int put_rest(struct peer *peer) {
    while (peer->pending_count > 0) {
        ssize_t written = send(peer->socket, peer->pending + peer->pending_offset, peer->pending_count, MSG_NOSIGNAL);
        if (written < 0) return errno == EAGAIN ? 0 : -1;
        peer->pending_offset += (size_t)written;
        peer->pending_count -= (size_t)written;
    }
    peer->pending_offset = 0;
    return 1;
}

bool take(struct peer *peer, const uint8_t *bytes, size_t count, take_message *message) {
    while (count > 0) {
        if (peer->to_skip > 0) {
            size_t skipped = peer->to_skip < count ? peer->to_skip : count;
            peer->to_skip -= skipped;
            bytes += skipped;
            count -= skipped;
            continue;
        }
        // A first packet has no type; its length comes first, and counts itself.
        size_t type = peer->is_started ? 1 : 0;
        size_t head = peer->is_started ? 5 : 8;
        size_t wanted = head;
        if (peer->kept_count >= head) wanted = get_u32(peer->kept + type) + type;
        if (wanted < head) return false;
        size_t keeps = wanted < longest_kept ? wanted : longest_kept;
        size_t taken = keeps - peer->kept_count < count ? keeps - peer->kept_count : count;
        memcpy(peer->kept + peer->kept_count, bytes, taken);
        peer->kept_count += taken;
        bytes += taken;
        count -= taken;
        if (peer->kept_count < keeps) return true;
        if (wanted == head && get_u32(peer->kept + type) + type != head) continue;
        size_t kept = peer->kept_count;
        peer->to_skip = wanted - kept;
        peer->kept[kept] = 0;
        peer->kept_count = 0;
        size_t before_body = type + 4;
        if (!message(peer, peer->is_started ? (char)peer->kept[0] : 0, peer->kept + before_body, kept - before_body)) return false;
        peer->is_started = true;
    }
    return true;
}

int read_messages(struct peer *peer, take_message *message) {
    static uint8_t bytes[chunk];
    ssize_t count = recv(peer->socket, bytes, sizeof bytes, 0);
    if (count < 0) return errno == EAGAIN ? 1 : -1;
    if (count == 0) return 0;
    return take(peer, bytes, (size_t)count, message) ? 1 : -1;
}

size_t message(uint8_t *at, char type, const void *body, size_t count) {
    at[0] = (uint8_t)type;
    put_u32(at + 1, (uint32_t)count + 4);
    memcpy(at + 5, body, count);
    return count + 5;
}

bool put_start(struct peer *peer, uint32_t process, uint32_t secret) {
    uint8_t answer[128], key[8];
    size_t count = message(answer, 'R', "\0\0\0", 4);
    count += message(answer + count, 'S', "server_version\0" "17.0", 20);
    put_u32(key, process);
    put_u32(key + 4, secret);
    count += message(answer + count, 'K', key, 8);
    count += message(answer + count, 'Z', "I", 1);
    return put(peer, answer, count);
}

bool put_row(struct peer *peer, const void *value, size_t length) {
    // One column of type text.
    static const uint8_t description[] = "\0\1n\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0";
    uint8_t small[512], *answer = small;
    if (length + 128 > sizeof small && (answer = malloc(length + 128)) == NULL) fail("malloc");
    size_t count = message(answer, 'T', description, sizeof description);
    answer[count] = 'D';
    put_u32(answer + count + 1, (uint32_t)length + 10);
    answer[count + 5] = 0;
    answer[count + 6] = 1;
    put_u32(answer + count + 7, (uint32_t)length);
    memcpy(answer + count + 11, value, length);
    count += length + 11;
    count += message(answer + count, 'C', "SELECT 1", 9);
    count += message(answer + count, 'Z', "I", 1);
    bool is_there = put(peer, answer, count);
    if (answer != small) free(answer);
    return is_there;
}

bool put_ready(struct peer *peer) {
    uint8_t answer[64];
    size_t count = message(answer, 'C', "SELECT 1", 9);
    count += message(answer + count, 'Z', "I", 1);
    return put(peer, answer, count);
}

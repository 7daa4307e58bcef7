// What the programs of the benchmark share: sockets, time, and the few messages of PostgreSQL's protocol that they speak.
#ifndef FROST_BENCHMARK_COMMON_H
#define FROST_BENCHMARK_COMMON_H

#include <stddef.h>
#include <stdint.h>

/// Prints a message and the reason of `errno`, if there is one, and ends with 1.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// Monotonic, in nanoseconds.
uint64_t now_ns(void);

/// A whole number from a command line; ends the program when it is none, or outside of the bounds.
long number(const char *text, const char *what, long least, long most);

/// A socket that listens on 127.0.0.1, without waiting; port 0 takes any, which `*port` then says.
int listen_on(uint16_t *port);

/// A socket that connects to 127.0.0.1, without waiting.
int connect_to(uint16_t port);

/// Sets TCP_NODELAY and O_NONBLOCK.
void prepare_socket(int socket);

/// Raises the limit of open files to what is allowed.
void raise_descriptor_limit(void);

/// Listens on 127.0.0.1, prints the port, and serves clients until standard input ends.
///
/// `accepted` takes each new socket, prepared, and adds it to `poller`, an epoll descriptor, with a pointer of its own;
/// `served` takes that pointer and what it is ready for. `turned` runs after each turn's events; it may be NULL.
void serve_clients(int poller, uint16_t port, void (*accepted)(int), void (*served)(void *, uint32_t), void (*turned)(void));

/// A message of the protocol after its type byte, and the first packets without one, begin with their length.
void put_u32(uint8_t *at, uint32_t value);
uint32_t get_u32(const uint8_t *at);

enum {
    protocol_version = 196608,
    ssl_request = 80877103,
    cancel_request = 80877102,
    /// Most that is read or written at a time, in bytes.
    chunk = 65536,
    /// Events that are taken from epoll at a time.
    events_at_once = 256,
};

#endif

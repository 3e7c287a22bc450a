// SPDX-License-Identifier: MIT
// Addresses as people write them, and as they are shown.
#ifndef MQW_TRANSPORT_ADDRESS_H
#define MQW_TRANSPORT_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    MQW__HOST_MAX = 255,
    MQW__PLACE_MAX = MQW__HOST_MAX + 8, /**< Of a host with its port. */
    MQW__PATH_MAX = 1023,
    MQW__USER_MAX = 255,
    MQW__PASSWORD_MAX = 1023,
    MQW__SOCKS_MAX = 255, /**< Of a password for a proxy of that kind. */
    MQW__NAME_MAX = 120,
    MQW__NAMES_MAX = 16
};

typedef enum mqw__address_kind {
    MQW__TCP,  /**< host, port */
    MQW__UNIX, /**< path */
    MQW__FD,   /**< in, out */
    MQW__PIPE, /**< path, out_path: named pipes */
    MQW__TTY   /**< path, baud: a serial line */
} mqw__address_kind;

/** What stands in front of the host. */
typedef enum mqw__proxy_kind { MQW__DIRECT, MQW__HTTP_CONNECT, MQW__SOCKS5 } mqw__proxy_kind;

typedef struct mqw__address {
    mqw__address_kind kind;
    uint16_t port;
    bool any_port;  /**< The port is the scheme's own, nobody named it. */
    bool plain;     /**< The scheme says that there is no TLS. */
    bool tls;       /**< The scheme says that there is. */
    bool websocket; /**< The scheme says so; `path` is the request's, empty: none was named. */
    bool has_user;
    bool has_password;
    mqw__proxy_kind proxy; /**< A proxy, and how it is spoken to. */
    int in;
    int out;
    unsigned baud;                /**< 0: as it is. */
    char host[MQW__HOST_MAX + 1]; /**< "*": all interfaces. */
    char path[MQW__PATH_MAX + 1];
    char out_path[MQW__PATH_MAX + 1];
    char user[MQW__USER_MAX + 1]; /**< Before the host; percent-decoded, as the password. */
    char password[MQW__PASSWORD_MAX + 1];
} mqw__address;

/** Socket addresses to try, or to listen on. */
typedef struct mqw__names {
    int count;
    struct {
        struct sockaddr_storage name;
        socklen_t len;
    } at[MQW__NAMES_MAX];
} mqw__names;

struct addrinfo;

enum { MQW__PORT = 1883, MQW__PORT_TLS = 8883 };

/** Reads an address. 0 or MQW_E_ADDRESS. */
int mqw__address_read(mqw__address *out, const char *text);
/** Reads the address of a proxy: `http://…`, `socks5://…`, `socks5h://…`. 0 or MQW_E_ADDRESS. */
int mqw__address_read_proxy(mqw__address *out, const char *text);
/** Shows where a proxy is: `host:port`, `[::1]:port`; never its user or password. */
void mqw__address_show_proxy(char *out, size_t cap, const mqw__address *proxy);
/** Shows a socket address: `tcp://127.0.0.1:1883`, `tcp://[::1]:1883`, `unix:/path`; what is too long is cut.
 */
void mqw__address_show(char *out, size_t cap, const struct sockaddr *name, socklen_t len);

/** The names of a look-up without repetitions, the two families by turns, the first one's first. */
void mqw__names_of(mqw__names *out, const struct addrinfo *found);
/** The name of a Unix socket. */
void mqw__names_unix(mqw__names *out, const char *path);

#endif

// SPDX-License-Identifier: MIT
// Certificates, keys and rules of TLS, shared by streams: made, counted, read again.
#define _GNU_SOURCE
#include "mqwire/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

#include "alloc.h"
#include "tls.h"

mqw_role mqw__tls_role(const mqw_tls *tls)
{
    return tls->role;
}

SSL_CTX *mqw__tls_context(mqw_tls *tls)
{
    uv_mutex_lock(&tls->lock);
    SSL_CTX *ctx = tls->ctx;
    SSL_CTX_up_ref(ctx);
    uv_mutex_unlock(&tls->lock);
    return ctx;
}

mqw_tls *mqw_tls_keep(mqw_tls *tls)
{
    atomic_fetch_add_explicit(&tls->refs, 1, memory_order_relaxed);
    return tls;
}

static void release(mqw_tls *tls)
{
    mqw__tls_resume_forget(tls, NULL);
    SSL_CTX_free(tls->ctx);
    BIO_meth_free(tls->bio);
    if (tls->key_log >= 0)
        close(tls->key_log);
    mqw__tls_options_clear(&tls->options);
    uv_mutex_destroy(&tls->lock);
    free(tls);
}

void mqw_tls_free(mqw_tls *tls)
{
    if (tls && atomic_fetch_sub_explicit(&tls->refs, 1, memory_order_acq_rel) == 1)
        release(tls);
}

// --- making it ---

// Secrets are for nobody else's eyes.
static int open_key_log(mqw_tls *tls, mqw__tls_why *why)
{
    const char *path = tls->options.key_log_file;
    if (!path)
        return 0;
    tls->key_log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (tls->key_log >= 0)
        return 0;
    return mqw__tls_say(why, errno == ENOMEM ? MQW_E_NO_MEMORY : MQW_E_REFUSED,
                        "cannot write the key log file \"%s\": %s", path, strerror(errno));
}

static int fill(mqw_tls *tls, const mqw_tls_options *options, mqw__tls_why *why)
{
    int result = mqw__tls_options_copy(&tls->options, options);
    if (result < 0)
        return mqw__tls_say(why, result, "there is no memory");
    result = mqw__tls_options_check(&tls->options, tls->role, why);
    if (result < 0)
        return result;
    tls->bio = mqw__tls_bio();
    if (!tls->bio)
        return mqw__tls_say(why, MQW_E_NO_MEMORY, "there is no memory");
    result = mqw__tls_load(&tls->ctx, tls, why);
    return result < 0 ? result : open_key_log(tls, why);
}

static mqw_tls *empty(mqw_role role)
{
    mqw_tls *tls = mqw__uv_new(sizeof *tls);
    if (!tls)
        return NULL;
    if (uv_mutex_init(&tls->lock) != 0) {
        free(tls);
        return NULL;
    }
    tls->role = role;
    tls->key_log = -1;
    atomic_init(&tls->refs, 1);
    return tls;
}

int mqw_tls_new(mqw_tls **out, mqw_role role, const mqw_tls_options *options, char *why, size_t cap)
{
    mqw__tls_why words = {why, why ? cap : 0};
    if (words.cap > 0)
        *why = '\0';
    if (!out || (role != MQW_CLIENT && role != MQW_SERVER))
        return mqw__tls_say(&words, MQW_E_MISUSE, "TLS is for a client or for a server");
    mqw_tls *tls = empty(role);
    if (!tls)
        return mqw__tls_say(&words, MQW_E_NO_MEMORY, "there is no memory");
    int result = fill(tls, options, &words);
    ERR_clear_error();
    if (result < 0)
        release(tls);
    else
        *out = tls;
    return result;
}

// What the files have said before need not hold any more, so what was agreed by it is forgotten.
int mqw_tls_reload(mqw_tls *tls, char *why, size_t cap)
{
    mqw__tls_why words = {why, why ? cap : 0};
    SSL_CTX *fresh = NULL;
    if (words.cap > 0)
        *why = '\0';
    if (!tls)
        return mqw__tls_say(&words, MQW_E_MISUSE, "there is nothing to load again");
    int result = mqw__tls_load(&fresh, tls, &words);
    ERR_clear_error();
    if (result < 0)
        return result;
    uv_mutex_lock(&tls->lock);
    SSL_CTX *old = tls->ctx;
    mqw__tls_resume_carry(fresh, old, tls);
    mqw__tls_resume_forget(tls, NULL);
    tls->ctx = fresh;
    uv_mutex_unlock(&tls->lock);
    SSL_CTX_free(old);
    return 0;
}

// OpenSSL's function-like macros, which Swift cannot see, as inline functions. Nothing else.
#ifndef CERTD_COPENSSL_SHIM_H
#define CERTD_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

static inline long certd_SSL_CTX_set_mode(SSL_CTX *c, long m) { return SSL_CTX_set_mode(c, m); }
static inline int certd_SSL_CTX_set_min_proto_version(SSL_CTX *c, int v) { return (int)SSL_CTX_set_min_proto_version(c, v); }
static inline int certd_SSL_CTX_set_max_proto_version(SSL_CTX *c, int v) { return (int)SSL_CTX_set_max_proto_version(c, v); }
static inline long certd_SSL_CTX_set_session_cache_mode(SSL_CTX *c, long m) { return SSL_CTX_set_session_cache_mode(c, m); }
static inline int certd_SSL_CTX_set1_groups_list(SSL_CTX *c, const char *l) { return (int)SSL_CTX_set1_groups_list(c, (char *)l); }
static inline int certd_SSL_CTX_set1_sigalgs_list(SSL_CTX *c, const char *l) { return (int)SSL_CTX_set1_sigalgs_list(c, (char *)l); }
static inline int certd_SSL_CTX_add0_chain_cert(SSL_CTX *c, X509 *x) { return (int)SSL_CTX_add0_chain_cert(c, x); }
static inline int certd_SSL_CTX_add1_chain_cert(SSL_CTX *c, X509 *x) { return (int)SSL_CTX_add1_chain_cert(c, x); }
static inline void certd_SSL_CTX_set_servername_callback(SSL_CTX *c, int (*cb)(SSL *, int *, void *)) { SSL_CTX_set_tlsext_servername_callback(c, cb); }
static inline void certd_SSL_CTX_set_servername_arg(SSL_CTX *c, void *a) { SSL_CTX_set_tlsext_servername_arg(c, a); }
static inline long certd_SSL_set_tlsext_host_name(SSL *s, const char *n) { return SSL_set_tlsext_host_name(s, (char *)n); }
static inline int certd_SSL_CTX_get_ex_new_index(void) { return SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL); }
static inline int certd_SSL_get_ex_new_index(void) { return SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL); }
// SSL_OP_* are computed macros.
static const uint64_t certd_SSL_OP_SERVER = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;
static const uint64_t certd_SSL_OP_CLIENT = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;
static inline int certd_ERR_GET_REASON(unsigned long e) { return ERR_GET_REASON(e); }
static inline int certd_ERR_GET_LIB(unsigned long e) { return ERR_GET_LIB(e); }
static inline void certd_BIO_set_retry_read(BIO *b) { BIO_set_retry_read(b); }
static inline void certd_BIO_set_retry_write(BIO *b) { BIO_set_retry_write(b); }
static inline void certd_BIO_clear_retry_flags(BIO *b) { BIO_clear_retry_flags(b); }
static inline long certd_BIO_get_mem_data(BIO *b, char **p) { return BIO_get_mem_data(b, p); }
static inline long certd_SSL_session_reused(SSL *s) { return SSL_session_reused(s); }
static inline long certd_SSL_set_mode(SSL *s, long m) { return SSL_set_mode(s, m); }
static inline int certd_sk_X509_num(const STACK_OF(X509) *s) { return sk_X509_num(s); }
static inline X509 *certd_sk_X509_value(const STACK_OF(X509) *s, int i) { return sk_X509_value(s, i); }
static inline STACK_OF(X509) *certd_sk_X509_new_null(void) { return sk_X509_new_null(); }
static inline int certd_sk_X509_push(STACK_OF(X509) *s, X509 *x) { return sk_X509_push(s, x); }
static inline void certd_sk_X509_free(STACK_OF(X509) *s) { sk_X509_free(s); }
static inline void certd_sk_X509_pop_free(STACK_OF(X509) *s) { sk_X509_pop_free(s, X509_free); }
// The certificates lie in a union. The caller owns the stack and what is in it; NULL when it is no PKCS#7 with certificates.
static inline STACK_OF(X509) *certd_d2i_PKCS7_certs(const unsigned char *der, long length) {
    PKCS7 *p = d2i_PKCS7(NULL, &der, length);
    STACK_OF(X509) *s = NULL;
    if (p && PKCS7_type_is_signed(p) && p->d.sign && p->d.sign->cert) s = X509_chain_up_ref(p->d.sign->cert);
    PKCS7_free(p);
    return s;
}
static inline int certd_sk_GENERAL_NAME_num(const STACK_OF(GENERAL_NAME) *s) { return sk_GENERAL_NAME_num(s); }
static inline GENERAL_NAME *certd_sk_GENERAL_NAME_value(const STACK_OF(GENERAL_NAME) *s, int i) { return sk_GENERAL_NAME_value(s, i); }
// Where the issuer's certificate can be fetched, by the certificate's own account: the i-th access description's URI, NULL for
// other kinds of access and of names.
static inline int certd_sk_ACCESS_DESCRIPTION_num(const AUTHORITY_INFO_ACCESS *s) { return sk_ACCESS_DESCRIPTION_num(s); }
static inline const ASN1_STRING *certd_ca_issuers_uri(const AUTHORITY_INFO_ACCESS *s, int i) {
    const ACCESS_DESCRIPTION *a = sk_ACCESS_DESCRIPTION_value(s, i);
    if (!a || OBJ_obj2nid(a->method) != NID_ad_ca_issuers || a->location->type != GEN_URI) return NULL;
    return a->location->d.uniformResourceIdentifier;
}
static inline void certd_sk_X509_EXTENSION_pop_free(STACK_OF(X509_EXTENSION) *s) { sk_X509_EXTENSION_pop_free(s, X509_EXTENSION_free); }
static inline int certd_sk_X509_EXTENSION_push(STACK_OF(X509_EXTENSION) **s, X509_EXTENSION *x) {
    if (!*s && !(*s = sk_X509_EXTENSION_new_null())) return 0;
    return sk_X509_EXTENSION_push(*s, x);
}
static inline EVP_PKEY *certd_EVP_EC_gen(const char *curve) { return EVP_EC_gen(curve); }
static inline EVP_PKEY *certd_EVP_RSA_gen(unsigned int bits) { return EVP_RSA_gen(bits); }
static inline void certd_OPENSSL_free(void *p) { OPENSSL_free(p); }

static inline unsigned long certd_XN_FLAGS_ascii(void) { return XN_FLAG_RFC2253; }
// Without a shared memory of tickets OpenSSL cannot tell a replay; TLS.EarlyDataGuard does.
static const uint64_t certd_SSL_OP_NO_ANTI_REPLAY = SSL_OP_NO_ANTI_REPLAY;

/* PKI */
static inline unsigned long certd_XN_FLAGS_one_line(void) { return XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB; }

#endif

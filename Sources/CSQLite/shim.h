// SQLite's constants that are casts, which Swift cannot see. Nothing else.
#ifndef CERTD_CSQLITE_SHIM_H
#define CERTD_CSQLITE_SHIM_H

#include <sqlite3.h>

// The bytes are copied: they may be gone after the call.
static inline int certd_sqlite3_bind_text(sqlite3_stmt *s, int i, const char *t, int n) {
    return sqlite3_bind_text(s, i, t, n, SQLITE_TRANSIENT);
}

#endif

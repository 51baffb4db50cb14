/* Small macros that the whole tree leans on: must-use results, scoped cleanup, explicit hand-over.
 *
 *     AUTO(blob_writer_free) struct blob_writer *w = NULL;   // freed at the end of the scope
 *     TRY(blob_begin(store, &w));                            // returns the error, if any
 *     *out = TAKE(w);                                        // handed over: no longer freed here
 *
 * AUTO(f) wants a function `void f(T *)` and a variable of type `T *`; f must accept NULL.
 * AUTO_CLEAR(f) wants a function `void f(T *)` and a variable of type `T`.
 * Each function used with them is declared once with DEFINE_AUTO / DEFINE_AUTO_CLEAR beside its prototype.
 */
#ifndef GATEWAY_BASE_MACROS_H
#define GATEWAY_BASE_MACROS_H

#include <assert.h>
#include <stddef.h>

#ifdef NDEBUG
#error "assertions state the programmer's invariants and stay on in every build"
#endif

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define DEFINE_AUTO(type, fn)                                                                      \
    static inline void fn##_auto(type **p)                                                         \
    {                                                                                              \
        if (*p)                                                                                    \
            fn(*p);                                                                                \
    }                                                                                              \
    struct fn##_auto_needs_semicolon

#define DEFINE_AUTO_CLEAR(type, fn)                                                                \
    static inline void fn##_auto_clear(type *p)                                                    \
    {                                                                                              \
        fn(p);                                                                                     \
    }                                                                                              \
    struct fn##_auto_clear_needs_semicolon

#define AUTO(fn) __attribute__((cleanup(fn##_auto)))
#define AUTO_CLEAR(fn) __attribute__((cleanup(fn##_auto_clear)))

#define TAKE(p)                                                                                    \
    __extension__({                                                                                \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

/* Scoped file descriptor and heap pointer, the two everybody needs. */
#define AUTO_FD __attribute__((cleanup(fd_close_auto)))
#define AUTO_FREE __attribute__((cleanup(heap_free_auto)))
void fd_close_auto(int *fd);      /* closes *fd if it is not negative; keeps errno */
void heap_free_auto(void *p);     /* p points at a pointer from malloc; keeps errno */

#endif

/*
 * What include/libmsrp.h promises, read from its text: which functions there are and which results each may give, and
 * which functions of the host its table of places names.
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include "check.h"

#include <ctype.h>

enum { MAX_FUNCTIONS = 192, RESULTS = 20 };

typedef struct promise {
    char name[64];
    int can_fail;     /* returns libmsrp_result */
    uint32_t results; /* bit n: it may return -n */
} promise;

static promise promises[MAX_FUNCTIONS];
static int promise_count;
static char *header_text;

/* The header of this source tree. */
static inline void header_read(void) {
    char path[4096];
    const char *end = strrchr(__FILE__, '/');
    CHECK(end != NULL);
    snprintf(path, sizeof(path), "%.*s/../../include/libmsrp.h", (int)(end - __FILE__), __FILE__);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    CHECK(fseek(file, 0, SEEK_END) == 0);
    const long len = ftell(file);
    CHECK(len > 0 && fseek(file, 0, SEEK_SET) == 0);
    header_text = (char *)malloc((size_t)len + 1);
    CHECK(header_text != NULL && fread(header_text, 1, (size_t)len, file) == (size_t)len);
    header_text[len] = '\0';
    fclose(file);
}

/* Whether `name` stands at `at` as a whole word. */
static inline int is_word(const char *at, const char *name) {
    const size_t len = strlen(name);
    return strncmp(at, name, len) == 0 && !isalnum((unsigned char)at[len]) && at[len] != '_';
}

/* The results that a function's comment names from "Returns LIBMSRP_OK" on. */
static inline uint32_t results_in(const char *comment, const char *end) {
    uint32_t results = 0;
    const char *at = strstr(comment, "Returns LIBMSRP_OK");
    if (at == NULL || at >= end) {
        return 0;
    }
    for (; at < end; at++) {
        for (int number = 0; number < RESULTS; number++) {
            if (is_word(at, libmsrp_result_name((libmsrp_result)-number))) {
                results |= UINT32_C(1) << number;
            }
        }
    }
    return results;
}

/* Reads the declarations: lines that begin with a type, each behind its comment. */
static inline void contract_read(void) {
    const char *comment = NULL;
    header_read();
    for (char *line = header_text; line != NULL && *line != '\0';) {
        char *next = strchr(line, '\n');
        char *paren = strchr(line, '(');
        if (strncmp(line, "/**", 3) == 0) {
            comment = line;
        }
        if (isalpha((unsigned char)*line) && strncmp(line, "typedef", 7) != 0 && paren != NULL && paren < next) {
            char *begin = paren;
            while (begin > line && (isalnum((unsigned char)begin[-1]) || begin[-1] == '_')) {
                begin--;
            }
            promise *entry = &promises[promise_count];
            CHECK(promise_count < MAX_FUNCTIONS && comment != NULL);
            CHECK(strncmp(begin, "libmsrp_", 8) == 0 && (size_t)(paren - begin) < sizeof(entry->name));
            snprintf(entry->name, sizeof(entry->name), "%.*s", (int)(paren - begin), begin);
            entry->can_fail = is_word(line, "libmsrp_result");
            entry->results = results_in(comment, line);
            /* A comment says which results there are, or that there is none. */
            CHECK(entry->can_fail == ((entry->results & 1) != 0));
            promise_count++;
            comment = NULL;
        }
        line = next == NULL ? NULL : next + 1;
    }
    CHECK(promise_count > 50);
}

static inline const promise *promise_of(const char *name) {
    for (int at = 0; at < promise_count; at++) {
        if (strcmp(promises[at].name, name) == 0) {
            return &promises[at];
        }
    }
    fprintf(stderr, "the header has no function %s\n", name);
    exit(1);
}

/* Whether the header says that the function may give this result. */
static inline int is_promised(const promise *entry, libmsrp_result result) {
    const int number = -(int)result;
    return number >= 0 && number < RESULTS && (entry->results >> number & 1) != 0;
}

static inline void contract_free(void) {
    free(header_text);
    header_text = NULL;
}

#endif

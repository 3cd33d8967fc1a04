/* Where the host's functions run: every entry of the header's table, in both ways of dispatch. */

#include "world.h"

/* Everything but the end by dispatch, and the end by libmsrp_engine_shutdown() or by libmsrp_engine_free(). */
static void run(int dispatch, int shutdown) {
    world_new(dispatch, NULL);
    traffic();
    if (shutdown) {
        CHECK_OK(libmsrp_engine_shutdown(the.engine, DEADLINE_MS));
        CHECK_OK(libmsrp_engine_shutdown(the.engine, 0));
        WAIT_FOR(the.count[IN_ENGINE_CLOSED] == 1);
    } else {
        /* Something for each that may run inside libmsrp_engine_free(). */
        const int c = session_new(NULL);
        CHECK(c >= 0);
        CHECK_OK(libmsrp_session_set_remote_path(the.engine, the.sessions[c],
                                                 LIBMSRP_TEXT("msrp://127.0.0.1:9/nobody;tcp"), 0, NULL, 0));
        CHECK(send_loan(c, 100) && send_stream(c));
    }
    world_free();
    for (int at = 0; at < KINDS; at++) {
        CHECK(the.count[at] > 0);
        const int is_in_free = at >= (shutdown ? IN_LOG_RELEASE : IN_FREE) || (!shutdown && at == IN_LOG);
        if (is_in_free) {
            CHECK(the.at_free[at] > 0);
        } else {
            CHECK(the.at_free[at] == 0 || may_be_in_free((kind)at));
        }
        CHECK(the.at_free[at] < the.count[at] || at == IN_LOG_RELEASE || at == IN_ENGINE_RELEASE ||
              (!shutdown && at == IN_ENGINE_CLOSED));
    }
}

int main(void) {
    for (int shutdown = 0; shutdown < 2; shutdown++) {
        run(LIBMSRP_DISPATCH_HOST, shutdown);
        run(LIBMSRP_DISPATCH_THREAD, shutdown);
    }
    return passed("places");
}

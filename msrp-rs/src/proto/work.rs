//! Counts the steps of loops over what a peer can make long, so that tests can prove the cost of its requests
//! linear. Compiled to nothing in release builds.

#[cfg(any(test, debug_assertions))]
thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Says that a loop goes through `count` things.
pub(crate) fn steps(count: usize) {
    #[cfg(any(test, debug_assertions))]
    STEPS.set(STEPS.get().wrapping_add(count as u64));
    #[cfg(not(any(test, debug_assertions)))]
    let _ = count;
}

/// How many steps this thread made so far; 0 in release builds.
pub(crate) fn so_far() -> u64 {
    #[cfg(any(test, debug_assertions))]
    return STEPS.get();
    #[cfg(not(any(test, debug_assertions)))]
    return 0;
}

/// How many steps this thread made while `run` ran.
#[cfg(test)]
pub(super) fn count(run: impl FnOnce()) -> u64 {
    let before = so_far();
    run();
    so_far() - before
}

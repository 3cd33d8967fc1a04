//! Counts the steps of loops over what a peer can make long, so that tests can prove the cost of its requests
//! linear. Compiled to nothing outside tests.

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Says that a loop goes through `count` things.
pub(super) fn steps(count: usize) {
    #[cfg(test)]
    STEPS.set(STEPS.get() + count as u64);
    #[cfg(not(test))]
    let _ = count;
}

/// How many steps this thread made while `run` ran.
#[cfg(test)]
pub(super) fn count(run: impl FnOnce()) -> u64 {
    let before = STEPS.get();
    run();
    STEPS.get() - before
}

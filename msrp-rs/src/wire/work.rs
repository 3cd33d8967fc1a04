//! Counts octets looked at by the searches of this layer, so that tests can prove their cost linear.
//! Compiled to nothing in release builds.

#[cfg(any(test, debug_assertions))]
thread_local! {
    static EXAMINED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Says that `octets` octets were looked at.
pub(super) fn examined(octets: usize) {
    #[cfg(any(test, debug_assertions))]
    EXAMINED.set(EXAMINED.get().wrapping_add(octets as u64));
    #[cfg(not(any(test, debug_assertions)))]
    let _ = octets;
}

/// How many octets this thread looked at so far; 0 in release builds.
pub(crate) fn so_far() -> u64 {
    #[cfg(any(test, debug_assertions))]
    return EXAMINED.get();
    #[cfg(not(any(test, debug_assertions)))]
    return 0;
}

/// How many octets this thread looked at while `run` ran.
#[cfg(test)]
pub(super) fn count(run: impl FnOnce()) -> u64 {
    let before = so_far();
    run();
    so_far() - before
}

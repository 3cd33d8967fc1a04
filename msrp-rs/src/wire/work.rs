//! Counts octets looked at by the searches of this layer, so that tests can prove their cost linear.
//! Compiled to nothing outside tests.

#[cfg(test)]
thread_local! {
    static EXAMINED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Says that `octets` octets were looked at.
pub(super) fn examined(octets: usize) {
    #[cfg(test)]
    EXAMINED.set(EXAMINED.get() + octets as u64);
    #[cfg(not(test))]
    let _ = octets;
}

/// How many octets this thread looked at while `run` ran.
#[cfg(test)]
pub(super) fn count(run: impl FnOnce()) -> u64 {
    let before = EXAMINED.get();
    run();
    EXAMINED.get() - before
}

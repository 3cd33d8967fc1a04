//! The tables behind handles: 8 bits engine, 24 bits slot, 32 bits generation.
//!
//! A slot is used again under the next generation, so a late handle finds nothing; a slot whose generation
//! would wrap is never used again. Handles of messages and transfers hold a number instead of a generation:
//! each session in a slot goes on where the last one there stopped. All begin at another place for each 255
//! engines of a process, since then the engine's 8 bits come again.

use crate::error::{Error, ErrorKind, Result};

/// Engines that are told apart by their number in the handle: 1 to 255.
const ENGINES: u32 = 255;
/// So many bits of a generation lie between two engines of the same number.
const TURN: u32 = 20;
/// Slots of one engine.
const MAX_SLOTS: usize = 1 << 24;

/// Values by generational handle.
#[derive(Debug)]
pub(super) struct Slots<T> {
    engine: u8,
    /// Where generations and numbers begin; a generation is never 0.
    first: u32,
    slots: Vec<Slot<T>>,
    free: Vec<usize>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
    /// Where the numbers of the next value's transfers and messages start.
    numbers: (u32, u32),
}

/// A slot that is taken and not filled yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reserved {
    /// The handle that the value will have.
    pub(super) handle: u64,
    /// Where its numbers start.
    pub(super) numbers: (u32, u32),
}

impl<T> Slots<T> {
    /// No values; handles are of the engine that is the `count`th of its process, from 0.
    pub(super) fn new(count: u32) -> Self {
        let (turn, engine) = (count / ENGINES, count % ENGINES + 1);
        Self {
            engine: engine as u8,
            first: turn << TURN,
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Takes a slot.
    pub(super) fn reserve(&mut self) -> Result<Reserved> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.slots.len() < MAX_SLOTS => {
                self.slots.push(Slot {
                    generation: self.first.max(1),
                    value: None,
                    numbers: (self.first, self.first),
                });
                self.slots.len() - 1
            }
            None => {
                let text = format!("{MAX_SLOTS} sessions of one engine are used up");
                return Err(Error::local(ErrorKind::Limit, text));
            }
        };
        let slot = &self.slots[index];
        let handle = handle(self.engine, index, slot.generation);
        Ok(Reserved {
            handle,
            numbers: slot.numbers,
        })
    }

    /// Fills a slot that `reserve` gave.
    pub(super) fn fill(&mut self, reserved: Reserved, value: T) {
        let (_, index, _) = parts(reserved.handle);
        self.slots[index].value = Some(value);
    }

    /// The value of a handle.
    pub(super) fn get(&self, handle: u64) -> Option<&T> {
        let (engine, index, generation) = parts(handle);
        let slot = self.slots.get(index)?;
        (engine == self.engine && slot.generation == generation).then_some(slot.value.as_ref())?
    }

    /// The value that is now in the slot of a message or transfer handle, and the number in it.
    pub(super) fn get_numbered(&self, handle: u64) -> Option<(&T, u32)> {
        let (engine, index, number) = parts(handle);
        let value = self.slots.get(index)?.value.as_ref()?;
        (engine == self.engine).then_some((value, number))
    }

    /// Empties a slot, filled or only reserved; the next value's numbers start as given, if they are.
    pub(super) fn remove(&mut self, handle: u64, numbers: Option<(u32, u32)>) -> Option<T> {
        let (engine, index, generation) = parts(handle);
        let slot = self.slots.get_mut(index)?;
        if engine != self.engine || slot.generation != generation {
            return None;
        }
        let value = slot.value.take();
        slot.numbers = numbers.unwrap_or(slot.numbers);
        // A generation that would wrap retires the slot: it stays out of `free`.
        if let Some(next) = slot.generation.checked_add(1) {
            slot.generation = next;
            self.free.push(index);
        }
        value
    }

    /// Empties every slot; they are not used again.
    pub(super) fn clear(&mut self) -> Vec<T> {
        self.slots
            .iter_mut()
            .filter_map(|slot| slot.value.take())
            .collect()
    }

    /// All values.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.value.as_ref())
    }
}

/// The handle of number `number` in the slot of `session`.
pub(super) fn numbered(session: u64, number: u32) -> u64 {
    session & !u64::from(u32::MAX) | u64::from(number)
}

fn handle(engine: u8, index: usize, low: u32) -> u64 {
    u64::from(engine) << 56 | (index as u64) << 32 | u64::from(low)
}

fn parts(handle: u64) -> (u8, usize, u32) {
    let index = usize::try_from(handle >> 32 & 0xff_ffff).unwrap_or(usize::MAX);
    ((handle >> 56) as u8, index, handle as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_handle_finds_nothing_in_a_slot_that_is_used_again() {
        let mut slots = Slots::new(6);
        let first = slots.reserve().expect("room");
        slots.fill(first, "a");
        assert_eq!(slots.get(first.handle), Some(&"a"));
        assert_eq!(
            slots.get_numbered(numbered(first.handle, 9)),
            Some((&"a", 9))
        );
        assert_eq!(slots.remove(first.handle, Some((10, 20))), Some("a"));
        let second = slots.reserve().expect("room");
        assert_eq!(
            (second.handle >> 32, second.numbers),
            (first.handle >> 32, (10, 20))
        );
        slots.fill(second, "b");
        assert_eq!(
            (slots.get(first.handle), slots.get(second.handle)),
            (None, Some(&"b"))
        );
        assert_eq!(slots.remove(first.handle, None), None);
        let other = second.handle ^ 1 << 56;
        assert_eq!((slots.get(other), slots.get_numbered(other)), (None, None));
    }

    #[test]
    fn a_slot_whose_generation_would_wrap_is_retired() {
        let mut slots = Slots::new(0);
        let first = slots.reserve().expect("room");
        slots.fill(first, ());
        slots.slots[0].generation = u32::MAX;
        slots.remove(handle(1, 0, u32::MAX), None);
        let next = slots.reserve().expect("room");
        assert_eq!(parts(next.handle), (1, 1, 1));
    }

    #[test]
    fn engines_of_the_same_number_begin_elsewhere() {
        let reserved = |count| Slots::<()>::new(count).reserve().expect("room");
        let first = reserved(3);
        assert_eq!((parts(first.handle), first.numbers), ((4, 0, 1), (0, 0)));
        let second = reserved(3 + 255);
        assert_eq!(parts(second.handle), (4, 0, 1 << 20));
        assert_eq!(second.numbers, (1 << 20, 1 << 20));
        assert_eq!(parts(reserved(u32::MAX).handle).0, 1);
    }
}

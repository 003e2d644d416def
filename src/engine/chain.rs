//! Values that take each other's place while readers hold the ones before by reference.

use std::sync::OnceLock;

/// A value and those that replaced it, each kept until the chain is dropped, so that a reader may
/// hold on to what it read for as long as it likes, without a lock or a count.
///
/// It is for what changes a few times in a day at most: the party registry, and what is worked out
/// from it. A registry of two hundred parties is some 100 KiB.
#[derive(Debug)]
pub struct Chain<T> {
    value: T,
    next: OnceLock<Box<Chain<T>>>,
}

impl<T> Chain<T> {
    /// A chain of one value.
    pub fn new(value: T) -> Self {
        Self { value, next: OnceLock::new() }
    }

    /// The value in force.
    pub fn last(&self) -> &T {
        &self.tail().value
    }

    /// Puts another value in force.
    pub fn push(&self, value: T) {
        let mut added = Box::new(Self::new(value));
        // Two at a time are put one behind the other.
        while let Err(refused) = self.tail().next.set(added) {
            added = refused;
        }
    }

    fn tail(&self) -> &Self {
        let mut at = self;
        while let Some(next) = at.next.get() {
            at = next;
        }
        at
    }
}

impl<T> Drop for Chain<T> {
    /// One by one: a long chain would be dropped by as deep a recursion.
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut link) = next {
            next = link.next.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_is_in_force_and_the_first_can_still_be_read() {
        let chain = Chain::new(0);
        let first = chain.last();
        for n in 1..=200_000 {
            if n % 100_000 == 0 {
                chain.push(n);
            }
        }
        assert_eq!((*first, *chain.last()), (0, 200_000));
    }

    #[test]
    fn pushes_from_several_threads_all_stand() {
        let chain = Chain::new(0);
        std::thread::scope(|scope| {
            for n in 1..=4 {
                let chain = &chain;
                scope.spawn(move || chain.push(n));
            }
        });
        let mut found = Vec::new();
        let mut at = Some(&chain);
        while let Some(link) = at {
            found.push(link.value);
            at = link.next.get().map(|next| &**next);
        }
        found.sort_unstable();
        assert_eq!(found, [0, 1, 2, 3, 4]);
    }
}

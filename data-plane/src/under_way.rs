//! Counts what is under way, so that there is never more of it than can be.

use crate::failure::Failure;
use std::cell::Cell;

/// Counts one of at most so many things that are under way, until it is dropped.
pub(crate) struct UnderWay<'a>(&'a Cell<usize>);

impl<'a> UnderWay<'a> {
    /// # Errors
    /// [`Failure::Busy`] if there are as many as there may be.
    pub(crate) fn begin(count: &'a Cell<usize>, most: usize) -> Result<Self, Failure> {
        if count.get() >= most {
            return Err(Failure::Busy);
        }
        count.set(count.get() + 1);
        Ok(Self(count))
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

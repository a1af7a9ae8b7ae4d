//! Metrics that wait to be written.

use std::collections::VecDeque;

/// `metric_buffer_limit`: beyond it the oldest go.
const METRICS_MAX: usize = 10_000;

/// `metric_batch_size`.
const BATCH_MAX: usize = 1_000;

/// Lines of the line protocol, oldest first.
#[derive(Debug)]
pub(super) struct Backlog {
    lines: VecDeque<String>,
    batch_max: usize,
}

impl Default for Backlog {
    fn default() -> Self {
        Self { lines: VecDeque::new(), batch_max: BATCH_MAX }
    }
}

impl Backlog {
    /// Adds the lines of a reading.
    pub(super) fn add(&mut self, lines: Vec<String>) {
        self.lines.extend(lines);
        let surplus = self.lines.len().saturating_sub(METRICS_MAX);
        self.lines.drain(..surplus);
    }

    /// What is to be written next; empty when all is.
    pub(super) fn batch(&self) -> Vec<&str> {
        self.lines.iter().take(self.batch_max).map(String::as_str).collect()
    }

    /// The batch of this length is delivered, or given up.
    pub(super) fn drop_batch(&mut self, length: usize) {
        self.lines.drain(..length.min(self.lines.len()));
        self.batch_max = BATCH_MAX;
    }

    /// The batch of this length was too large; one that cannot be smaller is given up.
    pub(super) fn split_batch(&mut self, length: usize) {
        match length {
            0 | 1 => self.drop_batch(length),
            length => self.batch_max = length / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backlog(lines: usize) -> Backlog {
        let mut backlog = Backlog::default();
        backlog.add((0..lines).map(|number| number.to_string()).collect());
        backlog
    }

    #[test]
    fn the_oldest_lines_go_when_nothing_is_taken() {
        let mut backlog = backlog(METRICS_MAX + 5);
        assert_eq!(backlog.batch().len(), BATCH_MAX);
        assert_eq!(backlog.batch()[0], "5");
        backlog.drop_batch(BATCH_MAX);
        assert_eq!(backlog.batch()[0], "1005");
    }

    #[test]
    fn a_batch_that_is_too_large_is_halved_until_nothing_is_left() {
        let mut backlog = backlog(3);
        backlog.split_batch(3);
        assert_eq!(backlog.batch(), ["0"]);
        backlog.split_batch(1);
        assert_eq!(backlog.batch(), ["1", "2"]);
        backlog.drop_batch(2);
        assert!(backlog.batch().is_empty());
    }
}

//! A bounded queue of received bytes.

/// Bytes that were received and not worked so far.
#[derive(Clone, Debug)]
pub(crate) struct ByteQueue {
    bytes: Vec<u8>,
    /// Where the first byte not consumed is.
    start: usize,
    limit: usize,
}

impl ByteQueue {
    /// An empty queue of at most `limit` bytes.
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            limit,
        }
    }

    /// The bytes that wait.
    pub(crate) fn waiting(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or(&[])
    }

    /// Takes as much of `input` as fits and returns how much that was.
    #[must_use]
    pub(crate) fn push(&mut self, input: &[u8]) -> usize {
        if self.start > 0 {
            self.bytes.drain(..self.start.min(self.bytes.len()));
            self.start = 0;
        }
        let taken = input.len().min(self.limit.saturating_sub(self.bytes.len()));
        self.bytes
            .extend_from_slice(input.get(..taken).unwrap_or(&[]));
        taken
    }

    /// Consumes `count` bytes and returns them.
    pub(crate) fn consume(&mut self, count: usize) -> &[u8] {
        let begin = self.start;
        self.start = begin.saturating_add(count).min(self.bytes.len());
        self.bytes.get(begin..self.start).unwrap_or(&[])
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }
}

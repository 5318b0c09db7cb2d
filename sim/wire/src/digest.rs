//! Helpers with which sessions feed their state to a range's digest.

/// Feeds an integer.
pub(crate) fn number(sink: &mut dyn FnMut(&[u8]), value: u64) {
    sink(&value.to_le_bytes());
}

/// Feeds a byte string with its length, so that neighbours cannot run into each other.
pub(crate) fn bytes(sink: &mut dyn FnMut(&[u8]), value: &[u8]) {
    number(sink, value.len() as u64);
    sink(value);
}

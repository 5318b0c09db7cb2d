//! Bounds on everything that an author can write, in one place.

/// Largest single file of a folder, in bytes. A larger one is refused unread.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Largest sum of all files of a folder, in bytes.
pub const FOLDER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most files in one folder.
pub const FILES_MAX: usize = 256;

/// Longest path of a file, relative to its folder, in bytes.
pub const PATH_BYTES_MAX: usize = 200;

/// Deepest nesting of brackets in a RON file.
pub const NESTING_MAX: usize = 64;

/// Most elements of one list or map in a RON file.
pub const LIST_MAX: usize = 4096;

/// Most problems reported for one folder; the rest are counted, not listed.
pub const PROBLEMS_MAX: usize = 100;

/// Longest part of a source line that a problem quotes, in characters.
pub const SNIPPET_CHARS_MAX: usize = 160;

/// Longest quotation of an author's value inside a message, in characters.
pub const QUOTE_CHARS_MAX: usize = 60;

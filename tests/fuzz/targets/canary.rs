//! A planted bug. The test command asserts that libFuzzer finds it: a fuzzer that finds nothing proves nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;

// Six bytes in a row: found at random once in 2.8e14 inputs, and step by step by a fuzzer that sees coverage.
fuzz_target!(|bytes: &[u8]| {
    if bytes.first() == Some(&b't')
        && bytes.get(1) == Some(&b'r')
        && bytes.get(2) == Some(&b'i')
        && bytes.get(3) == Some(&b'p')
        && bytes.get(4) == Some(&b'm')
        && bytes.get(5) == Some(&b'e')
    {
        panic!("the canary is found");
    }
});

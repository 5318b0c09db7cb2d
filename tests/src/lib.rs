//! What the tests of the whole product share: starting the binary, driving real clients, replaying goldens.

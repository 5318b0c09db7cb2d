//! Behaviour of the shell.

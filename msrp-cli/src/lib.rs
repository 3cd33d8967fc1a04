//! The `msrp` command.

//! Linux's numbers and bytes: errno, sockaddr, flags, the option table.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

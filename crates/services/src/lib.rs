//! The servers a virtual host can run: DNS, HTTP, echo.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

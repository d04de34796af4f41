//! One host: interfaces, neighbours, routes, IP, ICMP, UDP, ports, demultiplexing.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

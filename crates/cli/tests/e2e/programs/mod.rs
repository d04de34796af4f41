//! The everyday network programs of a Linux machine, each doing its real job: a file per program.

mod busybox;
mod cpython;
mod curl;
mod haproxy;
mod inetd;
mod iperf3;
mod languages;
mod memcached;
mod nginx;
mod postgresql;
mod python;
mod redis;
mod relays;
mod soak;
mod ssh;
mod stage;

//! The everyday network programs of a Linux machine, each doing its real job: a file per program.

mod curl;
mod haproxy;
mod iperf3;
mod memcached;
mod nginx;
mod postgresql;
mod redis;
mod soak;
mod stage;

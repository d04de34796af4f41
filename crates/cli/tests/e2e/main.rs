//! Real programs under the built `sockeye`: what a stranger's machine will do.
//!
//! Each test starts programs and looks at what they print. None sleeps: one that must wait for another waits for what
//! that other prints or answers. A test whose program is missing says so and passes, unless SOCKEYE_CI is set.

mod bench_stream;
mod bench_waiting;
mod bulk;
mod calls;
mod cluster;
mod common;
mod counted;
mod draw;
mod explain;
mod failures;
mod faults;
mod fetch;
mod harmless;
mod hostname;
mod hosts;
mod jobs;
mod lab;
mod lab_files;
mod lab_programs;
mod life;
mod limits;
mod load;
mod manners;
mod manual;
mod matrix;
mod names;
mod names_oracle;
mod netlink;
mod network;
mod oracle;
mod outside;
mod outside_ends;
mod outside_names;
mod outside_network;
mod ping;
mod preload;
mod proc;
mod programs;
mod report;
mod seeing;
mod serve;
mod servers;
mod sockopts;
mod tcpdump;
mod top;
mod trace;
mod up;

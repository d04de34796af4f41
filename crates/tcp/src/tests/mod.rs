//! Tests of whole connections: two of them and a pipe in virtual time, or one and segments made by hand.

mod closing;
mod data;
mod ecn;
mod hand;
mod handshake;
mod hostile;
mod mtu;
mod pair;
mod property;
mod recovery;
mod resets;
mod sending;
mod strict;
mod table;
mod timeouts;
mod urgent;
mod walk;

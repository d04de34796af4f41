//! (Signatures first; being filled in.)
#![allow(missing_docs, unused_variables, clippy::new_without_default)]
use crate::*;
use sockeye_base::*;
use sockeye_wire::tcp::Segment;
/// One connection.
#[derive(Debug)]
pub struct Tcb {}
/// What came of a segment.
#[derive(Debug, Default)]
pub struct Outcome {
    /// To be sent at once.
    pub reply: Option<Segment>,
    /// TIME-WAIT met a new SYN: this Tcb is CLOSED now, hand the segment to the listener.
    pub restart: bool,
}
/// What to do now.
#[derive(Debug)]
pub enum Decision {
    /// Send this and ask again.
    Send(Segment),
    /// Nothing until then.
    Wait(Option<Instant>),
}
pub fn reset_for(segment: &Segment) -> Option<Segment> {
    todo!()
}
impl Tcb {
    pub fn connect(now: Instant, config: Config, ports: Ports, iss: SeqNum, timestamp_offset: u32) -> Tcb {
        todo!()
    }
    /// The ports are the SYN's.
    pub fn accept(now: Instant, config: Config, iss: SeqNum, timestamp_offset: u32, syn: &Segment) -> Tcb {
        todo!()
    }
    pub fn input(&mut self, now: Instant, segment: Segment) -> Outcome {
        todo!()
    }
    pub fn decide(&mut self, now: Instant) -> Decision {
        todo!()
    }
    pub fn soft_error(&mut self, now: Instant, error: Error) {
        todo!()
    }
    pub fn path_mtu(&mut self, now: Instant, mss: u16) {
        todo!()
    }
    pub fn send_room(&self) -> usize {
        todo!()
    }
    pub fn unsent_len(&self) -> usize {
        todo!()
    }
    pub fn unacked_len(&self) -> usize {
        todo!()
    }
    pub fn send(&mut self, now: Instant, data: Chain) -> Result<(), SendError> {
        todo!()
    }
    pub fn receive_len(&self) -> usize {
        todo!()
    }
    pub fn receive(&mut self, now: Instant, max: usize) -> Chain {
        todo!()
    }
    pub fn peek(&self, offset: usize, max: usize) -> Chain {
        todo!()
    }
    pub fn receive_closed(&self) -> bool {
        todo!()
    }
    pub fn peer_closed(&self) -> bool {
        todo!()
    }
    pub fn send_closed(&self) -> bool {
        todo!()
    }
    pub fn shutdown_send(&mut self, now: Instant) {
        todo!()
    }
    pub fn shutdown_receive(&mut self) {
        todo!()
    }
    pub fn close(&mut self, now: Instant) {
        todo!()
    }
    pub fn abort(&mut self, now: Instant) {
        todo!()
    }
    pub fn state(&self) -> State {
        todo!()
    }
    pub fn ports(&self) -> Ports {
        todo!()
    }
    pub fn error(&self) -> Option<Error> {
        todo!()
    }
    pub fn take_error(&mut self) -> Option<Error> {
        todo!()
    }
    pub fn take_soft_error(&mut self) -> Option<Error> {
        todo!()
    }
    pub fn config(&self) -> &Config {
        todo!()
    }
    pub fn set_nodelay(&mut self, now: Instant, on: bool) {
        todo!()
    }
    pub fn set_cork(&mut self, now: Instant, on: bool) {
        todo!()
    }
    pub fn set_keepalive(&mut self, now: Instant, keepalive: Option<Keepalive>) {
        todo!()
    }
    pub fn set_user_timeout(&mut self, now: Instant, timeout: Option<Duration>) {
        todo!()
    }
    pub fn set_send_buffer(&mut self, now: Instant, bytes: usize) {
        todo!()
    }
    pub fn set_receive_buffer(&mut self, now: Instant, bytes: usize) {
        todo!()
    }
    /// Smallest ISS a connection may start with that replaces this one in TIME-WAIT.
    pub fn restart_iss(&self) -> SeqNum {
        todo!()
    }
    pub fn snd_una(&self) -> SeqNum {
        todo!()
    }
    pub fn snd_nxt(&self) -> SeqNum {
        todo!()
    }
    pub fn info(&self, now: Instant) -> Info {
        todo!()
    }
    pub fn check_invariants(&self) -> Result<(), String> {
        todo!()
    }
    pub fn is_finished(&self) -> bool {
        todo!()
    }
}

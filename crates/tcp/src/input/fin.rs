//! Step eight: the peer's FIN, once everything before it has come (RFC 9293, section 3.10.7.4, eighth).

use sockeye_base::{Duration, Instant};

use crate::state::State;
use crate::tcb::Tcb;

/// A timer of Linux's that is due at once fires with the next tick of its clock (CONFIG_HZ=250).
const TICK: Duration = Duration::from_millis(4);

impl Tcb {
    pub(super) fn process_fin(&mut self, now: Instant) {
        self.rcv_nxt += 1;
        // A lone FIN is taken even into a full window.
        self.rcv_adv = self.rcv_adv.max(self.rcv_nxt);
        self.reassembly.clear();
        self.fin_received = true;
        // As Linux: little will come that needs a quick answer.
        self.interactive = true;
        match self.state {
            State::Established => {
                self.state = State::CloseWait;
                // As Linux: the program's own FIN may come in time to carry the acknowledgement; where nothing came
                // before, only a tick is waited for that.
                if self.last_data_received.is_some() {
                    return self.acknowledge_soon(now);
                }
                return self.acknowledge_within(now, self.config.delayed_ack.min(TICK));
            }
            // Our FIN isn't acknowledged: both closed at once.
            State::FinWait1 => self.state = State::Closing,
            State::FinWait2 => self.enter_time_wait(now),
            State::SynSent
            | State::SynReceived
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait
            | State::Closed => {}
        }
        self.ack_now = true;
    }
}

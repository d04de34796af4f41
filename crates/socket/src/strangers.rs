//! Connections in the name of others, for a host that answers for all ([`sockeye_stack::Stack::answer_for_all`]).

use std::sync::Arc;

use sockeye_abi::{Errno, Family};
use sockeye_base::Instant;
use sockeye_stack::{Event, KnockId};
use sockeye_tcp::Config;

use crate::host::{Host, Kind, Result, Socket, SocketId};
use crate::stream::Stream;

impl Host {
    /// Lets a knock in: a stream socket with the address that was called, whose handshake is under way. It sends at once what
    /// it is given (TCP_NODELAY), as what it passes on was cut by others. ECONNABORTED if the knock is over.
    pub fn admit(&mut self, now: Instant, knock: KnockId) -> Result<SocketId> {
        let (remote, _) = self.stack.knock(knock).ok_or(Errno::ECONNABORTED)?;
        let family = if remote.is_ipv4() { Family::Inet } else { Family::Inet6 };
        let options = Arc::clone(&self.options);
        let config = Config { nodelay: true, ..options.tcp_config(self.stack.settings()) };
        let connection = self.stack.admit_knock(now, knock, config).ok_or(Errno::ECONNABORTED)?;
        let id = self.insert(Socket::new(family, options, Kind::Stream(Stream::accepted(connection, true))));
        self.stack.set_socket_of(Event::Connection(connection), id);
        Ok(id)
    }
}

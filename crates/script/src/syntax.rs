//! What a script says, as values: events at times, each a packet, a call, a command or a piece of code.

use sockeye_wire::tcp::Flags;

/// Nanoseconds of script time.
pub(crate) type Nanos = i64;

/// A parsed script.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The option lines: `--name=value` or `--name`.
    pub options: Vec<ScriptOption>,
    /// What happens, in order.
    pub events: Vec<Event>,
}

/// An option line.
#[derive(Clone, Debug)]
pub struct ScriptOption {
    /// Where it stands.
    pub line: usize,
    /// Its name without dashes.
    pub name: String,
    /// What is behind the equals sign.
    pub value: String,
}

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    /// The line it starts on, from 1.
    pub line: usize,
    /// When it is to happen.
    pub when: When,
    /// What happens.
    pub action: Action,
}

/// When an event is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At any time.
    Any,
    /// So long after the start of the script.
    Absolute(Nanos),
    /// Between the two, from the start of the script.
    AbsoluteRange(Nanos, Nanos),
    /// So long after the event before.
    Relative(Nanos),
    /// Between the two, after the event before.
    RelativeRange(Nanos, Nanos),
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Action {
    /// A packet comes in or is expected to go out.
    Packet(PacketSpec),
    /// A system call.
    Call(Call),
    /// Shell commands, as they stand between backticks.
    Command(String),
    /// Assertions, as they stand between `%{` and `}%`.
    Code(String),
}

/// A packet.
#[derive(Clone, Debug)]
pub struct PacketSpec {
    /// `<`: it comes in.
    pub inbound: bool,
    /// What is said of the IP header.
    pub ip: IpSpec,
    /// What it carries.
    pub body: BodySpec,
}

/// What is said of an IP header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpSpec {
    /// The TOS byte or its ECN bits.
    pub tos: Tos,
    /// TTL or hop limit.
    pub ttl: Option<u8>,
}

/// The traffic class a packet has or is expected to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tos {
    /// Nothing is said.
    #[default]
    Unchecked,
    /// The two ECN bits.
    Ecn(u8),
    /// Either of the two ECT code points.
    EitherEct,
    /// The whole byte.
    Byte(u8),
}

/// What a packet carries.
#[derive(Clone, Debug)]
pub enum BodySpec {
    /// A TCP segment.
    Tcp(TcpSpec),
    /// A UDP datagram.
    Udp {
        /// Ports, if the script names them.
        ports: Option<(u16, u16)>,
        /// Bytes of data.
        len: usize,
    },
    /// An ICMP message.
    Icmp(IcmpSpec),
    /// Something that can be read and not run.
    Unsupported(String),
}

/// A TCP segment.
#[derive(Clone, Debug)]
pub struct TcpSpec {
    /// Ports, if the script names them.
    pub ports: Option<(u16, u16)>,
    /// Flags.
    pub flags: Flags,
    /// Relative sequence number.
    pub seq: u32,
    /// Bytes of data.
    pub len: u32,
    /// Relative acknowledgement number.
    pub ack: Option<u32>,
    /// The window field.
    pub window: Option<u16>,
    /// The urgent pointer.
    pub urgent: u16,
    /// Options in order; none: they are not looked at.
    pub options: Option<Vec<OptionSpec>>,
}

/// One TCP option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionSpec {
    /// No operation.
    Nop,
    /// End of the list.
    Eol,
    /// Maximum segment size.
    Mss(u16),
    /// Window scale.
    WindowScale(u8),
    /// SACK permitted.
    SackOk,
    /// Timestamps.
    Timestamps(u32, u32),
    /// SACK blocks, relative.
    Sack(Vec<(u32, u32)>),
    /// Fast open: the cookie's bytes, and whether it has the experiment's form.
    FastOpen(Vec<u8>, bool),
    /// An option the host doesn't have.
    Unsupported(String),
}

/// An ICMP message.
#[derive(Clone, Debug)]
pub struct IcmpSpec {
    /// Type, in words.
    pub kind: String,
    /// Code, in words.
    pub code: Option<String>,
    /// The next hop's MTU.
    pub mtu: Option<u32>,
    /// What it quotes.
    pub quote: Quoted,
}

/// What an ICMP message quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoted {
    /// A segment that starts at this relative sequence number.
    Tcp(u32),
    /// A datagram.
    Udp(usize),
}

/// A system call and what it is expected to give.
#[derive(Clone, Debug)]
pub struct Call {
    /// When a blocking call is to return.
    pub end: Option<Nanos>,
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Expr>,
    /// The result.
    pub result: Expr,
    /// The error's name, when it fails.
    pub errno: Option<String>,
}

/// An argument, as in C.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// `...`: whatever fits.
    Ellipsis,
    /// A number.
    Int(i64),
    /// A string.
    Text(String),
    /// A name.
    Name(String),
    /// `a | b`.
    Or(Box<Expr>, Box<Expr>),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `{a=1, b(2)=3, 4}`: values with their names, if they have any.
    Struct(Vec<(Option<String>, Expr)>),
    /// `f(a)`.
    Apply(String, Vec<Expr>),
}

//! TCP segments in tcpdump's words (RFC 9293).

use std::net::IpAddr;

use sockeye_base::SeqNum;

use super::connections::Start;
use super::data::{array, byte, bytes, half, head, tail, word};
use super::page::{Page, Printed, Short};
use super::transport::{self, Carrier};
use super::{dns, redis, text};
use crate::ip::protocol;
use crate::tcp::Flags;

const HEADER_LEN: usize = 20;

/// A segment, and how long it was on the wire.
pub(super) fn print(
    page: &mut Page<'_>,
    (data, length): (&[u8], u32),
    carrier: Carrier<'_>,
    fragment: bool,
) -> Printed {
    page.protocol = "tcp";
    let (Ok(from), Ok(to)) = (half(data, 0), half(data, 2)) else {
        carrier.source(page)?;
        page.put(" > ");
        carrier.destination(page)?;
        page.put(":");
        page.cut();
        return Ok(());
    };
    carrier.ends(page, protocol::TCP, (from, to))?;
    if data.len() < HEADER_LEN {
        page.cut();
        return Ok(());
    }
    let header_len = u32::from(data[12] >> 4) * 4;
    let left = length.wrapping_sub(header_len);
    if header_len < HEADER_LEN as u32 {
        page.write(format_args!(" tcp {left} [bad hdr length {header_len} - too short, < {HEADER_LEN}]"));
        return Ok(());
    }
    let too_long = header_len > length;
    let complain = |page: &mut Page<'_>| {
        page.write(format_args!(" [bad hdr length {header_len} - too long, > {length}]"));
    };
    if page.style.quiet > 0 {
        page.write(format_args!("tcp {left}"));
        if too_long {
            complain(page);
        }
        return Ok(());
    }
    let bits = data[13];
    page.put("Flags [");
    let flags = Flags::from_bits_retain(bits);
    if bits == 0 {
        page.put("none");
    }
    for (_, letter) in Flags::LETTERS.iter().filter(|(flag, _)| flags.contains(*flag)) {
        page.out.push(*letter as u8);
    }
    page.put("]");
    let numbers = Numbers { seq: SeqNum(word(data, 4)?), ack: SeqNum(word(data, 8)?), flags };
    let start = start_of(page, carrier, (from, to), numbers)?;
    if too_long {
        complain(page);
        return Ok(());
    }
    if page.verbose() && page.style.sums && !fragment && data.len() >= length as usize {
        checksum(page, head(data, length as usize), carrier)?;
    }
    fields(page, data, left, numbers, start)?;
    if header_len > HEADER_LEN as u32 && !options(page, data, header_len as usize, left, start)? {
        return Ok(());
    }
    page.put(", length ");
    page.number(left);
    if left == 0 {
        return Ok(());
    }
    if data.len() < header_len as usize {
        page.write(format_args!(" [remaining caplen({}) < header length({header_len})]", data.len()));
        return Err(Short);
    }
    let payload = tail(data, header_len as usize);
    if numbers.flags.contains(Flags::RST) && page.verbose() {
        reset_data(page, payload, left as usize);
        return Ok(());
    }
    above(page, payload, left, (from, to))
}

#[derive(Clone, Copy)]
struct Numbers {
    seq: SeqNum,
    ack: SeqNum,
    flags: Flags,
}

/// What a connection's numbers are counted from.
fn start_of(
    page: &mut Page<'_>,
    carrier: Carrier<'_>,
    (from, to): (u16, u16),
    numbers: Numbers,
) -> Result<Start, Short> {
    if page.style.absolute || !numbers.flags.contains(Flags::ACK) {
        return Ok(Start::default());
    }
    let (source, destination) = match carrier.version {
        4 => (IpAddr::from(array::<4>(carrier.header, 12)?), IpAddr::from(array::<4>(carrier.header, 16)?)),
        _ => (IpAddr::from(array::<16>(carrier.header, 8)?), IpAddr::from(array::<16>(carrier.header, 24)?)),
    };
    let opens = numbers.flags.contains(Flags::SYN);
    Ok(page.connections.start_of((from, source), (to, destination), (numbers.seq, numbers.ack), opens))
}

fn checksum(page: &mut Page<'_>, segment: &[u8], carrier: Carrier<'_>) -> Printed {
    let (field, sum) = (half(segment, 16)?, carrier.sum(protocol::TCP, segment)?);
    page.write(format_args!(", cksum 0x{field:04x}"));
    match sum {
        0 => page.put(" (correct)"),
        sum => page.write(format_args!(" (incorrect -> 0x{:04x})", transport::right(field, sum))),
    }
    Ok(())
}

fn fields(page: &mut Page<'_>, data: &[u8], left: u32, numbers: Numbers, start: Start) -> Printed {
    let flags = numbers.flags;
    if page.style.verbosity > 1 || left > 0 || flags.intersects(Flags::SYN | Flags::FIN | Flags::RST) {
        let seq = numbers.seq.offset_from(start.seq);
        page.put(", seq ");
        page.number(seq);
        if left > 0 {
            page.put(":");
            page.number(seq.wrapping_add(left));
        }
    }
    if flags.contains(Flags::ACK) {
        page.put(", ack ");
        page.number(numbers.ack.offset_from(start.ack));
    }
    page.put(", win ");
    page.number(half(data, 14)?);
    if flags.contains(Flags::URG) {
        page.put(", urg ");
        page.number(half(data, 18)?);
    }
    Ok(())
}

const END: u8 = 0;
const NO_OPERATION: u8 = 1;

/// Why an option is the last.
enum Fault {
    /// It can't be so.
    Bad,
    /// It was not captured whole.
    Cut,
    Short,
}

impl From<Short> for Fault {
    fn from(Short: Short) -> Fault {
        Fault::Short
    }
}

/// The header's options; `false` if the line ends there.
fn options(
    page: &mut Page<'_>,
    data: &[u8],
    header_len: usize,
    left: u32,
    start: Start,
) -> Result<bool, Short> {
    page.put(", options [");
    let mut at = HEADER_LEN;
    let mut first = true;
    while at < header_len {
        if !first {
            page.put(",");
        }
        let fault = match option(page, (data, at, header_len), left, start) {
            Ok((END, _)) => break,
            Ok((_, length)) => {
                at += length;
                first = false;
                continue;
            }
            Err(fault) => fault,
        };
        match fault {
            Fault::Bad => page.put("[bad opt]"),
            Fault::Cut => page.cut(),
            Fault::Short => return Err(Short),
        }
        // The list's end, as far as there is a list.
        match (fault, first) {
            (_, true) | (Fault::Short, _) => {}
            (Fault::Bad, _) => page.put("]"),
            (Fault::Cut, _) => page.put(">"),
        }
        return Ok(false);
    }
    page.put("]");
    Ok(true)
}

/// One option; gives its kind and length.
fn option(
    page: &mut Page<'_>,
    (data, at, header_len): (&[u8], usize, usize),
    left: u32,
    start: Start,
) -> Result<(u8, usize), Fault> {
    let kind = byte(data, at)?;
    let single = matches!(kind, END | NO_OPERATION);
    let length = if single { 1 } else { usize::from(byte(data, at + 1)?) };
    if !single && (length < 2 || length > header_len - at) {
        return Err(Fault::Bad);
    }
    name(page, kind);
    if single {
        return Ok((kind, 1));
    }
    let room = header_len - at - 2;
    // So many bytes of value, if there is room for them.
    let value = |count: usize| match count <= room {
        true => bytes(data, at + 2, count).map_err(|_| Fault::Cut),
        false => Err(Fault::Bad),
    };
    let said = length - 2;
    let read = match kind {
        2 => {
            page.write(format_args!(" {}", half(value(2)?, 0)?));
            2
        }
        3 => {
            page.write(format_args!(" {}", value(1)?[0]));
            1
        }
        4 => 0,
        5 => sack(page, (data, at + 2, said), start)?,
        6 | 7 | 11 | 12 | 13 => {
            page.write(format_args!(" {}", word(value(4)?, 0)?));
            4
        }
        8 => {
            let times = value(8)?;
            page.put(" val ");
            page.number(word(times, 0)?);
            page.put(" ecr ");
            page.number(word(times, 4)?);
            8
        }
        19 => {
            let digest = value(16)?;
            // With no secret nobody can check it.
            let whole = tail(data, header_len).len() >= left as usize;
            page.put(if whole { " shared secret not supplied with -M, " } else { " snaplen too short, " });
            page.put("can't check - ");
            digest.iter().for_each(|byte| page.hex(*byte));
            16
        }
        20 => {
            let value = value(2)?;
            page.write(format_args!(" cap {:02x} id {}", value[0], value[1]));
            2
        }
        28 => {
            let time = half(value(2)?, 0)?;
            let seconds = u32::from(time >> 1) * if time & 1 == 1 { 60 } else { 1 };
            page.write(format_args!(" 0x{time:x} {seconds}"));
            2
        }
        29 => authentication(page, value(said)?),
        34 => {
            let cookie = value(said)?;
            page.put(" ");
            fast_open(page, cookie);
            said
        }
        254 => {
            let value = value(said)?;
            let Ok(magic) = half(value, 0) else { return Err(Fault::Bad) };
            page.put("-");
            match magic {
                0xf989 => {
                    page.put("tfo");
                    fast_open(page, &value[2..]);
                }
                magic => page.write(format_args!("{magic:04x}")),
            }
            said
        }
        _ => {
            if said > 0 {
                page.put(" 0x");
            }
            for index in 0..said {
                page.hex(byte(data, at + 2 + index).map_err(|_| Fault::Cut)?);
            }
            said
        }
    };
    if read != said {
        page.write(format_args!("[len {length}]"));
    }
    // As far as was read, which may be more or less than it says.
    Ok((kind, read + 2))
}

fn name(page: &mut Page<'_>, kind: u8) {
    page.put(match kind {
        END => "eol",
        NO_OPERATION => "nop",
        2 => "mss",
        3 => "wscale",
        4 => "sackOK",
        5 => "sack",
        6 => "echo",
        7 => "echoreply",
        8 => "TS",
        11 => "cc",
        12 => "ccnew",
        13 => "",
        19 => "md5",
        20 => "scps",
        28 => "uto",
        29 => "tcp-ao",
        30 => "mptcp",
        34 => "tfo",
        254 => "exp",
        kind => return page.write(format_args!("unknown-{kind}")),
    });
}

fn sack(page: &mut Page<'_>, (data, at, said): (&[u8], usize, usize), start: Start) -> Result<usize, Fault> {
    if !said.is_multiple_of(8) {
        page.put(" invalid sack");
        return Ok(said);
    }
    page.put(" ");
    page.number((said / 8) as u32);
    page.put(" ");
    for block in (at..at + said).step_by(8) {
        let edge =
            |at| word(data, at).map(|edge| SeqNum(edge).offset_from(start.sack)).map_err(|_| Fault::Cut);
        let (left, right) = (edge(block)?, edge(block + 4)?);
        page.put("{");
        page.number(left);
        page.put(":");
        page.number(right);
        page.put("}");
    }
    Ok(said)
}

/// RFC 5925, section 2.2.
fn authentication(page: &mut Page<'_>, value: &[u8]) -> usize {
    match value {
        [key, next, code @ ..] => {
            page.write(format_args!(" keyid {key} rnextkeyid {next}"));
            if !code.is_empty() {
                page.put(" mac 0x");
                code.iter().for_each(|byte| page.hex(*byte));
            }
        }
        _ => page.invalid(),
    }
    value.len()
}

fn fast_open(page: &mut Page<'_>, cookie: &[u8]) {
    match cookie.len() {
        0 => page.put(" cookiereq"),
        length if !length.is_multiple_of(2) || !(4..=16).contains(&length) => page.invalid(),
        _ => {
            page.put(" cookie ");
            cookie.iter().for_each(|byte| page.hex(*byte));
        }
    }
}

/// A reset may say in words why (RFC 9293, section 3.5.3).
fn reset_data(page: &mut Page<'_>, payload: &[u8], length: usize) {
    const LONGEST: usize = 30;
    page.put(if payload.len() >= length { " [RST" } else { " [!RST" });
    page.put(if length > LONGEST { "+ " } else { " " });
    head(payload, length.min(LONGEST)).iter().for_each(|byte| page.character(*byte));
    page.put("]");
}

/// What is read of protocols above, by their ports.
fn above(page: &mut Page<'_>, payload: &[u8], length: u32, (from, to): (u16, u16)) -> Printed {
    let is = |port| from == port || to == port;
    let one_of = |ports: &[u16]| ports.iter().any(|port| is(*port));
    if is(25) {
        text::print(page, payload, length, &text::SMTP)
    } else if is(43) {
        text::print(page, payload, length, &text::WHOIS)
    } else if is(6379) {
        redis::print(page, payload, length)
    } else if is(22) {
        text::print_ssh(page, payload, length)
    } else if is(21) {
        text::print(page, payload, length, &text::FTP)
    } else if one_of(&[80, 8080]) {
        text::print(page, payload, length, &text::HTTP)
    } else if one_of(&[554, 8554]) {
        text::print(page, payload, length, &text::RTSP)
    } else if is(53) {
        dns::print(page, (payload, length), dns::Kind::Stream)
    } else {
        Ok(())
    }
}

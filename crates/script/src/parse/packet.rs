//! Packets.

use sockeye_wire::tcp::Flags;

use super::cursor::{Cursor, is_word};
use crate::failure::{Failure, Result};
use crate::syntax::{BodySpec, IcmpSpec, IpSpec, OptionSpec, PacketSpec, Quoted, TcpSpec, Tos};

/// `< … ` or `> …`.
pub(super) fn packet(cursor: &mut Cursor<'_>) -> Result<PacketSpec> {
    let inbound = cursor.take("<")?;
    if !inbound {
        cursor.expect(">")?;
    }
    let ip = ip(cursor)?;
    for tunnel in ["ipv4", "ipv6", "gre", "mpls", "psp", "raw"] {
        if cursor.take_word(tunnel)? {
            cursor.take_while(|c| c != '\n');
            return Ok(PacketSpec { inbound, ip, body: BodySpec::Unsupported(format!("{tunnel} packets")) });
        }
    }
    let body = if cursor.take_word("udp")? {
        let ports = ports(cursor)?;
        cursor.expect("(")?;
        let len = cursor.number_as::<u16>()?;
        cursor.expect(")")?;
        BodySpec::Udp { ports, len: len.into() }
    } else if cursor.take_word("icmp")? {
        BodySpec::Icmp(icmp(cursor)?)
    } else {
        tcp(cursor)?
    };
    Ok(PacketSpec { inbound, ip, body })
}

/// `[ect0]`, `[tos 0x10]`, `[ttl 3]`, or several of them.
fn ip(cursor: &mut Cursor<'_>) -> Result<IpSpec> {
    let mut ip = IpSpec::default();
    let close = match (cursor.take("[")?, cursor.peek()) {
        (true, _) => "]",
        (false, Some('(')) => {
            cursor.expect("(")?;
            ")"
        }
        _ => return Ok(ip),
    };
    loop {
        let line = cursor.line();
        match cursor.word()? {
            "noecn" => ip.tos = Tos::Ecn(0),
            "ect1" => ip.tos = Tos::Ecn(1),
            "ect0" => ip.tos = Tos::Ecn(2),
            "ce" => ip.tos = Tos::Ecn(3),
            "ect01" => ip.tos = Tos::EitherEct,
            "tos" => ip.tos = Tos::Byte(cursor.number_as()?),
            "ttl" => ip.ttl = Some(cursor.number_as()?),
            other => return Err(Failure::unsupported(line, format_args!("'{other}' of an IP header"))),
        }
        if cursor.take(close)? {
            return Ok(ip);
        }
        cursor.expect(",")?;
    }
}

/// `1234 > 80`.
fn ports(cursor: &mut Cursor<'_>) -> Result<Option<(u16, u16)>> {
    let mut ahead = *cursor;
    ahead.skip_blanks()?;
    if !ahead.peek().is_some_and(|c| c.is_ascii_digit()) {
        return Ok(None);
    }
    let source = ahead.number_as()?;
    if !ahead.take(">")? {
        return Ok(None);
    }
    let destination = ahead.number_as()?;
    *cursor = ahead;
    Ok(Some((source, destination)))
}

fn tcp(cursor: &mut Cursor<'_>) -> Result<BodySpec> {
    let ports = ports(cursor)?;
    cursor.skip_blanks()?;
    let letters = cursor.take_while(|c| is_word(c) || c == '.' || c == '-');
    let mut flags = Flags::empty();
    for letter in letters.chars() {
        flags |= match letter {
            'F' => Flags::FIN,
            'S' => Flags::SYN,
            'R' => Flags::RST,
            'P' => Flags::PSH,
            '.' => Flags::ACK,
            'U' => Flags::URG,
            'E' => Flags::ECE,
            'W' => Flags::CWR,
            '-' => Flags::empty(),
            'A' | '0'..='7' => {
                cursor.take_while(|c| c != '\n');
                return Ok(BodySpec::Unsupported(format!("the flags {letters} (accurate ECN)")));
            }
            _ => return Err(Failure::syntax(cursor.line(), format!("'{letters}' are no TCP flags"))),
        };
    }
    if letters.is_empty() {
        return Err(cursor.error("a packet's flags"));
    }
    let (seq, len) = sequence(cursor)?;
    let ack = if cursor.take_word("ack")? { Some(cursor.number_as()?) } else { None };
    let window = if cursor.take_word("win")? { Some(cursor.number_as()?) } else { None };
    let urgent = if cursor.take_word("urg")? { cursor.number_as()? } else { 0 };
    let options = if next_is_options(cursor)? { options(cursor)? } else { Some(Vec::new()) };
    Ok(BodySpec::Tcp(TcpSpec { ports, flags, seq, len, ack, window, urgent, options }))
}

/// `start:end(length)`; they must agree.
fn sequence(cursor: &mut Cursor<'_>) -> Result<(u32, u32)> {
    let start: u32 = cursor.number_as()?;
    cursor.expect(":")?;
    let end: u32 = cursor.number_as()?;
    cursor.expect("(")?;
    let len: u32 = cursor.number_as()?;
    cursor.expect(")")?;
    if end.wrapping_sub(start) != len || len > 0xffff {
        return Err(Failure::syntax(cursor.line(), format!("{start}:{end} is not {len} bytes")));
    }
    Ok((start, len))
}

/// Whether `<` starts a list of options. (A time must stand before a packet, so it can't start one.)
fn next_is_options(cursor: &mut Cursor<'_>) -> Result<bool> {
    cursor.take("<")
}

fn options(cursor: &mut Cursor<'_>) -> Result<Option<Vec<OptionSpec>>> {
    if cursor.take("...")? {
        cursor.expect(">")?;
        return Ok(None);
    }
    let mut options = Vec::new();
    if cursor.take(">")? {
        return Ok(Some(options));
    }
    loop {
        options.push(option(cursor)?);
        if cursor.take(">")? {
            return Ok(Some(options));
        }
        cursor.expect(",")?;
    }
}

fn option(cursor: &mut Cursor<'_>) -> Result<OptionSpec> {
    Ok(match cursor.word()? {
        "nop" => OptionSpec::Nop,
        "eol" => OptionSpec::Eol,
        "mss" => OptionSpec::Mss(cursor.number_as()?),
        "wscale" => OptionSpec::WindowScale(cursor.number_as()?),
        "sackOK" => OptionSpec::SackOk,
        "FO" => OptionSpec::FastOpen(cookie(cursor)?, false),
        "FOEXP" => OptionSpec::FastOpen(cookie(cursor)?, true),
        "TS" => {
            cursor.expect("val")?;
            let value = cursor.number_as()?;
            cursor.expect("ecr")?;
            OptionSpec::Timestamps(value, cursor.number_as()?)
        }
        "sack" => {
            let mut blocks = Vec::new();
            loop {
                cursor.skip_blanks()?;
                if !cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
                    return Ok(OptionSpec::Sack(blocks));
                }
                let left = cursor.number_as()?;
                cursor.expect(":")?;
                blocks.push((left, cursor.number_as()?));
            }
        }
        other => {
            cursor.take_while(|c| c != ',' && c != '>' && c != '\n');
            OptionSpec::Unsupported(other.to_owned())
        }
    })
}

/// A cookie in hexadecimal digits, or nothing.
fn cookie(cursor: &mut Cursor<'_>) -> Result<Vec<u8>> {
    cursor.skip_blanks()?;
    let digits = cursor.take_while(is_word);
    let byte = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
    bytes.ok_or_else(|| Failure::syntax(cursor.line(), format!("'{digits}' is no cookie")))
}

/// `type code mtu 1200 [1:1001(1000)]`.
fn icmp(cursor: &mut Cursor<'_>) -> Result<IcmpSpec> {
    let kind = cursor.word()?.to_owned();
    let mut spec = IcmpSpec { kind, code: None, mtu: None, quote: Quoted::Tcp(0) };
    loop {
        cursor.skip_blanks()?;
        match cursor.peek() {
            Some('[') => {
                cursor.expect("[")?;
                spec.quote = if cursor.take_word("udp")? {
                    cursor.expect("(")?;
                    let len = cursor.number_as::<u16>()?;
                    cursor.expect(")")?;
                    Quoted::Udp(len.into())
                } else {
                    Quoted::Tcp(sequence(cursor)?.0)
                };
                cursor.expect("]")?;
                return Ok(spec);
            }
            Some(c) if c.is_ascii_alphabetic() => match cursor.word()? {
                "mtu" => spec.mtu = Some(cursor.number_as()?),
                "id" => {
                    cursor.number()?;
                }
                code => spec.code = Some(code.to_owned()),
            },
            _ => return Ok(spec),
        }
    }
}

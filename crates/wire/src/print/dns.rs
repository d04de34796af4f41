//! DNS in tcpdump's words (RFC 1035; RFC 6762; RFC 6891). Not modelled: what A6 and TSIG records and long strings of
//! unspecified kind hold.

use super::data::{array, byte, bytes, half, head, tail, word};
use super::dns_names::{self, option_name, type_name};
use super::page::{Page, Printed, Short};

pub(super) use dns_names::name;

const HEADER_LEN: usize = 12;
/// The type of EDNS' record.
const OPT: u16 = 41;
/// The class of the Internet; the others are printed.
const INTERNET: u16 = 1;
/// Multicast DNS has a bit of its own in the class.
const MULTICAST_BIT: u16 = 0x8000;

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Unicast,
    Multicast,
    /// Over TCP, behind its length.
    Stream,
}

/// A message, and how long it was on the wire.
pub(super) fn print(page: &mut Page<'_>, (data, length): (&[u8], u32), kind: Kind) -> Printed {
    page.protocol = "domain";
    let (mut data, mut length) = (data, length);
    if kind == Kind::Stream {
        if length < 2 {
            page.write(format_args!(" [DNS over TCP: length {length} < 2]"));
            page.invalid();
            return Ok(());
        }
        length -= 2;
        let said = half(data, 0)?;
        if u32::from(said) != length {
            page.write(format_args!(" [prefix length({said}) != length({length})]"));
            page.invalid();
            return Ok(());
        }
        data = tail(data, 2);
        page.put(" ");
    }
    if (length as usize) < HEADER_LEN {
        page.write(format_args!("domain [length {length} < {HEADER_LEN}]"));
        page.invalid();
        return Ok(());
    }
    if data.len() < HEADER_LEN {
        page.cut();
        return Ok(());
    }
    let counts = [half(data, 4)?, half(data, 6)?, half(data, 8)?, half(data, 10)?];
    let message = Message { data, flags: half(data, 2)?, counts, multicast: kind == Kind::Multicast };
    let whole = if message.flags & 0x8000 != 0 { message.response(page)? } else { message.request(page)? };
    match whole {
        Some(()) => page.write(format_args!(" ({length})")),
        None => page.cut(),
    }
    Ok(())
}

struct Message<'a> {
    data: &'a [u8],
    flags: u16,
    /// Questions, answers, authorities, additional records.
    counts: [u16; 4],
    multicast: bool,
}

/// What could be read, or `None` where the message ends before it.
type Found<T> = Result<Option<T>, Short>;

impl Message<'_> {
    fn operation(&self) -> u16 {
        self.flags >> 11 & 0xf
    }

    fn response(&self, page: &mut Page<'_>) -> Found<()> {
        let [questions, answers, authorities, additional] = self.counts;
        page.number(half(self.data, 0)?);
        page.put(OPERATIONS[usize::from(self.operation())]);
        let code = self.extended_code()?;
        match CODES.get(usize::from(code)) {
            Some(name) => page.put(name),
            None => page.write(format_args!(" Resp{code}")),
        }
        page.put(if self.flags & 0x400 != 0 { "*" } else { "" });
        page.put(if self.flags & 0x80 != 0 { "" } else { "-" });
        page.put(if self.flags & 0x200 != 0 { "|" } else { "" });
        page.put(if self.flags & 0x20 != 0 { "$" } else { "" });
        if questions != 1 {
            page.write(format_args!(" [{questions}q]"));
        }
        let mut at = HEADER_LEN;
        for index in 0..questions {
            if index > 0 {
                page.put(",");
            }
            let next = if page.style.verbosity > 1 {
                page.put(" q:");
                self.question(page, at)?
            } else {
                dns_names::skip(self.data, at).map(|at| at + 4)
            };
            let Some(next) = next else { return Ok(None) };
            at = next;
        }
        page.write(format_args!(" {answers}/{authorities}/{additional}"));
        let Some(next) = self.records(page, "", at, answers, true)? else { return Ok(None) };
        if page.style.verbosity > 1 {
            let Some(next) = self.records(page, " ns:", next, authorities, false)? else { return Ok(None) };
            return Ok(self.records(page, " ar:", next, additional, false)?.map(|_| ()));
        }
        Ok(Some(()))
    }

    fn request(&self, page: &mut Page<'_>) -> Found<()> {
        const INVERSE: u16 = 1;
        let [questions, answers, authorities, additional] = self.counts;
        page.number(half(self.data, 0)?);
        page.put(OPERATIONS[usize::from(self.operation())]);
        page.put(if self.flags & 0x100 != 0 { "+" } else { "" });
        page.put(if self.flags & 0x10 != 0 { "%" } else { "" });
        if self.flags & 0x6cf != 0 {
            page.write(format_args!(" [b2&3=0x{:x}]", self.flags));
        }
        let usual = u16::from(self.operation() != INVERSE);
        let odd = [
            (questions, usual, "q"),
            (answers, 1 - usual, "a"),
            (authorities, 0, "n"),
            (additional, 0, "au"),
        ];
        // The order of the first two depends on what is asked.
        let order = if usual == 1 { [1, 0, 2, 3] } else { [0, 1, 2, 3] };
        for (count, usual, letter) in order.map(|index| odd[index]) {
            if count != usual {
                page.write(format_args!(" [{count}{letter}]"));
            }
        }
        let mut at = HEADER_LEN;
        for index in 0..questions {
            if index > 0 && at >= self.data.len() {
                return Ok(None);
            }
            let Some(next) = self.question(page, at)? else { return Ok(None) };
            at = next;
        }
        if page.style.verbosity > 1 {
            let Some(next) = self.records(page, "", at, answers, true)? else { return Ok(None) };
            let Some(next) = self.records(page, " ns:", next, authorities, false)? else { return Ok(None) };
            return Ok(self.records(page, " ar:", next, additional, false)?.map(|_| ()));
        }
        Ok(Some(()))
    }

    /// The response's code, with the eight bits that EDNS adds (RFC 6891, section 6.1.3).
    fn extended_code(&self) -> Result<u16, Short> {
        let code = self.flags & 0xf;
        let [questions, answers, authorities, additional] = self.counts.map(u32::from);
        let end = self.data.len();
        let mut at = HEADER_LEN;
        for index in 0..questions + answers + authorities + additional {
            let Some(next) = dns_names::skip(self.data, at) else { return Ok(code) };
            at = next;
            if index < questions {
                at += 4;
            } else {
                if index >= questions + answers + authorities && half(self.data, at) == Ok(OPT) {
                    return Ok(byte(self.data, at + 4).map_or(code, |upper| code | u16::from(upper) << 4));
                }
                let Ok(length) = half(self.data, at + 8) else { return Ok(code) };
                at += 10 + usize::from(length);
            }
            if at >= end {
                return Ok(code);
            }
        }
        Ok(code)
    }

    /// A question; gives where the next one is.
    fn question(&self, page: &mut Page<'_>, at: usize) -> Found<usize> {
        let Some(kind_at) = dns_names::skip(self.data, at) else { return Ok(None) };
        let Ok([kind, class]) = halves(self.data, kind_at) else { return Ok(None) };
        page.put(" ");
        put_type(page, kind);
        let own = if self.multicast { class & !MULTICAST_BIT } else { class };
        put_class(page, own);
        if self.multicast {
            page.put(if class & MULTICAST_BIT != 0 { " (QU)" } else { " (QM)" });
        }
        page.put("? ");
        Ok(name(page, self.data, at)?.map(|at| at + 4))
    }

    /// So many records from a place on, a title before them; gives where they end. The first of those that `must` be is
    /// looked for even where nothing is left.
    fn records(
        &self,
        page: &mut Page<'_>,
        title: &str,
        mut at: usize,
        count: u16,
        must: bool,
    ) -> Found<usize> {
        for index in 0..count {
            if at >= self.data.len() && (index > 0 || !must) {
                return Ok(None);
            }
            page.put(if index == 0 { title } else { "," });
            let Some(next) = self.record(page, at)? else { return Ok(None) };
            at = next;
        }
        Ok(Some(at))
    }

    /// A record; gives where it ends.
    fn record(&self, page: &mut Page<'_>, at: usize) -> Found<usize> {
        let data = self.data;
        let at = if page.verbose() {
            page.put(" ");
            match name(page, data, at)? {
                Some(at) => Some(at),
                None => return Ok(None),
            }
        } else {
            dns_names::skip(data, at)
        };
        let Some((at, fields)) = at.and_then(|at| Some((at, bytes(data, at, 10).ok()?))) else {
            return Ok(Some(data.len()));
        };
        let [kind, class] = halves(fields, 0)?;
        let own = if self.multicast { class & !MULTICAST_BIT } else { class };
        if kind != OPT {
            put_class(page, own);
        }
        if self.multicast && class & MULTICAST_BIT != 0 {
            page.put(" (Cache flush)");
        }
        if kind != OPT && page.style.verbosity > 2 {
            page.put(" [");
            page.seconds(word(fields, 4)?);
            page.put("]");
        }
        page.put(" ");
        put_type(page, kind);
        let value = (at + 10, usize::from(half(fields, 8)?));
        let end = value.0 + value.1;
        if end > data.len() {
            return Ok(None);
        }
        let told = match kind {
            OPT => {
                page.write(format_args!(" UDPsize={own}"));
                page.put(if half(fields, 6)? & 0x8000 != 0 { " DO" } else { "" });
                self.options(page, value.0, end)?
            }
            _ => self.value(page, kind, value)?,
        };
        Ok(told.map(|()| end))
    }

    /// What a record says.
    fn value(&self, page: &mut Page<'_>, kind: u16, (at, length): (usize, usize)) -> Found<()> {
        let data = self.data;
        match kind {
            1 => {
                let Ok(address) = array(data, at) else { return Ok(None) };
                page.put(" ");
                page.v4(address);
            }
            28 => {
                let Ok(address) = array(data, at) else { return Ok(None) };
                page.put(" ");
                page.v6(address);
            }
            2 | 5 | 12 | 39 => {
                page.put(" ");
                return Ok(name(page, data, at)?.map(|_| ()));
            }
            6 if page.verbose() => return self.authority(page, at),
            15 => {
                page.put(" ");
                let Ok(preference) = half(data, at) else { return Ok(None) };
                if name(page, data, at + 2)?.is_none() {
                    return Ok(None);
                }
                page.write(format_args!(" {preference}"));
            }
            16 => return Ok(strings(page, data, (at, at + length))),
            33 => {
                page.put(" ");
                let (Ok([priority, weight]), Ok(port)) = (halves(data, at), half(data, at + 4)) else {
                    return Ok(None);
                };
                if name(page, data, at + 6)?.is_none() {
                    return Ok(None);
                }
                page.write(format_args!(":{port} {priority} {weight}"));
            }
            256 => {
                let [priority, weight] = halves(data, at)?;
                page.write(format_args!(" {priority} {weight} "));
                let text = tail(head(data, at + length), at + 4);
                text.iter().for_each(|byte| page.character(*byte));
            }
            _ => {}
        }
        Ok(Some(()))
    }

    /// SOA: two names and five numbers.
    fn authority(&self, page: &mut Page<'_>, mut at: usize) -> Found<()> {
        for _ in 0..2 {
            page.put(" ");
            let Some(next) = name(page, self.data, at)? else { return Ok(None) };
            at = next;
        }
        let Ok(numbers) = bytes(self.data, at, 20) else { return Ok(None) };
        for at in (0..20).step_by(4) {
            page.put(" ");
            page.number(word(numbers, at)?);
        }
        Ok(Some(()))
    }

    /// EDNS' options (RFC 6891, section 6.1.2).
    fn options(&self, page: &mut Page<'_>, mut at: usize, end: usize) -> Found<()> {
        if at >= end {
            return Ok(Some(()));
        }
        page.put(" [");
        while at < end {
            let Ok(number) = half(self.data, at) else { return Ok(None) };
            match option_name(number) {
                Some(name) => page.put(name),
                None => page.write(format_args!("Opt{number}")),
            }
            let Ok(length) = half(self.data, at + 2).map(usize::from) else { return Ok(None) };
            let Ok(value) = bytes(self.data, at + 4, length) else { return Ok(None) };
            if length > 0 {
                page.put(" ");
                option(page, number, value)?;
            }
            at += 4 + length;
            if at < end {
                page.put(",");
            }
        }
        page.put("]");
        Ok(Some(()))
    }
}

/// Two numbers of two bytes.
fn halves(data: &[u8], at: usize) -> Result<[u16; 2], Short> {
    Ok([half(data, at)?, half(data, at + 2)?])
}

/// Strings behind their lengths; `None` if one of them is cut short.
fn strings(page: &mut Page<'_>, data: &[u8], (mut at, end): (usize, usize)) -> Option<()> {
    while at < end {
        page.put(" \"");
        let length = usize::from(byte(data, at).ok()?);
        let text = tail(head(data, at + 1 + length), at + 1);
        text.iter().for_each(|byte| page.character(*byte));
        if text.len() < length {
            return None;
        }
        page.put("\"");
        at += 1 + length;
    }
    Some(())
}

fn put_type(page: &mut Page<'_>, kind: u16) {
    match type_name(kind) {
        Some(name) => page.put(name),
        None => page.write(format_args!("Type{kind}")),
    }
}

/// A class, if it is not the Internet's.
fn put_class(page: &mut Page<'_>, class: u16) {
    match class {
        INTERNET => {}
        3 => page.put(" CHAOS"),
        4 => page.put(" HS"),
        255 => page.put(" ANY"),
        class => page.write(format_args!(" (Class {class})")),
    }
}

/// What an option of EDNS says.
fn option(page: &mut Page<'_>, number: u16, value: &[u8]) -> Printed {
    let hex = |page: &mut Page<'_>, bytes: &[u8]| bytes.iter().for_each(|byte| page.hex(*byte));
    match (number, value) {
        (5..=7, algorithms) => {
            for (index, algorithm) in algorithms.iter().enumerate() {
                page.put(if index > 0 { " " } else { "" });
                match dns_names::algorithm_name(number, *algorithm) {
                    Some(name) => page.put(name),
                    None => page.write(format_args!("Alg_{algorithm}")),
                }
            }
        }
        (8, value) => subnet(page, value),
        (9, _) if value.len() == 4 => page.write(format_args!("{} sec", word(value, 0)?)),
        (10, cookie) if cookie.len() == 8 || (16..=40).contains(&cookie.len()) => {
            hex(page, head(cookie, 8));
            if cookie.len() > 8 {
                page.put(" ");
                hex(page, tail(cookie, 8));
            }
        }
        (11, _) if value.len() == 2 => {
            let tenths = half(value, 0)?;
            page.write(format_args!("{}.{} sec", tenths / 10, tenths % 10));
        }
        (12, _) => page.write(format_args!("({})", value.len())),
        (13, _) => {
            name(page, value, 0)?;
        }
        (14, _) if value.len().is_multiple_of(2) => {
            for at in (0..value.len()).step_by(2) {
                page.put(if at > 0 { " " } else { "" });
                page.number(half(value, at)?);
            }
        }
        (9..=11 | 14, _) => page.invalid(),
        _ => hex(page, value),
    }
    Ok(())
}

/// A client's subnet (RFC 7871, section 6).
fn subnet(page: &mut Page<'_>, value: &[u8]) {
    let [high, low, source, scope, address @ ..] = value else { return page.invalid() };
    let bits = match [*high, *low] {
        [0, 1] => 32,
        [0, 2] => 128,
        _ => return page.invalid(),
    };
    let fits = *source <= bits && *scope <= bits && usize::from(source.div_ceil(8)) == address.len();
    if !fits {
        return page.invalid();
    }
    let mut whole = [0; 16];
    whole.iter_mut().zip(address).for_each(|(to, from)| *to = *from);
    match bits {
        32 => page.v4([whole[0], whole[1], whole[2], whole[3]]),
        _ => page.v6(whole),
    }
    page.write(format_args!("/{source}/{scope}"));
}

const OPERATIONS: [&str; 16] = [
    "",
    " inv_q",
    " stat",
    " op3",
    " notify",
    " update",
    " op6",
    " op7",
    " op8",
    " updateA",
    " updateD",
    " updateDA",
    " updateM",
    " updateMA",
    " zoneInit",
    " zoneRef",
];

/// As they are spelled there, with or without a space.
const CODES: [&str; 24] = [
    "",
    " FormErr",
    " ServFail",
    " NXDomain",
    " NotImp",
    " Refused",
    " YXDomain",
    " YXRRSet",
    " NXRRSet",
    " NotAuth",
    " NotZone",
    " Resp11",
    " Resp12",
    " Resp13",
    " Resp14",
    " NoChange",
    " BadVers",
    "Resp17",
    " Resp18",
    " Resp19",
    " Resp20",
    "Resp21",
    " Resp22",
    " BadCookie",
];

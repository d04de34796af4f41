//! IGMP and MLD in tcpdump's words (RFC 9776; RFC 9777).

use super::data::{array, byte, bytes, half, word};
use super::page::{Page, Printed};
use crate::checksum;

/// A message of IGMP, and how long it was on the wire.
pub(super) fn print_igmp(page: &mut Page<'_>, data: &[u8], length: u32) -> Printed {
    page.protocol = "igmp";
    if page.style.quiet > 0 {
        page.put("igmp");
        return Ok(());
    }
    let kind = byte(data, 0)?;
    match kind {
        0x11 => {
            page.put("igmp query");
            query(page, data, length)?;
        }
        0x12 | 0x16 | 0x17 => {
            let group = array(data, 4)?;
            page.put(match kind {
                0x12 => "igmp v1 report ",
                0x16 => "igmp v2 report ",
                _ => "igmp leave ",
            });
            page.v4(group);
            if kind == 0x12 && length != 8 {
                page.write(format_args!(" [len {length}]"));
            }
        }
        0x22 => {
            page.put("igmp v3 report");
            if length < 16 || !length.is_multiple_of(4) {
                page.write(format_args!(" [invalid len {length}]"));
            } else {
                let count = half(data, 6)?;
                records(page, (data, length as usize), count, &V3)?;
            }
        }
        kind => page.write(format_args!("igmp-{kind}")),
    }
    if page.verbose()
        && length >= 4
        && let Ok(message) = bytes(data, 0, length as usize)
        && checksum::of(message) != 0
    {
        page.write(format_args!(" bad igmp cksum {:x}!", half(data, 2)?));
    }
    Ok(())
}

/// A query, whose version is told by its length and by its time (RFC 9776, section 7.1).
fn query(page: &mut Page<'_>, data: &[u8], length: u32) -> Printed {
    if length >= 12 {
        return query_v3(page, data, length);
    }
    match byte(data, 1)? {
        0 => page.put(" v1"),
        // What everybody says is not worth a word.
        100 => page.put(" v2"),
        time => page.write(format_args!(" v2 [max resp time {time}]")),
    }
    if word(data, 4)? != 0 {
        page.put(" [gaddr ");
        page.v4(array(data, 4)?);
        page.put("]");
    }
    if length != 8 {
        page.write(format_args!(" [len {length}]"));
    }
    Ok(())
}

fn query_v3(page: &mut Page<'_>, data: &[u8], length: u32) -> Printed {
    page.put(" v3");
    if !length.is_multiple_of(4) {
        page.write(format_args!(" [invalid len {length}]"));
        return Ok(());
    }
    let code = u32::from(byte(data, 1)?);
    if code != 100 {
        let tenths = if code < 128 { code } else { (code & 0xf | 0x10) << ((code >> 4 & 7) + 3) };
        page.put(" [max resp time ");
        match tenths {
            0..600 => page.write(format_args!("{}.{}s", tenths / 10, tenths % 10)),
            _ => page.seconds(tenths / 10),
        }
        page.put("]");
    }
    if word(data, 4)? == 0 {
        return Ok(());
    }
    page.put(" [gaddr ");
    page.v4(array(data, 4)?);
    let count = half(data, 10)?;
    query_sources(page, (data, length as usize), (count, 12), &V3)?;
    page.put("]");
    Ok(())
}

/// How a version's records look: where addresses are, how long they are, and what is printed of them.
struct Form {
    address: usize,
    v6: bool,
    unknown: &'static str,
}

const V3: Form = Form { address: 4, v6: false, unknown: " [v3-report-#" };
const V2_OF_MLD: Form = Form { address: 16, v6: true, unknown: " [v2-report-#" };

impl Form {
    /// Puts an address, and something before it.
    fn put(&self, page: &mut Page<'_>, before: &str, data: &[u8], at: usize) -> Printed {
        if self.v6 {
            let address = array(data, at)?;
            page.put(before);
            page.v6(address);
        } else {
            let address = array(data, at)?;
            page.put(before);
            page.v4(address);
        }
        Ok(())
    }
}

fn query_sources(
    page: &mut Page<'_>,
    (data, length): (&[u8], usize),
    (count, at): (u16, usize),
    form: &Form,
) -> Printed {
    let count = usize::from(count);
    if count == 0 {
        return Ok(());
    }
    if length < at + count * form.address {
        page.put(" [invalid number of sources]");
    } else if page.style.verbosity > 1 {
        sources(page, data, (count, at), form)?;
    } else {
        page.write(format_args!(", {count} source(s)"));
    }
    Ok(())
}

fn sources(page: &mut Page<'_>, data: &[u8], (count, at): (usize, usize), form: &Form) -> Printed {
    page.put(" {");
    for index in 0..count {
        form.put(page, " ", data, at + index * form.address)?;
    }
    page.put(" }");
    Ok(())
}

/// The records of a report.
fn records(page: &mut Page<'_>, (data, length): (&[u8], usize), count: u16, form: &Form) -> Printed {
    page.write(format_args!(", {count} group record(s)"));
    if !page.verbose() {
        return Ok(());
    }
    let mut at = 8;
    for _ in 0..count {
        let sources_at = at + 4 + form.address;
        if length < sources_at {
            page.put(" [invalid number of groups]");
            return Ok(());
        }
        form.put(page, " [gaddr ", data, at + 4)?;
        page.put(" ");
        match byte(data, at)? {
            kind @ 1..=6 => {
                page.put(["is_in", "is_ex", "to_in", "to_ex", "allow", "block"][usize::from(kind) - 1])
            }
            kind => page.write(format_args!("{}{kind}]", form.unknown)),
        }
        let count = usize::from(half(data, at + 2)?);
        if length < sources_at + count * form.address {
            page.write(format_args!(" [invalid number of sources {count}]"));
            return Ok(());
        }
        if page.style.verbosity == 1 {
            page.write(format_args!(", {count} source(s)"));
        } else {
            sources(page, data, (count, sources_at), form)?;
        }
        at = sources_at + count * form.address;
        page.put("]");
    }
    Ok(())
}

/// MLD's older messages: a time and a group.
pub(super) fn print_mld(page: &mut Page<'_>, data: &[u8]) -> Printed {
    if data.len() >= 24 {
        page.write(format_args!("max resp delay: {} addr: ", half(data, 4)?));
        page.v6(array(data, 8)?);
    }
    Ok(())
}

/// MLD's query of version 2.
pub(super) fn print_mld_query(page: &mut Page<'_>, data: &[u8], length: u32) -> Printed {
    let code = u32::from(half(data, 4)?);
    if page.verbose() {
        let delay = if code < 0x8000 { code } else { (code & 0xfff | 0x1000) << ((code >> 12 & 7) + 3) };
        page.write(format_args!(" [max resp delay={delay}]"));
    }
    V2_OF_MLD.put(page, " [gaddr ", data, 8)?;
    if page.verbose() {
        let flags = byte(data, 24)?;
        page.put(if flags & 8 == 0 { "" } else { " sflag" });
        if flags & 7 != 0 {
            page.write(format_args!(" robustness={}", flags & 7));
        }
        let code = u32::from(byte(data, 25)?);
        let interval = if code < 128 { code } else { (code & 0xf | 0x10) << ((code >> 4 & 7) + 3) };
        page.write(format_args!(" qqi={interval}"));
    }
    let count = half(data, 26)?;
    query_sources(page, (data, length as usize), (count, 28), &V2_OF_MLD)?;
    page.put("]");
    Ok(())
}

/// MLD's report of version 2.
pub(super) fn print_mld_report(page: &mut Page<'_>, data: &[u8], length: u32) -> Printed {
    if length < 8 {
        page.write(format_args!(" [invalid len {length}]"));
        return Ok(());
    }
    let count = half(data, 6)?;
    records(page, (data, length as usize), count, &V2_OF_MLD)
}

//! IGMP and MLD messages in tcpdump's words.

use crate::membership::Details;
use crate::{igmp, mld};

use super::put;

/// What stands behind the addresses.
pub(super) fn print_igmp(message: &igmp::Message, out: &mut String) {
    if let igmp::Message::Other { kind, .. } = message {
        return put(out, format_args!("igmp-{kind}"));
    }
    out.push_str("igmp ");
    match message {
        igmp::Message::Query { group, response, details } => {
            out.push_str(match (details, response) {
                (Some(_), _) => "query v3",
                (None, 0) => "query v1",
                (None, _) => "query v2",
            });
            // What everybody says is not worth a word.
            match (details, igmp::response_time(*response).as_millis()) {
                (_, 10_000) | (None, 0) => {}
                (Some(_), time) if time >= 60_000 => {
                    put(out, format_args!(" [max resp time {}m{}s]", time / 60_000, time / 1000 % 60));
                }
                (Some(_), time) => {
                    put(out, format_args!(" [max resp time {}.{}s]", time / 1000, time / 100 % 10));
                }
                (None, _) => put(out, format_args!(" [max resp time {response}]")),
            }
            if !group.is_unspecified() {
                put(out, format_args!(" [gaddr {group}"));
                sources(details.as_ref(), out);
                out.push(']');
            }
        }
        igmp::Message::ReportV1 { group } => put(out, format_args!("v1 report {group}")),
        igmp::Message::ReportV2 { group } => put(out, format_args!("v2 report {group}")),
        igmp::Message::Leave { group } => put(out, format_args!("leave {group}")),
        igmp::Message::ReportV3 { records } => {
            put(out, format_args!("v3 report, {} group record(s)", records.len()));
        }
        igmp::Message::Other { .. } => {}
    }
}

/// What stands behind `ICMP6, `. (No space before `max`: so it is.)
pub(super) fn print_mld(message: &mld::Message, out: &mut String) {
    out.push_str("multicast listener ");
    match message {
        mld::Message::Query { group, response, details: None } => {
            put(out, format_args!("querymax resp delay: {response} addr: {group}"));
        }
        mld::Message::Query { group, details: Some(details), .. } => {
            put(out, format_args!("query v2 [gaddr {group}"));
            sources(Some(details), out);
            out.push(']');
        }
        mld::Message::ReportV1 { group } => {
            put(out, format_args!("reportmax resp delay: 0 addr: {group}"));
        }
        mld::Message::Done { group } => put(out, format_args!("donemax resp delay: 0 addr: {group}")),
        mld::Message::ReportV2 { records } => {
            put(out, format_args!("report v2, {} group record(s)", records.len()));
        }
    }
}

fn sources<A>(details: Option<&Details<A>>, out: &mut String) {
    if let Some(Details { sources, .. }) = details
        && !sources.is_empty()
    {
        put(out, format_args!(", {} source(s)", sources.len()));
    }
}

//! The behaviours, a file for each subject.

use crate::trial::Trial;

/// Something sockets do.
#[derive(Clone, Copy)]
pub struct Behaviour {
    /// `subject::what`.
    pub name: &'static str,
    /// What of the host has to be set, as `name=value` of sysctl(8).
    settings: &'static [&'static str],
    /// Does it, and says what it sees.
    pub run: fn(&mut Trial),
}

impl Behaviour {
    /// What of the host has to be set: names of sysctl(8), and values.
    pub fn settings(&self) -> Vec<(&'static str, &'static str)> {
        self.settings.iter().filter_map(|setting| setting.split_once('=')).collect()
    }
}

/// The behaviour of this name.
pub fn find(name: &str) -> Option<&'static Behaviour> {
    BEHAVIOURS.iter().find(|behaviour| behaviour.name == name)
}

/// Gives the list of all to another macro: subjects (files), their behaviours (functions), and what each has set.
#[macro_export]
macro_rules! all_behaviours {
    ($then:ident) => {
        $then! {
            accept {
                who_listens
                backlogs
                room_again
                overflow_reset ["net.ipv4.tcp_abort_on_overflow=1"]
                backlog_changes
                order
                before_accept
                listener_goes
                flags
                waiting
                specific
                both_families
                shared
            }
            bind {
                addresses
                lengths
                three_tcp
                three_udp
                late_flags_tcp
                late_flags_udp
                of_connect
                again
                after_connect
                exhausted ["net.ipv4.ip_local_port_range=40000 40007"]
                exhausted_by_connect ["net.ipv4.ip_local_port_range=40000 40007"]
                tuples
            }
            connect {
                nowhere
                with_broadcast
                lengths
                between_streams
                between_datagrams
                in_progress
                refused
                tries
                in_time
                unanswered
                to_each_other
                datagrams
                unspecified_host
            }
            matrix {
                tcp_bound
                tcp_listening
                tcp_connected
                tcp_accepted
                tcp_time_wait
                udp_bound
                udp_connected
            }
            devices {
                interfaces
                options
                bound
                scopes
                broadcast
                sharing
            }
            groups {
                options
                membership
                membership_v6
                sources
                filters
                delivery
                delivery_v6
            }
            errors {
                next_call
                queue
                whose
            }
            messages {
                asked_for
                room
                sent
                malformed
                received
                flags_of_sending
                corked
                many
                stamps
                buffers
                buffer_given_back
                longest
                segments
            }
            names {
                fresh
                bound
                connected
                of_datagrams
            }
            ping {
                forbidden ["net.ipv4.ping_group_range=1 0"]
                named ["net.ipv4.ping_group_range=0 0"]
                named6 ["net.ipv4.ping_group_range=0 0"]
                shared ["net.ipv4.ping_group_range=0 0"]
                echo ["net.ipv4.ping_group_range=0 0"]
                echo6 ["net.ipv4.ping_group_range=0 0"]
                errors ["net.ipv4.ping_group_range=0 0"]
                errors6 ["net.ipv4.ping_group_range=0 0"]
            }
            raw {
                matrix ["net.ipv4.ping_group_range=0 0"]
                named
                named6
                dissolved
                errors
                errors6
                header_included
                header_included6
            }
            raw_heard {
                echo
                echo6
                echo_to_a_neighbour
                copies
                unknown_protocol
                unreachable_port
                overhears
                filter
                receiving
            }
            raw_options {
                of_each
            }
            inheritance {
                of_options
                of_options_of_ipv6
                of_flags
                of_what_is_told
            }
            options {
                fresh_tcp
                fresh_tcp6
                fresh_udp
                fresh_udp6
                listening_tcp
                listening_tcp6
                connected_tcp ["net.ipv4.tcp_congestion_control=reno"]
                connected_tcp6 ["net.ipv4.tcp_congestion_control=reno"]
                connected_udp
                connected_udp6
            }
            passing {
                borders
                room
                refused
                kept_open
                urgent
                rings
                who
                peers
            }
            states {
                unconnected
                connected
                failed
            }
            unix {
                types
                fresh
                addresses
                binding
                autobind
                connecting
                listening
                backlog
                accepting
                closing
                shutting
                senders
                options
            }
            unix_data {
                peeking
                urgent
                urgent_ends
                truncation
                buffers
                datagram_queue
                datagram_peers
            }
        }
    };
}

macro_rules! collect {
    ($($subject:ident { $($name:ident $([$($setting:literal)*])?)* })*) => {
        $(mod $subject;)*

        /// All of them.
        pub const BEHAVIOURS: &[Behaviour] = &[$($(Behaviour {
            name: concat!(stringify!($subject), "::", stringify!($name)),
            settings: &[$($($setting),*)?],
            run: $subject::$name,
        },)*)*];
    };
}

all_behaviours!(collect);

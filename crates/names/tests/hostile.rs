//! Files and names of any bytes: no panic, and nothing that can't be.

use std::net::IpAddr;
use std::sync::Arc;

use proptest::prelude::*;
use sockeye_base::Rng as Chance;
use sockeye_names::{
    Families, File, Files, Flags, Hints, Interface, Lookup, NameFlags, Request, SourceAddress, Step,
    name_wanted, names, text,
};

fn interfaces() -> Vec<Interface> {
    vec![Interface { index: 2, name: "eth0".to_owned(), addresses: vec![IpAddr::from([10, 0, 0, 1])] }]
}

/// Words that files and questions are made of, so that chance gets somewhere.
fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("hosts:"),
        Just("files"),
        Just("dns"),
        Just("[!SUCCESS=return"),
        Just("]"),
        Just("nameserver"),
        Just("10.0.0.1"),
        Just("fe80::1%eth0"),
        Just("::ffff:1.2.3.4"),
        Just("a"),
        Just("a.b."),
        Just("#"),
        Just("\n"),
        Just("options"),
        Just("ndots:255"),
        Just("timeout:0"),
        Just("attempts:0"),
        Just("search"),
        Just("."),
        Just("80/tcp"),
        Just("4294967296/udp"),
        Just("0x10.300"),
        Just("label"),
        Just("::/0"),
        Just("-1"),
        Just("é"),
    ];
    prop::collection::vec(prop_oneof![4 => word.prop_map(str::to_owned), 1 => any::<String>()], 0..40)
        .prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn files_and_questions(contents in prop::collection::vec(words(), 7), node in words(), service in words(), number: u32) {
        let mut files = Files::new(&node, [IpAddr::from([10, 0, 0, 1])]);
        for (file, content) in File::ALL.into_iter().zip(&contents) {
            files.set(file, content);
            prop_assert_eq!(files.text(file), content);
        }
        let files = Arc::new(files);
        for families in [Families::Inet, Families::Inet6, Families::Both] {
            let mut lookup = Lookup::name(&files, &node, families, None, Chance::from_seed(1));
            let mut turns = 0;
            while let Step::Ask(exchange) = lookup.step() {
                turns += 1;
                prop_assert!(turns < 2_000 && exchange.messages.len() <= 2 && !exchange.wait.is_zero());
                lookup.receive(content_of(&contents, turns));
            }
        }
        let flags = Flags::from_bits_retain(number.cast_signed());
        for flags in [flags, Flags::all() & flags, Flags::empty()] {
            let hints = Hints { flags, socket_type: (number % 8) as i32, protocol: (number >> 8) as i32 % 256, ..Hints::default() };
            if let Ok(request) = Request::new(&files, (Some(&node), Some(&service)), hints, &interfaces()) {
                let asked = request.lookups().map_or(0, |(_, families)| families.len());
                let found = vec![Err(sockeye_names::HostError::TryAgain); asked];
                let _ = request.finish(found, |address, _| Some(SourceAddress { address, prefix: 129 }));
            }
        }
        let address = (text::inet_aton(&node).unwrap_or([1, 2, 3, 4].into()), number as u16).into();
        let flags = NameFlags::from_bits_retain(number.cast_signed());
        let _ = name_wanted(address, flags);
        prop_assert!(names(&files, address, NameFlags::empty(), None, &interfaces()).is_ok());
        let _ = (files.service_by_name(&service, None), files.network_by_name(&node), files.protocol_by_name(&node));
    }

    #[test]
    fn text_of_addresses(bits: u128, four: u32, any: String) {
        let address = IpAddr::from(bits.to_be_bytes());
        prop_assert_eq!(text::inet_pton(&text::inet_ntop(address)), Some(address));
        let address = IpAddr::from(four.to_be_bytes());
        prop_assert_eq!(text::inet_aton(&text::inet_ntop(address)).map(IpAddr::V4), Some(address));
        prop_assert_eq!(text::inet_aton(&four.to_string()).map(IpAddr::V4), Some(address));
        prop_assert_eq!(text::inet_aton(&format!("{four:#x} ")).map(IpAddr::V4), Some(address));
        let _ = (text::inet_aton(&any), text::inet_network(&any));
    }
}

fn content_of(contents: &[String], turn: usize) -> &[u8] {
    contents.get(turn % contents.len().max(1)).map_or(&[], |content| content.as_bytes())
}

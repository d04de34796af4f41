//! Each mistake is told in one line, with its place.

use crate::Topology;

fn problems(text: &str) -> Vec<String> {
    let problems = Topology::parse(text).expect_err("it is wrong");
    problems.0.iter().map(ToString::to_string).collect()
}

fn two(more: &str) -> String {
    format!(
        "[[host]]\nname = \"a\"\naddresses = \"10.0.0.1/24\"\n[[host]]\nname = \"b\"\naddresses = \"10.0.0.2/24\"\n{more}"
    )
}

#[test]
fn what_is_no_toml() {
    let told = problems("name = \n");
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("1:"), "{told:?}");
    assert_eq!(problems(""), ["1:1: a network needs a host: [[host]] with a name and addresses"]);
}

#[test]
fn unknown_keys_and_names_have_a_nearest() {
    assert_eq!(
        problems("[[host]]\nname = \"a\"\nadresses = \"10.0.0.1/24\"\n"),
        ["1:1: a host needs addresses", "3:1: a host has no adresses; did you mean addresses?"]
    );
    assert_eq!(
        problems(&two("[[link]]\nbetween = [\"a\", \"bb\"]\ndealy = \"1ms\"\n")),
        [
            "8:17: there is no host or switch bb; did you mean b?",
            "9:1: a link has no dealy; did you mean delay?"
        ]
    );
    assert_eq!(problems(&two("[expct]\n")), ["7:2: a network has no expct; did you mean expect?"]);
}

#[test]
fn values_that_cant_be() {
    for (text, told) in [
        ("delay = \"10\"", "8:9: delay: 10: time unit needed, for example 10sec or 10ms"),
        ("delay = \"-5ms\"", "8:9: delay: \"-5ms\" is no time, such as 50ms, 1.5s or 2m 3s"),
        ("delay = \"200y\"", "8:9: delay: 200y is more than a hundred years"),
        ("queue = \"10K\"", "8:9: queue needs rate: nothing waits for a link without one"),
        ("delay = 10", "8:9: delay has to be a string"),
        ("loss = \"101%\"", "8:8: loss: a percentage from 0% to 100%, to four places"),
        ("rate = \"0mbit\"", "8:8: rate: a rate in bit, kbit, mbit or gbit, such as 10mbit"),
        ("mtu = 67", "8:7: mtu has to be a whole number from 68 to 65535"),
        ("there = { mtu = 65536 }", "8:17: mtu has to be a whole number from 68 to 65535"),
        ("codel = 1", "8:9: codel has to be true or false"),
        ("lose_data = [0]", "8:13: lose_data has to be an array of whole numbers, each at least 1"),
        ("there = { rate = \"x\" }", "8:18: rate: a rate in bit, kbit, mbit or gbit, such as 10mbit"),
    ] {
        let told_of = problems(&two(&format!("[[link]]\n{text}\nbetween = [\"a\", \"b\"]\n")));
        assert_eq!(told_of, [told]);
    }
}

#[test]
fn what_clashes() {
    let ring = "[[switch]]\nname = \"s\"\n[[switch]]\nname = \"t\"\n[[link]]\nbetween = [\"s\", \"t\"]\n[[link]]\nbetween = [\"t\", \"s\"]\nname = \"x\"\n";
    assert_eq!(problems(&two(ring)), ["14:17: this link closes a ring of switches"]);
    assert_eq!(
        problems(&two(
            "[[link]]\nbetween = [\"a\", \"b\"]\n[[link]]\nbetween = [\"a\", \"b\"]\nname = \"c\"\n"
        )),
        [
            "10:12: a:eth0 has a link already; a switch takes many",
            "10:17: b:eth0 has a link already; a switch takes many"
        ]
    );
    assert_eq!(
        problems(&two("[[host]]\nname = \"a\"\naddresses = \"10.0.0.2/24\"\n")),
        ["8:8: there is a \"a\" already", "9:13: 10.0.0.2 is another interface's already"]
    );
    assert_eq!(
        problems(&two("[[link]]\nbetween = [\"a\", \"a\"]\n")),
        ["8:17: a:eth0 has a link already; a switch takes many"]
    );
}

#[test]
fn hosts_settings_routes_and_services() {
    let host = |more: &str| format!("[[host]]\nname = \"a\"\naddresses = \"10.0.0.1/24\"\n{more}\n");
    for (text, told) in [
        ("routes = \"default via 10.9.0.1\"", "4:10: 10.9.0.1 is in no network of this host"),
        (
            "services = \"htp\"",
            "4:12: there is no service htp; did you mean http? (there are echo, discard, daytime, chargen, time, http, dns)",
        ),
        (
            "sysctl = { \"net.ipv4.tcp_sak\" = 1 }",
            "4:12: net.ipv4.tcp_sak: there is no such setting; did you mean net.ipv4.tcp_sack?",
        ),
        ("files = { \"x\" = \"y\" }", "4:11: \"x\": a path begins with /"),
    ] {
        assert_eq!(problems(&host(text)), [told]);
    }
    let via = "4:10: 10.0.0.1 is this host's own address: it leads nowhere";
    assert_eq!(problems(&host("routes = \"default via 10.0.0.1\"")), [via]);
    for (address, told) in [
        ("127.0.0.1/8", "127.0.0.1 is every host's own, of its lo"),
        ("::1/128", "::1 is every host's own, of its lo"),
        ("0.0.0.0/0", "0.0.0.0 can't be a host's address"),
        ("0.1.2.3/24", "0.1.2.3 can't be a host's address"),
        ("224.0.0.1/4", "224.0.0.1 can't be a host's address"),
        ("255.255.255.255/32", "255.255.255.255 can't be a host's address"),
    ] {
        let text = format!("[[host]]\nname = \"a\"\naddresses = \"{address}\"\n");
        assert_eq!(problems(&text), [format!("3:13: {told}")]);
    }
    for name in ["10", "0x7f", "010"] {
        let told = format!("2:8: \"{name}\" is no name of a host: it would be read as an address");
        assert_eq!(problems(&format!("[[host]]\nname = \"{name}\"\naddresses = []\n")), [told]);
    }
    assert!(Topology::parse("[[host]]\nname = \"0x7g\"\naddresses = []\n").is_ok());
    let none = "[[host]]\nname = \"a\"\ninterfaces = []\n";
    assert_eq!(problems(none), ["3:14: a host needs an interface, if only one without addresses: [{}]"]);
    let name = "[[host]]\nname = \"A b\"\naddresses = \"10.0.0.1/24\"\n";
    assert_eq!(problems(name), ["2:8: \"A b\" is no name of a host: small letters, digits and -"]);
}

#[test]
fn programs_traffic_and_events() {
    for (text, told) in [
        (
            "[[program]]\nhost = \"a\"\nrun = \"true\"\nafter = \"x\"",
            "10:9: there is no program before this one x",
        ),
        ("[[program]]\nhost = \"a\"", "7:1: a program needs run"),
        ("[[program]]\nhost = \"c\"\nrun = \"true\"", "8:8: there is no host c"),
        (
            "[[program]]\nhost = \"a\"\nrun = \"true\"\nready = {}",
            "10:9: ready is one of port, prints and after",
        ),
        (
            "[[traffic]]\nfrom = \"a\"\nto = \"b\"",
            "7:1: traffic is one of bytes, exchanges, datagrams, and client with what it calls",
        ),
        (
            "[[traffic]]\nfrom = \"a\"\nto = \"b\"\nclient = [\"connect\", \"red 5\"]",
            "10:22: client: there is no call red; did you mean read?",
        ),
        ("[[traffic]]\nfrom = \"a\"\nto = \"b\"\nclient = []", "10:10: client calls nothing"),
        (
            "[[traffic]]\nfrom = \"a\"\nto = \"b\"\nport = 9\nbytes = \"1\"\n[[traffic]]\nfrom = \"a\"\nto = \"b\"\nport = 9\nexchanges = 1",
            "15:8: other traffic has port 9 of b already",
        ),
        (
            "[[host]]\nname = \"c\"\naddresses = []\n[[traffic]]\nfrom = \"a\"\nto = \"c\"\nbytes = \"1\"",
            "12:6: c has no address to send to",
        ),
        (
            "[[traffic]]\nfrom = \"a\"\nto = \"b\"\ndatagrams = 257\nsize = 1",
            "11:8: size: each of 257 datagrams carries its number, of 2 bytes",
        ),
        (
            "[[traffic]]\nfrom = \"a\"\nto = \"b\"\ndatagrams = 1000000001",
            "10:13: datagrams has to be a whole number from 1 to 1000000000",
        ),
        ("[[program]]\nhost = \"a\"\nrun = \" \"", "9:7: run has no program"),
        (
            "[[traffic]]\nfrom = \"a\"\nto = \"b\"\nbytes = \"1\"\nclients = 2",
            "11:11: clients is for traffic that says what a client calls",
        ),
        (
            "[[event]]\nat = \"1s\"",
            "7:1: an event is one of cut, mend, off, on, reboot, pause, resume, partition, change and readdress",
        ),
        ("[[event]]\ncut = \"x\"", "7:1: an event needs at"),
        ("[[event]]\nat = \"1s\"\noff = \"bb\"", "9:7: there is no host bb; did you mean b?"),
        ("[[event]]\nat = \"1s\"\npartition = [[\"a\"], [\"a\"]]", "9:22: a is in two groups"),
    ] {
        let told_of = problems(&two(&format!("{text}\n")));
        assert_eq!(told_of[0], told, "{text}: {told_of:?}");
    }
}

#[test]
fn gateways() {
    for (text, told) in [
        ("[gateway]\nhost = \"a\"", "7:1: the gateway leads nowhere: it needs outside or publish"),
        ("[gateway]\noutside = \"network\"", "7:1: there is no host gateway"),
        ("[gateway]\nhost = \"a\"\noutside = true", "9:11: outside has to be a string"),
        (
            "[gateway]\nhost = \"a\"\noutside = \"far\"",
            "9:11: outside: network, or loopback for the machine itself, too",
        ),
        (
            "[gateway]\nhost = \"a\"\noutside = \"network\"\npublsh = \"1:b:1\"",
            "10:1: the gateway has no publsh; did you mean publish?",
        ),
        (
            "[gateway]\nhost = \"a\"\npublish = [\"80:b:80\", \"80:80\"]",
            "9:23: publish: it has the form [ADDRESS:]PORT:HOST:PORT[/tcp|/udp], like 8080:web:80 or 127.0.0.1:5353:names:53/udp",
        ),
        (
            "[gateway]\nhost = \"a\"\npublish = [\"80:b:80\", \"80:b:81\"]",
            "9:23: publish: 127.0.0.1:80/tcp is published already",
        ),
        (
            "[gateway]\nhost = \"a\"\npublish = \"80:bb:80\"",
            "9:11: publish: there is no host bb; did you mean b?",
        ),
        (
            "[gateway]\nhost = \"a\"\npublish = \"80:a:80\"",
            "9:11: publish: a is the gateway: nothing listens there",
        ),
        (
            "[gateway]\nhost = \"a\"\npublish = \"[::1]:80:b:80\"",
            "9:11: publish: b has no IPv6 address, as ::1 is one",
        ),
        (
            "[gateway]\nhost = \"a\"\npublish = \"80:b:80\"\nresolver = \"192.0.2.1\"",
            "7:1: resolver is whom others' names are asked of: it needs outside",
        ),
        (
            "[gateway]\nhost = \"a\"\noutside = \"network\"\nresolver = \"dns\"",
            "10:12: resolver: it is an IP address, perhaps with a port from 1 to 65535: 192.0.2.1:53",
        ),
        (
            "[gateway]\nhost = \"a\"\noutside = \"network\"\n[[program]]\nhost = \"a\"\nrun = \"true\"",
            "11:8: a is the gateway: nothing runs there",
        ),
        (
            "[gateway]\nhost = \"a\"\noutside = \"network\"\n[[event]]\nat = \"1s\"\nreboot = \"a\"",
            "12:10: a is the gateway, which stays as it is: its link can be cut",
        ),
        (
            "[[host]]\nname = \"gateway\"\naddresses = \"10.0.0.3/24\"\nroutes = \"default via 10.0.0.1\"\n[gateway]\noutside = \"network\"",
            "11:1: gateway needs no default route: what no route leads to goes to the machine's network",
        ),
        (
            "[[host]]\nname = \"gateway\"\naddresses = \"10.0.0.3/24\"\nservices = \"echo\"\n[gateway]\noutside = \"network\"",
            "11:1: gateway is the gateway: it serves nothing by itself",
        ),
    ] {
        let told_of = problems(&two(&format!("{text}\n")));
        assert_eq!(told_of, [told], "{text}");
    }
}

/// What would mean nothing is a mistake, too.
#[test]
fn what_would_be_ignored() {
    let link = "[[link]]\nbetween = [\"a\", \"b\"]\n";
    let traffic = "[[traffic]]\nfrom = \"a\"\nto = \"b\"\n";
    let program = "[[program]]\nhost = \"a\"\nrun = \"true\"\n";
    for (text, told) in [
        (format!("{traffic}bytes = \"1\"\nsize = 4"), "11:8: size is for exchanges and datagrams"),
        (format!("{traffic}bytes = \"1\"\nevery = \"1s\""), "11:9: every is for datagrams"),
        (format!("{traffic}exchanges = 3\nevery = \"1s\""), "11:9: every is for datagrams"),
        (format!("{link}spread = \"normal\""), "9:10: spread needs jitter, which it is the shape of"),
        (
            format!("{link}there = {{ spread = \"normal\" }}\nback = {{ jitter = \"1ms\" }}"),
            "9:20: spread needs jitter, which it is the shape of",
        ),
        ("[[link]]\nbetween = []".to_owned(), "8:11: a link is between two ends"),
        ("[[link]]\nbetween = \"a-b\"".to_owned(), "8:11: a link is between two ends"),
        (format!("{link}[[event]]\nat = \"1s\"\ncut = \"b-a\""), "11:7: there is no link b-a; did you mean a-b?"),
        ("[[link]]\nbetween = [1, 2]".to_owned(), "8:11: between has to be a string or an array of strings"),
        ("[[link]]\nbetween = 5".to_owned(), "8:11: between has to be a string or an array of strings"),
        (
            format!("{link}[[event]]\nat = \"1s\"\npartition = [[\"a\", \"b\"]]"),
            "11:13: a partition has two groups or more: mend makes links whole",
        ),
        (
            format!("{link}[[event]]\nat = \"1s\"\npartition = []"),
            "11:13: a partition has two groups or more: mend makes links whole",
        ),
        (
            format!("{link}[[event]]\nat = \"1s\"\npartition = [1]"),
            "11:13: partition has to be an array of arrays of strings",
        ),
        (
            format!("{traffic}bytes = \"1\"\nat = \"24h\""),
            "11:6: it would begin at 86400s, and all ends at 86400s, unless until says otherwise",
        ),
        (
            "[[switch]]\nname = \"s\"\n[[link]]\nbetween = [\"a\", \"s\"]\n[[link]]\nbetween = [\"b\", \"s\"]\n\
             [[event]]\nat = \"1s\"\npartition = [[\"a\"], [\"b\"]]"
                .to_owned(),
            "15:13: no link leads from one of these groups to another: switches belong to groups, too",
        ),
        (
            "[[host]]\nname = \"c\"\naddresses = \"10.0.0.3/24\"\nservices = \"echo\"\n\
             [[traffic]]\nfrom = \"a\"\nto = \"c\"\nport = 7\ndatagrams = 1"
                .to_owned(),
            "14:8: port 7 of c is that of its own echo",
        ),
        (
            format!("{program}{traffic}bytes = \"1\""),
            "10:1: programs run in real time and traffic in virtual time: a network has one or the other",
        ),
        (
            format!("[gateway]\nhost = \"a\"\noutside = \"network\"\n{traffic}bytes = \"1\""),
            "10:1: a [gateway] leads to a real network, and traffic runs in virtual time: a network has one or the other",
        ),
        (
            "[[host]]\nname = \"c\"\naddresses = \"10.0.0.3/24\"\ndocroot = { \"/\" = \"x\" }\n\
             [[program]]\nhost = \"c\"\nrun = \"true\""
                .to_owned(),
            "12:8: c serves files by itself: nothing can run there",
        ),
        (
            format!("{program}name = \"x\\ny\""),
            "10:8: \"x\\ny\" is no name: it is a line of text, and not empty",
        ),
        (format!("{traffic}client = [5]"), "10:10: client has to be a string or an array of strings"),
        (
            format!("{link}[[event]]\nat = \"1s\"\nchange = \"a-b\"\nexplode = \"a\""),
            "12:1: an event has no explode",
        ),
        (
            format!("{link}[[event]]\nat = \"1s\"\nchange = \"a-b\""),
            "9:1: nothing is said of how the link changes",
        ),
        (format!("{program}name = \"\""), "10:8: \"\" is no name: it is a line of text, and not empty"),
        (format!("{program}env = {{ \"\" = \"x\" }}"), "10:9: env: \"\" is no name of a variable"),
        (format!("{program}env = {{ \"A=B\" = \"x\" }}"), "10:9: env: \"A=B\" is no name of a variable"),
        (format!("{program}env = {{ A = \"x\\u0000\" }}"), "10:9: env: A can't hold \\0"),
        (
            "[[program]]\nhost = \"a\"\nrun = \"x\\u0000\"".to_owned(),
            "9:7: run: a program can't be told of \\0",
        ),
        (
            "[gateway]\nhost = \"a\"\npublish = \"0:b:80\"".to_owned(),
            "9:11: publish: a port is a number from 1 to 65535",
        ),
        (
            format!("{link}[[event]]\nat = \"1s\"\ncut = \"a-b\"\naddresses = \"10.0.0.3/24\""),
            "12:13: addresses goes with readdress, which names an interface",
        ),
    ] {
        assert_eq!(problems(&two(&format!("{text}\n"))), [told], "{text}");
    }
    let gateway = two("[gateway]\nhost = \"a\"\npublish = \"80:b:80\"\n");
    assert!(Topology::parse(&gateway).is_ok());
    let told = Topology::parse_to_run(&gateway).map(|_| ()).map_err(|problems| problems.to_string());
    assert_eq!(
        told,
        Err("7:1: a [gateway] is for programs, of which there are none, and for sockeye up".to_owned())
    );
    let late = format!("until = \"20s\"\n{}", two(&format!("{traffic}bytes = \"1\"\nat = \"30s\"")));
    assert_eq!(problems(&late), ["12:6: it would begin at 30s, and all ends at 20s, as until says"]);
    let until = problems(&format!("until = \"1s\"\n{}", two(program)));
    assert_eq!(until, ["1:9: until ends virtual time: programs run in real time, and have within"]);
}

/// Nobody gets an address that another has at that time; who is off has none.
#[test]
fn addresses_in_time() {
    let event = |at: u32, what: &str| format!("[[event]]\nat = \"{at}s\"\n{what}\n");
    let readdress = |at, host: &str, address: &str| {
        event(at, &format!("readdress = \"{host}\"\naddresses = \"{address}\""))
    };
    let told = |events: &[String]| problems(&two(&events.concat()));
    assert_eq!(told(&[readdress(1, "b", "10.0.0.1/24")]), ["10:13: 10.0.0.1 is a's already at this time"]);
    assert_eq!(told(&[readdress(1, "b", "224.0.0.1/24")]), ["10:13: 224.0.0.1 can't be a host's address"]);
    let off = event(1, "off = \"a\"");
    let late = [event(3, "on = \"a\""), readdress(2, "b", "10.0.0.1/24"), off.clone()];
    assert_eq!(told(&late), ["9:6: 10.0.0.1 is b's already at this time"]);
    for fine in [
        vec![readdress(1, "a", "10.0.0.2/24"), readdress(1, "b", "10.0.0.1/24")],
        vec![readdress(2, "b", "10.0.0.1/24"), readdress(1, "a", "10.0.0.3/24")],
        vec![readdress(2, "b", "10.0.0.1/24"), off],
        vec![event(1, "readdress = \"b\"\naddresses = []"), event(1, "reboot = \"b\"")],
    ] {
        let read = Topology::parse(&two(&fine.concat()));
        assert!(read.is_ok(), "{fine:?}: {read:?}");
    }
}

/// IPv6 needs 1280 bytes, wherever on the link it is spoken, and whenever.
#[test]
fn mtus() {
    let link = "[[link]]\nbetween = [\"a\", \"b\"]\n";
    let event = "[[event]]\nat = \"1s\"\n";
    let lan = "[[switch]]\nname = \"s\"\n[[link]]\nbetween = [\"a\", \"s\"]\n";
    let ipv6 = "[[host]]\nname = \"c\"\naddresses = \"fd00::3/64\"\n";
    let joined = "[[link]]\nbetween = [\"c\", \"s\"]\n";
    let later = "[[event]]\nat = \"1s\"\nreaddress = \"b\"\naddresses = \"fd00::3/64\"";
    let short = "an mtu under 1280 is too short for IPv6, which is on this link";
    for (text, told) in [
        (format!("{link}there = {{ mtu = 600 }}\n{later}"), format!("9:17: {short}")),
        (format!("{link}mtu = 600\nback = {{ mtu = 1400 }}\n{later}"), format!("9:7: {short}")),
        (format!("{lan}mtu = 600\n{ipv6}{joined}"), format!("11:7: {short}")),
        (
            format!("{ipv6}mtu = 600\n"),
            "10:7: an mtu under 1280 is too short for IPv6, of which it has an address".to_owned(),
        ),
        (
            format!("{lan}back = {{ mtu = 1400 }}"),
            "11:16: mtu is that of the interface that sends: switch s has none".to_owned(),
        ),
        (
            "[[host]]\nname = \"c\"\naddresses = \"10.0.0.3/24\"\nmtu = 1300\n[[link]]\nbetween = [\"a\", \"c\"]\nback = { mtu = 1400 }"
                .to_owned(),
            "13:16: c says its mtu itself".to_owned(),
        ),
        (format!("{link}{event}change = \"a-b\"\nmtu = 1400"), "12:1: an event has no mtu".to_owned()),
        (
            format!("{link}{event}change = \"a-b\"\nback = {{ mtu = 1400 }}"),
            "12:10: a direction has no mtu".to_owned(),
        ),
    ] {
        let told_of = problems(&two(&text));
        assert_eq!(told_of[0], told, "{text}: {told_of:?}");
    }
    let fine =
        Topology::parse(&two(&format!("{link}mtu = 68\nthere = {{ mtu = 600 }}\n"))).expect("it is right");
    assert_eq!((fine.mtu(0, 0), fine.mtu(1, 0), fine.links[0].mtu()), (600, 68, 600));
    assert!(fine.explain().contains("mtu 600 there, 68 back"), "{}", fine.explain());
}

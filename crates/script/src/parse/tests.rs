use super::{define, parse};
use crate::failure::FailureKind;
use crate::syntax::{Action, BodySpec, Expr, OptionSpec, When};

#[test]
fn a_script_of_everything() {
    let text = r#"
--tolerance_usecs=10000   // why
--ip_version=ipv4
/* set up */ `../common/defaults.sh`
0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3
+.1...0.200 connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("1.2.3.4")}, ...) = -1 EINPROGRESS (Operation now in progress)
+0 > [ect0] SEW 0:0(0) win 65535 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8>  # there
+0~+.1 < 80 > 1234 . 1:1(0) ack 1 win 257 <sack 1:1001 2001:3001,nop>
* > icmp unreachable port_unreachable [1:2(1)]
+0x10 `true`
"#;
    let script = parse(text.trim_end_matches("+0x10 `true`\n")).expect("a script");
    assert_eq!(script.options.len(), 2);
    assert_eq!(script.options[0].value, "10000");
    let lines: Vec<usize> = script.events.iter().map(|event| event.line).collect();
    assert_eq!(lines, [4, 5, 6, 7, 8, 9]);
    let Action::Call(connect) = &script.events[2].action else { panic!("a call") };
    assert_eq!(script.events[2].when, When::Relative(100_000_000));
    assert_eq!((connect.end, connect.errno.as_deref()), (Some(200_000_000), Some("EINPROGRESS")));
    assert_eq!(connect.result, Expr::Int(-1));
    let Action::Packet(packet) = &script.events[4].action else { panic!("a packet") };
    assert_eq!(script.events[4].when, When::RelativeRange(0, 100_000_000));
    let BodySpec::Tcp(tcp) = &packet.body else { panic!("a segment") };
    assert_eq!((tcp.ports, tcp.window), (Some((80, 1234)), Some(257)));
    assert_eq!(
        tcp.options.as_deref(),
        Some(&[OptionSpec::Sack(vec![(1, 1001), (2001, 3001)]), OptionSpec::Nop][..])
    );
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (text, line) in [
        ("0 socket(", 1),
        ("\n\n+1 > . 0:1(2)", 3),
        ("/* no end", 1),
        ("0 `no end", 1),
        ("0 %{ no end", 1),
        ("0 f() = ", 1),
        ("0 > ? 0:0(0)", 1),
        ("99999999999999999999 f() = 0", 1),
    ] {
        let failure = parse(text).expect_err(text);
        assert_eq!((failure.line, failure.kind), (line, FailureKind::Syntax), "{text}: {failure}");
    }
}

#[test]
fn names_are_replaced_where_they_are_words() {
    let definitions = [("A".to_owned(), "1a".to_owned()), ("B_2".to_owned(), String::new())];
    assert_eq!(define("A AB <FO A,A> é B_2\n", &definitions), "1a AB <FO 1a,1a> é \n");
}

#[test]
fn rubbish_is_refused_and_not_followed() {
    let deep = format!("0 f({}", "[".repeat(10_000));
    assert!(parse(&deep).is_err());
    assert!(parse("0 f(\u{1f980}) = 0").is_err());
    assert!(parse("0 f(\"\\xé\") = 0").is_err());
}

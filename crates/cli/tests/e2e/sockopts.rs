//! `sockeye sockopts`.

use crate::common::{finish, finish_with, need, sockeye};

#[test]
fn every_option_has_its_line() {
    let table = finish(&mut sockeye(["sockopts"])).well().text();
    assert!(table.lines().count() > 50, "{table}");
    let line = |name: &str| table.lines().find(|line| line.starts_with(name)).map(str::to_owned);
    let words = |name: &str| line(name).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!(words("TCP_KEEPIDLE").as_deref(), Some("TCP_KEEPIDLE 1 to 32767 rw 7200"));
    assert_eq!(words("SO_TYPE").as_deref(), Some("SO_TYPE int r tcp 1, udp 2"));
    assert_eq!(words("SO_NO_CHECK").as_deref(), Some("SO_NO_CHECK 0 or 1 rw ENOPROTOOPT"));
    assert_eq!(words("SO_PASSCRED").as_deref(), Some("SO_PASSCRED 0 or 1 rw 0"));
    assert_eq!(words("IP_HDRINCL").as_deref(), Some("IP_HDRINCL 0 or 1 rw 0"));
    finish(&mut sockeye(["sockopts", "keepi"])).well().says("TCP_KEEPINTVL");
    finish(&mut sockeye(["sockopts", "nothing"])).exits(1).complains("nothing").in_one_line();
}

#[test]
fn as_json() {
    if !need(&["python3"]) {
        return;
    }
    let json = finish(&mut sockeye(["sockopts", "--json"])).well().text();
    let program = "
import json, sys
options = {option['name']: option for option in json.load(sys.stdin)}
print(options['TCP_NODELAY']['new']['tcp'], options['SO_NO_CHECK']['supported'])
";
    let mut python = crate::common::bare(["python3", "-c", program]);
    finish_with(&mut python, json.into_bytes()).well().says("0 False");
}

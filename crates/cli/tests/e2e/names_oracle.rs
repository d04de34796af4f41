//! libc is the oracle of names: `tests/oracle/names.c` asks it, here the same questions go to `sockeye::names`, with the same
//! files on a host with the same addresses, and both must say the same.

use std::fmt::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use sockeye::Lab;
use sockeye::names::{
    self, AddrInfo, Error, Failure, Families, File, Flags, Hints, HostEntry, NameFlags, text,
};

use crate::common::{finish_with, need};
use crate::oracle::{Compiled, compile, difference};

/// Its own network and files for the machine's libc; the arguments are the folder of files and the program.
const PREPARE: &str = "
set -e
for file in hosts services protocols networks host.conf nsswitch.conf gai.conf; do
    mount --bind \"$1/$file\" /etc/$file || exit 9
done
hostname pukaki.example
ip link set lo up
ip link add eth0 index 2 type veth peer name peer index 3
sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.eth0.addr_gen_mode=1
ip addr add 10.61.0.1/24 dev eth0
ip addr add fd61::1/64 dev eth0 nodad
ip link set peer up
ip link set eth0 up
exec \"$2\"
";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/names")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).expect("a file of the test")
}

#[test]
fn as_libc_says() {
    let isolated = || {
        let mut command = Command::new("unshare");
        command.args(["-mnu", "sh", "-c"]);
        command
    };
    let may = need(&["gcc", "unshare", "ip", "sysctl", "mount"])
        && isolated()
            .arg("mount --bind /etc/hosts /etc/hosts")
            .output()
            .is_ok_and(|output| output.status.success())
        && ["services", "protocols", "networks", "host.conf", "nsswitch.conf", "gai.conf"]
            .iter()
            .all(|file| Path::new("/etc").join(file).exists());
    if !may {
        println!("skipped: it takes root, and Debian's files in /etc");
        return;
    }
    let program = compile("names");
    let questions = read("questions");
    let mut libc = isolated();
    libc.arg(PREPARE).arg("sh").arg(folder()).arg(program.path());
    let libc = finish_with(&mut libc, questions.clone().into_bytes()).well().text();

    let lab = Lab::new(1);
    let host = lab.host("pukaki.example", ["10.61.0.1/24", "fd61::1/64"]).expect("a host");
    for (file, name) in [
        (File::Hosts, "hosts"),
        (File::Services, "services"),
        (File::Protocols, "protocols"),
        (File::Networks, "networks"),
        (File::NsSwitch, "nsswitch.conf"),
        (File::Gai, "gai.conf"),
    ] {
        host.set_file(file, &read(name));
    }
    let ours = host.run(|| answer_all(&questions));
    if let Some(difference) = difference(&libc, &ours) {
        panic!("not as libc (- libc, + Sockeye)\n{difference}");
    }
}

/// The same over DNS: libc under `sockeye run`, and the library, each ask the network's server.
#[test]
fn as_libc_says_over_dns() {
    let isolated = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script, "sh"]);
        command
    };
    let may = need(&["gcc", "unshare", "mount"])
        && isolated("mount --bind /etc/hosts /etc/hosts")
            .output()
            .is_ok_and(|output| output.status.success());
    if !may {
        println!("skipped: it takes root");
        return;
    }
    let program = compile("names");
    for resolv_conf in ["resolv.conf", "resolv.tcp"] {
        compare_over_dns(&program, resolv_conf, isolated);
    }
}

/// By UDP and by TCP, as the file says.
fn compare_over_dns(program: &Compiled, resolv_conf: &str, isolated: impl Fn(&str) -> Command) {
    let questions = read("questions.dns");
    let mut libc = isolated(
        "mount --bind \"$1/$4\" /etc/resolv.conf && mount --bind \"$1/nsswitch.dns\" /etc/nsswitch.conf && \
         mount --bind \"$1/gai.conf\" /etc/gai.conf && exec \"$2\" run -- \"$3\"",
    );
    libc.arg(folder()).arg(env!("CARGO_BIN_EXE_sockeye")).arg(program.path()).arg(resolv_conf);
    let libc = finish_with(&mut libc, questions.clone().into_bytes()).well().text();

    let lab = Lab::default_network(1).expect("a network");
    let host = lab.find("pukaki").expect("a host");
    for (file, name) in
        [(File::ResolvConf, resolv_conf), (File::NsSwitch, "nsswitch.dns"), (File::Gai, "gai.conf")]
    {
        host.set_file(file, &read(name));
    }
    let ours = host.run(|| answer_all(&questions));
    if let Some(difference) = difference(&libc, &ours) {
        panic!("{resolv_conf}: not as libc (- libc, + Sockeye)\n{difference}");
    }
}

fn answer_all(questions: &str) -> String {
    let mut all = String::new();
    for line in questions.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let said = answer(&words);
        writeln!(all, "{line}\n{said}").expect("it fits");
    }
    all
}

/// As names.c: `-` is none, `.` empty, an underscore at the end a space.
fn argument(words: &[&str], at: usize) -> Option<String> {
    let word = words.get(at).filter(|word| **word != "-")?;
    Some(match word.strip_suffix('_') {
        _ if *word == "." => String::new(),
        Some(text) => format!("{text} "),
        None => (*word).to_owned(),
    })
}

fn answer(words: &[&str]) -> String {
    let first = argument(words, 1).unwrap_or_default();
    let second = argument(words, 2);
    let second = second.as_deref();
    match words[0] {
        "getaddrinfo" => {
            getaddrinfo(argument(words, 1).as_deref(), second, words.get(3..).unwrap_or_default())
        }
        "getnameinfo" => getnameinfo(&first, words),
        "gethostbyname" => {
            let families = if second == Some("6") { Families::Inet6 } else { Families::Inet };
            host(names::gethostbyname(&first, families))
        }
        "gethostbyaddr" => host(names::gethostbyaddr(first.parse().expect("an address"))),
        "getservbyname" => service(names::getservbyname(&first, second).expect("a host").as_ref()),
        "getservbyport" => {
            let port: i32 = first.parse().expect("a number");
            service(names::getservbyport(port as u16, second).expect("a host").as_ref())
        }
        "getprotobyname" => protocol(names::getprotobyname(&first).expect("a host").as_ref()),
        "getprotobynumber" => {
            protocol(names::getprotobynumber(first.parse().expect("a number")).expect("a host").as_ref())
        }
        "getnetbyname" => network(names::getnetbyname(&first).expect("a host").as_ref()),
        "getnetbyaddr" => network(names::getnetbyaddr(number(&first) as u32).expect("a host").as_ref()),
        "getservent" => every(&names::services().expect("a host"), service),
        "getprotoent" => every(&names::protocols().expect("a host"), protocol),
        "getnetent" => every(&names::networks().expect("a host"), network),
        "inet_network" => format!("  {}", hex(text::inet_network(&first).unwrap_or(u32::MAX))),
        "aton" => good(text::inet_aton(&first).map(IpAddr::V4)),
        "pton4" => good(text::inet_pton4(&first).map(IpAddr::V4)),
        _ => match text::inet_pton6(&first) {
            Some(address) => good(Some(address.into())),
            None => "  0 ".to_owned(),
        },
    }
}

fn number(text: &str) -> i64 {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => text.parse(),
    }
    .expect("a number")
}

fn hex(number: u32) -> String {
    if number == 0 { "0".to_owned() } else { format!("{number:#x}") }
}

fn good(address: Option<IpAddr>) -> String {
    match address {
        Some(address) => format!("  1 {}", text::inet_ntop(address)),
        None => "  0 0.0.0.0".to_owned(),
    }
}

fn failed(failure: &Failure<Error>) -> String {
    match failure {
        Failure::Names(error) => format!("  {} {error}", error.code()),
        Failure::System(error) => format!("  {error}"),
    }
}

fn getaddrinfo(node: Option<&str>, service: Option<&str>, rest: &[&str]) -> String {
    let at = |place: usize| rest.get(place).map_or(0, |word| number(word) as i32);
    let hints = Hints {
        flags: Flags::from_bits_retain(at(3)),
        families: match at(0) {
            4 => Families::Inet,
            6 => Families::Inet6,
            _ => Families::Both,
        },
        socket_type: at(1),
        protocol: at(2),
    };
    match names::getaddrinfo(node, service, &hints) {
        Ok(list) => list.iter().map(info).collect::<Vec<_>>().join("\n"),
        Err(failure) => failed(&failure),
    }
}

fn info(info: &AddrInfo) -> String {
    let AddrInfo { socket_type, protocol, address, canonical_name } = info;
    let host = text::inet_ntop(address.ip());
    let scope = match address {
        std::net::SocketAddr::V6(address) => format!(" scope {}", address.scope_id()),
        std::net::SocketAddr::V4(_) => String::new(),
    };
    let canonical = canonical_name.as_ref().map_or(String::new(), |name| format!(" canonical {name}"));
    format!("  type {socket_type} protocol {protocol} {host}{scope} port {}{canonical}", address.port())
}

fn getnameinfo(host: &str, words: &[&str]) -> String {
    let hints = Hints { flags: Flags::NUMERICHOST, socket_type: 1, ..Hints::default() };
    let address =
        names::getaddrinfo(Some(host), words.get(2).copied(), &hints).expect("an address")[0].address;
    let flags = words.get(3).map_or(0, |word| number(word) as i32);
    match names::getnameinfo(address, NameFlags::from_bits_retain(flags)) {
        Ok((host, service)) => format!("  {host} {service}"),
        Err(failure) => failed(&failure),
    }
}

fn named(name: &str, aliases: &[String]) -> String {
    aliases.iter().fold(format!("  {name}"), |text, alias| text + " alias " + alias)
}

fn host(entry: Result<HostEntry, Failure<names::HostError>>) -> String {
    match entry {
        Ok(entry) => {
            let addresses: String =
                entry.addresses.iter().map(|address| format!(" {}", text::inet_ntop(*address))).collect();
            named(&entry.name, &entry.aliases) + &addresses
        }
        Err(Failure::Names(error)) => format!("  h_errno {}", error.code()),
        Err(Failure::System(error)) => format!("  {error}"),
    }
}

/// All entries, and that there are no more.
fn every<T>(list: &[T], one: impl Fn(Option<&T>) -> String) -> String {
    list.iter().map(Some).chain([None]).map(one).collect::<Vec<_>>().join("\n")
}

fn service(entry: Option<&names::Service>) -> String {
    entry.map_or("  none".to_owned(), |it| {
        format!("{} {}/{}", named(&it.name, &it.aliases), it.port, it.protocol)
    })
}

fn protocol(entry: Option<&names::Protocol>) -> String {
    entry.map_or("  none".to_owned(), |it| format!("{} {}", named(&it.name, &it.aliases), it.number))
}

fn network(entry: Option<&names::Network>) -> String {
    entry.map_or("  none".to_owned(), |it| format!("{} {}", named(&it.name, &it.aliases), hex(it.number)))
}

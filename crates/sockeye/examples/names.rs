//! Names: hosts, services and addresses, from a host's own files, from its network, and from a DNS server over a slow link
//! in virtual time, the first server of two being down.

use std::io;
use std::time::Duration;

use sockeye::async_names::{getaddrinfo, getnameinfo};
use sockeye::names::{File, Flags, Hints, NameFlags, text};
use sockeye::time::Instant;
use sockeye::{LinkOptions, Simulation};

/// Asks for a host and a service, and for the names of what is found.
async fn tell(node: &str, service: &str) {
    let began = Instant::now();
    let hints = Hints { flags: Flags::CANONNAME, socket_type: 1, ..Hints::default() };
    match getaddrinfo(Some(node), Some(service), &hints).await {
        Err(failure) => println!("{node} {service}: {failure}"),
        Ok(found) => {
            for info in found {
                let name = info.canonical_name.map(|name| format!(", in full {name}")).unwrap_or_default();
                println!("{node} {service}: {}{name}", info.address);
                if let Ok((host, service)) = getnameinfo(info.address, NameFlags::empty()).await {
                    println!("    which is {host}, {service}");
                }
            }
        }
    }
    println!("    after {:?}", Instant::now() - began);
}

fn main() -> io::Result<()> {
    let simulation = Simulation::new(1);
    let lab = simulation.lab();
    let pukaki = lab.host("pukaki.example", ["10.0.0.1/24", "fd00::1/64"])?;
    let tekapo = lab.host("tekapo.example", ["10.0.0.2/24", "fd00::2/64"])?;
    lab.link(&pukaki, &tekapo, &LinkOptions::new().delay(Duration::from_millis(30)));

    // Who serves names, and who asks.
    let mut zone = tekapo.zone();
    zone.add_alias("www.example", "tekapo.example");
    tekapo.serve_names(zone)?;
    pukaki.set_file(File::Hosts, "192.0.2.7 ohau.example ohau\n127.0.0.1 localhost\n");
    pukaki.set_file(File::NsSwitch, "hosts: files dns\n");
    pukaki.set_file(File::ResolvConf, "nameserver 10.0.0.99\nnameserver 10.0.0.2\nsearch example\n");

    let asked = simulation.block_on(&pukaki, async {
        tell("localhost", "80").await;
        tell("ohau", "ssh").await;
        tell("www", "http").await;
        tell("wanaka", "http").await;
        tell("tekapo", "no-such-service").await;
    });
    asked?;
    // Addresses as inet_aton reads them.
    for short in ["127.1", "0x0a000001", "10.0.010"] {
        println!("{short} is {}", text::inet_aton(short).expect("an address"));
    }
    Ok(())
}

#[test]
fn runs() {
    main().expect("the example runs");
}

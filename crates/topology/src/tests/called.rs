//! Conversations of programs' calls.

use sockeye_base::Duration;

use crate::{Outcome, Simulation, Topology};

fn run(more: &str) -> Outcome {
    run_until("24h", more)
}

fn run_until(until: &str, more: &str) -> Outcome {
    let text = format!(
        "until = \"{until}\"\n[[host]]\nname = \"a\"\naddresses = \"10.0.0.1/24\"\nservices = \"echo\"\n\
         [[host]]\nname = \"b\"\naddresses = \"10.0.0.2/24\"\n[[link]]\nbetween = [\"a\", \"b\"]\ndelay = \"10ms\"\n{more}\n"
    );
    let topology = Topology::parse(&text).unwrap_or_else(|problems| panic!("{problems}"));
    Simulation::new(&topology, 1, Vec::new()).expect("it starts").run(None)
}

fn traffic(client: &str, server: &str) -> String {
    format!("[[traffic]]\nfrom = \"a\"\nto = \"b\"\nclient = [{client}]\nserver = [{server}]\n")
}

/// What was called, one line each.
fn said(outcome: &Outcome) -> Vec<String> {
    let said = outcome.talks.iter().flat_map(|talk| &talk.said);
    said.map(|said| format!("{} {} = {}", said.who, said.call, said.gave)).collect()
}

#[test]
fn calls_block_and_give() {
    let outcome = run(&traffic(
        "\"connect\", \"write 200K\", \"shutdown\", \"read all = 5\"",
        "\"accept\", \"read all\", \"write 5\"",
    ));
    assert!(outcome.failures.is_empty(), "{outcome:?}");
    assert_eq!(
        said(&outcome),
        [
            "client connect = 0",
            "server accept = 0",
            "client write 204800 = 204800",
            "client shutdown = 0",
            "server read all = 204800",
            "server write 5 = 5",
            "client read all = 5",
        ]
    );
    assert_eq!(outcome.talks[0].bytes, 204_805);
}

#[test]
fn what_is_not_as_it_has_to_be_is_told() {
    let told = |client: &str| run(&traffic(client, "\"accept\", \"read all\"")).failures;
    assert_eq!(told("\"connect\", \"write 10 = 9\""), ["a to b: client: write 10 = 10, not 9"]);
    assert_eq!(told("\"connect\", \"shutdown\", \"write 1\""), ["a to b: client: write 1 = EPIPE"]);
    assert_eq!(told("\"connect\", \"read 1\""), ["a to b: server: read all = forever"]);
    assert_eq!(told("\"connect = forever\""), ["a to b: client: connect = 0, not forever"]);
}

/// Nobody is refused by name: an address where nobody listens, and a service that is there by itself.
#[test]
fn whoever_listens_answers() {
    let alone = |port: u16, client: &str| {
        run(&format!("[[traffic]]\nfrom = \"b\"\nto = \"a\"\nport = {port}\nclient = [{client}]\n"))
    };
    let refused = alone(99, "\"connect = ECONNREFUSED\"");
    assert!(refused.failures.is_empty(), "{refused:?}");
    let echo = alone(7, "\"connect\", \"write 100\", \"read 100 = 100\"");
    assert!(echo.failures.is_empty(), "{echo:?}");
}

#[test]
fn datagrams_are_answered() {
    let text = traffic(
        "\"connect\", \"write 100\", \"read 50 = 50\"",
        "\"read 1000 = 100\", \"wait 5ms\", \"write 70\"",
    );
    let outcome = run(&format!("{text}over = \"udp\"\n"));
    assert!(outcome.failures.is_empty(), "{outcome:?}");
    // ARP, there and back, and the server's time.
    assert_eq!(outcome.talks[0].took, Duration::from_millis(45));
}

/// What runs on a host that is switched off ends; it begins anew when the host is on again.
#[test]
fn a_reboot_ends_programs_and_starts_them_again() {
    let text = traffic(
        "\"connect\", \"wait 1s\", \"write 1\", \"read 1 = ECONNRESET\", \"close\", \"connect\"",
        "\"accept\", \"read all\"",
    );
    let outcome = run(&format!("{text}[[event]]\nat = \"500ms\"\nreboot = \"b\"\n"));
    assert!(outcome.failures.is_empty(), "{outcome:?}");
    let server: Vec<_> = said(&outcome).into_iter().filter(|line| line.starts_with("server")).collect();
    assert_eq!(
        server,
        ["server accept = 0", "server read all = forever", "server accept = 0", "server read all = 0"]
    );
}

#[test]
fn it_ends_when_it_has_to() {
    let outcome =
        run_until("3s", &traffic("\"connect\", \"write 100M = forever\"", "\"accept\", \"wait 1h\""));
    assert_eq!((outcome.end, outcome.failures.len()), (Duration::from_secs(3), 1));
    assert_eq!(outcome.failures, ["a to b: server: wait 3600s = forever"]);
}

#[test]
fn several_clients() {
    let text = traffic("\"connect\"", "\"accept\", \"accept\", \"accept\"");
    let outcome = run(&format!("{text}clients = 3\n"));
    assert!(outcome.failures.is_empty(), "{outcome:?}");
    assert!(said(&outcome).contains(&"client 3 connect = 0".to_owned()), "{outcome:?}");
}

/// What failed first is told, not what came of it.
#[test]
fn the_first_failure_is_told() {
    let outcome = run(&traffic("\"wait 1ms\", \"write 5\"", "\"accept\""));
    assert_eq!(outcome.failures, ["a to b: client: write 5 = EPIPE"]);
}

/// Who listens without a port gets one, of its own family.
#[test]
fn a_client_may_listen() {
    let alone = |client: &str| run(&format!("[[traffic]]\nfrom = \"a\"\nto = \"b\"\nclient = [{client}]\n"));
    for client in ["\"listen\", \"accept = forever\"", "\"accept = forever\"", "\"bind 80\", \"listen 5\""] {
        let outcome = alone(client);
        assert!(outcome.failures.is_empty(), "{outcome:?}");
    }
}

use super::*;

const SERVER: &str = "nameserver 10.0.0.1\nsearch one.example two.example\noptions attempts:1\n";

/// Answers each question in turn by a code, without records; gives what was asked, and how it ended.
fn ask(
    conf: &str,
    name: &str,
    codes: &[Option<ResponseCode>],
) -> (Vec<String>, Result<HostEntry, HostError>) {
    let mut lookup = look_up(conf, name, Families::Inet);
    let (mut asked, mut codes) = (Vec::new(), codes.iter());
    loop {
        match lookup.step() {
            Step::Done(result) => return (asked, result),
            Step::Ask(exchange) => {
                asked.extend(questions(&exchange).iter().map(|question| question.replace(". A", "")));
                if let Some(code) = codes.next().unwrap_or(&Some(ResponseCode::NXDomain)) {
                    lookup.receive(&answer(&exchange.messages[0], *code, &[]));
                }
            }
        }
    }
}

#[test]
fn the_forms_of_a_name() {
    let not_found = Err(HostError::NotFound);
    assert_eq!(
        ask(SERVER, "www", &[]),
        (vec!["www.one.example".into(), "www.two.example".into(), "www".into()], not_found.clone())
    );
    assert_eq!(ask(SERVER, "www.", &[]), (vec!["www".into()], not_found.clone()));
    assert_eq!(
        ask(SERVER, "www.net", &[]),
        (
            vec!["www.net".into(), "www.net.one.example".into(), "www.net.two.example".into()],
            not_found.clone()
        )
    );
    let two_dots = format!("{SERVER}options ndots:2");
    assert_eq!(ask(&two_dots, "www.net", &[]).0, ["www.net.one.example", "www.net.two.example", "www.net"]);
    assert_eq!(ask("nameserver 10.0.0.1", "www", &[]).0, ["www"]);
    let no_tld = format!("{SERVER}options no-tld-query");
    assert_eq!(ask(&no_tld, "www", &[]).0, ["www.one.example", "www.two.example"]);
    assert_eq!(ask("nameserver 10.0.0.1\nsearch .", "www", &[]).0, ["www"]);
    assert_eq!(ask(SERVER, "a..b", &[]), (vec![], not_found.clone()));
    assert_eq!(ask(SERVER, "", &[]), (vec![], not_found));
}

#[test]
fn its_own_domain_is_searched() {
    let mut files = Files::new("a.home.example", []);
    files.set(File::NsSwitch, "hosts: dns");
    let mut lookup = Lookup::name(&Arc::new(files), "www", Families::Inet, None, Rng::from_seed(1));
    let asked = exchange(&mut lookup);
    assert_eq!(
        (asked.server, questions(&asked)),
        (server("127.0.0.1"), vec!["www.home.example. A".to_owned()])
    );
}

#[test]
fn why_nothing_was_found() {
    use ResponseCode::{FormErr, NXDomain, NoError, ServFail};
    // There is such a name, somewhere.
    assert_eq!(ask(SERVER, "www", &[Some(NoError)]).1, Err(HostError::NoData));
    // What the name as it is said counts, if that was asked first.
    assert_eq!(ask(SERVER, "www.net", &[Some(NXDomain), Some(NoError)]).1, Err(HostError::NotFound));
    // A domain's server that can't say does not end it; silence does, and what makes no sense.
    let (asked, result) = ask(SERVER, "www", &[Some(ServFail)]);
    assert_eq!((asked.len(), result), (3, Err(HostError::TryAgain)));
    let (asked, result) = ask(SERVER, "www", &[None, None]);
    assert_eq!((asked, result), (vec!["www.one.example".into(), "www".into()], Err(HostError::TryAgain)));
    let (asked, result) = ask(SERVER, "www", &[Some(FormErr), Some(FormErr)]);
    assert_eq!((asked.len(), result), (2, Err(HostError::NoRecovery)));
}

#[test]
fn addresses_have_names() {
    for (address, question) in [
        ("10.0.0.7", "7.0.0.10.in-addr.arpa. PTR".to_owned()),
        ("fd00::7", format!("7.{}0.0.d.f.ip6.arpa. PTR", "0.".repeat(27))),
    ] {
        let mut lookup = Lookup::address(&files(SERVER), address.parse().unwrap(), None, Rng::from_seed(1));
        let asked = exchange(&mut lookup);
        assert_eq!(questions(&asked), [question]);
        let owner = Message::from_vec(&asked.messages[0]).unwrap().queries[0].name.to_ascii();
        let records =
            [(owner.as_str(), ptr("bad name.example.")), (&owner, ptr("a.example.")), (&owner, ptr("b."))];
        lookup.receive(&answer(&asked.messages[0], ResponseCode::NoError, &records));
        let found = done(&mut lookup).unwrap();
        assert_eq!(
            (found.name.as_str(), found.aliases, found.addresses),
            ("a.example", vec!["b".to_owned()], ips(&[address]))
        );
    }
}

#[test]
fn the_order_of_sources() {
    let mut files = Files::new("a", ips(&["10.0.0.1"]));
    files.set(File::NsSwitch, "hosts: dns [NOTFOUND=return] files");
    let files = Arc::new(files);
    for (code, result) in
        [(ResponseCode::NXDomain, Err(HostError::NotFound)), (ResponseCode::ServFail, Ok(()))]
    {
        let mut lookup = Lookup::name(&files, "a.", Families::Inet, None, Rng::from_seed(1));
        let mut result_of = Lookup::name(&files, "a", Families::Inet, None, Rng::from_seed(1));
        for lookup in [&mut lookup, &mut result_of] {
            while let Step::Ask(asked) = lookup.step() {
                lookup.receive(&answer(&asked.messages[0], code, &[]));
            }
        }
        assert_eq!(done(&mut result_of).map(|_| ()), result);
    }
}

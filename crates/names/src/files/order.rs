//! The line `hosts:` of nsswitch.conf(5): where hosts are looked up, and when that is enough.

use super::lines;

/// Somewhere that hosts can be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The file of hosts.
    Files,
    /// The virtual network's hosts.
    Network,
    /// DNS.
    Dns,
}

/// What came of a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Success,
    NotFound,
    /// Nobody answered, or the source isn't there.
    Unavailable,
    /// It may be different later.
    TryAgain,
}

impl Status {
    const ALL: [Status; 4] = [Status::Success, Status::NotFound, Status::Unavailable, Status::TryAgain];

    fn parse(word: &str) -> Option<Status> {
        let names = ["SUCCESS", "NOTFOUND", "UNAVAIL", "TRYAGAIN"];
        Status::ALL.into_iter().zip(names).find(|(_, name)| name.eq_ignore_ascii_case(word)).map(|(it, _)| it)
    }
}

/// The sources in order, each with whether a status ends the search.
#[derive(Clone, Debug)]
pub(crate) struct Order(Vec<(Source, [bool; 4])>);

/// By itself success ends it, nothing else.
const ENDS: [bool; 4] = [true, false, false, false];

impl Default for Order {
    /// As libc without the file or the line.
    fn default() -> Order {
        Order(vec![(Source::Files, ENDS), (Source::Dns, ENDS)])
    }
}

impl Order {
    pub(super) fn parse(text: &str) -> Order {
        let line = lines(text).find_map(|line| line.trim_start().strip_prefix("hosts:"));
        line.map_or_else(Order::default, |line| Order(parse_line(line)))
    }

    /// The source at a place.
    pub(crate) fn get(&self, place: usize) -> Option<Source> {
        self.0.get(place).map(|(source, _)| *source)
    }

    /// Whether what the source at a place said is enough.
    pub(crate) fn ends(&self, place: usize, status: Status) -> bool {
        self.0.get(place).is_none_or(|(_, ends)| ends[status as usize])
    }
}

fn parse_line(mut line: &str) -> Vec<(Source, [bool; 4])> {
    let mut order: Vec<(Source, [bool; 4])> = Vec::new();
    // Of a source that isn't known its actions aren't either.
    let mut known = false;
    loop {
        line = line.trim_start();
        if let Some(actions) = line.strip_prefix('[') {
            let (actions, rest) = actions.split_once(']').unwrap_or((actions, ""));
            if let Some((_, ends)) = order.last_mut().filter(|_| known) {
                actions.split_whitespace().for_each(|action| apply(action, ends));
            }
            line = rest;
            continue;
        }
        let end = line.find(|c: char| c.is_whitespace() || c == '[').unwrap_or(line.len());
        let (word, rest) = line.split_at(end);
        let source = match word {
            "" => return order,
            "files" => Some(Source::Files),
            "network" => Some(Source::Network),
            "dns" => Some(Source::Dns),
            _ => None,
        };
        known = source.is_some();
        order.extend(source.map(|source| (source, ENDS)));
        line = rest;
    }
}

/// `STATUS=ACTION` or `!STATUS=ACTION`.
fn apply(action: &str, ends: &mut [bool; 4]) {
    let Some((status, action)) = action.split_once('=') else { return };
    let (others, status) = status.strip_prefix('!').map_or((false, status), |status| (true, status));
    let Some(status) = Status::parse(status) else { return };
    let end = action.eq_ignore_ascii_case("return");
    for each in Status::ALL {
        if (each == status) != others {
            ends[each as usize] = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_actions() {
        let order = Order::parse(
            "passwd: files\nhosts: files mdns4 [NOTFOUND=return]dns [!UNAVAIL=return] network\n",
        );
        assert_eq!(
            [0, 1, 2, 3].map(|place| order.get(place)),
            [Some(Source::Files), Some(Source::Dns), Some(Source::Network), None]
        );
        assert!(order.ends(0, Status::Success) && !order.ends(0, Status::NotFound));
        assert!(order.ends(1, Status::TryAgain) && !order.ends(1, Status::Unavailable));
        assert_eq!([0, 1].map(|place| Order::parse("").get(place)), [Some(Source::Files), Some(Source::Dns)]);
    }
}

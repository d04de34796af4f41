//! What is looked at, and how: the state of `sockeye top`, changed by keys and by snapshots.

use std::collections::{BTreeMap, VecDeque};

use sockeye_look::{Snapshot, Socket};

use super::rows::{Row, Tab, Times, rows, socket_id};

/// Samples of a connection's life that are kept.
const MOST_SAMPLES: usize = 300;
/// Connections whose lives are kept.
const MOST_LIVES: usize = 2000;

/// A key, as far as it means something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Left,
    Right,
    Next,
    Previous,
    Enter,
    Escape,
    Backspace,
    Char(char),
}

/// One moment of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// Segments.
    pub(super) cwnd: u64,
    /// Microseconds.
    pub(super) rtt: u64,
    /// Bytes a second that were acknowledged or came.
    pub(super) rate: u64,
}

/// How a table is looked at.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    /// By which column it is sorted, and whether the other way round.
    pub(super) sort: (usize, bool),
    /// The row that is chosen, by what it is about, and where that was last.
    pub(super) chosen: Option<(String, usize)>,
}

/// All of it.
pub(super) struct Model {
    pub(super) tab: Tab,
    looked: [Looked; Tab::ALL.len()],
    pub(super) filter: String,
    /// The filter is being typed.
    pub(super) editing: bool,
    pub(super) paused: bool,
    pub(super) helping: bool,
    /// The socket that is shown alone.
    pub(super) detail: Option<String>,
    /// Why nothing new comes.
    pub(super) gone: Option<String>,
    before: Option<Snapshot>,
    now: Snapshot,
    lives: BTreeMap<String, VecDeque<Sample>>,
    /// Rows that are in sight: how far a page goes.
    pub(super) page: usize,
}

impl Model {
    /// Begins with what is there.
    pub(super) fn new(now: Snapshot) -> Model {
        let looked = |tab: Tab| Looked { sort: (tab.columns().1, false), chosen: None };
        let mut model = Model {
            tab: Tab::Hosts,
            looked: Tab::ALL.map(looked),
            filter: String::new(),
            editing: false,
            paused: false,
            helping: false,
            detail: None,
            gone: None,
            before: None,
            now,
            lives: BTreeMap::new(),
            page: 10,
        };
        model.note_lives();
        model
    }

    /// Takes what is there now.
    pub(super) fn take(&mut self, now: Snapshot) {
        self.gone = None;
        if self.paused {
            return;
        }
        // Another process under the same name, or a time that stands still: nothing to compare.
        let goes_on = self.now.about.pid == now.about.pid && self.now.about.began == now.about.began;
        let before = std::mem::replace(&mut self.now, now);
        self.before = goes_on.then_some(before);
        self.note_lives();
    }

    /// The network as it is.
    pub(super) fn now(&self) -> &Snapshot {
        &self.now
    }

    /// The network as it was and is.
    pub(super) fn times(&self) -> Times<'_> {
        Times { before: self.before.as_ref(), now: &self.now }
    }

    /// How the table is looked at.
    pub(super) fn looked(&self) -> &Looked {
        &self.looked[self.tab as usize]
    }

    /// The rows of the table, and which of them is chosen.
    pub(super) fn rows(&self) -> (Vec<Row>, usize) {
        let looked = self.looked();
        let rows = rows(self.tab, self.times(), &self.filter, looked.sort);
        let chosen = looked.chosen.as_ref();
        let place = chosen.and_then(|(id, _)| rows.iter().position(|row| row.id == *id));
        // What was chosen is gone: what took its place.
        let place = place.or(chosen.map(|(_, place)| *place)).unwrap_or(0).min(rows.len().saturating_sub(1));
        (rows, place)
    }

    /// The socket that is shown alone, while it is there.
    pub(super) fn detailed(&self) -> Option<(&str, &Socket)> {
        let id = self.detail.as_ref()?;
        let hosts = self.now.hosts.iter();
        let mut sockets = hosts.flat_map(|host| host.sockets.iter().map(|own| (host.name.as_str(), own)));
        sockets.find(|(host, socket)| socket_id(host, socket) == *id)
    }

    /// What is remembered of a socket, the oldest first.
    pub(super) fn life(&self, id: &str) -> impl DoubleEndedIterator<Item = &Sample> {
        self.lives.get(id).into_iter().flatten()
    }

    /// Does what a key says; `false`: it is over.
    pub(super) fn press(&mut self, key: Key) -> bool {
        if self.editing {
            self.edit(key);
            return true;
        }
        match key {
            Key::Char('q') => return false,
            _ if self.helping => self.helping = false,
            Key::Char('?' | 'h') => self.helping = true,
            Key::Escape | Key::Backspace if self.detail.is_some() => self.detail = None,
            Key::Escape => self.filter.clear(),
            Key::Char('p' | ' ') => self.paused = !self.paused,
            _ if self.detail.is_some() => {}
            Key::Char('/') => self.editing = true,
            Key::Next | Key::Char('\t') => self.turn(1),
            Key::Previous => self.turn(Tab::ALL.len() - 1),
            Key::Char(digit @ '1'..='4') => self.tab = Tab::ALL[digit as usize - '1' as usize],
            Key::Left | Key::Char('<') => self.sort_by(-1),
            Key::Right | Key::Char('>') => self.sort_by(1),
            Key::Char('r') => {
                let sort = &mut self.looked[self.tab as usize].sort;
                sort.1 = !sort.1;
            }
            Key::Up | Key::Char('k') => self.choose(|place, _| place.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.choose(|place, _| place + 1),
            Key::PageUp => self.choose(|place, page| place.saturating_sub(page)),
            Key::PageDown => self.choose(|place, page| place + page),
            Key::Home | Key::Char('g') => self.choose(|_, _| 0),
            Key::End | Key::Char('G') => self.choose(|_, _| usize::MAX),
            Key::Enter => self.enter(),
            Key::Backspace | Key::Char(_) => {}
        }
        true
    }

    fn edit(&mut self, key: Key) {
        match key {
            Key::Char(c) if self.filter.chars().count() < 64 && !c.is_control() => self.filter.push(c),
            Key::Backspace => drop(self.filter.pop()),
            Key::Enter => self.editing = false,
            Key::Escape => {
                self.editing = false;
                self.filter.clear();
            }
            _ => {}
        }
    }

    fn turn(&mut self, by: usize) {
        self.tab = Tab::ALL[(self.tab as usize + by) % Tab::ALL.len()];
    }

    fn sort_by(&mut self, by: isize) {
        let columns = self.tab.columns().0.len();
        let sort = &mut self.looked[self.tab as usize].sort;
        *sort = (sort.0.saturating_add_signed(by).min(columns - 1), false);
    }

    fn choose(&mut self, to: impl Fn(usize, usize) -> usize) {
        let (rows, place) = self.rows();
        let place = to(place, self.page.max(1)).min(rows.len().saturating_sub(1));
        self.looked[self.tab as usize].chosen = rows.into_iter().nth(place).map(|row| (row.id, place));
    }

    /// A host's sockets, or a socket alone.
    fn enter(&mut self) {
        let (rows, place) = self.rows();
        let Some(row) = rows.into_iter().nth(place) else { return };
        match self.tab {
            Tab::Hosts => (self.tab, self.filter) = (Tab::Sockets, row.id),
            Tab::Sockets => self.detail = Some(row.id),
            Tab::Links | Tab::Drops => {}
        }
    }

    /// Keeps a sample of each connection, and forgets those that are gone, but for the one that is looked at.
    fn note_lives(&mut self) {
        let mut lives = BTreeMap::new();
        let totals = |snapshot: &Snapshot| -> BTreeMap<String, u64> {
            let sockets = snapshot.hosts.iter().flat_map(|host| {
                host.sockets.iter().filter_map(|socket| {
                    let tcp = socket.tcp.as_ref()?;
                    Some((socket_id(&host.name, socket), tcp.bytes_acked + tcp.bytes_received))
                })
            });
            sockets.collect()
        };
        let before = self.before.as_ref().map(totals).unwrap_or_default();
        let span = self.before.as_ref().map_or(0, |before| self.now.now.saturating_sub(before.now));
        for host in &self.now.hosts {
            for socket in &host.sockets {
                let Some(tcp) = &socket.tcp else { continue };
                let id = socket_id(&host.name, socket);
                if lives.len() >= MOST_LIVES && self.detail.as_ref() != Some(&id) {
                    continue;
                }
                let mut life = self.lives.remove(&id).unwrap_or_default();
                let total = tcp.bytes_acked + tcp.bytes_received;
                let more = before.get(&id).map_or(0, |before| total.saturating_sub(*before));
                let rate = u128::from(more) * 1_000_000_000 / u128::from(span.max(1));
                let rate = if span == 0 { 0 } else { rate as u64 };
                life.push_back(Sample { cwnd: tcp.snd_cwnd.into(), rtt: tcp.rtt.into(), rate });
                if life.len() > MOST_SAMPLES {
                    life.pop_front();
                }
                lives.insert(id, life);
            }
        }
        if let Some((id, life)) = self.detail.as_ref().and_then(|id| self.lives.remove_entry(id)) {
            lives.entry(id).or_insert(life);
        }
        self.lives = lives;
    }
}

//! The side of who looks.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::holders::Processes;
use crate::runtime::{Found, running};
use crate::{Answer, Ask, Error, Request, Role, Snapshot, VERSION, Wanted};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// No answer is longer, in bytes.
const LONGEST: u64 = 1 << 30;

/// A connection to one process.
pub struct Client {
    stream: BufReader<UnixStream>,
}

/// A capture that is made while it is read: pcapng.
pub struct Frames {
    stream: BufReader<UnixStream>,
}

/// A running network: the process that was meant, and those that are plugged into it.
pub struct Network {
    found: Found,
    own: Client,
    members: BTreeMap<u32, Client>,
}

impl Client {
    /// Connects to a process.
    ///
    /// # Errors
    /// `Gone`, or the machine's.
    pub fn connect(found: &Found) -> Result<Client, Error> {
        use std::io::ErrorKind::{ConnectionRefused, NotFound};
        let stream = UnixStream::connect(&found.path).map_err(|error| match error.kind() {
            ConnectionRefused | NotFound => Error::Gone,
            _ => Error::Io(error),
        })?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client { stream: BufReader::with_capacity(1 << 16, stream) })
    }

    /// Everything as it stands in this process, without who has which socket open.
    ///
    /// # Errors
    /// `Gone`, `Refused`, `Strange`.
    pub fn snapshot(&mut self) -> Result<Snapshot, Error> {
        match self.ask(Ask::Snapshot)? {
            Answer::Snapshot(snapshot) => Ok(*snapshot),
            Answer::Error(why) => Err(Error::Refused(why)),
            Answer::Frames => Err(Error::Strange),
        }
    }

    /// The frames that pass from now on.
    ///
    /// # Errors
    /// The same; `Refused` for a filter that can't be.
    pub fn frames(mut self, wanted: &Wanted) -> Result<Frames, Error> {
        match self.ask(Ask::Frames(wanted.clone()))? {
            Answer::Frames => {
                self.stream.get_ref().set_read_timeout(None)?;
                Ok(Frames { stream: self.stream })
            }
            Answer::Error(why) => Err(Error::Refused(why)),
            Answer::Snapshot(_) => Err(Error::Strange),
        }
    }

    fn ask(&mut self, ask: Ask) -> Result<Answer, Error> {
        use std::io::ErrorKind::{BrokenPipe, ConnectionReset, TimedOut, WouldBlock};
        let broken = |error: std::io::Error| match error.kind() {
            BrokenPipe | ConnectionReset => Error::Gone,
            TimedOut | WouldBlock => Error::Refused("the network doesn't answer".to_owned()),
            _ => Error::Io(error),
        };
        let mut line = serde_json::to_vec(&Request { version: VERSION, ask }).map_err(|_| Error::Strange)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).map_err(broken)?;
        line.clear();
        self.stream.by_ref().take(LONGEST).read_until(b'\n', &mut line).map_err(broken)?;
        if line.last() != Some(&b'\n') {
            return Err(Error::Gone);
        }
        serde_json::from_slice(&line).map_err(|_| Error::Strange)
    }
}

impl Frames {
    /// Bounds how long reading waits; it then fails as WouldBlock.
    ///
    /// # Errors
    /// The machine's.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> Result<(), Error> {
        Ok(self.stream.get_ref().set_read_timeout(timeout)?)
    }

    /// Another hand on the connection: shut it down to end the capture from elsewhere.
    ///
    /// # Errors
    /// The machine's.
    pub fn handle(&self) -> Result<UnixStream, Error> {
        Ok(self.stream.get_ref().try_clone()?)
    }
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.stream.read(buffer) {
            // Who ends while bytes of ours are unread resets; that is an end like others.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(0),
            read => read,
        }
    }
}

impl Network {
    /// Connects to the network of this name, or to that of the process of this number; if nothing is said to the only one
    /// that runs.
    ///
    /// # Errors
    /// `None`, `NotFound`, `Several`; those of [`Client::connect`].
    pub fn open(of: Option<&str>) -> Result<Network, Error> {
        let found = choose(running()?, of)?;
        let own = Client::connect(&found)?;
        Ok(Network { found, own, members: BTreeMap::new() })
    }

    /// Which process was meant.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// Everything as it stands, of hosts that other processes hold, too; with the programs that have the sockets open.
    ///
    /// # Errors
    /// `Gone` if the network has ended meanwhile; others of [`Client::snapshot`].
    pub fn snapshot(&mut self) -> Result<Snapshot, Error> {
        let mut whole = self.own.snapshot()?;
        let mut roots = vec![whole.about.pid];
        for host in &mut whole.hosts {
            let Some(pid) = host.pid else { continue };
            roots.push(pid);
            let Some(mut theirs) = self.ask_member(pid) else { continue };
            let Some(own) = theirs.hosts.iter().position(|own| own.name == host.name) else { continue };
            let (program, up) = (host.program.take(), host.up);
            *host = crate::Host { pid: Some(pid), program, up, ..theirs.hosts.swap_remove(own) };
        }
        self.members.retain(|pid, _| roots.contains(pid));
        Processes::of(&roots).note(&mut whole);
        Ok(whole)
    }

    /// What a member of the network says; nothing if it has gone meanwhile.
    fn ask_member(&mut self, pid: u32) -> Option<Snapshot> {
        if !self.members.contains_key(&pid) {
            let found = self.member(pid)?;
            self.members.insert(pid, Client::connect(&found).ok()?);
        }
        let snapshot = self.members.get_mut(&pid)?.snapshot().ok();
        if snapshot.is_none() {
            self.members.remove(&pid);
        }
        snapshot
    }

    fn member(&self, pid: u32) -> Option<Found> {
        let directory = self.found.path.parent()?;
        Some(Found::new(directory, pid, Role::Host, self.found.network.as_deref()))
    }

    /// The frames that pass from now on. What a host sends and gets is told by the process that holds it.
    ///
    /// # Errors
    /// Those of [`Client::frames`]; `Refused` if the network has no such host or interface.
    pub fn frames(&mut self, wanted: &Wanted) -> Result<Frames, Error> {
        let snapshot = self.own.snapshot()?;
        let mut at = self.found.clone();
        if let Some(name) = &wanted.host {
            let known =
                || snapshot.hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(", ");
            let host = snapshot.hosts.iter().find(|host| host.name == *name);
            let host =
                host.ok_or_else(|| Error::Refused(format!("no host {name}; there are {}", known())))?;
            if let Some(member) = host.pid.and_then(|pid| self.member(pid)) {
                at = member;
            }
            let known = || host.interfaces.iter().map(|own| own.name.as_str()).collect::<Vec<_>>().join(", ");
            let has = |name: &String| host.interfaces.iter().any(|own| own.name == *name);
            if let Some(interface) = wanted.interface.as_ref().filter(|name| host.pid.is_none() && !has(name))
            {
                let why = format!("{name} has no interface {interface}; there are {}", known());
                return Err(Error::Refused(why));
            }
        }
        if wanted.link.is_some_and(|link| link >= snapshot.links.len()) {
            return Err(Error::Refused(format!("there are only {} links", snapshot.links.len())));
        }
        Client::connect(&at)?.frames(wanted)
    }
}

/// Which of those that run is meant.
fn choose(found: Vec<Found>, of: Option<&str>) -> Result<Found, Error> {
    if let Some(of) = of {
        // A name is that of the network, not of its hosts; a number is one process.
        let is_it = |found: &Found| {
            found.pid.to_string() == of || (found.role != Role::Host && found.network.as_deref() == Some(of))
        };
        let names = names(&found);
        let there = if names.is_empty() { String::new() } else { format!("; there are {names}") };
        return found.into_iter().find(is_it).ok_or_else(|| Error::NotFound(of.to_owned(), there));
    }
    let held: Vec<Option<String>> =
        found.iter().filter(|one| one.role != Role::Host).map(|one| one.network.clone()).collect();
    // A host of a network that can be looked into itself is not another one.
    let is_part = |one: &Found| one.role == Role::Host && held.contains(&one.network);
    let mut networks: Vec<Found> = found.into_iter().filter(|one| !is_part(one)).collect();
    match networks.len() {
        0 => Err(Error::None),
        1 => Ok(networks.remove(0)),
        _ => Err(Error::Several(names(&networks))),
    }
}

fn names(found: &[Found]) -> String {
    let whole = found.iter().filter(|one| one.role != Role::Host);
    whole.map(Found::name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_only_network_is_meant_and_its_hosts_are_part_of_it() {
        let found = |pid, role, network| Found::new(Path::new("/"), pid, role, network);
        let up = found(1, Role::Up, Some("default"));
        let host = found(2, Role::Host, Some("default"));
        let run = found(3, Role::Run, None);
        assert!(matches!(choose(Vec::new(), None), Err(Error::None)));
        assert_eq!(choose(vec![up.clone(), host.clone()], None).ok(), Some(up.clone()));
        assert_eq!(choose(vec![host.clone()], None).ok(), Some(host.clone()));
        let all = vec![up.clone(), host.clone(), run.clone()];
        assert!(matches!(choose(all.clone(), None), Err(Error::Several(names)) if names == "default, 3"));
        for (of, one) in [("default", up), ("2", host), ("3", run)] {
            assert_eq!(choose(all.clone(), Some(of)).ok(), Some(one));
        }
        assert!(matches!(choose(all, Some("4")), Err(Error::NotFound(..))));
    }
}

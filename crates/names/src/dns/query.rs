//! One name's questions, put to one server after the other until each has its answer.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::rr::{Name, RecordType};
use sockeye_base::Rng;

use super::message::{self, Meaning, Records};
use super::{Exchange, Heard};
use crate::error::HostError;
use crate::files::ResolvConf;

/// The questions about one name.
#[derive(Debug)]
pub(crate) struct Query {
    name: Name,
    questions: Vec<Question>,
    /// The servers, in the order they are asked.
    servers: Vec<SocketAddr>,
    timeout: u32,
    attempts: u8,
    /// One question after the other.
    single: bool,
    /// The server asked, by its place; it counts on with each attempt.
    turn: usize,
    tcp: bool,
    edns: bool,
    /// A server said it can't or won't.
    refused: bool,
}

#[derive(Debug)]
struct Question {
    kind: RecordType,
    id: u16,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Not asked, or in vain.
    Open,
    Asked,
    /// The server asked had no use for it.
    Failed,
    Answered(Result<Records, HostError>),
}

/// What came of all questions about a name.
pub(super) struct Answers {
    /// In the order they were asked; `TryAgain` for what nobody answered.
    pub(super) results: Vec<Result<Records, HostError>>,
    /// A server said that it can't or won't (SERVFAIL and its kin).
    pub(super) refused: bool,
}

impl Query {
    pub(super) fn new(conf: &ResolvConf, name: Name, kinds: &[RecordType], rng: &mut Rng) -> Query {
        let question =
            |kind: &RecordType| Question { kind: *kind, id: rng.next_u32() as u16, state: State::Open };
        let questions = kinds.iter().map(question).collect();
        let mut servers = conf.servers.clone();
        if conf.rotate {
            let by = rng.below(servers.len() as u64) as usize;
            servers.rotate_left(by);
        }
        Query {
            name,
            questions,
            servers,
            timeout: conf.timeout.into(),
            attempts: conf.attempts,
            single: conf.single_request,
            turn: 0,
            tcp: conf.use_vc,
            edns: conf.edns0,
            refused: false,
        }
    }

    /// What to ask next; `None` when all is answered or everybody was asked often enough.
    pub(super) fn next_exchange(&mut self) -> Option<Exchange> {
        let mut in_vain = false;
        for question in &mut self.questions {
            if matches!(question.state, State::Asked | State::Failed) {
                question.state = State::Open;
                in_vain = true;
            }
        }
        self.turn += usize::from(in_vain);
        if self.servers.is_empty() || self.turn >= self.servers.len() * usize::from(self.attempts) {
            return None;
        }
        let place = self.turn % self.servers.len();
        let (name, edns, single) = (&self.name, self.edns, self.single);
        let mut messages = Vec::new();
        for question in self.questions.iter_mut().filter(|question| question.state == State::Open) {
            match message::ask(question.id, name, question.kind, edns) {
                Some(message) => messages.push(message),
                None => question.state = State::Answered(Err(HostError::NoRecovery)),
            }
            if question.state == State::Open {
                question.state = State::Asked;
                if single {
                    break;
                }
            }
        }
        // As libc: those further down the list are given twice as long each, but share it.
        let seconds = match place {
            0 => self.timeout,
            place => (self.timeout << place) / self.servers.len() as u32,
        };
        let wait = Duration::from_secs(seconds.max(1).into());
        let exchange = Exchange { server: self.servers[place], tcp: self.tcp, messages, wait };
        (!exchange.messages.is_empty()).then_some(exchange)
    }

    /// A message came from the server asked. What is no answer to an open question is not looked at.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Heard {
        let (name, edns) = (&self.name, self.edns);
        for question in self.questions.iter_mut().filter(|question| question.state == State::Asked) {
            let Some(meaning) = message::understand(bytes, question.id, name, question.kind, edns) else {
                continue;
            };
            question.state = match meaning {
                Meaning::Records(records) => State::Answered(Ok(records)),
                Meaning::NoName => State::Answered(Err(HostError::NotFound)),
                Meaning::Wrong => State::Answered(Err(HostError::NoRecovery)),
                Meaning::Refused => {
                    self.refused = true;
                    State::Failed
                }
                // The same server is asked again in another way.
                Meaning::Truncated if !self.tcp => {
                    self.tcp = true;
                    self.ask_again();
                    return Heard::All;
                }
                Meaning::Truncated => State::Failed,
                Meaning::NoEdns => {
                    self.edns = false;
                    self.ask_again();
                    return Heard::All;
                }
            };
            break;
        }
        let waiting = self.questions.iter().any(|question| question.state == State::Asked);
        if waiting { Heard::More } else { Heard::All }
    }

    fn ask_again(&mut self) {
        for question in &mut self.questions {
            if matches!(question.state, State::Asked) {
                question.state = State::Open;
            }
        }
    }

    pub(super) fn into_answers(self) -> Answers {
        let result = |question: Question| match question.state {
            State::Answered(result) => result,
            _ => Err(HostError::TryAgain),
        };
        Answers { results: self.questions.into_iter().map(result).collect(), refused: self.refused }
    }
}

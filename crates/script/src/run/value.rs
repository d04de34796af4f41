//! Arguments of calls as numbers, sizes and addresses.

use std::net::{IpAddr, SocketAddr};

use crate::failure::{Failure, Result};
use crate::names;
use crate::syntax::{Call, Expr};

/// Bytes a call may ask for at most.
const MOST: usize = 1 << 24;

/// The arguments of one call.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'a> {
    pub(super) line: usize,
    pub(super) call: &'a Call,
}

/// An address in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `...`, or a pointer to nothing.
    Unsaid,
    /// AF_UNSPEC.
    Unspec,
    /// This one.
    Inet(SocketAddr),
}

impl<'a> Arguments<'a> {
    /// There must be so many.
    pub(super) fn count(&self, count: usize) -> Result<()> {
        if self.call.arguments.len() == count {
            return Ok(());
        }
        let name = &self.call.name;
        Err(Failure::syntax(self.line, format!("{name} takes {count} arguments")))
    }

    pub(super) fn expr(&self, index: usize) -> Result<&'a Expr> {
        self.call
            .arguments
            .get(index)
            .ok_or_else(|| Failure::syntax(self.line, format!("{} takes more arguments", self.call.name)))
    }

    pub(super) fn int(&self, index: usize) -> Result<i64> {
        self.value(self.expr(index)?)
    }

    /// `None` for `...`.
    pub(super) fn int_or_any(&self, index: usize) -> Result<Option<i64>> {
        match self.expr(index)? {
            Expr::Ellipsis => Ok(None),
            expr => self.value(expr).map(Some),
        }
    }

    pub(super) fn size(&self, index: usize) -> Result<usize> {
        self.as_size(self.int(index)?)
    }

    pub(super) fn as_size(&self, value: i64) -> Result<usize> {
        let fits = usize::try_from(value).ok().filter(|size| *size <= MOST);
        fits.ok_or_else(|| Failure::syntax(self.line, format!("{value} is no size")))
    }

    /// The number an expression stands for.
    pub(super) fn value(&self, expr: &Expr) -> Result<i64> {
        match expr {
            Expr::Int(value) => Ok(*value),
            Expr::Name(name) => names::constant(name)
                .ok_or_else(|| Failure::unsupported(self.line, format_args!("the name '{name}'"))),
            Expr::Or(left, right) => Ok(self.value(left)? | self.value(right)?),
            Expr::Apply(name, arguments) if matches!(name.as_str(), "htons" | "htonl" | "ntohs") => {
                arguments.first().map_or(Ok(0), |argument| self.value(argument))
            }
            // An int behind a pointer.
            Expr::List(list) if list.len() == 1 => list.first().map_or(Ok(0), |inner| self.value(inner)),
            Expr::Ellipsis | Expr::Text(_) | Expr::List(_) | Expr::Struct(_) | Expr::Apply(..) => {
                Err(Failure::unsupported(self.line, format_args!("this argument of {}", self.call.name)))
            }
        }
    }

    /// A member of a struct.
    pub(super) fn field(&self, expr: &'a Expr, name: &str) -> Option<&'a Expr> {
        let Expr::Struct(fields) = expr else { return None };
        fields.iter().find(|(known, _)| known.as_deref() == Some(name)).map(|(_, value)| value)
    }

    /// A member of a struct that is a number.
    pub(super) fn int_field(&self, expr: &'a Expr, name: &str) -> Result<i64> {
        let field = self
            .field(expr, name)
            .ok_or_else(|| Failure::syntax(self.line, format!("{} needs '{name}' here", self.call.name)))?;
        self.value(field)
    }

    pub(super) fn is_null(&self, index: usize) -> bool {
        matches!(self.call.arguments.get(index), Some(Expr::Name(name)) if name == "NULL")
    }

    /// The address of sendto or sendmsg.
    pub(super) fn address_of_message(&self) -> Result<Address> {
        if self.call.name == "sendto" {
            return self.address(4);
        }
        match self.call.arguments.get(1).and_then(|message| self.field(message, "msg_name")) {
            Some(expr) => self.as_address(expr),
            None => Ok(Address::Unsaid),
        }
    }

    /// `struct sockaddr_in` or `sockaddr_in6`.
    pub(super) fn address(&self, index: usize) -> Result<Address> {
        self.as_address(self.expr(index)?)
    }

    fn as_address(&self, expr: &'a Expr) -> Result<Address> {
        if matches!(expr, Expr::Ellipsis) || matches!(expr, Expr::Name(name) if name == "NULL") {
            return Ok(Address::Unsaid);
        }
        if matches!(expr, Expr::Name(name) if name == "AF_UNSPEC") {
            return Ok(Address::Unspec);
        }
        let one_of = |names: &[&str]| names.iter().find_map(|name| self.field(expr, name));
        let family = one_of(&["sa_family", "sin_family", "sin6_family"]);
        if family.map(|family| self.value(family)).transpose()? == Some(0) {
            return Ok(Address::Unspec);
        }
        let port = one_of(&["sin_port", "sin6_port"]).map(|port| self.value(port)).transpose()?;
        let text = match one_of(&["sin_addr", "sin6_addr"]) {
            Some(Expr::Apply(_, arguments)) => arguments.iter().find_map(|argument| match argument {
                Expr::Text(text) => Some(text.as_str()),
                _ => None,
            }),
            _ => None,
        };
        let address = text.and_then(|text| text.parse::<IpAddr>().ok());
        match (address, port.and_then(|port| u16::try_from(port).ok())) {
            (Some(address), Some(port)) => Ok(Address::Inet(SocketAddr::new(address, port))),
            _ => Err(Failure::unsupported(self.line, format_args!("this address of {}", self.call.name))),
        }
    }

    /// The lengths in an iovec: `[{..., 40}, {..., 20}]`.
    pub(super) fn vector(&self, expr: &'a Expr) -> Result<usize> {
        let Expr::List(list) = expr else {
            return Err(Failure::syntax(self.line, "an iovec is a list of {..., length}"));
        };
        let mut total = 0;
        for element in list {
            let len = match element {
                Expr::Struct(fields) => fields.iter().rev().map(|(_, value)| value).next(),
                _ => None,
            };
            let len = len.ok_or_else(|| Failure::syntax(self.line, "an iovec's element is {..., length}"))?;
            total += self.as_size(self.value(len)?)?;
        }
        Ok(total)
    }
}

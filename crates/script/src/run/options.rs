//! getsockopt and setsockopt: names to numbers, arguments to bytes and back.

use sockeye_abi::{Kind, Value, decode_get, decode_set};

use super::Runner;
use super::calls::Returned;
use super::value::Arguments;
use crate::failure::{Failure, Result};
use crate::names;
use crate::syntax::Expr;

impl Runner {
    pub(super) fn setsockopt(&mut self, arguments: Arguments<'_>) -> Result<Returned> {
        arguments.count(5)?;
        let (id, _) = match self.socket_of(arguments)? {
            Ok(socket) => socket,
            Err(errno) => return Ok(Err(errno)),
        };
        let option = option_of(arguments)?;
        let mut bytes = bytes_of(arguments, arguments.expr(3)?)?;
        if let Some(len) = arguments.int_or_any(4)? {
            let len = arguments.as_size(len)?.min(4096);
            bytes.resize(len, 0);
        }
        let host = &mut self.world.host;
        let (family, transport) = match (host.family(id), host.transport(id)) {
            (Ok(family), Ok(transport)) => (family, transport),
            (Err(errno), _) | (_, Err(errno)) => return Ok(Err(errno)),
        };
        let clock = self.world.clock();
        Ok(decode_set(family, transport, option, &bytes)
            .and_then(|(opt, value)| self.world.host.set_option(clock, id, opt, value))
            .map(|()| 0))
    }

    pub(super) fn getsockopt(&mut self, arguments: Arguments<'_>) -> Result<Returned> {
        arguments.count(5)?;
        let (id, _) = match self.socket_of(arguments)? {
            Ok(socket) => socket,
            Err(errno) => return Ok(Err(errno)),
        };
        let (level, number) = option_of(arguments)?;
        let host = &mut self.world.host;
        let (family, transport) = match (host.family(id), host.transport(id)) {
            (Ok(family), Ok(transport)) => (family, transport),
            (Err(errno), _) | (_, Err(errno)) => return Ok(Err(errno)),
        };
        let clock = self.world.clock();
        let read = decode_get(family, transport, level, number)
            .and_then(|opt| Ok((opt, self.world.host.option(clock, id, opt)?)));
        let (opt, value) = match read {
            Ok(read) => read,
            Err(errno) => return Ok(Err(errno)),
        };
        let right = match (arguments.expr(3)?, &value) {
            (Expr::Ellipsis, _) => true,
            (expected @ Expr::Struct(_), Value::Linger { on, seconds }) => {
                arguments.int_field(expected, "onoff")? == i64::from(*on)
                    && arguments.int_field(expected, "linger")? == i64::from(*seconds)
            }
            (expected @ (Expr::Text(_) | Expr::List(_)), Value::Bytes(bytes))
                if matches!(opt.row().kind, Kind::Name(_)) =>
            {
                text_of(expected).is_some_and(|expected| expected.as_bytes() == bytes.as_slice())
            }
            (expected, Value::Rate(rate)) => {
                let expected = arguments.value(expected)?;
                expected == rate.cast_signed()
                    || u32::try_from(expected) == Ok(u32::try_from(*rate).unwrap_or(u32::MAX))
            }
            // An unsigned number may stand in the script for what is an int here.
            (expected, Value::Int(value)) => {
                let expected = arguments.value(expected)?;
                expected == i64::from(*value) || expected == i64::from(value.cast_unsigned())
            }
            _ => {
                return Err(Failure::unsupported(arguments.line, format_args!("comparing {}", opt.name())));
            }
        };
        if right {
            return Ok(Ok(0));
        }
        let shown = match &value {
            Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Value::Int(value) => value.to_string(),
            other => format!("{other:?}"),
        };
        Err(Failure::different(arguments.line, format!("{} is {shown}", opt.name())))
    }
}

/// Level and number.
fn option_of(arguments: Arguments<'_>) -> Result<(i32, i32)> {
    let level = arguments.int(1)?;
    let number = match arguments.expr(2)? {
        Expr::Name(name) => names::option_number(level, name)
            .ok_or_else(|| Failure::unsupported(arguments.line, format_args!("the socket option {name}")))?,
        other => i32::try_from(arguments.value(other)?).unwrap_or(-1),
    };
    Ok((i32::try_from(level).unwrap_or(-1), number))
}

/// The text in `"x"` or `["x"]`.
fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Text(text) => Some(text),
        Expr::List(list) => list.iter().find_map(text_of),
        _ => None,
    }
}

/// The bytes of an option's value as a program has them in its memory.
fn bytes_of(arguments: Arguments<'_>, expr: &Expr) -> Result<Vec<u8>> {
    if let Some(text) = text_of(expr) {
        // A character stands for a byte.
        return Ok(text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect());
    }
    let field = |names: &[&str]| -> Result<Option<i64>> {
        let Expr::Struct(fields) = expr else { return Ok(None) };
        let found = fields.iter().find(|(name, _)| name.as_deref().is_some_and(|name| names.contains(&name)));
        found.map(|(_, value)| arguments.value(value)).transpose()
    };
    if let (Some(on), Some(seconds)) = (field(&["onoff", "l_onoff"])?, field(&["linger", "l_linger"])?) {
        return Ok([int(on), int(seconds)].concat());
    }
    if let (Some(seconds), Some(micros)) = (field(&["tv_sec"])?, field(&["tv_usec"])?) {
        return Ok([seconds.to_ne_bytes(), micros.to_ne_bytes()].concat());
    }
    Ok(int(arguments.value(expr)?).to_vec())
}

/// An int's bytes; an unsigned number keeps its bits.
fn int(value: i64) -> [u8; 4] {
    (value as u64 as u32).to_ne_bytes()
}

//! System calls and their arguments.

use super::cursor::{Cursor, is_word};
use crate::failure::{Failure, Result};
use crate::syntax::{Call, Expr, Nanos};

/// Arguments may be nested so deep.
const DEEPEST: usize = 16;

/// `name(arguments) = result ERRNO (text)`.
pub(super) fn call(cursor: &mut Cursor<'_>, end: Option<Nanos>) -> Result<Call> {
    let name = cursor.word()?.to_owned();
    let arguments = arguments(cursor, 0)?;
    cursor.expect("=")?;
    let result = expr(cursor, 0)?;
    cursor.skip_blanks()?;
    let errno = if cursor.peek() == Some('E') { Some(cursor.word()?.to_owned()) } else { None };
    // A remark as strace prints it: the error's text, or what the flags mean.
    if cursor.take("(")? {
        cursor.until(")")?;
    }
    Ok(Call { end, name, arguments, result, errno })
}

fn arguments(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Expr>> {
    cursor.expect("(")?;
    let mut arguments = Vec::new();
    if cursor.take(")")? {
        return Ok(arguments);
    }
    loop {
        arguments.push(expr(cursor, depth)?);
        if cursor.take(")")? {
            return Ok(arguments);
        }
        cursor.expect(",")?;
    }
}

fn expr(cursor: &mut Cursor<'_>, depth: usize) -> Result<Expr> {
    let mut left = simple(cursor, depth)?;
    while cursor.take("|")? {
        left = Expr::Or(Box::new(left), Box::new(simple(cursor, depth)?));
    }
    Ok(left)
}

fn simple(cursor: &mut Cursor<'_>, depth: usize) -> Result<Expr> {
    if depth > DEEPEST {
        return Err(Failure::syntax(cursor.line(), "arguments are nested too deep"));
    }
    if cursor.take("...")? {
        return Ok(Expr::Ellipsis);
    }
    match cursor.peek() {
        Some('-') => {
            cursor.expect("-")?;
            Ok(Expr::Int(-cursor.number()?))
        }
        Some('0'..='9') => Ok(Expr::Int(cursor.number()?)),
        Some('"') => {
            let mut text = String::new();
            cursor.expect("\"")?;
            while !cursor.rest().starts_with('"') {
                match cursor.peek() {
                    Some('\\') => {
                        cursor.advance(1);
                        text.push(escaped(cursor)?);
                    }
                    Some(c) => {
                        text.push(c);
                        cursor.advance(c.len_utf8());
                    }
                    None => return Err(Failure::syntax(cursor.line(), "a string has no end")),
                }
            }
            cursor.advance(1);
            Ok(Expr::Text(text))
        }
        Some('[') => {
            cursor.expect("[")?;
            let mut list = Vec::new();
            while !cursor.take("]")? {
                list.push(expr(cursor, depth + 1)?);
                if !cursor.take(",")? {
                    cursor.expect("]")?;
                    break;
                }
            }
            Ok(Expr::List(list))
        }
        Some('{') => structure(cursor, depth + 1),
        Some(c) if is_word(c) => {
            let name = cursor.word()?.to_owned();
            if cursor.rest().starts_with('(') {
                return Ok(Expr::Apply(name, arguments(cursor, depth + 1)?));
            }
            Ok(Expr::Name(name))
        }
        _ => Err(cursor.error("an argument")),
    }
}

/// `{name=value, name(size)=value, value}`.
fn structure(cursor: &mut Cursor<'_>, depth: usize) -> Result<Expr> {
    cursor.expect("{")?;
    let mut fields = Vec::new();
    while !cursor.take("}")? {
        let mut ahead = *cursor;
        let name = field_name(&mut ahead, depth)?;
        if name.is_some() {
            *cursor = ahead;
        }
        fields.push((name, expr(cursor, depth)?));
        if !cursor.take(",")? {
            cursor.expect("}")?;
            break;
        }
    }
    Ok(Expr::Struct(fields))
}

/// A field's name and its equals sign, if that is what comes. The size of `msg_iov(2)=` says nothing new.
fn field_name(cursor: &mut Cursor<'_>, depth: usize) -> Result<Option<String>> {
    cursor.skip_blanks()?;
    if !cursor.peek().is_some_and(|c| is_word(c) && !c.is_ascii_digit()) {
        return Ok(None);
    }
    let name = cursor.word()?.to_owned();
    if cursor.rest().starts_with('(') {
        arguments(cursor, depth + 1)?;
    }
    Ok(cursor.take("=")?.then_some(name))
}

/// What stands behind a backslash.
fn escaped(cursor: &mut Cursor<'_>) -> Result<char> {
    let c = cursor.peek().ok_or_else(|| cursor.error("a character"))?;
    cursor.advance(c.len_utf8());
    Ok(match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '0' => '\0',
        'x' => {
            let digits = cursor.rest().get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let byte = digits.ok_or_else(|| cursor.error("two hexadecimal digits"))?;
            cursor.advance(2);
            char::from(byte)
        }
        other => other,
    })
}

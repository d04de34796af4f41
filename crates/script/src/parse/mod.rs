//! From text to events: a parser by hand, one function for each thing of the language.

mod call;
mod cursor;
mod packet;
#[cfg(test)]
mod tests;

use crate::failure::Result;
use crate::syntax::{Action, Event, Nanos, Script, ScriptOption, When};
use cursor::Cursor;

/// Reads a script.
///
/// # Errors
/// What is wrong and on which line.
pub fn parse(text: &str) -> Result<Script> {
    let mut cursor = Cursor::new(text);
    let mut script = Script::default();
    loop {
        cursor.skip_blanks()?;
        if !cursor.rest().starts_with("--") {
            break;
        }
        let line = cursor.line();
        cursor.advance(2);
        // A comment may follow on the same line.
        let text = cursor.take_while(|c| c != '\n' && c != ' ' && c != '\t');
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let (name, value) = (name.trim().to_owned(), value.trim().trim_matches('"').to_owned());
        script.options.push(ScriptOption { line, name, value });
    }
    loop {
        cursor.skip_blanks()?;
        if cursor.peek().is_none() {
            return Ok(script);
        }
        script.events.push(event(&mut cursor)?);
    }
}

/// A script's text with each of these names, where it stands as a word, replaced by its value (packetdrill's -D).
pub fn define(text: &str, definitions: &[(String, String)]) -> String {
    let value =
        |word: &str| definitions.iter().find(|(name, _)| name == word).map(|(_, value)| value.as_str());
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let len = rest.find(|c| !cursor::is_word(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(len);
        out.push_str(value(word).unwrap_or(word));
        let next = behind.chars().next().map_or(0, char::len_utf8);
        out.push_str(&behind[..next]);
        rest = &behind[next..];
    }
    out
}

fn event(cursor: &mut Cursor<'_>) -> Result<Event> {
    let line = cursor.line();
    if cursor.rest().starts_with('`') {
        // Commands without a time: the set-up before the first event and the cleaning after the last.
        return Ok(Event { line, when: When::Any, action: command(cursor)? });
    }
    let (when, end) = when(cursor)?;
    cursor.skip_blanks()?;
    let action = match cursor.peek() {
        Some('<' | '>') => Action::Packet(packet::packet(cursor)?),
        Some('`') => command(cursor)?,
        Some('%') => {
            cursor.expect("%{")?;
            Action::Code(cursor.until("}%")?.to_owned())
        }
        _ => Action::Call(call::call(cursor, end)?),
    };
    Ok(Event { line, when, action })
}

fn command(cursor: &mut Cursor<'_>) -> Result<Action> {
    cursor.expect("`")?;
    Ok(Action::Command(cursor.until("`")?.to_owned()))
}

/// A time, and when a blocking call is to return.
fn when(cursor: &mut Cursor<'_>) -> Result<(When, Option<Nanos>)> {
    if cursor.take("*")? {
        return Ok((When::Any, None));
    }
    let relative = cursor.take("+")?;
    let start = cursor.seconds()?;
    if cursor.take("~")? {
        // The second may have its plus sign, too.
        cursor.take("+")?;
        let end = cursor.seconds()?;
        let range = if relative { When::RelativeRange(start, end) } else { When::AbsoluteRange(start, end) };
        return Ok((range, None));
    }
    let when = if relative { When::Relative(start) } else { When::Absolute(start) };
    let end = if cursor.take("...")? { Some(cursor.seconds()?) } else { None };
    Ok((when, end))
}

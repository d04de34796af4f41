//! A filter's words.

use super::FilterError;

/// A word, and where it begins (characters from 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) word: Word,
    pub(super) at: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A keyword, name, address or number. `true`: a backslash stood before it, so it is no keyword.
    Text(String, bool),
    Symbol(&'static str),
}

/// The longer of two that begin alike come first.
const SYMBOLS: [&str; 24] = [
    "&&", "||", "<<", ">>", "<=", ">=", "==", "!=", "(", ")", "[", "]", ":", "!", "&", "|", "^", "+", "*",
    "/", "%", "<", ">", "=",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens: Vec<Token> = Vec::new();
    let mut next = 0;
    // A colon between brackets is no part of an address.
    let mut open = 0_usize;
    while let Some(character) = characters.get(next) {
        let at = next + 1;
        if character.is_whitespace() {
            next += 1;
            continue;
        }
        let (word, length) = match word(&characters[next..], open > 0) {
            Some(found) => found,
            None => return Err(FilterError { what: format!("{character:?} means nothing here"), at }),
        };
        match word {
            Word::Symbol("[") => open += 1,
            Word::Symbol("]") => open = open.saturating_sub(1),
            Word::Symbol(_) | Word::Text(..) => {}
        }
        tokens.push(Token { word, at });
        next += length;
    }
    Ok(tokens)
}

/// The word that text begins with, and its length.
fn word(text: &[char], in_brackets: bool) -> Option<(Word, usize)> {
    let escaped = text.first() == Some(&'\\');
    let start = usize::from(escaped);
    let belongs =
        |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') || (*c == ':' && !in_brackets);
    let length = text[start..].iter().take_while(|c| belongs(c)).count();
    // A minus in front is an operator; inside, it belongs to the word (tcp-syn, 10-20).
    if length > 0 && text.get(start) != Some(&'-') {
        let word = text[start..start + length].iter().collect();
        return Some((Word::Text(word, escaped), start + length));
    }
    if text.first() == Some(&'-') {
        return Some((Word::Symbol("-"), 1));
    }
    let symbol = SYMBOLS.iter().find(|symbol| symbol.chars().eq(text.iter().copied().take(symbol.len())))?;
    Some((Word::Symbol(symbol), symbol.len()))
}

//! Reading a table of a file key by key. What is of the wrong kind is a problem at its place, and so are keys that nobody
//! asked for when the table is finished.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Found, Span, nearest};

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl<T> At<T> {
    pub(crate) fn new(value: T, span: Span) -> At<T> {
        At { value, span }
    }
}

/// A table of which some keys have been read.
pub(crate) struct Table<'a> {
    table: &'a DeTable<'a>,
    /// Where it begins.
    pub(crate) span: Span,
    /// What it is, as in "a host".
    what: &'static str,
    known: Vec<&'static str>,
    pub(crate) found: &'a Found,
}

impl<'a> Table<'a> {
    pub(crate) fn new(table: &'a DeTable<'a>, span: Span, what: &'static str, found: &'a Found) -> Table<'a> {
        Table { table, span, what, known: Vec::new(), found }
    }

    fn value(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.push(key);
        self.look_up(key)
    }

    fn look_up(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    fn wrong<T>(&self, span: Span, key: &str, wanted: &str) -> Option<T> {
        self.found.add(&span, format!("{key} has to be {wanted}"));
        None
    }

    /// Whether a key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.look_up(key).is_some()
    }

    /// Whether there is no key but these.
    pub(crate) fn has_only(&self, keys: &[&str]) -> bool {
        self.table.iter().all(|(name, _)| keys.contains(&name.get_ref().as_ref()))
    }

    /// Where the value of a key stands; the table, if it isn't there.
    pub(crate) fn place(&self, key: &str) -> Span {
        self.look_up(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// Whether a key is there, and is one string.
    pub(crate) fn is_text(&self, key: &str) -> bool {
        self.look_up(key).is_some_and(|value| matches!(value.get_ref(), DeValue::String(_)))
    }

    /// Whether a key is there, and is an array.
    pub(crate) fn is_array(&self, key: &str) -> bool {
        self.look_up(key).is_some_and(|value| matches!(value.get_ref(), DeValue::Array(_)))
    }

    /// Whether a key is there, and is one string, or an array of them.
    pub(crate) fn is_texts(&self, key: &str) -> bool {
        self.look_up(key).is_some_and(|value| texts(value).is_some())
    }

    /// Whether a key is there, and is `true`.
    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.look_up(key).is_some_and(|value| matches!(value.get_ref(), DeValue::Boolean(true)))
    }

    /// A string.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<At<&'a str>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(At::new(text, value.span())),
            _ => self.wrong(value.span(), key, "a string"),
        }
    }

    /// `name`, which is printed.
    pub(crate) fn name(&mut self) -> Option<At<&'a str>> {
        let name = self.text("name")?;
        if name.value.is_empty() || name.value.chars().any(char::is_control) {
            self.found
                .add(&name.span, format!("{:?} is no name: it is a line of text, and not empty", name.value));
        }
        Some(name)
    }

    /// A string that means something.
    pub(crate) fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.parsed_at(key, parse).map(|at| at.value)
    }

    pub(crate) fn parsed_at<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<At<T>> {
        let At { value, span } = self.text(key)?;
        match parse(value) {
            Ok(value) => Some(At::new(value, span)),
            Err(why) => {
                self.found.add(&span, format!("{key}: {why}"));
                None
            }
        }
    }

    /// A whole number.
    pub(crate) fn number(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(key)?;
        let number = whole(value.get_ref()).filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = range.into_inner();
            let wanted = if most == u64::MAX {
                format!("a whole number, at least {least}")
            } else {
                format!("a whole number from {least} to {most}")
            };
            self.found.add(&value.span(), format!("{key} has to be {wanted}"));
        }
        number
    }

    /// `true` or `false`; the latter if it isn't there.
    pub(crate) fn flag(&mut self, key: &'static str) -> bool {
        let Some(value) = self.value(key) else { return false };
        match value.get_ref() {
            DeValue::Boolean(flag) => *flag,
            _ => self.wrong::<bool>(value.span(), key, "true or false").unwrap_or(false),
        }
    }

    /// Strings in an array; one alone need not stand in one.
    pub(crate) fn texts(&mut self, key: &'static str) -> Vec<At<&'a str>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        texts(value).unwrap_or_else(|| {
            self.found.add(&value.span(), format!("{key} has to be a string or an array of strings"));
            Vec::new()
        })
    }

    /// Arrays of strings in an array.
    pub(crate) fn groups(&mut self, key: &'static str) -> Option<Vec<Vec<At<&'a str>>>> {
        let value = self.value(key)?;
        let groups = match value.get_ref() {
            DeValue::Array(groups) => groups.iter().map(texts).collect(),
            _ => None,
        };
        groups.or_else(|| self.wrong(value.span(), key, "an array of arrays of strings"))
    }

    /// Whole numbers in an array, each at least 1.
    pub(crate) fn counts(&mut self, key: &'static str) -> Option<Vec<u64>> {
        let value = self.value(key)?;
        let counts = match value.get_ref() {
            DeValue::Array(items) => {
                items.iter().map(|item| whole(item.get_ref()).filter(|count| *count > 0)).collect()
            }
            _ => None,
        };
        counts.or_else(|| self.wrong(value.span(), key, "an array of whole numbers, each at least 1"))
    }

    /// A table of names and values, strings or whole numbers, as text.
    pub(crate) fn pairs(&mut self, key: &'static str) -> Vec<(At<&'a str>, String)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Table(table) = value.get_ref() else {
            self.found.add(&value.span(), format!("{key} has to be a table"));
            return Vec::new();
        };
        let pair = |(name, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let name: At<&'a str> = At::new(
                AsRef::<str>::as_ref(Spanned::<std::borrow::Cow<'a, str>>::get_ref(name)),
                name.span(),
            );
            let text = match value.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                DeValue::Integer(number) => Some(number.as_str().to_owned()),
                _ => None,
            };
            if text.is_none() {
                self.found.add(&value.span(), "a string or a whole number is wanted");
            }
            Some((name, text?))
        };
        table.iter().filter_map(pair).collect()
    }

    /// A table in this one.
    pub(crate) fn table(&mut self, key: &'static str, what: &'static str) -> Option<Table<'a>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Table::new(table, value.span(), what, self.found)),
            _ => self.wrong(value.span(), key, "a table"),
        }
    }

    /// Tables in an array: `[[key]]`.
    pub(crate) fn tables(&mut self, key: &'static str, what: &'static str) -> Vec<Table<'a>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let tables: Option<Vec<_>> = match value.get_ref() {
            DeValue::Array(items) => items
                .iter()
                .map(|item| match item.get_ref() {
                    DeValue::Table(table) => Some(Table::new(table, item.span(), what, self.found)),
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        tables.unwrap_or_else(|| {
            self.found.add(&value.span(), format!("{key} has to be tables: [[{key}]]"));
            Vec::new()
        })
    }

    /// It can't do without this key.
    pub(crate) fn need<T>(&self, key: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.has(key) {
            self.found.add(&self.span, format!("{} needs {key}", self.what));
        }
        value
    }

    /// All its keys were asked for; the others are problems.
    pub(crate) fn finish(self) {
        for (name, _) in self.table.iter() {
            let word: &str = name.get_ref();
            if !self.known.contains(&word) {
                let hint = nearest(word, self.known.iter().copied());
                self.found.add(&name.span(), format!("{} has no {word}{hint}", self.what));
            }
        }
    }
}

fn whole(value: &DeValue<'_>) -> Option<u64> {
    match value {
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    }
}

fn texts<'a>(value: &'a Spanned<DeValue<'a>>) -> Option<Vec<At<&'a str>>> {
    let text = |value: &'a Spanned<DeValue<'a>>| match value.get_ref() {
        DeValue::String(text) => Some(At::new(AsRef::<str>::as_ref(text), value.span())),
        _ => None,
    };
    match value.get_ref() {
        DeValue::Array(items) => items.iter().map(text).collect(),
        _ => text(value).map(|text| vec![text]),
    }
}

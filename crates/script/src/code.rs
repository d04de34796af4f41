//! The code between `%{` and `}%`: assignments and assertions about whole numbers, in Python's words. Strings (which
//! assertions print), `import`, loops and the rest of Python are not there.

use std::collections::BTreeMap;

use crate::names;

/// Expressions may be nested so deep.
const DEEPEST: usize = 32;

/// What code gives: `Err` says what is wrong.
type Result<T> = std::result::Result<T, Problem>;

/// Why a piece of code failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// An assertion is false; the text says which, and what its names were.
    False(String),
    /// It is not in the part of Python that is there.
    Unsupported(String),
}

/// Runs code. `info` is `struct tcp_info`; `variables` live from one piece to the next.
pub(crate) fn run(code: &str, info: &[u8], variables: &mut BTreeMap<String, i64>) -> Result<()> {
    for statement in statements(code) {
        let mut evaluator = Evaluator { rest: &statement, info, variables, seen: Vec::new(), depth: 0 };
        evaluator.statement(&statement)?;
    }
    Ok(())
}

/// One statement each: lines, and parts of lines between semicolons, without comments.
fn statements(code: &str) -> Vec<String> {
    let joined = code.replace("\\\n", " ");
    let lines = joined.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut open = String::new();
    let mut statements = Vec::new();
    for line in lines {
        open.push_str(line);
        open.push(' ');
        // A bracket that is open goes on in the next line.
        let count = |c| open.matches(c).count();
        if count('(') > count(')') || line.trim_end().ends_with(',') {
            continue;
        }
        statements.extend(open.split(';').map(|part| part.trim().to_owned()));
        open.clear();
    }
    statements.push(open.trim().to_owned());
    statements.retain(|statement| !statement.is_empty());
    statements
}

struct Evaluator<'a> {
    rest: &'a str,
    info: &'a [u8],
    variables: &'a mut BTreeMap<String, i64>,
    /// Names that were looked at, with their values, for the message.
    seen: Vec<String>,
    depth: usize,
}

impl Evaluator<'_> {
    fn statement(&mut self, whole: &str) -> Result<()> {
        if self.word("assert") {
            let value = self.or()?;
            let end = self.rest.trim_start();
            if !(end.is_empty() || end.starts_with(',')) {
                return Err(self.unsupported());
            }
            if value == 0 {
                let what = whole.split(',').next().unwrap_or(whole).trim();
                return Err(Problem::False(format!("{what} is false: {}", self.seen.join(", "))));
            }
            return Ok(());
        }
        if self.word("print") || self.word("pass") {
            return Ok(());
        }
        let Some(name) = self.name() else { return Err(self.unsupported()) };
        let operator = ["+=", "-=", "*=", "="].into_iter().find(|operator| self.take(operator));
        let Some(operator) = operator else {
            self.rest = "";
            return Err(Problem::Unsupported(format!("'{whole}' in code")));
        };
        let right = self.or()?;
        let old = self.variables.get(&name).copied();
        let value = match (operator, old) {
            ("=", _) => Some(right),
            ("+=", Some(old)) => old.checked_add(right),
            ("-=", Some(old)) => old.checked_sub(right),
            ("*=", Some(old)) => old.checked_mul(right),
            _ => return Err(Problem::False(format!("name '{name}' is not defined"))),
        };
        self.variables.insert(name, value.ok_or_else(overflow)?);
        if self.rest.trim().is_empty() { Ok(()) } else { Err(self.unsupported()) }
    }

    fn or(&mut self) -> Result<i64> {
        let mut left = self.and()?;
        while self.word("or") {
            let right = self.and()?;
            left = if left != 0 { left } else { right };
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<i64> {
        let mut left = self.not()?;
        while self.word("and") {
            let right = self.not()?;
            left = if left == 0 { left } else { right };
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<i64> {
        if self.word("not") {
            self.deeper()?;
            let value = self.not()?;
            self.depth -= 1;
            return Ok(i64::from(value == 0));
        }
        self.comparison()
    }

    /// `a < b <= c` is `a < b and b <= c`.
    fn comparison(&mut self) -> Result<i64> {
        let mut left = self.binary(0)?;
        let mut compared = false;
        let mut all = true;
        loop {
            let operators = ["==", "!=", "<=", ">=", "<", ">"];
            let Some(operator) = operators.into_iter().find(|operator| self.take(operator)) else {
                return Ok(if compared { i64::from(all) } else { left });
            };
            let right = self.binary(0)?;
            all &= match operator {
                "==" => left == right,
                "!=" => left != right,
                "<=" => left <= right,
                ">=" => left >= right,
                "<" => left < right,
                _ => left > right,
            };
            compared = true;
            left = right;
        }
    }

    fn binary(&mut self, level: usize) -> Result<i64> {
        const LEVELS: [&[&str]; 6] =
            [&["|"], &["^"], &["&"], &["<<", ">>"], &["+", "-"], &["*", "//", "/", "%"]];
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.take(operator)) {
            let right = self.binary(level + 1)?;
            let shift = u32::try_from(right).ok().filter(|shift| *shift < 63);
            let value = match *operator {
                "|" => Some(left | right),
                "^" => Some(left ^ right),
                "&" => Some(left & right),
                "<<" => shift.and_then(|shift| left.checked_mul(1 << shift)),
                ">>" => shift.map(|shift| left >> shift),
                "+" => left.checked_add(right),
                "-" => left.checked_sub(right),
                "*" => left.checked_mul(right),
                // True division would need fractions; for the questions asked here the whole part does.
                "//" | "/" => left.checked_div_euclid(right),
                _ => left.checked_rem_euclid(right),
            };
            left = value.ok_or_else(overflow)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<i64> {
        self.deeper()?;
        let value = if self.take("-") {
            self.unary()?.checked_neg().ok_or_else(overflow)
        } else if self.take("~") {
            Ok(!self.unary()?)
        } else {
            self.atom()
        };
        self.depth -= 1;
        value
    }

    fn atom(&mut self) -> Result<i64> {
        if self.take("(") {
            let value = self.or()?;
            return if self.take(")") { Ok(value) } else { Err(self.unsupported()) };
        }
        if self.rest.trim_start().starts_with(|c: char| c.is_ascii_digit()) {
            return self.number();
        }
        let Some(name) = self.name() else { return Err(self.unsupported()) };
        if self.take("(") {
            return self.function(&name);
        }
        let value = self
            .variables
            .get(&name)
            .copied()
            .or_else(|| names::tcp_info_member(self.info, &name))
            .or_else(|| names::constant(&name))
            .or_else(|| ["False", "True"].iter().position(|known| *known == name).map(|n| n as i64))
            .ok_or_else(|| Problem::Unsupported(format!("the name '{name}' in code")))?;
        let seen = format!("{name} = {value}");
        if names::constant(&name).is_none() && !self.seen.contains(&seen) {
            self.seen.push(seen);
        }
        Ok(value)
    }

    fn function(&mut self, name: &str) -> Result<i64> {
        let mut arguments = vec![self.or()?];
        while self.take(",") {
            arguments.push(self.or()?);
        }
        if !self.take(")") {
            return Err(self.unsupported());
        }
        match (name, arguments.as_slice()) {
            ("abs", [value]) => value.checked_abs().ok_or_else(overflow),
            ("int", [value]) => Ok(*value),
            ("min", values) => Ok(values.iter().copied().min().unwrap_or(0)),
            ("max", values) => Ok(values.iter().copied().max().unwrap_or(0)),
            _ => Err(Problem::Unsupported(format!("the function '{name}' in code"))),
        }
    }

    fn number(&mut self) -> Result<i64> {
        let text = self.rest.trim_start();
        let len = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'));
        let (digits, rest) = text.split_at(len.unwrap_or(text.len()));
        self.rest = rest;
        let plain = digits.replace('_', "");
        let value = match plain.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16),
            None => plain.parse(),
        };
        value.map_err(|_| Problem::Unsupported(format!("the number '{digits}' in code")))
    }

    fn name(&mut self) -> Option<String> {
        let text = self.rest.trim_start();
        if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        let len = text.find(|c: char| !is_word(c)).unwrap_or(text.len());
        let (name, rest) = text.split_at(len);
        self.rest = rest;
        Some(name.to_owned())
    }

    /// Takes a word of Python's own.
    fn word(&mut self, word: &str) -> bool {
        let Some(rest) = self.rest.trim_start().strip_prefix(word) else { return false };
        let whole = !rest.starts_with(is_word);
        if whole {
            self.rest = rest;
        }
        whole
    }

    fn take(&mut self, token: &str) -> bool {
        let Some(rest) = self.rest.trim_start().strip_prefix(token) else { return false };
        self.rest = rest;
        true
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(Problem::Unsupported("code nested so deep".into())) } else { Ok(()) }
    }

    fn unsupported(&self) -> Problem {
        Problem::Unsupported(format!("'{}' in code", self.rest.trim()))
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn overflow() -> Problem {
    Problem::False("a number is too large".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str) -> Result<()> {
        let mut info = names::no_tcp_info();
        info[80] = 10;
        run(code, &info, &mut BTreeMap::new())
    }

    #[test]
    fn what_holds() {
        for code in [
            "assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd",
            "assert 9 < tcpi_snd_cwnd <= 10",
            "assert (tcpi_options & TCPI_OPT_SYN_DATA) == 0, tcpi_options",
            "cwnd = 4\ncwnd += 6; print(cwnd); assert tcpi_snd_cwnd == cwnd, 'cwnd=%d' % cwnd",
            "assert not tcpi_rtt and (1 or 0)  # a remark",
            "X = 0x7fffffff\nassert X == 2147483647 and -7 // 2 == -4 and 1 + 2 * 3 == 7",
            "assert 1 == 1, tcpi_rto; \\\n assert 2 == 2",
        ] {
            assert_eq!(check(code), Ok(()), "{code}");
        }
    }

    #[test]
    fn what_does_not() {
        assert_eq!(
            check("assert tcpi_snd_cwnd == 11, tcpi_snd_cwnd"),
            Err(Problem::False("assert tcpi_snd_cwnd == 11 is false: tcpi_snd_cwnd = 10".into()))
        );
        assert!(matches!(check("import os"), Err(Problem::Unsupported(_))));
        assert!(matches!(check("assert tcpi_nothing == 1"), Err(Problem::Unsupported(_))));
        assert!(matches!(check("assert 1 / 0 == 1"), Err(Problem::False(_))));
        assert!(matches!(check(&"(".repeat(1000)), Err(Problem::Unsupported(_))));
    }
}

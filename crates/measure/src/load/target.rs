//! Whom to load: a URL, or a host and a port.

use std::fmt;

/// What is asked, and of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// A name or an address, an IPv6 one without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Of a URL: its path and query. Without it bytes are sent as they are.
    pub path: Option<String>,
}

/// Why a text is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Another protocol.
    #[error("{0}:// is not spoken here, only http://")]
    Scheme(String),
    /// A name and a password.
    #[error("a user in a URL is not sent: put it into a --header")]
    User,
    /// No host, or not written as one.
    #[error("neither a URL (http://HOST/) nor HOST:PORT")]
    Host,
    /// Not from 1 to 65535.
    #[error("{0:?} is no port (1 to 65535)")]
    Port(String),
    /// A space, a control character or one that is not ASCII.
    #[error("a URL has no {0:?}: write it as %XX")]
    Character(char),
}

impl std::str::FromStr for Target {
    type Err = TargetError;

    /// RFC 3986, section 3, as far as a URL of HTTP needs it; or HOST:PORT, with brackets round an IPv6 address.
    fn from_str(text: &str) -> Result<Target, TargetError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            let (host, port) = authority(text)?;
            let port = port.ok_or(TargetError::Host)?;
            return Ok(Target { host, port, path: None });
        };
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(TargetError::Scheme(scheme.to_owned()));
        }
        if let Some(odd) = rest.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(TargetError::Character(odd));
        }
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let split = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, port) = authority(&rest[..split])?;
        let path = match &rest[split..] {
            path if path.starts_with('/') => path.to_owned(),
            query => format!("/{query}"),
        };
        Ok(Target { host, port: port.unwrap_or(80), path: Some(path) })
    }
}

/// `HOST`, `HOST:PORT` or either with `[ADDRESS]`.
fn authority(text: &str) -> Result<(String, Option<u16>), TargetError> {
    if text.contains('@') {
        return Err(TargetError::User);
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(TargetError::Host)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| TargetError::Host)?;
            let port =
                if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or(TargetError::Host)?) };
            (host, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(bare) {
        return Err(TargetError::Host);
    }
    let port = port.map(|port| match port.parse() {
        Ok(0) | Err(_) => Err(TargetError::Port(port.to_owned())),
        Ok(number) => Ok(number),
    });
    Ok((host.to_owned(), port.transpose()?))
}

impl Target {
    /// The host as a URL and the field Host have it, with the port where it isn't 80.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.path.is_some() && self.port == 80 { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "http://{}{path}", self.authority()),
            None => f.write_str(&self.authority()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_one_comes_back_as_text() {
        for (text, shown, host, port) in [
            ("http://tekapo", "http://tekapo/", "tekapo", 80),
            ("HTTP://tekapo:80/a?b#c", "http://tekapo/a?b", "tekapo", 80),
            ("http://tekapo?b", "http://tekapo/?b", "tekapo", 80),
            ("http://[fd61::2]:8080/", "http://[fd61::2]:8080/", "fd61::2", 8080),
            ("[::1]:7", "[::1]:7", "::1", 7),
            ("10.61.0.2:7", "10.61.0.2:7", "10.61.0.2", 7),
        ] {
            let target: Target = text.parse().expect(text);
            assert_eq!((target.to_string().as_str(), target.host.as_str(), target.port), (shown, host, port));
        }
    }

    #[test]
    fn what_is_none_says_why() {
        let wrong = |text: &str| text.parse::<Target>().expect_err(text);
        for text in
            ["", "tekapo", ":80", "http://", "http:///x", "[::1", "[tekapo]:7", "[::1]7", "http://a b.c"]
        {
            let error = wrong(text);
            assert!(matches!(error, TargetError::Host | TargetError::Character(_)), "{text}: {error}");
        }
        assert_eq!(wrong("https://tekapo/"), TargetError::Scheme("https".to_owned()));
        assert_eq!(wrong("http://me@tekapo/"), TargetError::User);
        assert_eq!(wrong("tekapo:0"), TargetError::Port("0".to_owned()));
        assert_eq!(wrong("tekapo:65536"), TargetError::Port("65536".to_owned()));
        assert_eq!(wrong("http://tekapo/a b"), TargetError::Character(' '));
    }
}

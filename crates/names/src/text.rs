//! Addresses as text, by the rules of libc: `inet_aton`'s short, octal and hexadecimal forms, the strict `inet_pton`, and
//! what `inet_ntop` prints (inet(3), inet_pton(3), inet_ntop(3)).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// inet_aton(3): `a.b.c.d`, `a.b.c`, `a.b` and `a`, each number decimal, octal (behind 0) or hexadecimal (behind 0x), the
/// last one filling what is left. What follows white space is not looked at.
pub fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let (address, rest) = leading_ipv4(text)?;
    rest.chars().next().is_none_or(is_space).then_some(address)
}

/// [`inet_aton`] of a whole text, as getaddrinfo(3) takes it.
pub(crate) fn inet_aton_exact(text: &str) -> Option<Ipv4Addr> {
    leading_ipv4(text).filter(|(_, rest)| rest.is_empty()).map(|(address, _)| address)
}

fn leading_ipv4(text: &str) -> Option<(Ipv4Addr, &str)> {
    let (mut high, mut bytes, mut rest) = (0u32, 0, text);
    loop {
        let (number, behind) = leading_number(rest)?;
        match behind.strip_prefix('.') {
            Some(next) if bytes < 3 && number <= 0xff => {
                high = high << 8 | number;
                (bytes, rest) = (bytes + 1, next);
            }
            Some(_) => return None,
            None => {
                let room = 32 - 8 * bytes;
                let whole = u64::from(high) << room | u64::from(number);
                let fits = u64::from(number) < 1 << room;
                return fits.then(|| (Ipv4Addr::from_bits(whole as u32), behind));
            }
        }
    }
}

/// A number as in C, by its first digits.
fn leading_number(text: &str) -> Option<(u32, &str)> {
    let after_x = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = match after_x {
        Some(after) if after.starts_with(|c: char| c.is_ascii_hexdigit()) => (after, 16),
        _ if text.starts_with('0') => (text, 8),
        _ => (text, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    u32::from_str_radix(digits, radix).ok().map(|number| (number, rest))
}

/// inet_network(3): up to four numbers as in C, each of a byte, the last one lowest; in host order.
pub fn inet_network(text: &str) -> Option<u32> {
    let text = text.trim_end_matches(is_space);
    let mut parts = text.split('.');
    let first = byte(parts.next()?)?;
    let mut bytes = 1;
    parts.try_fold(first, |sum, part| {
        bytes += 1;
        let number = byte(part).filter(|_| bytes <= 4)?;
        Some(sum << 8 | number)
    })
}

fn byte(part: &str) -> Option<u32> {
    leading_number(part).filter(|(number, rest)| rest.is_empty() && *number <= 0xff).map(|(number, _)| number)
}

/// inet_pton(3) of AF_INET: four decimal numbers without leading zeros.
pub fn inet_pton4(text: &str) -> Option<Ipv4Addr> {
    text.parse().ok()
}

/// inet_pton(3) of AF_INET6: RFC 4291, section 2.2, without a scope.
pub fn inet_pton6(text: &str) -> Option<Ipv6Addr> {
    text.parse().ok()
}

/// inet_pton(3) of whichever family.
pub fn inet_pton(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// inet_ntop(3). It differs from [`IpAddr`]'s own text where IPv4 is embedded behind zeros: `::192.0.2.1`.
pub fn inet_ntop(address: IpAddr) -> String {
    match address {
        IpAddr::V6(address) if is_v4_compatible(address) => {
            format!("::{}", Ipv4Addr::from_bits(address.to_bits() as u32))
        }
        address => address.to_string(),
    }
}

fn is_v4_compatible(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    segments[..6] == [0; 6] && segments[6] != 0
}

/// The number in the part behind `%`: an interface's name, where the address belongs to a link (RFC 4007, section 11), or
/// digits.
pub fn scope_id(address: Ipv6Addr, scope: &str, interface: impl FnOnce(&str) -> Option<u32>) -> Option<u32> {
    let named = if is_of_a_link(address) { interface(scope) } else { None };
    let digits = || !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_digit());
    named.or_else(|| digits().then(|| scope.parse().ok())?)
}

/// Whether an address means something on its link only: unicast or multicast of the link, or of the interface.
pub(crate) fn is_of_a_link(address: Ipv6Addr) -> bool {
    let first = address.segments()[0];
    address.is_unicast_link_local() || matches!(first & 0xff0f, 0xff01 | 0xff02)
}

/// isspace(3) in the C locale.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_inet_aton() {
        for (text, address) in [
            ("1.2.3.4", Some([1, 2, 3, 4])),
            ("127.1", Some([127, 0, 0, 1])),
            ("10.1.2", Some([10, 1, 0, 2])),
            ("010.0x10", Some([8, 0, 0, 16])),
            ("0xffffffff", Some([255; 4])),
            ("1.2.3.4 and more", Some([1, 2, 3, 4])),
            ("4294967296", None),
            ("1.16777216", None),
            ("1.2.3.4.5", None),
            ("08", None),
            ("0x", None),
            ("1.", None),
            ("", None),
            ("1.2.3.4x", None),
        ] {
            assert_eq!(inet_aton(text), address.map(Ipv4Addr::from), "{text:?}");
        }
        assert_eq!(inet_aton_exact("1.2.3.4 "), None);
        assert_eq!(inet_network("10.1"), Some(0x0a01));
        assert_eq!(inet_network("1.2.3.4.5"), None);
    }

    #[test]
    fn embedded_ipv4() {
        assert_eq!(inet_ntop("::102:304".parse().unwrap()), "::1.2.3.4");
        assert_eq!(inet_ntop("::1".parse().unwrap()), "::1");
        assert_eq!(inet_ntop("::ffff:1.2.3.4".parse().unwrap()), "::ffff:1.2.3.4");
    }

    #[test]
    fn scopes() {
        let interface = |name: &str| (name == "eth0").then_some(2);
        let link: Ipv6Addr = "fe80::1".parse().unwrap();
        assert_eq!(scope_id(link, "eth0", interface), Some(2));
        assert_eq!(scope_id(link, "7", interface), Some(7));
        assert_eq!(scope_id(link, "4294967296", interface), None);
        assert_eq!(scope_id("2001:db8::1".parse().unwrap(), "eth0", interface), None);
    }
}

//! Numbers as people write them.

/// A number of bytes as people write it.
pub(super) fn bytes(size: usize) -> String {
    match size {
        0 => "0".to_owned(),
        _ if size.is_multiple_of(1 << 20) => format!("{}M", size >> 20),
        _ if size.is_multiple_of(1 << 10) => format!("{}K", size >> 10),
        _ => size.to_string(),
    }
}

/// A rate in bits per second, in three digits.
pub(super) fn rate(bits: f64) -> String {
    let (scaled, unit) = match bits {
        1e12.. => (bits / 1e12, "Tb/s"),
        1e9.. => (bits / 1e9, "Gb/s"),
        1e6.. => (bits / 1e6, "Mb/s"),
        1e3.. => (bits / 1e3, "kb/s"),
        _ => (bits, "b/s"),
    };
    format!("{} {unit}", digits(scaled))
}

/// Three digits, more if there are more before the point.
pub(super) fn digits(value: f64) -> String {
    match value.abs() {
        99.95.. => format!("{value:.0}"),
        9.995.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_three_digits() {
        assert_eq!(
            [0.004, 1.0, 9.996, 12.34, 99.96, 1234.5].map(digits),
            ["0.00", "1.00", "10.0", "12.3", "100", "1234"]
        );
        assert_eq!(
            [46e3, 71.6e6, 24.06e9, 1.2e12].map(rate),
            ["46.0 kb/s", "71.6 Mb/s", "24.1 Gb/s", "1.20 Tb/s"]
        );
        assert_eq!([64, 1000, 1024, 3 << 20].map(bytes), ["64", "1000", "1K", "3M"]);
    }
}

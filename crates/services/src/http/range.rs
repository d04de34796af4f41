//! Ranges of bytes: RFC 9110, section 14.

/// A range of bytes (section 14.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From an offset, to one (which belongs to it) or to the end.
    From(u64, Option<u64>),
    /// So many at the end.
    Last(u64),
}

impl ByteRange {
    /// What a Range field asks for, if that is one range of bytes. Of others, and of several, the field is ignored, as it may be.
    pub fn parse(value: &[u8]) -> Option<ByteRange> {
        let text = std::str::from_utf8(value).ok()?.trim().strip_prefix("bytes=")?;
        let (from, to) = text.split_once('-')?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
        };
        match (from.is_empty(), to.is_empty()) {
            (true, _) => Some(ByteRange::Last(number(to)?)),
            (false, true) => Some(ByteRange::From(number(from)?, None)),
            (false, false) => {
                let (from, to) = (number(from)?, number(to)?);
                (from <= to).then_some(ByteRange::From(from, Some(to)))
            }
        }
    }

    /// Offset and length within a file of this length; `None` if it has none of these bytes.
    pub fn within(self, length: u64) -> Option<(u64, u64)> {
        match self {
            ByteRange::From(from, to) if from < length => {
                let end = to.map_or(length, |to| length.min(to.saturating_add(1)));
                end.checked_sub(from).map(|count| (from, count))
            }
            ByteRange::Last(count) if count > 0 && length > 0 => {
                let count = count.min(length);
                Some((length - count, count))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges() {
        let within = |text: &str, length| ByteRange::parse(text.as_bytes()).map(|range| range.within(length));
        assert_eq!(within("bytes=0-0", 5), Some(Some((0, 1))));
        assert_eq!(within("bytes=3-99999999999999999999", 5), Some(Some((3, 2))));
        assert_eq!(within("bytes=-2", 5), Some(Some((3, 2))));
        assert_eq!(within("bytes=-9", 5), Some(Some((0, 5))));
        assert_eq!(within("bytes=5-", 5), Some(None));
        assert_eq!(within("bytes=-0", 5), Some(None));
        for ignored in ["bytes=", "bytes=2-1", "bytes=0-1,3-4", "lines=0-1", "bytes=a-", "bytes=+1-"] {
            assert_eq!(within(ignored, 5), None, "{ignored}");
        }
    }

    proptest! {
        #[test]
        fn they_stay_within(from: u64, to: u64, length: u64) {
            for range in [ByteRange::From(from, Some(to)), ByteRange::From(from, None), ByteRange::Last(to)] {
                if let Some((offset, count)) = range.within(length) {
                    prop_assert!(offset.checked_add(count).is_some_and(|end| end <= length));
                }
            }
        }
    }
}

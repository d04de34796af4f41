//! Packet scripts: text that is anything.

/// Longer texts only make the fuzzer slow.
const LONGEST: usize = 4096;

/// Parses a text and runs what it says; it must end, and a failure can be printed.
pub fn script(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && text.len() <= LONGEST
        && let Err(failure) = sockeye_script::check(text)
    {
        let _ = failure.to_string();
    }
}

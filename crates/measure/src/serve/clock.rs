//! The time of day as HTTP and logs write it.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// The second that was written last, and as what.
type Written = (i64, String);

thread_local! {
    static DATE: RefCell<Written> = const { RefCell::new((-1, String::new())) };
    static LOGGED: RefCell<Written> = const { RefCell::new((-1, String::new())) };
}

/// IMF-fixdate: RFC 9110, section 5.6.7.
pub(super) fn with_date<R>(use_it: impl FnOnce(&str) -> R) -> R {
    written(&DATE, "%a, %d %b %Y %H:%M:%S GMT", use_it)
}

/// As the Common Log Format has it.
pub(super) fn with_logged<R>(use_it: impl FnOnce(&str) -> R) -> R {
    written(&LOGGED, "%d/%b/%Y:%H:%M:%S +0000", use_it)
}

fn written<R>(
    cache: &'static std::thread::LocalKey<RefCell<Written>>,
    format: &str,
    use_it: impl FnOnce(&str) -> R,
) -> R {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or_default();
    cache.with_borrow_mut(|(second, text)| {
        if *second != now {
            *second = now;
            *text = Timestamp::from_second(now).unwrap_or_default().strftime(format).to_string();
        }
        use_it(text)
    })
}

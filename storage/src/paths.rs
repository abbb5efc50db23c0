//! Names of files and directories, in UTC.

use media::WallTime;

/// `20261123`; years beyond 9999 all lie in one directory.
pub(crate) fn day(at: WallTime) -> String {
    digits(at, 8)
}

/// `20261123T120000123456Z` without the letters: 20 digits down to the microsecond.
fn digits(at: WallTime, n: usize) -> String {
    // `WallTime`'s `Display` fails outside the years it can write, and `to_string` would panic on that.
    let at = WallTime(at.0.clamp(0, LAST));
    at.to_string()
        .chars()
        .filter(char::is_ascii_digit)
        .take(n)
        .collect()
}

/// 9999-12-31T23:59:59.999999Z.
const LAST: i64 = 253_402_300_799_999_999;

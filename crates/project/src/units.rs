//! Sizes and durations as people write them.

/// Bytes of a text such as `100MB`, `64 MiB` or `2_000kB`; `None` where it is no size.
///
/// `kB`, `MB` and `GB` are powers of 1,000, `KiB`, `MiB` and `GiB` powers of 1,024.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|it: char| !it.is_ascii_digit() && it != '_')?);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    digits(number)?.checked_mul(factor)
}

/// Seconds of a text such as `2h`, `90m` or `1h 30m`; `None` where it is no duration. Units come in falling order, each at most once.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let (mut total, mut last) = (0_u64, u64::MAX);
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|it: char| !it.is_ascii_digit() && it != '_')?);
        let unit = after.chars().next()?;
        let factor: u64 = match unit {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        if factor >= last {
            return None;
        }
        last = factor;
        total = total.checked_add(digits(number)?.checked_mul(factor)?)?;
        rest = after[1..].trim_start();
    }
    (last != u64::MAX).then_some(total)
}

fn digits(text: &str) -> Option<u64> {
    if text.starts_with('_') || text.ends_with('_') {
        return None;
    }
    text.replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{bytes, seconds};

    #[test]
    fn sizes() {
        assert_eq!(bytes("100MB"), Some(100_000_000));
        assert_eq!(bytes(" 64 MiB "), Some(64 << 20));
        assert_eq!(bytes("1_500kb"), Some(1_500_000));
        for not in ["", "100", "MB", "1.5MB", "-1MB", "1XB", "99999999999GB", "_1MB", "1 M B"] {
            assert_eq!(bytes(not), None, "{not}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(seconds("2h"), Some(7_200));
        assert_eq!(seconds("1h 30m"), Some(5_400));
        assert_eq!(seconds("1d2h3m4s"), Some(93_784));
        for not in ["", "2", "h", "30m 1h", "1h1h", "2 h", "1.5h", "-1h", "1w", "99999999999999999999h"] {
            assert_eq!(seconds(not), None, "{not}");
        }
    }
}

//! What single values stand for: numbers, decades, lengths, sizes, days and ages.

use super::super::days::days;

/// What a value stands for, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Between(i64, i64),
    /// This many milliseconds ago.
    Ago(i64),
}

const DAY: i64 = 86_400_000;

/// Digits only, and not so many that arithmetic could overflow.
pub(super) fn digits(text: &str) -> Option<i64> {
    let plain = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// `1985`, `1980s`
pub(super) fn number(text: &str) -> Option<Value> {
    if let Some(decade) = text.strip_suffix('s').and_then(digits) {
        return (decade % 10 == 0).then_some(Value::Between(decade, decade + 9));
    }
    digits(text).map(|value| Value::Between(value, value))
}

/// `90`, `90m`, `1h30m`, `45s`
pub(super) fn length(text: &str) -> Option<Value> {
    if let Some(minutes) = digits(text) {
        return Some(Value::Between(minutes * 60_000, minutes * 60_000 + 59_999));
    }
    let (mut total, mut finest, mut rest) = (0_i64, i64::MAX, text);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let count = digits(&rest[..end]).filter(|count| *count < 1_000_000)?;
        let unit = match rest.as_bytes()[end] {
            b'h' => 3_600_000,
            b'm' => 60_000,
            b's' => 1_000,
            _ => return None,
        };
        // From the large to the small: 1h30m and not 30m1h.
        if unit >= finest {
            return None;
        }
        finest = unit;
        total += count * unit;
        rest = &rest[end + 1..];
    }
    (finest < i64::MAX).then(|| Value::Between(total, total + finest.min(60_000) - 1))
}

/// `700MB`, `4GB`, `1.5GB`; a number alone is bytes.
pub(super) fn size(text: &str) -> Option<Value> {
    let lower = text.to_ascii_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let unit = match lower[end..].trim_end_matches('b') {
        "" => 1,
        "k" => 1_000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        "t" => 1_000_000_000_000,
        _ => return None,
    };
    let (whole, part) = lower[..end].split_once('.').unwrap_or((&lower[..end], ""));
    let whole = digits(whole).filter(|whole| *whole < 1_000_000)?.checked_mul(unit)?;
    let (part, finest) = match part.len() {
        0 if !lower[..end].ends_with('.') => (0, unit),
        1..=3 => {
            let finest = unit / 10_i64.pow(u32::try_from(part.len()).ok()?);
            (digits(part)?.checked_mul(finest)?, finest.max(1))
        }
        _ => return None,
    };
    let from = whole.checked_add(part)?;
    Some(Value::Between(from, from.checked_add(finest - 1)?))
}

/// `2024`, `2024-05`, `2024-05-17`, or an age: `12h`, `30d`, `2w`, `6m`, `1y`
pub(super) fn date(text: &str) -> Option<Value> {
    if let Some(unit) = text.chars().last().filter(char::is_ascii_alphabetic) {
        let count = digits(&text[..text.len() - 1]).filter(|count| *count <= 100_000)?;
        let unit = match unit {
            'h' => 3_600_000,
            'd' => DAY,
            'w' => 7 * DAY,
            'm' => 30 * DAY,
            'y' => 365 * DAY,
            _ => return None,
        };
        return Some(Value::Ago(count * unit));
    }
    let mut parts = text.split('-');
    let year = parts.next().filter(|year| year.len() == 4).and_then(digits)?;
    let two = |part: &str| digits(part).filter(|_| part.len() == 2);
    let (first, next) = match (parts.next(), parts.next(), parts.next()) {
        (None, None, None) => (days(year, 1, 1), days(year + 1, 1, 1)),
        (Some(month), None, None) => {
            let month = two(month).filter(|month| (1..=12).contains(month))?;
            let next = if month == 12 { days(year + 1, 1, 1) } else { days(year, month + 1, 1) };
            (days(year, month, 1), next)
        }
        (Some(month), Some(day), None) => {
            let month = two(month).filter(|month| (1..=12).contains(month))?;
            let next = if month == 12 { days(year + 1, 1, 1) } else { days(year, month + 1, 1) };
            let first = days(year, month, two(day).filter(|day| *day >= 1)?);
            (first < next).then_some((first, first + 1))?
        }
        _ => return None,
    };
    Some(Value::Between(first * DAY, next * DAY - 1))
}

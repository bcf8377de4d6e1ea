//! Values: numbers, lengths, sizes, days and ages, and the words of closed lists.
//!
//! Every value of a range is an interval: `1980s` is 1980 to 1989, `2024-05` is the whole of May,
//! `90m` is a whole minute. So `=` means "within", `<` means "before its beginning".

use super::super::field::{KINDS, QueryField, SORTS, STATES, Takes};
use super::super::{Bound, RangeField, Sort, Term};
use super::units::{Value, date, digits, length, number, size};
use super::{Operator, Parser, QueryError, QueryFault, Raw};

pub(super) fn range(
    parser: &Parser<'_>,
    field: &QueryField,
    operator: Operator,
    raw: &Raw,
) -> Result<Term, QueryError> {
    let (of, read): (RangeField, fn(&str) -> Option<Value>) = match field.takes {
        Takes::Length => (RangeField::Length, length),
        Takes::Size => (RangeField::Size, size),
        Takes::Date(of) => (of, date),
        Takes::Number(of) => (of, number),
        // The caller asks for ranges only.
        Takes::Words(_)
        | Takes::Whole(_)
        | Takes::Kind
        | Takes::State
        | Takes::Folder
        | Takes::Sort
        | Takes::Limit => {
            return Err(parser.bad_operator(field, raw.at));
        }
    };
    let wrong = || {
        let problem = format!("{:?} is no value for {}", raw.text, field.name);
        let fix = format!("write for example {}", field.example);
        parser.wrong_at(QueryFault::BadValue, raw.at, raw.len, problem, fix)
    };
    let equals = matches!(operator, Operator::Holds | Operator::Is | Operator::IsNot);
    let (from, to) = match ends(&raw.text, matches!(field.takes, Takes::Number(_))) {
        Some(_) if !equals => return Err(parser.bad_operator(field, raw.at)),
        Some((from, to)) => {
            let read = |end: &str| match end {
                "" => Ok(None),
                end => read(end).map(Some).ok_or_else(wrong),
            };
            between(read(from)?, read(to)?).ok_or_else(wrong)?
        }
        None => bounds(operator, read(&raw.text).ok_or_else(wrong)?),
    };
    Ok(Term::Range { field: of, from, to })
}

/// The two ends of `a..b`, `a..`, `..b`, and of `a-b` for numbers.
fn ends(text: &str, dashed: bool) -> Option<(&str, &str)> {
    let split = text.split_once("..").filter(|(from, to)| !from.is_empty() || !to.is_empty());
    let dash =
        || text.split_once('-').filter(|(from, to)| dashed && !from.is_empty() && !to.is_empty());
    split.or_else(dash)
}

/// A range of two values; `None` when they are the wrong way round or of two sorts.
fn between(from: Option<Value>, to: Option<Value>) -> Option<(Option<Bound>, Option<Bound>)> {
    match (from, to) {
        (Some(Value::Between(from, _)), Some(Value::Between(_, to))) => {
            (from <= to).then_some((Some(Bound::At(from)), Some(Bound::At(to))))
        }
        // Ages, whichever way round: 30 to 60 days ago.
        (Some(Value::Ago(a)), Some(Value::Ago(b))) => {
            Some((Some(Bound::Ago(a.max(b))), Some(Bound::Ago(a.min(b)))))
        }
        (Some(Value::Between(from, _)), None) => Some((Some(Bound::At(from)), None)),
        (None, Some(Value::Between(_, to))) => Some((None, Some(Bound::At(to)))),
        // At least that long ago; at most that long ago.
        (Some(Value::Ago(ms)), None) => Some((None, Some(Bound::Ago(ms)))),
        (None, Some(Value::Ago(ms))) => Some((Some(Bound::Ago(ms)), None)),
        _ => None,
    }
}

fn bounds(operator: Operator, value: Value) -> (Option<Bound>, Option<Bound>) {
    use Operator::{AtLeast, AtMost, Holds, Is, IsNot, Less, More};
    match (value, operator) {
        (Value::Between(from, to), Holds | Is | IsNot) => {
            (Some(Bound::At(from)), Some(Bound::At(to)))
        }
        (Value::Between(from, _), Less) => (None, Some(Bound::At(from.saturating_sub(1)))),
        (Value::Between(_, to), AtMost) => (None, Some(Bound::At(to))),
        (Value::Between(_, to), More) => (Some(Bound::At(to.saturating_add(1))), None),
        (Value::Between(from, _), AtLeast) => (Some(Bound::At(from)), None),
        // An age compares the other way: less old is later.
        (Value::Ago(ms), Less) => (Some(Bound::Ago(ms - 1)), None),
        (Value::Ago(ms), Holds | Is | IsNot | AtMost) => (Some(Bound::Ago(ms)), None),
        (Value::Ago(ms), More) => (None, Some(Bound::Ago(ms + 1))),
        (Value::Ago(ms), AtLeast) => (None, Some(Bound::Ago(ms))),
    }
}

pub(super) fn kind(parser: &Parser<'_>, raw: &Raw) -> Result<Term, QueryError> {
    word(parser, raw, KINDS).map(Term::Kind)
}

pub(super) fn state(parser: &Parser<'_>, raw: &Raw) -> Result<Term, QueryError> {
    word(parser, raw, STATES).map(Term::State)
}

pub(super) fn folder(parser: &Parser<'_>, raw: &Raw) -> Result<Term, QueryError> {
    let folder = raw.text.trim_end_matches('/');
    if folder.starts_with('/') || folder.is_empty() && raw.text.starts_with('/') {
        return Ok(Term::Folder(format!("{folder}/")));
    }
    let problem = format!("{:?} is no whole path", raw.text);
    Err(parser.wrong_at(
        QueryFault::BadValue,
        raw.at,
        raw.len,
        problem,
        "write for example folder:/srv/films",
    ))
}

pub(super) fn sort(parser: &Parser<'_>, raw: &Raw) -> Result<Sort, QueryError> {
    let descending = raw.text.starts_with('-');
    let name = raw.text.trim_start_matches('-').to_owned();
    let by = word(parser, &Raw { text: name, quoted: false, ..*raw }, SORTS)?;
    Ok(Sort { by, descending })
}

pub(super) fn limit(parser: &Parser<'_>, values: &[Raw]) -> Result<u32, QueryError> {
    let most = 1_000_000;
    if let [raw] = values
        && let Some(count) = digits(&raw.text)
        && (1..=most).contains(&count)
    {
        return Ok(u32::try_from(count).unwrap_or(u32::MAX));
    }
    let (at, len) = values.first().map_or((0, 0), |raw| (raw.at, raw.len));
    let fix = format!("write a number from 1 to {most}");
    Err(parser.wrong_at(QueryFault::BadValue, at, len, "this is no limit", fix))
}

fn word<T: Copy>(parser: &Parser<'_>, raw: &Raw, known: &[(&str, T)]) -> Result<T, QueryError> {
    let found = known.iter().find(|(word, _)| word.eq_ignore_ascii_case(&raw.text));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        let problem = format!("{:?} is not known", raw.text);
        let fix = format!("use one of {}", words.join(", "));
        parser.wrong_at(QueryFault::BadValue, raw.at, raw.len, problem, fix)
    })
}

//! Reads the text of a query. Total: every text is a query or an error with a place.

use super::field::{EVERYWHERE, QueryField, Takes, meant, named};
use super::words::{self, TextField};
use super::{Node, Phrase, Query, Sort, Term};

mod units;
mod value;

/// What is wrong with a query; a stable word for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueryFault {
    /// The text is longer than [`Query::LONGEST`].
    TooLong,
    /// Parentheses or negations are nested too deeply, or there are too many conditions.
    TooComplex,
    /// There is no field of this name.
    UnknownField,
    /// The field takes no such comparison.
    BadOperator,
    /// Nothing stands behind the field.
    MissingValue,
    /// The value cannot be taken.
    BadValue,
    /// A quotation mark without its other half.
    OpenQuote,
    /// A parenthesis without its other half.
    OpenParenthesis,
    /// `AND`, `OR`, `NOT` or parentheses without what they are about.
    MissingOperand,
    /// `sort:` or `limit:` inside of parentheses or behind a negation, or twice.
    Misplaced,
}

impl QueryFault {
    /// The word.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "query_too_long",
            Self::TooComplex => "query_too_complex",
            Self::UnknownField => "query_unknown_field",
            Self::BadOperator => "query_bad_operator",
            Self::MissingValue => "query_missing_value",
            Self::BadValue => "query_bad_value",
            Self::OpenQuote => "query_open_quote",
            Self::OpenParenthesis => "query_open_parenthesis",
            Self::MissingOperand => "query_missing_operand",
            Self::Misplaced => "query_misplaced",
        }
    }
}

/// Why a text is no query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} (letter {})", .at + 1)]
pub struct QueryError {
    /// What is wrong.
    pub fault: QueryFault,
    /// Where it begins, in letters from 0.
    pub at: usize,
    /// How many letters it is about; 0 where something is missing.
    pub len: usize,
    /// The same for people.
    pub problem: String,
    /// What to write instead.
    pub fix: String,
}

/// How deep parentheses and negations may be nested.
const DEEPEST: usize = 32;

/// How many conditions there may be.
const MOST: usize = 200;

pub(super) fn parse(text: &str) -> Result<Query, QueryError> {
    let letters: Vec<char> = text.chars().collect();
    let mut parser = Parser { text: &letters, at: 0, depth: 0, terms: 0, sort: None, limit: None };
    if letters.len() > Query::LONGEST {
        let (problem, most) = (format!("the query has {} letters", letters.len()), Query::LONGEST);
        let fix = format!("write at most {most}");
        return Err(parser.wrong_at(QueryFault::TooLong, most, letters.len() - most, problem, fix));
    }
    let tree = parser.any()?.unwrap_or(Node::All(Vec::new()));
    if parser.at < letters.len() {
        let problem = "this parenthesis was never opened";
        let fix = "take it away, or open it further in front";
        return Err(parser.wrong_at(QueryFault::OpenParenthesis, parser.at, 1, problem, fix));
    }
    let sort = parser.sort.unwrap_or_default();
    Ok(Query { text: text.to_owned(), tree, sort, limit: parser.limit })
}

struct Parser<'a> {
    text: &'a [char],
    at: usize,
    depth: usize,
    terms: usize,
    sort: Option<Vec<Sort>>,
    limit: Option<u32>,
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Holds,
    Is,
    IsNot,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// A value as it was written.
struct Raw {
    text: String,
    quoted: bool,
    at: usize,
    len: usize,
}

impl Parser<'_> {
    /// `a b OR c`; `None` when there is no condition at all.
    fn any(&mut self) -> Result<Option<Node>, QueryError> {
        let mut choices = Vec::new();
        let mut last = self.all()?;
        while self.keyword("OR") {
            let at = self.at - 2;
            let missing = || self.operand_missing(at, 2, "OR");
            choices.push(last.ok_or_else(missing)?);
            last = self.all()?;
            if last.is_none() {
                return Err(self.operand_missing(at, 2, "OR"));
            }
        }
        if choices.is_empty() {
            return Ok(last);
        }
        choices.extend(last);
        Ok(Some(Node::Any(choices)))
    }

    /// `a b AND c`; `None` when there is no condition.
    fn all(&mut self) -> Result<Option<Node>, QueryError> {
        let mut parts = Vec::new();
        let mut open = None;
        let mut seen = false;
        loop {
            self.spaces();
            if matches!(self.peek(), None | Some(')')) || self.sees("OR") {
                break;
            }
            let at = self.at;
            if self.keyword("AND") {
                if !seen || open.is_some() {
                    return Err(self.operand_missing(at, 3, "AND"));
                }
                open = Some(at);
                continue;
            }
            open = None;
            seen = true;
            parts.extend(self.part()?);
        }
        if let Some(at) = open {
            return Err(self.operand_missing(at, 3, "AND"));
        }
        let only = parts.len() < 2;
        Ok(if only { parts.pop() } else { Some(Node::All(parts)) })
    }

    /// One condition with what stands before it; `None` for `sort:` and `limit:`.
    fn part(&mut self) -> Result<Option<Node>, QueryError> {
        let at = self.at;
        let not = self.keyword("NOT") || self.takes_sign('-') || self.takes_sign('!');
        if not {
            self.spaces();
            self.deeper(at)?;
            if matches!(self.peek(), None | Some(')')) || self.sees("OR") || self.sees("AND") {
                let sign: String = self.text[at..self.at].iter().collect();
                return Err(self.operand_missing(at, sign.trim_end().len(), sign.trim_end()));
            }
            let part = self.part()?;
            self.depth -= 1;
            return Ok(part.map(|part| Node::Not(Box::new(part))));
        }
        if self.takes('(') {
            self.deeper(at)?;
            let inner = self.any()?;
            if !self.takes(')') {
                let fix = "close it with )";
                return Err(self.wrong_at(
                    QueryFault::OpenParenthesis,
                    at,
                    1,
                    "this parenthesis is never closed",
                    fix,
                ));
            }
            self.depth -= 1;
            if inner.is_none() {
                let (problem, fix) = ("these parentheses are empty", "write a condition into them");
                let len = self.at - at;
                return Err(self.wrong_at(QueryFault::MissingOperand, at, len, problem, fix));
            }
            return Ok(inner);
        }
        self.terms += 1;
        if self.terms > MOST {
            let fix = format!("write at most {MOST}, or divide it into several collections");
            return Err(self.wrong_at(
                QueryFault::TooComplex,
                at,
                0,
                "there are too many conditions",
                fix,
            ));
        }
        if let Some((name, operator)) = self.field_name() {
            let known = named(&name).ok_or_else(|| self.unknown_field(&name, at))?;
            return self.condition(known, operator, at);
        }
        let raw = self.raw("")?;
        if raw.text == "*" && !raw.quoted {
            return Ok(Some(Node::All(Vec::new())));
        }
        let phrase = self.phrase(&raw, !raw.quoted)?;
        Ok(Some(Node::Is(Term::Text { fields: EVERYWHERE, phrase })))
    }

    /// What stands behind a field's name.
    fn condition(
        &mut self,
        field: &'static QueryField,
        operator: Operator,
        at: usize,
    ) -> Result<Option<Node>, QueryError> {
        let mut values = Vec::new();
        loop {
            let raw = self.raw(",")?;
            if raw.text.is_empty() && !raw.quoted {
                let fix = format!("write for example {}", field.example);
                let problem = format!("nothing stands behind {}", field.name);
                return Err(self.wrong_at(QueryFault::MissingValue, raw.at, 0, problem, fix));
            }
            values.push(raw);
            if !self.takes(',') {
                break;
            }
        }
        match field.takes {
            Takes::Sort | Takes::Limit => {
                self.rank(field, operator, &values, at)?;
                return Ok(None);
            }
            _ => {}
        }
        let terms: Result<Vec<Node>, QueryError> =
            values.iter().map(|raw| self.term(field, operator, raw).map(Node::Is)).collect();
        let mut terms = terms?;
        let any = if terms.len() == 1 { terms.remove(0) } else { Node::Any(terms) };
        Ok(Some(if operator == Operator::IsNot { Node::Not(Box::new(any)) } else { any }))
    }

    /// `sort:` and `limit:`, which are about the whole.
    fn rank(
        &mut self,
        field: &QueryField,
        operator: Operator,
        values: &[Raw],
        at: usize,
    ) -> Result<(), QueryError> {
        let name = field.name;
        if self.depth > 0 {
            let problem = format!("{name} is about the whole query");
            let fix = "write it outside of parentheses and negations";
            return Err(self.wrong_at(QueryFault::Misplaced, at, self.at - at, problem, fix));
        }
        if !matches!(operator, Operator::Holds | Operator::Is) {
            return Err(self.bad_operator(field, at));
        }
        let twice =
            if field.takes == Takes::Sort { self.sort.is_some() } else { self.limit.is_some() };
        if twice {
            let fix =
                if field.takes == Takes::Sort { "write sort:year,-added" } else { "write it once" };
            return Err(self.wrong_at(
                QueryFault::Misplaced,
                at,
                self.at - at,
                format!("{name} stands here twice"),
                fix,
            ));
        }
        if field.takes == Takes::Sort {
            self.sort =
                Some(values.iter().map(|raw| value::sort(self, raw)).collect::<Result<_, _>>()?);
        } else {
            self.limit = Some(value::limit(self, values)?);
        }
        Ok(())
    }

    fn term(&self, field: &QueryField, operator: Operator, raw: &Raw) -> Result<Term, QueryError> {
        let equals = matches!(operator, Operator::Holds | Operator::Is | Operator::IsNot);
        let check = || if equals { Ok(()) } else { Err(self.bad_operator(field, raw.at)) };
        match field.takes {
            Takes::Words(fields) => {
                check()?;
                let phrase = self.phrase(raw, false)?;
                let whole = operator != Operator::Holds;
                Ok(text(fields, Phrase { whole, ..phrase }))
            }
            Takes::Whole(fields) => {
                check()?;
                let phrase = self.phrase(raw, false)?;
                let whole = !phrase.begins;
                Ok(text(fields, Phrase { whole, ..phrase }))
            }
            Takes::Kind => {
                check()?;
                value::kind(self, raw)
            }
            Takes::State => {
                check()?;
                value::state(self, raw)
            }
            Takes::Folder => {
                check()?;
                value::folder(self, raw)
            }
            Takes::Number(_) | Takes::Length | Takes::Size | Takes::Date(_) => {
                value::range(self, field, operator, raw)
            }
            // Answered before.
            Takes::Sort | Takes::Limit => Err(self.bad_operator(field, raw.at)),
        }
    }

    /// The words of a value; `begins` where the last word may go on even without a `*`.
    fn phrase(&self, raw: &Raw, begins: bool) -> Result<Phrase, QueryError> {
        let star = !raw.quoted && raw.text.ends_with('*');
        let words: Vec<String> = words::words(&raw.text).collect();
        if words.is_empty() {
            let problem = format!("{:?} holds no letter and no digit", raw.text);
            return Err(self.wrong_at(
                QueryFault::BadValue,
                raw.at,
                raw.len,
                problem,
                "write a word",
            ));
        }
        Ok(Phrase { words, begins: begins || star, whole: false })
    }

    /// A field's name with its operator, or nothing and nothing is taken.
    fn field_name(&mut self) -> Option<(String, Operator)> {
        let rest = &self.text[self.at..];
        let len = rest.iter().take_while(|c| c.is_ascii_alphabetic() || **c == '_').count();
        let (operator, taken) = operator(&rest[len..]).filter(|_| len > 0)?;
        self.at += len + taken;
        Some((rest[..len].iter().collect(), operator))
    }

    /// A value: quoted, or as far as a gap, a parenthesis or one of `ends`.
    fn raw(&mut self, ends: &str) -> Result<Raw, QueryError> {
        let at = self.at;
        let Some(first) = self.peek() else {
            return Ok(Raw { text: String::new(), quoted: false, at, len: 0 });
        };
        if is_quote(first) {
            return self.quoted();
        }
        while let Some(letter) = self.peek() {
            // A quotation mark in a word ends it, so that a"b c" is not half of a text.
            if letter.is_whitespace()
                || matches!(letter, '(' | ')')
                || ends.contains(letter)
                || is_quote(letter)
            {
                break;
            }
            self.at += 1;
        }
        let text = self.text[at..self.at].iter().collect();
        Ok(Raw { text, quoted: false, at, len: self.at - at })
    }

    fn quoted(&mut self) -> Result<Raw, QueryError> {
        let at = self.at;
        let mut text = String::new();
        self.at += 1;
        while let Some(letter) = self.peek() {
            self.at += 1;
            match letter {
                '\\' => text.extend(self.peek().inspect(|_| self.at += 1)),
                letter if is_quote(letter) => {
                    return Ok(Raw { text, quoted: true, at, len: self.at - at });
                }
                letter => text.push(letter),
            }
        }
        let fix = "close it with \"";
        Err(self.wrong_at(QueryFault::OpenQuote, at, 1, "this quotation mark is never closed", fix))
    }

    fn deeper(&mut self, at: usize) -> Result<(), QueryError> {
        self.depth += 1;
        if self.depth <= DEEPEST {
            return Ok(());
        }
        let fix = format!("nest at most {DEEPEST} deep");
        Err(self.wrong_at(QueryFault::TooComplex, at, 1, "this is nested too deeply", fix))
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn takes(&mut self, letter: char) -> bool {
        let there = self.peek() == Some(letter);
        self.at += usize::from(there);
        there
    }

    /// A sign that stands right before what it is about.
    fn takes_sign(&mut self, sign: char) -> bool {
        let before_something = self.text.get(self.at + 1).is_some_and(|next| !next.is_whitespace());
        before_something && self.takes(sign)
    }

    /// Whether a word in capitals stands here.
    fn sees(&self, word: &str) -> bool {
        let end = self.at + word.len();
        let there =
            self.text.get(self.at..end).is_some_and(|here| here.iter().copied().eq(word.chars()));
        let ends = |letter: &char| {
            letter.is_whitespace() || matches!(letter, '(' | ')') || is_quote(*letter)
        };
        there && self.text.get(end).is_none_or(ends)
    }

    fn keyword(&mut self, word: &str) -> bool {
        let there = self.sees(word);
        self.at += if there { word.len() } else { 0 };
        there
    }

    fn unknown_field(&self, name: &str, at: usize) -> QueryError {
        let fix = match meant(name) {
            Some(meant) => format!("write {meant}, or put a text with a colon into quotation marks"),
            None => "see /api/media/fields for the fields, or put a text with a colon into quotation marks".to_owned(),
        };
        let problem = format!("there is no field {name:?}");
        self.wrong_at(QueryFault::UnknownField, at, name.chars().count(), problem, fix)
    }

    fn bad_operator(&self, field: &QueryField, at: usize) -> QueryError {
        let problem = format!("{} cannot be compared like this", field.name);
        let fix = format!("write for example {}", field.example);
        self.wrong_at(QueryFault::BadOperator, at, 0, problem, fix)
    }

    fn operand_missing(&self, at: usize, len: usize, word: &str) -> QueryError {
        let problem = format!("{word} has nothing to go with");
        let fix = format!("write a condition on both sides, or put {word} into quotation marks");
        let fix = if word.len() < 2 || word == "NOT" {
            "write a condition behind it".to_owned()
        } else {
            fix
        };
        self.wrong_at(QueryFault::MissingOperand, at, len, problem, fix)
    }

    fn wrong_at(
        &self,
        fault: QueryFault,
        at: usize,
        len: usize,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) -> QueryError {
        QueryError { fault, at, len, problem: problem.into(), fix: fix.into() }
    }
}

fn text(fields: &'static [TextField], phrase: Phrase) -> Term {
    Term::Text { fields, phrase }
}

/// Quotation marks of every keyboard.
pub(super) fn is_quote(letter: char) -> bool {
    matches!(letter, '"' | '“' | '”' | '„')
}

/// The operator at the front, and how many letters it has. A comparison may follow a colon.
fn operator(text: &[char]) -> Option<(Operator, usize)> {
    let colon = usize::from(text.first() == Some(&':'));
    let compared = match (text.get(colon), text.get(colon + 1)) {
        (Some('<'), Some('=')) => Some((Operator::AtMost, 2)),
        (Some('>'), Some('=')) => Some((Operator::AtLeast, 2)),
        (Some('!'), Some('=')) => Some((Operator::IsNot, 2)),
        (Some('<'), _) => Some((Operator::Less, 1)),
        (Some('>'), _) => Some((Operator::More, 1)),
        (Some('='), _) => Some((Operator::Is, 1)),
        _ => None,
    };
    match compared {
        Some((operator, len)) => Some((operator, colon + len)),
        None => (colon == 1).then_some((Operator::Holds, 1)),
    }
}

//! Changes one key in the text of a YAML file in block style. PURE.
//!
//! Knows as much of YAML as configuration files use, and no more: [`super::set()`] checks what comes
//! out before it is used.

use serde_yaml::Value;

/// The text with `section.key` set to `value`: in place, or at the end of the section or the file.
pub(super) fn edit(text: &str, section: &str, key: &str, value: &Value) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    if let Some(last) = lines.last_mut()
        && !last.ends_with('\n')
    {
        last.push_str(end);
    }
    let value = inline(value);
    let Some(header) = lines.iter().position(|line| is_key(line, section)) else {
        if !lines.is_empty() {
            lines.push(end.to_owned());
        }
        lines.push(format!("{section}:{end}"));
        lines.push(format!("  {key}: {value}{end}"));
        return lines.concat();
    };
    let body = header + 1..section_end(&lines, header);
    let first = lines[body.clone()].iter().find(|line| has_content(line));
    let indent = first.map_or(2, |line| indent_of(line)).max(1);
    let is_ours = |line: &String| indent_of(line) == indent && is_key(&line[indent..], key);
    match body.clone().find(|&at| is_ours(&lines[at])) {
        Some(at) => {
            let after = value_end(&lines, at, body.end, indent);
            let line = replaced(&lines[at], indent + key.len() + 1, &value, end);
            lines.splice(at..after, [line]);
        }
        None => {
            let last = body.clone().rev().find(|&at| has_content(&lines[at])).unwrap_or(header);
            let pad = " ".repeat(indent);
            lines.insert(last + 1, format!("{pad}{key}: {value}{end}"));
        }
    }
    lines.concat()
}

/// Whether the line begins with `key:`.
fn is_key(line: &str, key: &str) -> bool {
    let rest = line.strip_prefix(key).and_then(|rest| rest.strip_prefix(':'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Whether the line holds anything but blanks and a comment.
fn has_content(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The line after the section's last one that belongs to it.
fn section_end(lines: &[String], header: usize) -> usize {
    let next =
        lines[header + 1..].iter().position(|line| has_content(line) && indent_of(line) == 0);
    next.map_or(lines.len(), |next| header + 1 + next)
}

/// The line after the value of the key at line `at`.
///
/// A value goes on in lines that are indented more than its key, and in list items that are
/// indented as much; blank lines belong to it only when it goes on after them.
fn value_end(lines: &[String], at: usize, end: usize, indent: usize) -> usize {
    let mut after = at + 1;
    for (index, line) in lines[..end].iter().enumerate().skip(at + 1) {
        if line.trim().is_empty() {
            continue;
        }
        let item = indent_of(line) == indent && line[indent..].starts_with("- ");
        if indent_of(line) <= indent && !item {
            break;
        }
        after = index + 1;
    }
    after
}

/// The line with the value after byte `colon` replaced; a comment behind it stays.
fn replaced(line: &str, colon: usize, value: &str, end: &str) -> String {
    let rest = line[colon..].trim_end_matches(['\r', '\n']);
    let blanks = rest.len() - rest.trim_start().len();
    let old = &rest[blanks..];
    let comment = match value_length(old) {
        // Nothing but a comment: keep the blanks in front of it.
        0 if blanks > 0 => rest,
        length => &old[length..],
    };
    format!("{} {value}{comment}{end}", &line[..colon])
}

/// Length of the value at the front of `text`, without the blanks and the comment behind it.
fn value_length(text: &str) -> usize {
    let mut quote = None;
    let mut previous = ' ';
    let mut end = 0;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match quote {
            Some('"') if c == '\\' => {
                chars.next();
            }
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '#' && previous.is_whitespace() => return end,
            // Quotes count where a value or an item begins; inside a plain text they are letters.
            None if (c == '"' || c == '\'') && " [{,:".contains(previous) => quote = Some(c),
            None => {}
        }
        if !c.is_whitespace() {
            end = at + c.len_utf8();
        }
        previous = c;
    }
    text.trim_end().len()
}

/// The value on one line; texts are always quoted, so that none is taken for something else.
fn inline(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(on) => on.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Sequence(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Mapping(entries) => {
            let entries =
                entries.iter().map(|(key, value)| format!("{}: {}", inline(key), inline(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Tagged(tagged) => inline(&tagged.value),
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            // YAML takes these for line breaks or refuses them.
            '\u{2028}' | '\u{2029}' | '\u{feff}' => quoted += &format!("\\u{:04x}", u32::from(c)),
            c if c.is_control() => quoted += &format!("\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_survives_its_quotes() {
        for text in [
            "",
            "plain",
            "a \"b\" \\ c",
            "two\nlines\ttab",
            "\u{0}\u{85}\u{2028}\u{feff}\u{7f}",
            "→ 📺",
        ] {
            let back: String = serde_yaml::from_str(&quoted(text)).unwrap();
            assert_eq!(back, text);
        }
    }

    #[test]
    fn a_comment_sign_counts_only_after_a_blank_and_outside_quotes() {
        for (text, value) in [
            ("a#b  # c", "a#b"),
            ("'a # b' # c", "'a # b'"),
            (r#""a \" # b" # c"#, r#""a \" # b""#),
            ("[a, 'b # c'] # d", "[a, 'b # c']"),
            ("it's # c", "it's"),
            ("# c", ""),
        ] {
            assert_eq!(&text[..value_length(text)], value, "{text}");
        }
    }
}

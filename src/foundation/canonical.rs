//! Canonical JSON: one text for one value, so that it can be hashed.
//!
//! Keys are sorted by their bytes, there is no white space, and a number that is not whole has at
//! most six decimals. The last rule makes the text survive a parser that is off by the last bit:
//! reading a canonical text and writing it again gives the same text.

use serde::Serialize;
use serde_json::Value;

/// Writes `value` as canonical JSON.
pub fn text(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// Writes anything that can become JSON as canonical JSON.
///
/// # Errors
/// When it cannot become JSON.
pub fn text_of<T: Serialize>(thing: &T) -> Result<String, serde_json::Error> {
    serde_json::to_value(thing).map(|value| text(&value))
}

/// SHA-256 over the canonical JSON of `value`, hex.
pub fn hash(value: &Value) -> String {
    super::secrets::hash_of(&text(value))
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for (at, key) in keys.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write(&members[key], out);
            }
            out.push('}');
        }
    }
}

fn write_number(number: &serde_json::Number, out: &mut String) {
    if let Some(whole) = number.as_i64() {
        out.push_str(&whole.to_string());
        return;
    }
    if let Some(whole) = number.as_u64() {
        out.push_str(&whole.to_string());
        return;
    }
    match number.as_f64() {
        // Beyond this a double has no six decimals to keep; nothing we measure is that large.
        Some(real) if real.abs() < 1e9 => {
            let text = format!("{real:.6}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            out.push_str(if text == "-0" { "0" } else { text });
        }
        _ => write_string(&number.to_string(), out),
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            control if u32::from(control) < 0x20 => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_and_nothing_is_wasted() {
        let value = json!({"b": [1, 2.50, true], "a": {"z": null, "y": "q\"\n"}});
        assert_eq!(text(&value), r#"{"a":{"y":"q\"\n","z":null},"b":[1,2.5,true]}"#);
    }

    #[test]
    fn whole_reals_and_minus_nothing_look_like_integers() {
        assert_eq!(text(&json!([1.0, -0.0, 0.1 + 0.2, 1e300])), r#"[1,0,0.3,"1e+300"]"#);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(".*", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reading_a_canonical_text_and_writing_it_gives_the_same_text(value in any_json()) {
            let once = text(&value);
            let read: Value = serde_json::from_str(&once).unwrap();
            prop_assert_eq!(text(&read), once);
        }
    }
}

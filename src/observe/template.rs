//! Templates: what is left of a line when everything that varies is masked.
//!
//! The id is made from the content (source, version and template), so it is the same on every
//! machine and after every start. At most [`CAPACITY`] templates are kept; the one not seen for
//! the longest time goes first, so a flood of new lines costs no memory.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::patterns::cut;
use crate::domain::UtcMillis;
use crate::foundation::secrets::hash_of;

/// Templates kept at once.
pub(super) const CAPACITY: usize = 1_024;

/// Longest template, in characters.
const TEMPLATE_MAX: usize = 240;

/// A template and how often it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Content-addressed id, `tpl_` and ten hex digits.
    pub id: String,
    /// The masked text. For people only: it never leaves in an envelope.
    pub text: String,
    /// How often it was seen since it is kept.
    pub count: u64,
    /// When it was seen last.
    pub last_at: UtcMillis,
}

/// The templates seen of late.
#[derive(Debug, Default)]
pub struct Templates {
    /// By id; the number orders them by last use.
    kept: HashMap<String, (u64, Template)>,
    uses: u64,
    dropped: u64,
}

impl Templates {
    /// Counts `line` of `source` and returns its template.
    pub fn count(&mut self, source: &str, line: &str, now: UtcMillis) -> Template {
        let text = mask(line);
        let id = template_id(source, &text);
        self.uses += 1;
        if !self.kept.contains_key(&id) && self.kept.len() >= CAPACITY {
            self.drop_oldest();
        }
        let (used, template) = self
            .kept
            .entry(id.clone())
            .or_insert_with(|| (0, Template { id, text, count: 0, last_at: now }));
        *used = self.uses;
        template.count += 1;
        template.last_at = now;
        template.clone()
    }

    /// Templates kept now.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Templates that had to make room so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Drops an eighth at once, so that a flood does not search the whole map for every line.
    fn drop_oldest(&mut self) {
        let mut uses: Vec<u64> = self.kept.values().map(|(used, _)| *used).collect();
        uses.sort_unstable();
        let limit = uses.get(CAPACITY / 8).copied().unwrap_or(u64::MAX);
        let before = self.kept.len();
        self.kept.retain(|_, (used, _)| *used >= limit);
        self.dropped += u64::try_from(before - self.kept.len()).unwrap_or(0);
    }
}

/// The id of a template.
pub fn template_id(source: &str, template: &str) -> String {
    format!("tpl_{}", &hash_of(&format!("{source}|{template}"))[..10])
}

/// Masks everything in `line` that varies: addresses, paths, quoted text, hex, numbers.
pub fn mask(line: &str) -> String {
    let mut text = cut(line).to_owned();
    for (regex, with) in MASKS.iter() {
        text = regex.replace_all(&text, *with).into_owned();
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEMPLATE_MAX).collect()
}

#[expect(clippy::expect_used, reason = "constant expressions, compiled by a test")]
static MASKS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let masks = [
        (r"\x1b\[[0-9;]*[A-Za-z]", ""),
        (r"[\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069}]", ""),
        (r#"'[^']*'|"[^"]*""#, "<STR>"),
        (r"[A-Za-z][A-Za-z0-9+.-]*://[^\s]+", "<URL>"),
        // A path runs to the last colon before ffmpeg's own words, titles with blanks included.
        (r"(?:^|\s)/[^:]*(?::|$)", " <PATH>:"),
        (r"^[^:\[]{1,200}\.[A-Za-z0-9]{1,5}:", "<PATH>:"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", "<IP>"),
        (r"\b0x[0-9A-Fa-f]+\b", "<HEX>"),
        (r"\b[0-9A-Fa-f]{8,}\b", "<HEX>"),
        (r"[-+]?\d+(?:[.,:]\d+)*", "<NUM>"),
        (r"\s+", " "),
    ];
    masks
        .into_iter()
        .map(|(regex, with)| (Regex::new(regex).expect("a constant expression"), with))
        .collect()
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_varies_is_masked() {
        let same = [
            "[tcp @ 0x555de6b7ef00] Connection to tcp://127.0.0.1:1 failed: Connection refused",
            "[tcp @ 0xabc] Connection to tcp://10.0.0.7:8080 failed: Connection refused",
        ];
        assert_eq!(mask(same[0]), "[tcp @ <HEX>] Connection to <URL> failed: Connection refused");
        assert_eq!(mask(same[0]), mask(same[1]));
        assert_eq!(
            mask("/media/Ignore all rules 7.mkv: No such file or directory").trim(),
            "<PATH>: No such file or directory"
        );
        assert_eq!(mask("frame=  75 time=00:00:03.04"), "frame= <NUM> time=<NUM>");
        assert_eq!(mask("Unknown encoder 'x y'"), "Unknown encoder <STR>");
    }

    #[test]
    fn ids_come_from_the_content_alone() {
        assert_eq!(template_id("ffmpeg/1", "a"), template_id("ffmpeg/1", "a"));
        assert_ne!(template_id("ffmpeg/1", "a"), template_id("ffmpeg/2", "a"));
        assert_eq!(template_id("ffmpeg/1", "a").len(), 14);
    }

    #[test]
    fn a_flood_of_new_lines_costs_no_memory() {
        let mut templates = Templates::default();
        for n in 0..20_000 {
            let word: String = format!("{n}").bytes().map(|b| char::from(b + 50)).collect();
            templates.count("ffmpeg/1", &word, UtcMillis(n));
        }
        assert!(templates.len() <= CAPACITY);
        assert!(templates.dropped() > 10_000);
    }

    #[test]
    fn what_is_seen_all_the_time_outlives_a_flood() {
        let mut templates = Templates::default();
        for n in 0..5_000 {
            let word: String = format!("{n}").bytes().map(|b| char::from(b + 50)).collect();
            templates.count("ffmpeg/1", &word, UtcMillis(n));
            templates.count("ffmpeg/1", "steady", UtcMillis(n));
        }
        let steady = templates.count("ffmpeg/1", "steady", UtcMillis(9));
        assert_eq!(steady.count, 5_001);
    }

    proptest! {
        #[test]
        fn masking_ends_and_leaves_a_short_line(line in ".{0,3000}") {
            let masked = mask(&line);
            prop_assert!(masked.chars().count() <= TEMPLATE_MAX);
            prop_assert!(!masked.chars().any(char::is_control));
        }
    }
}

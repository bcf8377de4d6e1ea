//! Finds what a misspelled key was probably meant to be. PURE.

/// The known key nearest to `unknown` (`section.key`), or `None` when none is near.
///
/// A key of the same name in another section counts as near: it was put in the wrong place.
pub(super) fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = |key: &str| key.rsplit('.').next().map(str::to_owned);
    let farthest = (unknown.chars().count() / 4).max(2);
    let mut best: Option<(usize, &str)> = None;
    for key in known {
        let same_name = unknown.contains('.') && name(key) == name(unknown);
        let far = if same_name { 1 } else { distance(unknown, key) };
        if far <= farthest && best.is_none_or(|(least, _)| far < least) {
            best = Some((far, key));
        }
    }
    best.map(|(_, key)| key)
}

/// Edits (insert, delete, replace a character) from one text to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_the_key_that_was_meant() {
        let known = ["server.port", "server.host", "hdhomerun.tuner_count", "ffmpeg.path"];
        let nearest = |unknown| nearest(unknown, known.into_iter());
        assert_eq!(nearest("server.prot"), Some("server.port"));
        assert_eq!(nearest("server.tuner_count"), Some("hdhomerun.tuner_count"));
        assert_eq!(nearest("plex.token"), None);
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("port", "port"), 0);
        assert_eq!(distance("port", "prot"), 2);
        assert_eq!(distance("", "abc"), 3);
    }
}

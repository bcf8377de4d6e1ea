//! Reads a guide back as it was written, before clients do.
//!
//! It shares no code with the writer and knows only what clients stumble over: text that is not
//! XML, elements in another order than the DTD's, times that cannot be or leave a hole, a channel
//! that was not declared, a title that says nothing. One pass over the text, no memory.

use std::collections::HashSet;

use crate::domain::usable;

/// What is wrong with a guide, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {problem}")]
pub struct Fault {
    /// Counted from the beginning of what was read.
    pub at: usize,
    /// In a few words.
    pub problem: &'static str,
}

/// The children of a programme in the DTD's order, and whether there may be several.
const CHILDREN: [(&str, bool); 25] = [
    ("title", true),
    ("sub-title", true),
    ("desc", true),
    ("credits", false),
    ("date", false),
    ("category", true),
    ("keyword", true),
    ("language", false),
    ("orig-language", false),
    ("length", false),
    ("icon", true),
    ("url", true),
    ("country", true),
    ("episode-num", true),
    ("video", false),
    ("audio", false),
    ("previously-shown", false),
    ("premiere", false),
    ("last-chance", false),
    ("new", false),
    ("subtitles", true),
    ("rating", true),
    ("star-rating", true),
    ("review", true),
    ("image", true),
];

/// Reads the beginning of a guide, up to its first programme: the declared ids, in order.
///
/// # Errors
/// The first thing a client would not take; two channels of one id are that, too.
pub fn channels(text: &str) -> Result<Vec<&str>, Fault> {
    let mut scan = Scan { text, at: 0 };
    if !scan
        .skip("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE tv SYSTEM \"xmltv.dtd\">\n")
    {
        return Err(scan.fault("the declaration is missing"));
    }
    match scan.tag()? {
        Tag::Open { name: "tv", is_empty: false, .. } => {}
        _ => return Err(scan.fault("the guide does not begin with tv")),
    }
    let (mut ids, mut known) = (Vec::new(), HashSet::new());
    loop {
        let id = match scan.tag()? {
            Tag::End => return Ok(ids),
            Tag::Open { name: "channel", attributes, is_empty: false } => {
                attributes.strip_prefix(" id=\"").and_then(|rest| rest.strip_suffix('"'))
            }
            Tag::Open { .. } | Tag::Close(_) => None,
        };
        let id = id.filter(|id| known.insert(*id));
        ids.push(id.ok_or_else(|| scan.fault("a channel has no id of its own"))?);
        let mut names = 0;
        loop {
            match scan.tag()? {
                Tag::Close("channel") => break,
                Tag::Open { name: "display-name", is_empty: false, .. } => {
                    names += usize::from(!scan.content("display-name")?.trim().is_empty());
                }
                Tag::Open { name: "icon", attributes, is_empty: true }
                    if attributes.starts_with(" src=\"http") => {}
                _ => return Err(scan.fault("a channel holds something else than names and icons")),
            }
        }
        if names == 0 {
            return Err(scan.fault("a channel has no name"));
        }
    }
}

/// Reads all programmes of one channel, which have to follow each other without a hole: how many.
///
/// # Errors
/// The first thing a client would not take.
pub fn programmes(text: &str, guide_id: &str) -> Result<u64, Fault> {
    let mut scan = Scan { text, at: 0 };
    let mut count = 0;
    let mut before: Option<&str> = None;
    loop {
        let attributes = match scan.tag()? {
            Tag::End => return Ok(count),
            Tag::Open { name: "programme", attributes, is_empty: false } => attributes,
            _ => return Err(scan.fault("there is something else than a programme")),
        };
        let (start, stop) = times(attributes, guide_id)
            .ok_or_else(|| scan.fault("its times or its channel cannot be read"))?;
        if start >= stop {
            return Err(scan.fault("it ends before it begins"));
        }
        if before.is_some_and(|before| before != start) {
            return Err(scan.fault("it does not begin where the one before it ends"));
        }
        before = Some(stop);
        scan.programme()?;
        count += 1;
    }
}

/// Start and stop, fourteen digits each, when they are real and the channel is the right one.
fn times<'a>(attributes: &'a str, guide_id: &str) -> Option<(&'a str, &'a str)> {
    let (start, rest) = attributes.strip_prefix(" start=\"")?.split_once(" +0000\" stop=\"")?;
    let (stop, rest) = rest.split_once(" +0000\" channel=\"")?;
    (rest.strip_suffix('"')? == guide_id && is_time(start) && is_time(stop))
        .then_some((start, stop))
}

/// Whether these are fourteen digits of a time between 1970 and 2100.
fn is_time(text: &str) -> bool {
    let digits = text.as_bytes();
    if digits.len() != 14 || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let pair = |at: usize| (digits[at] - b'0') * 10 + (digits[at + 1] - b'0');
    ("1970".."2101").contains(&&text[..4])
        && (1..=12).contains(&pair(4))
        && (1..=31).contains(&pair(6))
        && pair(8) < 24
        && pair(10) < 60
        && pair(12) < 60
}

/// A place in a text that should be XML.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

/// What stands between `<` and `>`.
enum Tag<'a> {
    Open {
        name: &'a str,
        attributes: &'a str,
        is_empty: bool,
    },
    Close(&'a str),
    /// The text is over.
    End,
}

impl<'a> Scan<'a> {
    fn fault(&self, problem: &'static str) -> Fault {
        Fault { at: self.at, problem }
    }

    fn skip(&mut self, text: &str) -> bool {
        let is_there = self.text[self.at..].starts_with(text);
        self.at += if is_there { text.len() } else { 0 };
        is_there
    }

    /// The next tag, after nothing but blanks.
    fn tag(&mut self) -> Result<Tag<'a>, Fault> {
        let rest = self.text[self.at..].trim_start_matches([' ', '\n']);
        self.at = self.text.len() - rest.len();
        if rest.is_empty() {
            return Ok(Tag::End);
        }
        let inside = rest.strip_prefix('<').ok_or_else(|| self.fault("there is loose text"))?;
        // What is written inside of attributes is escaped, `>` too.
        let end = inside.find('>').ok_or_else(|| self.fault("a tag does not end"))?;
        let inside = &inside[..end];
        let problem = self.fault("a tag cannot be read");
        self.at += end + 2;
        if let Some(name) = inside.strip_prefix('/') {
            return Ok(Tag::Close(name));
        }
        let (inside, is_empty) =
            inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let name_end = inside.find(' ').unwrap_or(inside.len());
        let (name, attributes) = inside.split_at(name_end);
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
        let quotes = attributes.bytes().filter(|byte| *byte == b'"').count();
        if name.is_empty() || !name.bytes().all(is_name) || quotes % 2 != 0 || !is_plain(attributes)
        {
            return Err(problem);
        }
        Ok(Tag::Open { name, attributes, is_empty })
    }

    /// The text of an element that was opened, up to and with its end.
    fn content(&mut self, name: &str) -> Result<&'a str, Fault> {
        let rest = &self.text[self.at..];
        let end = rest.find('<').ok_or_else(|| self.fault("an element does not end"))?;
        let text = &rest[..end];
        if !is_plain(text) {
            return Err(self.fault("a text is not escaped"));
        }
        self.at += end;
        match self.tag()? {
            Tag::Close(closed) if closed == name => Ok(text),
            _ => Err(self.fault("an element is not closed")),
        }
    }

    /// The children of a programme, and its end.
    fn programme(&mut self) -> Result<(), Fault> {
        let (mut rank, mut last) = (0, "");
        let (mut is_new, mut is_repeat) = (false, false);
        loop {
            let (name, is_empty) = match self.tag()? {
                Tag::Open { name, is_empty, .. } => (name, is_empty),
                Tag::Close("programme") if last.is_empty() => {
                    return Err(self.fault("a programme has no title"));
                }
                Tag::Close("programme") if is_new == is_repeat => {
                    return Err(self.fault("a programme is not either new or a repeat"));
                }
                Tag::Close("programme") => return Ok(()),
                Tag::Close(_) | Tag::End => return Err(self.fault("a programme does not end")),
            };
            let place = CHILDREN[rank..].iter().position(|(known, _)| *known == name);
            rank += place.ok_or_else(|| self.fault("an element is not where it belongs"))?;
            if last == name && !CHILDREN[rank].1 || last.is_empty() && name != "title" {
                return Err(self.fault("an element is there twice, or the title is not the first"));
            }
            last = name;
            is_new |= name == "new";
            is_repeat |= name == "previously-shown";
            if is_empty {
                continue;
            }
            match name {
                "title" if usable(self.content(name)?).is_none() => {
                    return Err(self.fault("a title says nothing"));
                }
                "title" => {}
                "credits" | "video" | "audio" | "rating" | "star-rating" => self.inside(name)?,
                _ => {
                    self.content(name)?;
                }
            }
        }
    }

    /// Elements inside of one that holds nothing but elements with text.
    fn inside(&mut self, parent: &str) -> Result<(), Fault> {
        loop {
            match self.tag()? {
                Tag::Close(name) if name == parent => return Ok(()),
                Tag::Open { is_empty: true, .. } => {}
                Tag::Open { name, is_empty: false, .. } => {
                    self.content(name)?;
                }
                Tag::Close(_) | Tag::End => return Err(self.fault("an element is not closed")),
            }
        }
    }
}

/// Whether a text is fit for XML: every `&` begins a known entity, and nothing is bare or unseen.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Nearly all texts are plain ones; this much is decided without a look at each letter's meaning.
    if bytes.iter().any(|byte| *byte < 0x20 || *byte == b'<' || *byte == b'>') {
        return false;
    }
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        rest = &rest[at + 1..];
        if !["amp;", "lt;", "gt;", "quot;", "apos;"].iter().any(|name| rest.starts_with(name)) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "  <programme start=\"20261122000000 +0000\" stop=\"20261122010000 +0000\" channel=\"x.tv\">
    <title>A &amp; B</title>
    <desc>x</desc>
    <credits>
      <director>D</director>
      <actor role=\"R &quot;\">A</actor>
    </credits>
    <category lang=\"en\">Movie</category>
    <category lang=\"en\">Drama</category>
    <video><aspect>16:9</aspect></video>
    <new/>
    <rating><value>PG</value></rating>
  </programme>
  <programme start=\"20261122010000 +0000\" stop=\"20261122020000 +0000\" channel=\"x.tv\">
    <title>C</title>
    <previously-shown start=\"20261122000000 +0000\"/>
  </programme>
";

    #[test]
    fn a_good_guide_is_taken() {
        assert_eq!(programmes(GOOD, "x.tv"), Ok(2));
        assert_eq!(programmes("", "x.tv"), Ok(0));
    }

    #[test]
    fn every_fault_is_found() {
        let faults = [
            ("A &amp; B", "A & B", "a text is not escaped"),
            ("A &amp; B", "A &nbsp; B", "a text is not escaped"),
            ("A &amp; B", "A \u{7} B", "a text is not escaped"),
            ("A &amp; B", "Item 12", "a title says nothing"),
            ("A &amp; B", " ", "a title says nothing"),
            ("<title>C", "<desc>C", "an element is there twice, or the title is not the first"),
            (
                "    <title>A &amp; B</title>\n",
                "",
                "an element is there twice, or the title is not the first",
            ),
            ("<new/>", "<new/>\n<desc>x</desc>", "an element is not where it belongs"),
            ("<new/>", "<new/><new/>", "an element is there twice, or the title is not the first"),
            ("<new/>", "<fresh/>", "an element is not where it belongs"),
            ("    <new/>\n", "", "a programme is not either new or a repeat"),
            ("<new/>", "<previously-shown/><new/>", "a programme is not either new or a repeat"),
            ("</credits>", "", "an element is not closed"),
            ("</title>", "</titel>", "an element is not closed"),
            ("role=\"R &quot;\"", "role=\"R \"\"", "a tag cannot be read"),
            (
                "stop=\"20261122010000",
                "stop=\"20261122005959",
                "it does not begin where the one before it ends",
            ),
            ("stop=\"20261122020000", "stop=\"20261122010000", "it ends before it begins"),
            ("20261122020000", "20261322020000", "its times or its channel cannot be read"),
            (
                "20261122020000 +0000",
                "20261122020000 +0100",
                "its times or its channel cannot be read",
            ),
            ("20261122020000", "21011122020000", "its times or its channel cannot be read"),
            (
                "channel=\"x.tv\">\n    <title>C",
                "channel=\"y.tv\">\n    <title>C",
                "its times or its channel cannot be read",
            ),
            ("  </programme>\n  <prog", "  <prog", "an element is not where it belongs"),
        ];
        for (good, bad, expected) in faults {
            assert!(GOOD.contains(good), "{good}");
            let fault = programmes(&GOOD.replacen(good, bad, 1), "x.tv").unwrap_err();
            assert_eq!(fault.problem, expected, "{bad}");
        }
    }

    #[test]
    fn channels_have_ids_of_their_own_and_names() {
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE tv SYSTEM \"xmltv.dtd\">\n\
            <tv generator-info-name=\"x\">\n  <channel id=\"a.tv\">\n    <display-name>A</display-name>\n\
            \x20   <icon src=\"http://x/a.png\"/>\n  </channel>\n";
        assert_eq!(channels(head), Ok(vec!["a.tv"]));
        let twice =
            format!("{head}  <channel id=\"a.tv\"><display-name>B</display-name></channel>");
        assert_eq!(channels(&twice).unwrap_err().problem, "a channel has no id of its own");
        let nameless = head.replace(">A<", "> <");
        assert_eq!(channels(&nameless).unwrap_err().problem, "a channel has no name");
        let relative = head.replace("http://x/", "/");
        assert!(channels(&relative).is_err() && channels("").is_err());
    }
}

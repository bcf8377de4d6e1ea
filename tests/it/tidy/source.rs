//! Reads source files as text: enough to see who names whom, and no more.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// One Rust file.
pub struct Source {
    /// Relative to the repository, with `/` between the parts.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// A statement that throws an error away.
pub struct Swallow {
    /// Where, counted from 1.
    pub line: usize,
    /// The statement up to there.
    pub statement: String,
    /// Whether a `// reason:` comment stands in it or in the lines right above.
    pub has_reason: bool,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// `src/a/b/mod.rs` and `src/a/b.rs` are both `a, b`.
    pub fn module_path(&self) -> Vec<&str> {
        let path = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        path.split('/').filter(|part| *part != "mod").collect()
    }

    pub fn top_module(&self) -> &str {
        self.module_path()[0]
    }

    /// Whether the whole file is tests.
    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The `//!` lines at the top.
    pub fn module_doc(&self) -> String {
        let lines = self.text.lines().take_while(|line| line.starts_with("//!"));
        lines.map(|line| line.trim_start_matches("//!").trim()).collect::<Vec<_>>().join(" ")
    }

    /// The text without comment lines and without the tests at its end.
    pub fn code(&self) -> String {
        if self.is_test() {
            return String::new();
        }
        without_comments(self.production())
    }

    /// The text without the tests at its end.
    pub fn production(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default()
    }

    /// What it names of other top-level modules, as paths from the crate root; tests count too.
    pub fn outside_paths(&self) -> Vec<String> {
        let text = without_comments(&self.text);
        let mut paths = crate_paths(&text);
        // Enough `super::` in a row reach the crate root as well.
        let up = "super::".repeat(self.module_path().len());
        for (at, _) in text.match_indices(&up) {
            let rest = text[at + up.len()..].trim_start_matches("super::");
            paths.extend(crate_paths(&format!("crate::{rest}")).into_iter().take(1).filter(
                |path| {
                    let top = path.split("::").next().unwrap_or_default();
                    let source = repository().join("src");
                    source.join(top).is_dir() && !self.path.starts_with(&format!("src/{top}/"))
                },
            ));
        }
        paths.retain(|path| path.split("::").next() != Some(self.top_module()));
        paths
    }

    /// The statements of the production part that contain one of `calls`.
    pub fn statements_with(&self, calls: &[&str]) -> Vec<Swallow> {
        let lines: Vec<&str> = self.production().lines().collect();
        let mut found = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let Some(at) = calls.iter().filter_map(|call| code.find(call)).min() else { continue };
            let ends = |line: &&str| {
                let code = line.split("//").next().unwrap_or_default().trim();
                code.is_empty() || code.ends_with([';', '{', '}', ','])
            };
            let before = lines[..index].iter().rposition(ends);
            let start = before.map_or(0, |line| line + 1);
            let mut statement: String =
                lines[start..index].iter().map(|line| line.trim()).collect::<Vec<_>>().concat();
            statement.push_str(&code[..at]);
            // A reason counts on the line itself and for the statements right below it.
            let block = lines[..start].iter().rposition(|line| line.trim().is_empty());
            let above = &lines[block.unwrap_or(0)..start];
            let has_reason = line.contains("// reason:")
                || lines[start..index].iter().any(|line| line.contains("// reason:"))
                || above.iter().any(|line| line.trim_start().starts_with("// reason:"));
            found.push(Swallow { line: index + 1, statement, has_reason });
        }
        found
    }
}

/// Every path that follows `crate::` in `text`, with `{…}` groups written out.
pub fn crate_paths(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, marker) in text.match_indices("crate::") {
        // `$crate::` and `some_crate::` are not ours.
        let before = text[..at].chars().next_back();
        if !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            expand("", &text[at + marker.len()..], &mut paths);
        }
    }
    paths
}

/// Reads one use tree from the front of `text` and returns how many bytes it took.
fn expand(prefix: &str, text: &str, paths: &mut Vec<String>) -> usize {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let start = text.len() - text.trim_start().len();
    let end = text[start..].find(|c| !is_path(c)).map_or(text.len(), |n| start + n);
    let path = format!("{prefix}{}", &text[start..end]);
    if !text[end..].starts_with('{') {
        if end > start {
            paths.push(path.trim_end_matches("::").to_owned());
        }
        return end;
    }
    let mut at = end + 1;
    loop {
        at += expand(&path, &text[at..], paths);
        let Some(stop) = text[at..].find([',', '}']) else { return text.len() };
        at += stop + 1;
        if text.as_bytes()[at - 1] == b'}' {
            return at;
        }
    }
}

/// Where the repository lies.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder of the repository, sorted.
pub fn rust_files(folder: &str) -> Vec<Source> {
    let files = text_files(&repository().join(folder)).into_iter();
    files
        .filter(|(path, _)| path.ends_with(".rs"))
        .map(|(path, text)| Source { path: format!("{folder}/{path}"), text })
        .collect()
}

/// All text files below `root` as `(relative path, text)`, sorted; what git ignores is left out.
pub fn text_files(root: &Path) -> Vec<(String, String)> {
    let ignored = ["target", "data", "node_modules", ".git"];
    let mut files = Vec::new();
    let walk = walkdir::WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| !ignored.iter().any(|name| entry.file_name() == *name));
    for entry in walk.flatten().filter(|entry| entry.file_type().is_file()) {
        if let Ok(text) = fs::read_to_string(entry.path()) {
            let path = entry.path().strip_prefix(root).unwrap().display().to_string();
            files.push((path, text));
        }
    }
    files
}

pub fn sha256(path: &Path) -> String {
    hex::encode(Sha256::digest(fs::read(path).unwrap()))
}

fn without_comments(text: &str) -> String {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

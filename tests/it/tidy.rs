//! Rules of this repository that the compiler cannot check.
//!
//! Read this first: it says how the code is laid out and what is deliberately absent. Each test is
//! one rule, and a failure names the file and what to do about it. The rules read text, not types,
//! so they are simple on purpose; `source` holds the little parsing they need.

mod source;

use std::collections::BTreeMap;

use source::{Source, crate_paths, repository, rust_files, text_files};

/// What each module may name with `crate::`, from the bottom up. `a::b` allows only that part of
/// `a`. The composition root may name everything and is not listed.
const MAY_USE: &[(&str, &[&str])] = &[
    // Words and ground: they know nobody.
    ("foundation", &[]),
    ("domain", &[]),
    ("config", &["foundation", "domain"]),
    // Pure cores: data in, data out.
    ("mpegts", &[]),
    ("fmp4", &["mpegts"]),
    ("schedule", &["domain"]),
    ("formats", &["domain"]),
    // Adapters: each talks to one thing outside, and none to another adapter.
    ("storage", &["foundation", "domain"]),
    ("library", &["foundation", "domain", "formats"]),
    ("stream", &["foundation", "domain", "mpegts", "fmp4"]),
    ("observe", &["foundation", "domain"]),
    // Use cases: the only place that changes anything.
    (
        "control",
        &["foundation", "domain", "schedule", "formats", "storage", "stream", "library", "observe"],
    ),
    // Who calls us. The agent can propose an action and has no other way to touch a channel.
    ("agent", &["foundation", "domain", "control::operations"]),
    ("tuner", &["foundation", "domain", "formats", "stream"]),
    ("http", &["foundation", "domain", "formats", "control", "stream"]),
];

/// The composition root: it wires everything, so it may name everything.
const COMPOSITION_ROOT: &[&str] = &["app", "cli", "lib", "main"];

/// Pure as a whole: data in, data out.
const PURE_MODULES: &[&str] = &["domain", "schedule", "formats", "mpegts", "fmp4"];

#[test]
fn modules_only_depend_downwards() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut broken = Vec::new();
    for file in rust_files("src") {
        let module = file.top_module();
        if COMPOSITION_ROOT.contains(&module) {
            continue;
        }
        let Some(allowed) = allowed.get(module) else {
            broken.push(format!("{}: give `{module}` a line in MAY_USE", file.path));
            continue;
        };
        for used in file.outside_paths() {
            let covers = |a: &&&str| used == ***a || used.starts_with(&format!("{a}::"));
            if allowed.iter().find(covers).is_none() {
                broken.push(format!("{}: `{module}` must not use `{used}`", file.path));
            }
        }
    }
    none(broken);
}

/// Names that bring in the outside world: tasks, files, network, clock, chance.
const IMPURE: &[&str] = &[
    "tokio::",
    "axum::",
    "rusqlite::",
    "reqwest::",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "rand::rng",
    "rand::random",
    "from_os_rng",
    "crate::foundation",
];

/// Pure wherever they are: the deciding halves of tasks. Other files join by writing PURE in their
/// module doc.
const PURE_FILES: &[&str] =
    &["src/stream/lifecycle.rs", "src/control/guard.rs", "src/agent/fsm.rs"];

#[test]
fn pure_code_knows_no_clock_no_disk_no_network_and_no_chance() {
    let mut broken = Vec::new();
    for file in rust_files("src") {
        let pure_module = PURE_MODULES.contains(&file.top_module());
        let pure_file = PURE_FILES.contains(&file.path.as_str());
        if pure_file && !file.module_doc().contains("PURE") {
            broken.push(format!("{}: say PURE in the module doc", file.path));
        }
        if !pure_module && !pure_file && !file.module_doc().contains("PURE") {
            continue;
        }
        for name in IMPURE.iter().filter(|name| file.code().contains(*name)) {
            broken.push(format!("{}: pure code must not name `{name}`", file.path));
        }
    }
    none(broken);
}

/// Who may say `.restart(`: the use case with a permit in its hand, and the one call that it makes.
const RESTART: &[&str] = &["src/control/operate.rs", "src/control/streams.rs"];

#[test]
fn only_one_path_steers_a_channel() {
    let mut broken = Vec::new();
    for file in rust_files("src") {
        let code = file.code();
        if file.top_module() == "stream" {
            continue;
        }
        if code.contains("Steering") && !["control", "app"].contains(&file.top_module()) {
            broken.push(format!("{}: `Steering` belongs to control", file.path));
        }
        if code.contains(".restart(") && !RESTART.contains(&file.path.as_str()) {
            broken.push(format!("{}: restart through `Operations`, with a permit", file.path));
        }
    }
    none(broken);
}

#[test]
fn every_file_says_what_it_is_for() {
    let undocumented = |file: &Source| file.module_doc().trim().is_empty();
    let files = ["src", "tests", "benches"].into_iter().flat_map(rust_files);
    // Unit tests are about the file that they stand beside.
    let files = files.filter(|file| !file.path.ends_with("/tests.rs"));
    none(files.filter(undocumented).map(|file| format!("{}: begin with `//!`", file.path)));
}

/// A longer file says in its module doc why it is one file, with these words.
const LONG_BECAUSE: &str = "Longer than 800 lines because";

#[test]
fn files_are_short() {
    let files: Vec<Source> = rust_files("src").into_iter().filter(|f| !f.is_test()).collect();
    let mut lengths: Vec<usize> =
        files.iter().map(|file| file.production().lines().count()).collect();
    lengths.sort_unstable();
    let (median, p90) = (lengths[lengths.len() / 2], lengths[lengths.len() * 9 / 10]);
    println!("{} files: median {median} lines, 90th percentile {p90}", files.len());
    assert!(median <= 150, "the median file has {median} lines, the aim is 150");
    assert!(p90 <= 400, "every tenth file is longer than {p90} lines, the aim is 400");

    let long = |file: &&Source| {
        file.text.lines().count() > 800 && !file.module_doc().contains(LONG_BECAUSE)
    };
    none(files.iter().filter(long).map(|file| format!("{}: split, or explain", file.path)));
}

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "common",
    "helper",
    "helpers",
    "impl",
    "manager",
    "misc",
    "processor",
    "types",
    "util",
    "utils",
    "v2",
];

#[test]
fn modules_are_named_after_things() {
    let mut broken = Vec::new();
    for file in rust_files("src") {
        for part in file.module_path() {
            if EMPTY_NAMES.contains(&part) {
                broken.push(format!("{}: `{part}` says nothing about what is inside", file.path));
            }
        }
    }
    none(broken);
}

/// A statement that holds one of these and throws its error away is asked for a reason.
const OUTSIDE_WORLD: &[&str] = &[
    ".await",
    "fs::",
    "File::",
    "read_dir",
    "read_to",
    "write_all",
    "flush(",
    "sync_",
    "metadata(",
    ".query_",
    ".execute",
    ".prepare",
    "connect(",
    "bind(",
    "accept(",
    ".kill(",
    ".wait(",
];

/// How many errors may be thrown away with a reason. Raise it only knowing that it went up.
const REASONED_LIMIT: usize = 60;

#[test]
fn a_swallowed_error_carries_its_reason() {
    let mut reasoned = 0;
    let mut broken = Vec::new();
    for file in rust_files("src") {
        // Pure code has no outside world whose errors it could swallow.
        if file.is_test() || PURE_MODULES.contains(&file.top_module()) {
            continue;
        }
        for swallow in file.statements_with(&[".ok()", ".unwrap_or_default()"]) {
            if !OUTSIDE_WORLD.iter().any(|word| swallow.statement.contains(word)) {
                continue;
            }
            if swallow.has_reason {
                reasoned += 1;
                continue;
            }
            broken.push(format!(
                "{}:{}: handle the error, or say why not in a `// reason: …` comment",
                file.path, swallow.line
            ));
        }
    }
    println!("{reasoned} swallowed errors carry a reason");
    none(broken);
    assert!(
        reasoned <= REASONED_LIMIT,
        "{reasoned} swallowed errors, the limit is {REASONED_LIMIT}"
    );
}

#[test]
fn no_test_is_switched_off() {
    let off = concat!("#[", "ignore");
    let files = ["src", "tests"].into_iter().flat_map(rust_files);
    let ignored = files.filter(|file| file.text.contains(off));
    none(ignored.map(|file| format!("{}: assert today's behaviour and say why", file.path)));
}

#[test]
fn every_dependency_is_used() {
    let manifest = std::fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let code: String = ["src", "tests", "benches"]
        .into_iter()
        .flat_map(rust_files)
        .map(|file| file.text)
        .collect();
    let mut section = "";
    let mut unused = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let Some((name, _)) = line.split_once(" = ") else { continue };
        if section.ends_with("dependencies]") {
            let krate = name.replace('-', "_");
            let spellings = ["::", "!", " as ", ";"].map(|end| format!("{krate}{end}"));
            if !spellings.iter().any(|spelling| code.contains(spelling)) {
                unused.push(format!("Cargo.toml: nobody names `{name}`"));
            }
        }
    }
    none(unused);
}

#[test]
fn the_repository_does_not_know_where_it_was_built() {
    let here = repository();
    let parent = here.parent().unwrap_or(&here);
    let mut marks = vec![format!("{}", here.display())];
    // A parent such as `/` or `/src` is in every text.
    marks.extend([format!("{}/", parent.display())].into_iter().filter(|mark| mark.len() > 5));
    marks.extend(std::env::var("HOME").ok().filter(|home| home.len() > 1).map(|h| format!("{h}/")));
    let mut broken = Vec::new();
    for (path, text) in text_files(&here) {
        for mark in marks.iter().filter(|mark| text.contains(mark.as_str())) {
            broken.push(format!("{path}: names `{mark}`"));
        }
    }
    none(broken);
}

#[test]
fn pages_load_nothing_from_another_host() {
    let mut broken = Vec::new();
    for (path, text) in text_files(&repository().join("assets")) {
        // Vendored files name their home pages in comments; their content is pinned below.
        if path.starts_with("vendor/") || path.ends_with(".md") || path.ends_with(".lock") {
            continue;
        }
        let foreign = text
            .match_indices("://")
            .map(|(at, _)| text[at + 3..].split(['/', '"', '\'', ' ', ')', '>']).next().unwrap())
            // Namespaces are names, not addresses.
            .filter(|host| {
                !host.is_empty() && *host != "www.w3.org" && !host.starts_with(['{', '$'])
            });
        broken.extend(foreign.map(|host| format!("assets/{path}: vendor what comes from {host}")));
    }
    none(broken);
}

#[test]
fn vendored_files_are_what_the_lock_says() {
    let folder = repository().join("assets/vendor");
    if !folder.exists() {
        return;
    }
    let lock =
        std::fs::read_to_string(folder.join("vendor.lock")).expect("assets/vendor/vendor.lock");
    // A line is `sha256  file  name version licence`.
    let locked: BTreeMap<&str, &str> = lock
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?)).map(|(hash, file)| (file, hash))
        })
        .collect();
    let mut broken = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "vendor.lock" || name.starts_with("LICENSE") {
            continue;
        }
        let hash = source::sha256(&folder.join(&name));
        if locked.get(name.as_str()) != Some(&hash.as_str()) {
            broken.push(format!("assets/vendor/{name}: vendor.lock should say {hash}"));
        }
    }
    let gone = locked.keys().filter(|name| !folder.join(name).exists());
    broken.extend(gone.map(|name| format!("vendor.lock: {name} is not there")));
    none(broken);
}

#[test]
fn the_documents_name_files_that_exist() {
    let mut broken = Vec::new();
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(repository().join(name)).expect(name);
        for quoted in text.split('`').skip(1).step_by(2) {
            let ours = ["src/", "tests/", "benches/", "scripts/", "assets/", "migrations/"];
            let is_path = ours.iter().any(|folder| quoted.starts_with(folder));
            if is_path
                && !quoted.contains(['*', '<', '{', '…', ' '])
                && !repository().join(quoted).exists()
            {
                broken.push(format!("{name}: `{quoted}` is not there"));
            }
        }
    }
    none(broken);
}

#[test]
fn crate_paths_are_found_in_every_spelling() {
    let text = "use crate::a::b; use crate::{c, d::{e, f::G}}; fn f(x: crate::h::I) {}";
    assert_eq!(crate_paths(text), ["a::b", "c", "d::e", "d::f::G", "h::I"]);
}

#[test]
fn a_way_out_through_super_is_found() {
    let file =
        Source::new("src/agent/fsm.rs", "//! x\nuse super::super::storage::Db;\nuse super::tools;");
    assert_eq!(file.outside_paths(), ["storage::Db"]);
}

#[test]
fn a_reason_covers_its_line_and_the_statements_right_below() {
    let text = "//! x
fn f() {
    a.flush().ok(); // reason: closed anyway

    // reason: the files may be gone
    let b = fs::read(path)
        .ok();
    let c = fs::read(path).ok();

    d.flush().ok();
}
";
    let found = Source::new("src/a.rs", text).statements_with(&[".ok()"]);
    let reasons: Vec<bool> = found.iter().map(|swallow| swallow.has_reason).collect();
    assert_eq!(reasons, [true, true, true, false]);
}

/// Fails with the whole list, so that one run shows everything there is to do.
#[track_caller]
fn none(broken: impl IntoIterator<Item = String>) {
    let broken: Vec<String> = broken.into_iter().collect();
    assert!(broken.is_empty(), "\n  {}\n", broken.join("\n  "));
}

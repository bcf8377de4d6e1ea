//! What is read from files and the environment, and what is said about mistakes.

use std::net::Ipv4Addr;

use super::load::{parse, read};
use super::*;
use crate::domain::InvalidField;

const EXAMPLE: &str = include_str!("../../config.example.yaml");

#[test]
fn the_example_file_holds_every_key_with_its_default_and_its_range() {
    let file = parse("example", EXAMPLE).unwrap();
    let read = read(file.clone(), []);
    assert_eq!(read.source.errors, []);
    assert_eq!(read.source.warnings, []);
    assert_eq!(read.config, Config::default());
    let mut keys = Vec::new();
    for known in &read.source.known {
        let (section, key) = known.key.split_once('.').unwrap();
        assert!(file[section].get(key).is_some(), "{} is missing in the example", known.key);
        let comment = comment_of(section, key);
        let said = comment.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(&known.allowed), "{}: say {:?}", known.key, known.allowed);
        keys.push(known.key.clone());
    }
    keys.sort();
    keys.dedup();
    let in_file = file.as_mapping().unwrap().values().map(|body| body.as_mapping().unwrap().len());
    assert_eq!(keys.len(), in_file.sum::<usize>());
}

/// The comment lines above a key of the example file.
fn comment_of(section: &str, key: &str) -> String {
    let from = EXAMPLE.find(&format!("\n{section}:\n")).unwrap();
    let at = from + EXAMPLE[from..].find(&format!("\n  {key}:")).unwrap();
    let above = EXAMPLE[from..=at].lines().rev();
    let mut lines: Vec<&str> = above
        .map(str::trim)
        .take_while(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#'))
        .collect();
    lines.reverse();
    lines.join(" ")
}

#[test]
fn nothing_given_means_the_defaults() {
    for text in ["", "# only a comment\n", "server:\n", "server:\n  # port: 1\n"] {
        let read = read(parse("config.yaml", text).unwrap(), []);
        assert_eq!((read.config, read.source.errors), (Config::default(), vec![]), "{text:?}");
    }
}

#[test]
fn the_environment_overrides_the_file() {
    let config = good(
        "server: {port: 1, host: 10.0.0.1}\nlibrary: {paths: [/a]}",
        &[
            ("EXSTREAMTV_SERVER__PORT", "9000"),
            ("exstreamtv_hdhomerun__enabled", "off"),
            ("EXSTREAMTV_LIBRARY__PATHS", "/films, /shows"),
            ("EXSTREAMTV_FFMPEG__MEMORY_GUARD_THRESHOLD", "0.9"),
            ("PATH", "/bin"),
        ],
    );
    assert_eq!(config.server.port, 9000);
    assert_eq!(config.server.host, Ipv4Addr::new(10, 0, 0, 1));
    assert!(!config.hdhomerun.enabled);
    assert_eq!(config.library.paths, ["/films", "/shows"].map(std::path::PathBuf::from));
    assert_eq!(config.ffmpeg.memory_guard_threshold, 0.9);
}

#[test]
fn an_empty_variable_means_the_default() {
    let config = good("server: {port: 1}", &[("EXSTREAMTV_SERVER__PORT", "")]);
    assert_eq!(config.server.port, 8411);
}

#[test]
fn base_url_is_another_spelling_of_public_url() {
    let url = |file, env| good(file, env).server.public_url;
    let tv = Some("http://tv.lan:8411".to_owned());
    assert_eq!(url("server: {base_url: 'http://tv.lan:8411/'}", &[]), tv);
    let file = "server: {public_url: 'http://old.lan'}";
    assert_eq!(url(file, &[("EXSTREAMTV_SERVER__BASE_URL", "http://tv.lan:8411")]), tv);
}

#[test]
fn all_mistakes_are_reported_at_once_with_key_value_and_range() {
    let file = "
server: {port: 70000, host: localhost, log_level: 'a=b=c', public_url: tv.lan}
playout: {build_days: 3.5}
streaming: {lead_seconds: 0, default_profile: 720p26}
hdhomerun: {device_id: 12345678, friendly_name: 24}
ffmpeg: 7
security: {access_token: 'p w', trusted_proxies: [10.0.0.0/40]}
ai_agent: {bounded_agent_mode: fast}
";
    let env = [("EXSTREAMTV_GUIDE__PAST_HOURS", "many")];
    insta::assert_snapshot!(complaints(&bad(file, &env)), @r"
    server.host: localhost cannot be taken; write an IP address such as 0.0.0.0 or 127.0.0.1
    server.port: 70000 cannot be taken; write a whole number from 0 to 65535
    server.public_url: tv.lan cannot be taken; write an address such as http://tv.lan:8411
    server.log_level: a=b=c cannot be taken; write error, warn, info, debug or trace, or a filter such as info,hyper=warn
    ffmpeg: the section holds a value instead of keys; write its keys below it, indented
    streaming.default_profile: 720p26 cannot be taken; write auto, or a size and rate such as 720p25 or 1080p29.97
    streaming.lead_seconds: 0 cannot be taken; write a whole number from 1 to 15
    hdhomerun.device_id: 12345678 cannot be taken; write 8 hexadecimal digits, in quotes
    hdhomerun.friendly_name: 24 cannot be taken; write 1 to 60 characters on one line, in quotes
    playout.build_days: 3.5 cannot be taken; write a whole number from 1 to 14
    guide.past_hours: many cannot be taken (from EXSTREAMTV_GUIDE__PAST_HOURS); set EXSTREAMTV_GUIDE__PAST_HOURS to a whole number from 4 to 48
    security.access_token: the value (not shown) cannot be taken; write 8 to 200 characters of A–Z, a–z, 0–9, - and _, because it is part of URLs
    security.trusted_proxies: [10.0.0.0/40] cannot be taken; write addresses or ranges such as [10.0.0.5, 192.168.0.0/16]
    ai_agent.bounded_agent_mode: fast cannot be taken; write one of off, shadow, advise, act
    ");
}

#[test]
fn an_unknown_key_is_a_warning_that_names_the_nearest() {
    let file = "
server: {prot: 1, tuner_count: 3, trust_proxy: true}
sever: {port: 1}
plex: {token: x}
";
    let env = [("EXSTREAMTV_SERVER__HOSTT", "x"), ("EXSTREAMTV_PORT", "1")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let read = read(parse("config.yaml", file).unwrap(), env);
    assert_eq!((read.config, read.source.errors), (Config::default(), vec![]));
    insta::assert_snapshot!(complaints(&read.source.warnings), @r"
    server.hostt: there is no key server.hostt (from EXSTREAMTV_SERVER__HOSTT); it is kept and not used; did you mean server.host?
    server.prot: there is no key server.prot; it is kept and not used; did you mean server.port?
    server.trust_proxy: there is no key server.trust_proxy; it is kept and not used
    server.tuner_count: there is no key server.tuner_count; it is kept and not used; did you mean hdhomerun.tuner_count?
    plex: there is no section plex; it is kept and not used
    sever: there is no section sever; it is kept and not used; did you mean server?
    EXSTREAMTV_PORT: EXSTREAMTV_PORT names no key; it is not used; write EXSTREAMTV_SECTION__KEY with two underscores
    ");
}

#[test]
fn a_file_that_is_not_yaml_is_refused_with_the_place() {
    let error = parse("config.yaml", "server:\n\tport: 1\n").unwrap_err();
    assert!(error.problem.contains("line 2"), "{error}");
    let error = parse("config.yaml", "server: {port: 1}\nserver: {port: 2}\n").unwrap_err();
    assert!(error.problem.contains("duplicate"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_refused() {
    let refused = load(Some(std::path::Path::new("/nonexistent/config.yaml")), []).unwrap_err();
    assert!(refused[0].problem.starts_with("it cannot be read"), "{refused:?}");
}

#[test]
fn a_secret_is_never_shown() {
    let errors = bad("security: {access_token: 'hunter 2'}", &[]);
    assert!(!complaints(&errors).contains("hunter"), "{errors:?}");
    let config = good("security: {access_token: hunter-2-hunter}", &[]);
    assert!(!format!("{config:?}").contains("hunter"), "{config:?}");
}

#[track_caller]
fn good(file: &str, env: &[(&str, &str)]) -> Config {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let read = read(parse("config.yaml", file).unwrap(), env);
    assert_eq!(read.source.errors, []);
    read.config
}

fn bad(file: &str, env: &[(&str, &str)]) -> Vec<InvalidField> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    read(parse("config.yaml", file).unwrap(), env).source.errors
}

fn complaints(fields: &[InvalidField]) -> String {
    fields.iter().map(|field| format!("{field}\n")).collect()
}

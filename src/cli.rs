//! The command line: what can be asked for, as types. `app` does it.
//!
//! Every example in a help text is parsed by a test, so what is shown works.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Reads the command line; prints help or the mistake and exits when there is nothing to do.
pub fn parse() -> Cli {
    Cli::parse()
}

/// A personal TV server: a media library becomes live channels that any player can tune.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(
    name = "exstreamtv",
    version,
    arg_required_else_help = true,
    after_help = "Examples:
  exstreamtv serve --library /srv/films     on air with your own media, nothing else to set up
  exstreamtv serve --demo                   on air with a small library that is made for you
  exstreamtv doctor                         what to type into Plex, and whether it would work

Then open http://localhost:8411, or give a player http://<this machine>:8411/iptv/channels.m3u.

Exit codes: 0 done, 1 failed or found something, 2 the command line could not be read."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Put the channels on air.
    ///
    /// On an empty database every library becomes a starter line-up: a channel for each show or
    /// folder that is large enough, one for films, one that mixes everything. All of it can be
    /// edited later.
    ///
    /// The first start prints an admin key, and only the first. Ctrl-C (or SIGTERM) lets viewers go
    /// and ends with 0; a second one ends at once.
    Serve(Serve),
    /// Read the libraries once, and end.
    ///
    /// Looks for new, changed and missing files and prints what it found, unreadable files with
    /// the reason. A running server scans by itself; use this when it is stopped.
    Scan(Scan),
    /// Test everything between your media and a player, and say what to fix.
    ///
    /// Checks the configuration, ffmpeg, the data folder, the libraries, and, when the server runs,
    /// asks it for a tuner, a line-up, a guide and a picture as a client would. Ends with 1 when
    /// something is wrong.
    Doctor(Doctor),
    /// Examine the record of everything the operator did.
    Audit {
        /// What to do with it.
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Break a running channel in known ways and watch the operator heal it.
    ///
    /// Starts a server of its own in a temporary folder, does real damage (kills a converter, stops
    /// it, spoils a file), and checks what the operator saw, did and wrote down. Your data is not
    /// touched.
    Eval(Eval),
    /// List the channels.
    ///
    /// Prints number, name and how many items each can play.
    Channels(Channels),
    /// Bring the database up to this version's schema, and end.
    ///
    /// `serve` does it by itself. A database of a later version is refused and left as it is.
    Migrate(Migrate),
    /// Look after the configuration.
    Config {
        /// What to do with it.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print the version.
    Version,
}

/// Where the server keeps its things.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Place {
    /// Folder for the database, prepared media and backups; made if it is not there
    #[arg(long, value_name = "DIR", env = "EXSTREAMTV_DATA_DIR", default_value = "data")]
    pub data_dir: PathBuf,

    /// Configuration file [default: config.yaml in the data folder, if there is one]
    ///
    /// Single keys can also be set in the environment, such as `EXSTREAMTV_SERVER__PORT=9000`.
    #[arg(long, value_name = "FILE", env = "EXSTREAMTV_CONFIG")]
    pub config: Option<PathBuf>,
}

impl Place {
    /// The configuration file to read, or `None` when there is none.
    ///
    /// A file that was asked for is returned even if it is not there, so that reading it says so.
    pub fn config_file(&self) -> Option<PathBuf> {
        let usual = || Some(self.data_dir.join("config.yaml")).filter(|path| path.is_file());
        self.config.clone().or_else(usual)
    }
}

/// See [`Command::Serve`].
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Examples:
  exstreamtv serve --library /srv/films --library /srv/shows
  exstreamtv serve --data-dir /var/lib/exstreamtv --port 8411 --host 192.168.1.10
  exstreamtv serve --demo --port 0          a free port; the address is printed
  exstreamtv serve --config /etc/exstreamtv/config.yaml")]
pub struct Serve {
    /// Where the server keeps its things.
    #[command(flatten)]
    pub place: Place,

    /// Port to listen on; 0 takes a free one and prints it [default: server.port, 8411]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,

    /// Address to listen on [default: server.host, 0.0.0.0]
    #[arg(long, value_name = "ADDRESS")]
    pub host: Option<IpAddr>,

    /// Folder with media that becomes a library; give it again for more
    #[arg(long = "library", value_name = "PATH")]
    pub libraries: Vec<PathBuf>,

    /// Make a small library of test pictures once, and put it on air
    #[arg(long)]
    pub demo: bool,
}

/// See [`Command::Scan`].
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Examples:
  exstreamtv scan
  exstreamtv scan --data-dir /var/lib/exstreamtv --library /srv/films")]
pub struct Scan {
    /// Where the server keeps its things.
    #[command(flatten)]
    pub place: Place,

    /// Folder to add as a library first; give it again for more
    #[arg(long = "library", value_name = "PATH")]
    pub libraries: Vec<PathBuf>,
}

/// See [`Command::Doctor`].
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Examples:
  exstreamtv doctor
  exstreamtv doctor --url http://192.168.1.10:8411")]
pub struct Doctor {
    /// Where the server keeps its things.
    #[command(flatten)]
    pub place: Place,

    /// Address of the running server [default: as configured, on this machine]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// What can be done with the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum AuditCommand {
    /// Recompute every hash of the chain; ends with 1 at the first record that was touched.
    #[command(after_help = "Example:
  exstreamtv audit verify --data-dir /var/lib/exstreamtv")]
    Verify(Verify),
}

/// See [`AuditCommand::Verify`].
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Verify {
    /// Where the server keeps its things.
    #[command(flatten)]
    pub place: Place,
}

/// See [`Command::Eval`].
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Examples:
  exstreamtv eval
  exstreamtv eval --only encoder_killed --report eval.json")]
pub struct Eval {
    /// Run only the case of this name; give it again for more
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,

    /// Also write the results as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// See [`Command::Channels`].
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Examples:
  exstreamtv channels
  exstreamtv channels --no-content          ends with 1 when a channel has nothing to play")]
pub struct Channels {
    /// Where the server keeps its things.
    #[command(flatten)]
    pub place: Place,

    /// Only channels that have nothing to play
    #[arg(long)]
    pub no_content: bool,
}

/// See [`Command::Migrate`].
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Example:
  exstreamtv migrate --data-dir /var/lib/exstreamtv")]
pub struct Migrate {
    /// Where the server keeps its things.
    #[command(flatten)]
    pub place: Place,
}

/// What can be done with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Report every mistake in the configuration with the key and the allowed values.
    #[command(after_help = "Examples:
  exstreamtv config check
  exstreamtv config check --config /etc/exstreamtv/config.yaml

Ends with 1 when a value cannot be taken. Unknown keys are warnings.
All keys with their defaults are in config.example.yaml.")]
    Check(Check),
}

/// See [`ConfigCommand::Check`].
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Check {
    /// Where the server keeps its things.
    #[command(flatten)]
    pub place: Place,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_example_in_a_help_text_can_be_parsed() {
        let mut examples = Vec::new();
        collect(&Cli::command(), &mut examples);
        assert!(examples.len() >= 15, "{examples:?}");
        for example in examples {
            Cli::try_parse_from(example.split_whitespace())
                .unwrap_or_else(|error| panic!("{example:?}: {error}"));
        }
    }

    /// Lines of help that begin with two blanks and the program's name, without their remarks.
    fn collect(command: &clap::Command, examples: &mut Vec<String>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in help.lines().filter(|line| line.starts_with("  exstreamtv ")) {
            let example = line.trim_start().split("   ").next().unwrap_or(line);
            examples.push(example.to_owned());
        }
        command.get_subcommands().for_each(|command| collect(command, examples));
    }

    #[test]
    fn serve_takes_what_it_is_given() {
        let line = "exstreamtv serve --data-dir /d --port 0 --host ::1 --library /a --library /b";
        let Command::Serve(serve) = Cli::parse_from(line.split(' ')).command else {
            panic!("not serve");
        };
        assert_eq!(serve.place.data_dir, PathBuf::from("/d"));
        assert_eq!((serve.port, serve.host), (Some(0), Some("::1".parse().unwrap())));
        assert_eq!(serve.libraries, [PathBuf::from("/a"), PathBuf::from("/b")]);
    }

    #[test]
    fn a_mistake_names_the_argument() {
        for (line, named) in [
            ("exstreamtv serve --port 70000", "--port"),
            ("exstreamtv serve --host tv.lan", "--host"),
            ("exstreamtv serve --prot 1", "--port"),
        ] {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}

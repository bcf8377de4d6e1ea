//! The control port's variables: what is answered and what is to be done. PURE.
//!
//! Variables are texts with names such as `/tuner0/status`, read or set one at a time. Setting a
//! target makes the device send the tuned channel there; it may only be the asker's own address,
//! so that nobody can point a stream at somebody else.

use core::net::{IpAddr, SocketAddr};

use super::slots::SlotUse;
use crate::domain::{ChannelId, ChannelNumber, LineupChannel};
use crate::formats::hdhomerun::{FIRMWARE, FIRMWARE_VERSION, HARDWARE};
use crate::formats::packets::ControlRequest;

const FEATURES: &str = "channelmap: us-bcast us-cable us-hrc us-irc\n\
                        modulation: 8vsb qam256 qam64\n\
                        auto-modulation: auto auto6t auto6c qam\n";

const HELP: &str = "Supported configuration options:\n\
                    /sys/copyright\n/sys/features\n/sys/hwmodel\n/sys/model\n/sys/version\n\
                    /tuner<n>/channel <modulation>:<number>\n/tuner<n>/channelmap <channelmap>\n\
                    /tuner<n>/filter\n/tuner<n>/lockkey\n/tuner<n>/program <number>\n\
                    /tuner<n>/status\n/tuner<n>/streaminfo\n/tuner<n>/target <protocol>://<ip>:<port>\n\
                    /tuner<n>/vchannel <number>\n/tuner<n>/vstatus\n";

/// How media is put into datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Bare transport packets.
    Udp,
    /// With an RTP header in front.
    Rtp,
}

/// Where a tuner sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) framing: Framing,
    pub(super) to: SocketAddr,
}

/// What has to be done before the answer is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    /// Send `channel` to `target`, in place of what the tuner sends now.
    Send {
        tuner: usize,
        channel: ChannelId,
        target: Target,
    },
    /// Stop sending.
    Stop {
        tuner: usize,
    },
}

/// What is known when a request is answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) request: &'a ControlRequest,
    /// Who asks.
    pub(super) peer: IpAddr,
    pub(super) lineup: &'a [LineupChannel],
    /// What every tuner does, over HTTP too.
    pub(super) uses: &'a [Option<SlotUse>],
}

/// The variables that can be set.
#[derive(Debug)]
pub(super) struct Variables {
    tuners: Vec<Tuner>,
}

#[derive(Debug, Clone, Default)]
struct Tuner {
    /// As it was set: `auto:5`; empty for none.
    channel: String,
    number: Option<ChannelNumber>,
    target: Option<Target>,
    lock: Option<(u32, IpAddr)>,
}

impl Variables {
    pub(super) fn new(tuners: usize) -> Self {
        Self { tuners: vec![Tuner::default(); tuners.max(1)] }
    }

    /// Forgets the target of a tuner that no longer sends.
    pub(super) fn forget_target(&mut self, tuner: usize) {
        if let Some(tuner) = self.tuners.get_mut(tuner) {
            tuner.target = None;
        }
    }

    /// Answers a request; the error is the text for the client.
    pub(super) fn answer(&mut self, asked: Asked<'_>) -> (Result<String, String>, Effect) {
        let name = asked.request.name.as_str();
        if let Some(rest) = name.strip_prefix("/tuner")
            && let Some((index, variable)) = rest.split_once('/')
        {
            let known = self.tuners.len();
            let index = index.parse().ok().filter(|index: &usize| *index < known);
            let Some(index) = index else {
                return (Err("ERROR: unknown getset variable".to_owned()), Effect::Nothing);
            };
            return match &asked.request.value {
                None => (self.read(index, variable, asked), Effect::Nothing),
                Some(value) => self.set(index, variable, value, asked),
            };
        }
        let read = match name {
            "help" => HELP,
            "/sys/model" => FIRMWARE,
            "/sys/hwmodel" => HARDWARE,
            "/sys/version" => FIRMWARE_VERSION,
            "/sys/features" => FEATURES,
            "/sys/copyright" => "EXStreamTV",
            _ => return (Err("ERROR: unknown getset variable".to_owned()), Effect::Nothing),
        };
        let answer = match &asked.request.value {
            None => Ok(read.to_owned()),
            Some(_) => Err("ERROR: variable is read-only".to_owned()),
        };
        (answer, Effect::Nothing)
    }

    fn read(&self, index: usize, variable: &str, asked: Asked<'_>) -> Result<String, String> {
        let tuner = &self.tuners[index];
        let channel = on_air(tuner, index, asked);
        let busy = asked.uses.get(index).is_some_and(Option::is_some);
        let none = || "none".to_owned();
        Ok(match variable {
            "channel" => Some(tuner.channel.clone()).filter(|c| !c.is_empty()).unwrap_or_else(none),
            "vchannel" => channel.map_or_else(none, |channel| channel.number.to_string()),
            "channelmap" => "us-bcast".to_owned(),
            "filter" => "0x0000-0x1fff".to_owned(),
            "program" => "0".to_owned(),
            "lockkey" => tuner.lock.map_or_else(none, |(_, by)| by.to_string()),
            "target" => tuner.target.map_or_else(none, |target| target.to_string()),
            "status" => status(tuner, channel, busy),
            "vstatus" => match channel {
                Some(channel) => format!(
                    "vch={} name={} auth=unspecified cci=none",
                    channel.number,
                    plain(&channel.name)
                ),
                None => "vch=none name=none auth=unspecified cci=none".to_owned(),
            },
            "streaminfo" => match channel {
                Some(channel) => {
                    format!("1: {} {}\ntsid=0x0001\n", channel.number, plain(&channel.name))
                }
                None => "none\n".to_owned(),
            },
            "debug" => format!("tun: {}\n", status(tuner, channel, busy)),
            _ => return Err("ERROR: unknown getset variable".to_owned()),
        })
    }

    fn set(
        &mut self,
        index: usize,
        variable: &str,
        value: &str,
        asked: Asked<'_>,
    ) -> (Result<String, String>, Effect) {
        let fail = |text: String| (Err(format!("ERROR: {text}")), Effect::Nothing);
        let done = |effect| (Ok(value.to_owned()), effect);
        let tuner = &mut self.tuners[index];
        if let Some((key, by)) = tuner.lock
            && asked.request.lock_key != Some(key)
            && !(variable == "lockkey" && value == "force")
        {
            return fail(format!("resource locked by {by}"));
        }
        match variable {
            "vchannel" | "channel" if value == "none" => {
                (tuner.channel, tuner.number) = (String::new(), None);
                tuner.target = None;
                done(Effect::Stop { tuner: index })
            }
            "vchannel" => {
                let Some(channel) = by_number(asked.lineup, value) else {
                    return fail("invalid virtual channel".to_owned());
                };
                tuner.channel = format!("auto:{value}");
                tuner.number = Some(channel.number.clone());
                done(send(index, tuner, channel))
            }
            "channel" => {
                let Some((_, number)) = value.split_once(':') else {
                    return fail("invalid channel".to_owned());
                };
                // A scan tries frequencies; where no channel is, the tuner finds no signal.
                value.clone_into(&mut tuner.channel);
                let channel = by_number(asked.lineup, number);
                tuner.number = channel.map(|channel| channel.number.clone());
                match channel {
                    Some(channel) => done(send(index, tuner, channel)),
                    None => done(Effect::Stop { tuner: index }),
                }
            }
            "target" if value == "none" => {
                tuner.target = None;
                done(Effect::Stop { tuner: index })
            }
            "target" => {
                let Some(target) = Target::parse(value) else {
                    return fail("invalid target".to_owned());
                };
                if target.to.ip() != asked.peer {
                    return fail("target must be the address of the client".to_owned());
                }
                tuner.target = Some(target);
                let number = tuner.number.clone();
                match asked.lineup.iter().find(|channel| Some(&channel.number) == number.as_ref()) {
                    Some(channel) => done(send(index, tuner, channel)),
                    None => done(Effect::Nothing),
                }
            }
            "lockkey" => {
                match value.parse() {
                    Ok(key) => tuner.lock = Some((key, asked.peer)),
                    Err(_) if value == "none" || value == "force" => tuner.lock = None,
                    Err(_) => return fail("invalid lockkey".to_owned()),
                }
                done(Effect::Nothing)
            }
            // Taken and without effect: every stream is one programme, unfiltered.
            "channelmap" | "filter" | "program" => done(Effect::Nothing),
            "status" | "vstatus" | "streaminfo" | "debug" => {
                fail("variable is read-only".to_owned())
            }
            _ => fail("unknown getset variable".to_owned()),
        }
    }
}

impl Target {
    /// Reads `rtp://10.0.0.2:5000` or `udp://…`; words after it are passed over.
    fn parse(text: &str) -> Option<Self> {
        let address = text.split_whitespace().next()?;
        let (framing, to) = match address.split_once("://")? {
            ("rtp", to) => (Framing::Rtp, to),
            ("udp", to) => (Framing::Udp, to),
            _ => return None,
        };
        // Ports below 1024 are services that nobody wants a stream sent to.
        let to: SocketAddr = to.parse().ok()?;
        (to.port() >= 1024).then_some(Self { framing, to })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.framing {
            Framing::Udp => "udp",
            Framing::Rtp => "rtp",
        };
        write!(f, "{scheme}://{}", self.to)
    }
}

fn send(index: usize, tuner: &Tuner, channel: &LineupChannel) -> Effect {
    match tuner.target {
        Some(target) => Effect::Send { tuner: index, channel: channel.id, target },
        None => Effect::Nothing,
    }
}

fn by_number<'a>(lineup: &'a [LineupChannel], number: &str) -> Option<&'a LineupChannel> {
    let number: ChannelNumber = number.parse().ok()?;
    lineup.iter().find(|channel| channel.number == number)
}

/// What the tuner is on: what HTTP has it on, else what was set here.
fn on_air<'a>(tuner: &Tuner, index: usize, asked: Asked<'a>) -> Option<&'a LineupChannel> {
    let used = asked.uses.get(index).copied().flatten();
    let by_id = |used: SlotUse| asked.lineup.iter().find(|channel| channel.id == used.channel);
    let by_number = || {
        let number = tuner.number.as_ref()?;
        asked.lineup.iter().find(|channel| channel.number == *number)
    };
    used.map_or_else(by_number, by_id)
}

fn status(tuner: &Tuner, channel: Option<&LineupChannel>, busy: bool) -> String {
    let Some(channel) = channel else {
        let set = Some(tuner.channel.as_str()).filter(|set| !set.is_empty()).unwrap_or("none");
        return format!("ch={set} lock=none ss=0 snq=0 seq=0 bps=0 pps=0");
    };
    // The pace of a channel is not known here; clients only look whether something flows.
    let bps = if busy { 19_392_712 } else { 0 };
    format!("ch=auto:{} lock=8vsb ss=100 snq=100 seq=100 bps={bps} pps=0", channel.number)
}

/// A name without line breaks, which separate programmes in these texts.
fn plain(name: &str) -> String {
    name.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{FrameRate, UtcMillis};

    const PEER: &str = "10.0.0.2";

    #[test]
    fn the_device_says_what_it_is() {
        let mut variables = Variables::new(2);
        check(&mut variables, "/sys/model", "hdhomerun5_atsc");
        check(&mut variables, "/sys/hwmodel", "HDHR5-4US");
        check(&mut variables, "/tuner1/status", "ch=none lock=none ss=0 snq=0 seq=0 bps=0 pps=0");
        check(&mut variables, "/tuner2/status", "ERROR: unknown getset variable");
        check(&mut variables, "/tuner/status", "ERROR: unknown getset variable");
        check(&mut variables, "/sys/model=x", "ERROR: variable is read-only");
        check(&mut variables, "/nothing", "ERROR: unknown getset variable");
    }

    #[test]
    fn a_tuner_is_tuned_by_the_number_of_a_channel() {
        let mut variables = Variables::new(1);
        check(&mut variables, "/tuner0/vchannel=7.1", "7.1");
        check(&mut variables, "/tuner0/channel", "auto:7.1");
        check(&mut variables, "/tuner0/streaminfo", "1: 7.1 Shows\ntsid=0x0001\n");
        check(&mut variables, "/tuner0/vchannel=9", "ERROR: invalid virtual channel");
        check(&mut variables, "/tuner0/channel=auto:57000000", "auto:57000000");
        check(
            &mut variables,
            "/tuner0/status",
            "ch=auto:57000000 lock=none ss=0 snq=0 seq=0 bps=0 pps=0",
        );
        check(&mut variables, "/tuner0/vchannel=none", "none");
        check(&mut variables, "/tuner0/vchannel", "none");
    }

    #[test]
    fn a_stream_goes_only_to_the_one_who_asks() {
        let mut variables = Variables::new(1);
        check(&mut variables, "/tuner0/vchannel=5", "5");
        let target = "rtp://10.0.0.9:5000";
        let refused = "ERROR: target must be the address of the client";
        check(&mut variables, &format!("/tuner0/target={target}"), refused);
        for bad in ["http://10.0.0.2:80", "rtp://10.0.0.2:53", "rtp://host:5000", "rtp://"] {
            check(&mut variables, &format!("/tuner0/target={bad}"), "ERROR: invalid target");
        }
        check(&mut variables, "/tuner0/target", "none");
        let effect = ask(&mut variables, "/tuner0/target=udp://10.0.0.2:5000 ttl=2", None).1;
        let to = "10.0.0.2:5000".parse().unwrap();
        let target = Target { framing: Framing::Udp, to };
        assert_eq!(effect, Effect::Send { tuner: 0, channel: ChannelId(1), target });
        let effect = ask(&mut variables, "/tuner0/vchannel=7.1", None).1;
        assert_eq!(effect, Effect::Send { tuner: 0, channel: ChannelId(2), target });
        let effect = ask(&mut variables, "/tuner0/target=none", None).1;
        assert_eq!(effect, Effect::Stop { tuner: 0 });
    }

    #[test]
    fn a_locked_tuner_obeys_the_key_alone() {
        let mut variables = Variables::new(1);
        assert!(ask(&mut variables, "/tuner0/lockkey=7", None).0.is_ok());
        check(&mut variables, "/tuner0/lockkey", PEER);
        check(&mut variables, "/tuner0/vchannel=5", "ERROR: resource locked by 10.0.0.2");
        assert!(ask(&mut variables, "/tuner0/vchannel=5", Some(7)).0.is_ok());
        check(&mut variables, "/tuner0/status", &{
            let tuned = "ch=auto:5 lock=8vsb ss=100 snq=100 seq=100 bps=0 pps=0";
            tuned.to_owned()
        });
        check(&mut variables, "/tuner0/lockkey=none", "ERROR: resource locked by 10.0.0.2");
        check(&mut variables, "/tuner0/lockkey=force", "force");
        check(&mut variables, "/tuner0/vchannel=5", "5");
    }

    #[test]
    fn what_http_watches_is_shown() {
        let mut variables = Variables::new(1);
        let used = SlotUse { channel: ChannelId(2), client: [9; 4].into(), since: UtcMillis(0) };
        let request =
            ControlRequest { name: "/tuner0/vchannel".into(), value: None, lock_key: None };
        let lineup = lineup();
        let asked = Asked {
            request: &request,
            peer: PEER.parse().unwrap(),
            lineup: &lineup,
            uses: &[Some(used)],
        };
        assert_eq!(variables.answer(asked).0, Ok("7.1".to_owned()));
    }

    proptest! {
        #[test]
        fn no_request_brings_it_down(
            name in "(/tuner[0-9a]{0,2}/)?(/sys/)?(channel|vchannel|target|lockkey|status|debug|\\PC{0,8})",
            value in prop::option::of("(none|auto:)?\\PC{0,12}"),
            lock_key: Option<u32>,
        ) {
            let request = ControlRequest { name, value, lock_key };
            let lineup = lineup();
            let asked =
                Asked { request: &request, peer: PEER.parse().unwrap(), lineup: &lineup, uses: &[None] };
            let (answer, _) = Variables::new(1).answer(asked);
            if let Err(text) = answer {
                prop_assert!(text.starts_with("ERROR: "));
            }
        }
    }

    /// Reads `name`, or sets it when written `name=value`.
    #[track_caller]
    fn check(variables: &mut Variables, text: &str, expected: &str) {
        let answer = ask(variables, text, None).0;
        assert_eq!(answer.unwrap_or_else(|error| error), expected, "{text}");
    }

    fn ask(
        variables: &mut Variables,
        text: &str,
        lock_key: Option<u32>,
    ) -> (Result<String, String>, Effect) {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let request = ControlRequest { name: name.to_owned(), value, lock_key };
        let uses = vec![None; variables.tuners.len()];
        let lineup = lineup();
        let peer = PEER.parse().unwrap();
        variables.answer(Asked { request: &request, peer, lineup: &lineup, uses: &uses })
    }

    fn lineup() -> Vec<LineupChannel> {
        let channel = |id: i64, number: &str, name: &str| LineupChannel {
            id: ChannelId(id),
            number: number.parse().unwrap(),
            name: name.to_owned(),
            group: None,
            logo: None,
            width: 1280,
            height: 720,
            rate: FrameRate { num: 25, den: 1 },
            video_codec: crate::domain::VideoCodec::H264,
            audio_codec: crate::domain::AudioCodec::Aac,
            audio_layout: crate::domain::AudioLayout::Stereo,
        };
        vec![channel(1, "5", "Films"), channel(2, "7.1", "Shows")]
    }
}

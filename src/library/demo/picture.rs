//! What a demo item looks like, and how ffmpeg is told to make it. PURE.
//!
//! Scenes are computed on a small picture and scaled up: soft shapes cost next to nothing that way.
//! Text and strip are drawn at full size. Everything is in step with the item's own clock.

use std::ffi::OsString;
use std::path::Path;

use super::catalogue::{Item, Master};
use super::{Fonts, sound, strip};

/// What moves behind the title.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scene {
    /// Three rows of hills or waves, tinted.
    Hills { cb: u8, cr: u8 },
    /// Circles that spread from the middle, tinted.
    Rings { cb: u8, cr: u8 },
    /// Clouds of colour.
    Plasma,
    /// A net of lights.
    Pearls,
    /// A sun over a dark land.
    Dawn,
    /// Colours that turn around a point.
    Spiral,
    /// Conway's game.
    Life,
    /// A one-dimensional automaton, line by line.
    Rule,
    /// A flight over Sierpinski's carpet.
    Carpet,
}

/// Height of the strip for a picture of 720 lines.
const STRIP_LINES: u32 = 24;

/// The picture that is drawn: size, rate and what follows the drawing.
struct Canvas {
    width: u32,
    height: u32,
    rate: &'static str,
    /// Filters between the drawing and the strip.
    finish: &'static str,
    /// Rate at which the strip is drawn, after `finish`.
    strip_rate: &'static str,
    /// Filters at the very end.
    store: &'static str,
    codec: &'static [&'static str],
}

impl Canvas {
    fn of(master: Master) -> Self {
        let hd = Self {
            width: 1280,
            height: 720,
            rate: "25",
            finish: "null",
            strip_rate: "25",
            store: "setsar=1",
            codec: &[],
        };
        match master {
            Master::Ready => Self {
                codec: &[
                    "-c:v",
                    "libx264",
                    "-preset",
                    "ultrafast",
                    "-profile:v",
                    "high",
                    "-crf",
                    "24",
                    "-maxrate",
                    "3500k",
                    "-bufsize",
                    "3500k",
                    "-g",
                    "50",
                    "-keyint_min",
                    "50",
                    "-x264-params",
                    "8x8dct=1:cabac=1:open-gop=0:scenecut=0:bframes=2:b-adapt=0",
                    "-c:a",
                    "aac",
                    "-b:a",
                    "128k",
                    "-ar",
                    "48000",
                    "-ac",
                    "2",
                    "-movflags",
                    "+faststart",
                ],
                ..hd
            },
            Master::Hevc => Self {
                width: 1920,
                height: 1080,
                rate: "24",
                strip_rate: "24",
                codec: &[
                    "-c:v",
                    "libx265",
                    "-preset",
                    "ultrafast",
                    "-crf",
                    "26",
                    "-x265-params",
                    "pools=1:frame-threads=1:log-level=error:keyint=96:min-keyint=96",
                    "-c:a",
                    "aac",
                    "-b:a",
                    "160k",
                    "-ar",
                    "48000",
                    "-ac",
                    "2",
                ],
                ..hd
            },
            Master::Interlaced => Self {
                width: 768,
                height: 576,
                rate: "50",
                // Two pictures become the two fields of one.
                finish: "tinterlace=mode=interleave_top",
                store: "scale=720:576:interl=1,setsar=16/15,setfield=tff",
                codec: &[
                    "-c:v",
                    "mpeg2video",
                    "-b:v",
                    "5M",
                    "-maxrate",
                    "6M",
                    "-bufsize",
                    "2M",
                    "-flags",
                    "+ilme+ildct",
                    "-g",
                    "12",
                    "-bf",
                    "2",
                    "-c:a",
                    "mp2",
                    "-b:a",
                    "192k",
                    "-ar",
                    "48000",
                    "-ac",
                    "2",
                ],
                ..hd
            },
            Master::Fast => Self {
                rate: "50",
                strip_rate: "50",
                codec: &[
                    "-c:v",
                    "libx264",
                    "-preset",
                    "ultrafast",
                    "-crf",
                    "24",
                    "-g",
                    "100",
                    "-c:a",
                    "ac3",
                    "-b:a",
                    "192k",
                    "-ar",
                    "48000",
                    "-ac",
                    "2",
                ],
                ..hd
            },
            Master::Silent => Self {
                width: 960,
                height: 540,
                rate: "30000/1001",
                strip_rate: "30000/1001",
                codec: &[
                    "-c:v",
                    "libx264",
                    "-preset",
                    "ultrafast",
                    "-crf",
                    "24",
                    "-g",
                    "60",
                    "-x264-params",
                    "open-gop=1:bframes=2:scenecut=0",
                    "-an",
                ],
                ..hd
            },
        }
    }
}

/// The arguments with which ffmpeg makes `item` at `path`.
pub(super) fn arguments(item: &Item, fonts: &Fonts, path: &Path) -> Vec<OsString> {
    let canvas = Canvas::of(item.master);
    let Canvas { width, height, rate, finish, strip_rate, store, .. } = canvas;
    let strip_height = (STRIP_LINES * height / 720).next_multiple_of(2);
    let strip = strip::source(item.id, strip_rate, width, strip_height);
    let filters = format!(
        "{scene},scale={width}:{height}:flags=bicubic,setsar=1,{text},{finish}[picture];\
         {strip},setsar=1[strip];[picture][strip]overlay=0:H-h:shortest=1,{store},format=yuv420p[v]",
        scene = scene(item, rate),
        text = text(item, fonts, height),
    );
    let mut args: Vec<OsString> =
        ["-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-filter_complex_threads", "1"]
            .map(OsString::from)
            .into();
    let mut add = |words: &[&str]| args.extend(words.iter().map(OsString::from));
    // The sound is an input of its own: inside the graph ffmpeg 5 hands AAC frames of a wrong size.
    if let Some(tune) = &item.tune {
        add(&["-f", "lavfi", "-i", &sound::source(tune)]);
    }
    add(&["-filter_complex", &filters, "-map", "[v]"]);
    if item.tune.is_some() {
        add(&["-map", "0:a"]);
    }
    add(&["-t", &item.seconds.to_string(), "-threads", "1"]);
    add(canvas.codec);
    add(&["-metadata", &format!("title={}", item.title)]);
    args.push(path.into());
    args
}

/// The source of an item's scene at `rate`, in yuv420p, a fraction of the final size.
fn scene(item: &Item, rate: &str) -> String {
    // The expressions think of a picture of 160×90; a smaller one is drawn, at half the cost.
    let drawn = |expressions: String| {
        let expressions = expressions.replace('X', "(X*10/7)").replace('Y', "(Y*45/32)");
        format!("nullsrc=s=112x64:r={rate},format=yuv420p,geq={expressions},vignette=0.5")
    };
    match item.scene {
        Scene::Hills { cb, cr } => {
            let hill = |light: u32, line: &str| format!("+{light}*clip((Y-{line})*0.8,0,1)");
            let hills = [
                hill(28, "40-8*sin(X/18+T*0.5)"),
                hill(32, "55-6*sin(X/11-T*0.8)"),
                hill(36, "68-5*sin(X/14+T*1.3)"),
            ];
            drawn(format!("lum='34+Y*0.25{}':cb={cb}:cr={cr}", hills.concat()))
        }
        Scene::Rings { cb, cr } => drawn(format!(
            "lum='55+130*pow(abs(sin(hypot(X-80,Y-42)/10-T*1.2)),2)*exp(-hypot(X-80,Y-42)/80)'\
             :cb={cb}:cr='{cr}+10*cos(T*0.3+Y/50)'"
        )),
        Scene::Plasma => drawn(
            "lum='125+55*sin(X/26+1.2*sin(Y/23+T*0.6)+T*0.7)+25*sin(hypot(X-40,Y-30)/14-T)'\
             :cb='148+26*sin(X/60+T*0.4)':cr='132+30*sin(Y/40-T*0.5)'"
                .to_owned(),
        ),
        Scene::Pearls => drawn(
            "lum='28+190*pow(max(0,sin(X/6+2*sin(T*0.6+Y/15))*sin(Y/6+T*0.8)),3)'\
             :cb='140+30*sin(X/45)':cr='126+34*sin(Y/30+T*0.6)'"
                .to_owned(),
        ),
        Scene::Dawn => gradient("radial", item.id, rate),
        Scene::Spiral => gradient("spiral", item.id, rate),
        Scene::Life => format!(
            "life=s=256x144:r={rate}:mold=25:ratio=0.14:random_seed=3:death_color=#0b1a3a\
             :life_color=#ffd27a:mold_color=#3a2a6a,format=yuv420p"
        ),
        Scene::Rule => format!(
            "cellauto=s=160x90:r=10:rule=110:random_seed=4:ratio=0.4:scroll=1,fps={rate},\
             format=gray,format=yuv420p,lutyuv=y='40+val*0.5':u=112:v=156"
        ),
        Scene::Carpet => format!(
            "sierpinski=s=256x144:r={rate}:type=carpet:seed=7:jump=200,\
             format=gray,format=yuv420p,lutyuv=y='35+val*0.5':u=104:v=146"
        ),
    }
}

fn gradient(kind: &str, seed: u8, rate: &str) -> String {
    format!(
        "gradients=s=160x90:r={rate}:n=4:type={kind}:speed=0.04:seed={seed}:c0=0xf2a65a:c1=0xd1495b\
         :c2=0x2c5fa8:c3=0x0b1a3a,format=yuv420p"
    )
}

/// Title, line and running clock on a dark band, sized for `height`.
fn text(item: &Item, fonts: &Fonts, height: u32) -> String {
    let at = |line: u32| line * height / 720;
    let words = |font: &Path, text: &str, size: u32, look: &str| {
        format!("drawtext=fontfile={}:text='{text}':fontsize={}:{look}", font.display(), at(size))
    };
    let clock = r"%{eif\:floor(t/60)\:d\:2}\:%{eif\:mod(floor(t),60)\:d\:2}";
    let (x, edge) = (at(100), at(72));
    [
        format!("drawbox=x=0:y={}:w=iw:h={}:color=black@0.45:t=fill", at(500), at(140)),
        format!("drawbox=x={edge}:y={}:w={}:h={}:color=0xffb040:t=fill", at(520), at(6), at(100)),
        words(&fonts.bold, item.title, 54, &format!("x={x}:y={}:fontcolor=white", at(522))),
        words(&fonts.plain, &item.line(), 28, &format!("x={x}:y={}:fontcolor=0xd0d8e8", at(590))),
        words(&fonts.bold, clock, 48, &format!("x=w-tw-{edge}:y={}:fontcolor=white", at(545))),
    ]
    .join(",")
}

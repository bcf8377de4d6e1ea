//! What is done to a picture between decoding and encoding, as a graph of filters. PURE.
//!
//! In this order: onto the grid, deinterlaced, to size, to ordinary light, to shape, subtitles,
//! watermark, cut. ffmpeg itself turns what is marked as rotated, before the first filter. A missing filter
//! costs its own effect and nothing else: what this ffmpeg lacks is left out ([`Abilities`]).

use super::abilities::Abilities;
use super::args::{Run, Words, frame_ticks, seconds};
use super::{Light, Repair, Weave};
use crate::domain::{
    FrameRate, ImageKind, Mark, Place, Profile, Scaling, Watermark, WatermarkMode,
};

/// The video part of a filter graph and where it is fed from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Graph {
    /// One picture in, one out: filters in a row for `-vf`.
    Chain(String),
    /// Several inputs: for `-filter_complex`, with the output `[picture]`.
    Complex(String),
}

/// The graph for a picture that is encoded.
pub(super) fn graph(run: &Run<'_>, repair: &Repair) -> Graph {
    let Run { profile, abilities, .. } = run;
    let mut filters = Vec::new();
    if run.phase != 0 {
        filters.push(format!("setpts=PTS-({})/TB", seconds(run.phase)));
    }
    filters.extend(deinterlaced(repair.deinterlace, profile.rate, abilities));
    filters.push(on_grid(run));
    filters.push(sized(profile));
    filters.extend(repair.tone_map.filter(|_| abilities.tone_map).map(ordinary_light));
    filters.push(shaped(profile));
    let mut graph = filters.join(",");
    let tracks = matches!(run.words, Some(Words::Track(_)));
    match run.words {
        Some(Words::Track(track)) => {
            let Profile { width, height, .. } = profile;
            graph = format!(
                "[0:V:0]{graph}[base];[0:s:{track}]scale={width}:{height}[words];\
                 [base][words]overlay=eof_action=pass,format=yuv420p"
            );
        }
        Some(Words::Texts(path)) if abilities.subtitles => {
            graph.push_str(&format!(",subtitles=filename={}", quoted(&path.to_string_lossy())));
        }
        Some(Words::Texts(_)) | None => {}
    }
    if let Some(mark) = &profile.watermark {
        graph = format!("{graph}[under];{}", marked(mark, run));
    }
    if let Some(cut) = cut(run) {
        graph = format!("{graph},{cut}");
    }
    if tracks { Graph::Complex(format!("{graph}[picture]")) } else { Graph::Chain(graph) }
}

/// Draws a watermark over `[under]`.
///
/// Times are those of the item, which every run has in common, so that runs join.
fn marked(mark: &Mark, run: &Run<'_>) -> String {
    let Mark { look, kind, file, .. } = mark;
    let demuxer = match kind {
        ImageKind::Png => "png_pipe",
        ImageKind::Jpeg => "jpeg_pipe",
        ImageKind::Gif => "gif",
        ImageKind::Webp => "webp_pipe",
    };
    let width = (run.profile.width * look.width_percent / 100).max(2);
    let mut picture = format!(
        "movie=filename={}:format_name={demuxer},format=rgba,scale=w={width}:h=-1",
        quoted(file)
    );
    if look.opacity < 100 {
        picture.push_str(&format!(",colorchannelmixer=aa={:.2}", f64::from(look.opacity) / 100.0));
    }
    let (x, y) = place(look);
    let (every, shown) = (look.frequency_minutes * 60, look.duration_seconds);
    let when = match look.mode {
        WatermarkMode::Permanent => String::new(),
        WatermarkMode::Intermittent => format!(":enable='lt(mod(t,{every}),{shown})'"),
        WatermarkMode::Fading => {
            // The picture is one; made a stream, it can change with time.
            let FrameRate { num, den } = run.profile.rate;
            picture.push_str(&format!(
                ",loop=loop=-1:size=1,settb=1/90000,setpts=(N+{})*{den}/{num}/TB,\
                 geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':\
                 a='alpha(X,Y)*clip(min(mod(T,{every}),{shown}-mod(T,{every})),0,1)'",
                run.from_frame
            ));
            ":shortest=1".to_owned()
        }
    };
    format!("{picture}[mark];[under][mark]overlay=x={x}:y={y}{when},format=yuv420p")
}

/// Where a watermark lies, in the words of `overlay`.
fn place(look: &Watermark) -> (String, String) {
    let (side, edge) = (look.horizontal_margin_percent, look.vertical_margin_percent);
    let left = format!("W*{side}/100");
    let right = format!("W-w-W*{side}/100");
    let top = format!("H*{edge}/100");
    let bottom = format!("H-h-H*{edge}/100");
    let (center, middle) = ("(W-w)/2".to_owned(), "(H-h)/2".to_owned());
    match look.place {
        Place::TopLeft => (left, top),
        Place::TopCenter => (center, top),
        Place::TopRight => (right, top),
        Place::LeftCenter => (left, middle),
        Place::Center => (center, middle),
        Place::RightCenter => (right, middle),
        Place::BottomLeft => (left, bottom),
        Place::BottomCenter => (center, bottom),
        Place::BottomRight => (right, bottom),
    }
}

/// The graph for a still that stands in for a picture.
///
/// It is decoded and scaled once; only its time moves on.
pub(super) fn still(run: &Run<'_>) -> String {
    let FrameRate { num, den } = run.profile.rate;
    let mut filters = vec![
        sized(run.profile),
        shaped(run.profile),
        "loop=loop=-1:size=1".to_owned(),
        format!("setpts=(N+{})*{den}/{num}/TB", run.from_frame),
        on_grid(run),
    ];
    filters.extend(cut(run));
    filters.join(",")
}

fn on_grid(run: &Run<'_>) -> String {
    let FrameRate { num, den } = run.profile.rate;
    format!("fps=fps={num}/{den}:start_time={}", seconds(run.first_tick()))
}

fn cut(run: &Run<'_>) -> Option<String> {
    // Half a frame early: the bound may be rounded either way.
    let until = run.until_frame?;
    let end = run.profile.tick_of(until) - frame_ticks(run.profile.rate) / 2;
    Some(format!("trim=end={}", seconds(end)))
}

fn deinterlaced(weave: Weave, rate: FrameRate, abilities: &Abilities) -> Option<String> {
    let filter = if abilities.bwdif { "bwdif" } else { "yadif" };
    let which = match weave {
        Weave::None => return None,
        Weave::Marked => "interlaced",
        Weave::All => "all",
    };
    Some(format!("{filter}=mode={}:deint={which}", fields(rate)))
}

/// To the profile's size; `dar` is the shape on screen, whatever the shape of the samples.
fn sized(profile: &Profile) -> String {
    let Profile { width, height, .. } = profile;
    match profile.scaling {
        Scaling::Pad => format!(
            "scale=w='if(gt(dar,{width}/{height}),{width},max(2,trunc({height}*dar/2)*2))'\
             :h='if(gt(dar,{width}/{height}),max(2,trunc({width}/dar/2)*2),{height})'"
        ),
        Scaling::Crop => format!(
            "scale=w='if(gt(dar,{width}/{height}),ceil({height}*dar/2)*2,{width})'\
             :h='if(gt(dar,{width}/{height}),{height},ceil({width}/dar/2)*2)'"
        ),
        Scaling::Stretch => format!("scale=w={width}:h={height}"),
    }
}

/// To the profile's shape, with square samples of eight bits.
fn shaped(profile: &Profile) -> String {
    let Profile { width, height, .. } = profile;
    let fit = match profile.scaling {
        Scaling::Pad => format!("pad={width}:{height}:-1:-1,"),
        Scaling::Crop => format!("crop={width}:{height},"),
        Scaling::Stretch => String::new(),
    };
    format!("{fit}setsar=1,format=yuv420p")
}

/// From HDR to what an ordinary screen has.
///
/// 100 nits are white; brighter light is rolled off (Hable), so that faces stay where they are.
fn ordinary_light(light: Light) -> String {
    let transfer = match light {
        Light::Pq => "smpte2084",
        Light::Hlg => "arib-std-b67",
    };
    format!(
        "zscale=tin={transfer}:pin=2020:min=2020_ncl:rin=limited:t=linear:npl=100,\
         format=gbrpf32le,zscale=p=709,tonemap=tonemap=hable:desat=0,\
         zscale=t=709:m=709:r=limited,format=yuv420p"
    )
}

/// At a high rate each field becomes a picture, which keeps the motion of sport and news.
fn fields(rate: FrameRate) -> &'static str {
    if rate.as_f64() > 45.0 { "send_field" } else { "send_frame" }
}

/// A value as the graph's syntax takes it: once for the filter's options, once for the graph.
fn quoted(value: &str) -> String {
    let escape = |text: &str, special: &[char]| {
        let mut escaped = String::new();
        for c in text.chars() {
            if special.contains(&c) {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        escaped
    };
    escape(&escape(value, &['\\', '\'', ':']), &['\\', '\'', '[', ']', ',', ';'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_survives_both_levels_of_the_syntax() {
        assert_eq!(quoted("/cache/1.ass"), "/cache/1.ass");
        assert_eq!(quoted("/a:b/c'd"), r"/a\\:b/c\\\'d");
        assert_eq!(quoted("/a,b[1];c"), r"/a\,b\[1\]\;c");
    }
}

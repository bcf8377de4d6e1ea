//! What a demo item sounds like: a broken chord over a bass, four chords in turn. PURE.

/// A tune, different for each item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tune {
    /// Pitch of its key note.
    pub(super) root_hz: u32,
    /// Minor instead of major.
    pub(super) minor: bool,
    /// Pace; a chord lasts two beats of four notes.
    pub(super) beats_per_minute: u32,
}

/// The source that plays `tune` for ffmpeg.
pub(super) fn source(tune: &Tune) -> String {
    let third = if tune.minor { 3 } else { 4 };
    let note = 15.0 / f64::from(tune.beats_per_minute);
    let chord = note * 8.0;
    // Steps of the key note for the four chords, then of the chord's notes. Notes begin and end in
    // silence, so that nothing clicks.
    let chords = if tune.minor { [0, -4, 3, -2] } else { [0, -3, -7, -5] };
    let notes = [0, third, 7, 12, 7, third + 12, 12, 7];
    let root = tune.root_hz;
    format!(
        "aevalsrc=s=16000:exprs='st(0,mod(t,{note}));st(1,{chord_step});st(2,{note_step});\
         st(4,mod(t,{chord}));\
         0.26*min(1,ld(0)*150)*exp(-5*ld(0))*(1-ld(0)/{note})\
         *sin(2*PI*ld(0)*{root}*pow(2,(ld(1)+ld(2))/12))\
         +0.13*min(1,ld(4)*20)*min(1,({chord}-ld(4))*20)\
         *sin(2*PI*ld(4)*{root}/2*pow(2,ld(1)/12))'",
        chord_step = pick(&format!("mod(floor(t/{chord}),4)"), &chords),
        note_step = pick(&format!("mod(floor(t/{note}),8)"), &notes),
    )
}

/// The expression for `values[index]`.
fn pick(index: &str, values: &[i32]) -> String {
    let term = |(n, value): (usize, &i32)| format!("({value})*eq({index},{n})");
    values.iter().enumerate().map(term).collect::<Vec<_>>().join("+")
}

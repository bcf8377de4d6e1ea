//! Boxes of ISO 14496-12, written with their lengths.

/// Writes a box that `fill` fills.
pub(super) fn boxed(out: &mut Vec<u8>, kind: &[u8; 4], fill: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend([0; 4]);
    out.extend(kind);
    fill(out);
    let length = u32::try_from(out.len() - begin).unwrap_or(u32::MAX);
    out[begin..begin + 4].copy_from_slice(&length.to_be_bytes());
}

/// The same with a version and flags in front.
pub(super) fn full(
    out: &mut Vec<u8>,
    kind: &[u8; 4],
    version: u8,
    flags: u32,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    boxed(out, kind, |out| {
        out.extend((u32::from(version) << 24 | flags).to_be_bytes());
        fill(out);
    });
}

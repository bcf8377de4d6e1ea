//! How far a place on a picture is from the edge of a shape, in pixels, negative inside. PURE.

/// A rectangle, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
}

/// Distance to a rectangle with round corners.
pub(super) fn box_distance(area: Area, radius: f32, x: f32, y: f32) -> f32 {
    let (half_width, half_height) = (area.width / 2.0, area.height / 2.0);
    let dx = (x - area.x - half_width).abs() - half_width + radius;
    let dy = (y - area.y - half_height).abs() - half_height + radius;
    let outside = (dx.max(0.0) * dx.max(0.0) + dy.max(0.0) * dy.max(0.0)).sqrt();
    outside + dx.max(dy).min(0.0) - radius
}

/// Distance to a line with round ends that is `width` wide.
pub(super) fn line_distance(from: (f32, f32), to: (f32, f32), width: f32, x: f32, y: f32) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (px, py) = (x - from.0, y - from.1);
    let along = ((px * dx + py * dy) / (dx * dx + dy * dy).max(0.001)).clamp(0.0, 1.0);
    let (rx, ry) = (px - dx * along, py - dy * along);
    (rx * rx + ry * ry).sqrt() - width / 2.0
}

/// Distance to a point.
pub(super) fn point_distance(center: (f32, f32), x: f32, y: f32) -> f32 {
    let (dx, dy) = (x - center.0, y - center.1);
    (dx * dx + dy * dy).sqrt()
}

//! Measures tuning.

fn main() {}

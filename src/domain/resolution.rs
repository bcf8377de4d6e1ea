//! A picture size with a name, for people who choose one; a profile keeps the pixels.

use super::{InvalidField, Profile, ResolutionId, check_name};

/// A named picture size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Its name, such as `1280x720`.
    pub name: String,
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
}

/// A picture size that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedResolution {
    /// Its id.
    pub id: ResolutionId,
    /// Whether it is part of the program and cannot be changed.
    pub builtin: bool,
    /// What it is.
    pub resolution: Resolution,
}

impl ListedResolution {
    /// The built-in ones and the stored ones, from small to large.
    pub fn all(stored: Vec<(ResolutionId, Resolution)>) -> Vec<Self> {
        let sizes = [(640, 360), (640, 480), (1280, 720), (1920, 1080), (3840, 2160)];
        let builtin = (1..).zip(sizes).map(|(id, (width, height))| {
            let name = format!("{width}x{height}");
            let resolution = Resolution { name, width, height };
            Self { id: ResolutionId(id), builtin: true, resolution }
        });
        let stored =
            stored.into_iter().map(|(id, resolution)| Self { id, builtin: false, resolution });
        let mut all: Vec<Self> = builtin.chain(stored).collect();
        all.sort_by_key(|listed| (listed.resolution.width, listed.resolution.height, listed.id));
        all
    }
}

impl Resolution {
    /// Everything about it that cannot be taken, by the field names of the API.
    pub fn mistakes(&self) -> Vec<InvalidField> {
        let mut wrong = Vec::new();
        wrong.extend(check_name(&self.name).err());
        // A profile of this size says best what is wrong with it.
        if let Some(plain) = Profile::named("720p25") {
            let (width, height) = (self.width, self.height);
            wrong.extend(Profile { width, height, ..plain }.mistakes());
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_good_and_comes_by_size() {
        let own = Resolution { name: "PAL".to_owned(), width: 720, height: 576 };
        let all = ListedResolution::all(vec![(ResolutionId(1_001), own)]);
        assert!(all.iter().all(|listed| listed.resolution.mistakes().is_empty()));
        let names: Vec<&str> = all.iter().map(|listed| listed.resolution.name.as_str()).collect();
        assert_eq!(names, ["640x360", "640x480", "PAL", "1280x720", "1920x1080", "3840x2160"]);
    }

    #[test]
    fn what_no_profile_could_have_is_refused() {
        let odd = Resolution { name: String::new(), width: 641, height: 20_000 };
        let fields: Vec<String> = odd.mistakes().into_iter().map(|wrong| wrong.field).collect();
        assert_eq!(fields, ["name", "width", "height"]);
    }
}

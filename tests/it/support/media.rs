//! Media for tests, made once and kept between runs in the folder of test artefacts.

use std::path::{Path, PathBuf};

use exstreamtv::foundation::stop::Stop;
use exstreamtv::library::demo::{self, Demo};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::programs::pool;

/// The demo library and its folder.
pub async fn demo_library() -> &'static (PathBuf, Demo) {
    static LIBRARY: OnceCell<(PathBuf, Demo)> = OnceCell::const_new();
    LIBRARY
        .get_or_init(|| async {
            // A change of the generator makes a new library.
            let recipe = [
                include_str!("../../../src/library/demo.rs"),
                include_str!("../../../src/library/demo/catalogue.rs"),
                include_str!("../../../src/library/demo/picture.rs"),
                include_str!("../../../src/library/demo/sound.rs"),
                include_str!("../../../src/library/demo/strip.rs"),
            ];
            let folder = kept(&format!("demo-{}", hash(&recipe.concat())));
            let stop = Stop::new();
            let run_dir = tempfile::tempdir().unwrap();
            let processes = pool(&stop, run_dir.path());
            let made = demo::generate(&folder, processes, "ffmpeg".into(), |done, of, title| {
                println!("demo {done}/{of} {title}");
            });
            let made = made.await.unwrap();
            stop.drain(std::time::Duration::from_secs(5)).await;
            (folder, made)
        })
        .await
}

/// A folder that outlives the run.
fn kept(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Enough of a hash to tell recipes apart.
fn hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..6])
}

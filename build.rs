//! Tells cargo about folders that are embedded in the binary, so that a new file in one is noticed.

fn main() {
    for folder in ["migrations", "tools", "personas", "prompts", "patterns", "assets"] {
        // A path that does not exist would make cargo build again every time.
        if std::path::Path::new(folder).exists() {
            println!("cargo::rerun-if-changed={folder}");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
}

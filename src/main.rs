//! Starts the command line and turns its result into an exit code.

use std::process::ExitCode;

/// Groups of pictures are a megabyte each, made on one thread and freed on another, all day long.
/// The system's allocator keeps twice as much of them as is in use, and more every hour; this one
/// gives back what is free.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    exstreamtv::app::main()
}

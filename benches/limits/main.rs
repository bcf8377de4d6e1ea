//! Measures the streaming rows of DESIGN §9, and keeps a server under load for hours.
//!
//! Real servers run as processes of their own on media that is made here; viewers are cheap readers
//! in *this* process, so that what is counted for the server is the server's. All of it shares one
//! machine and its loopback: the table says so. `make bench` and `make soak` are the ways in;
//! `BENCH=tune,cold` runs some shards only, `BASE=file` compares with an earlier result, and what
//! was measured before stays in the result of the same machine and commit.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]
#![allow(clippy::print_stdout, reason = "it prints what it measured")]
#![allow(missing_docs, unreachable_pub, reason = "nobody imports a benchmark")]

mod guide;
mod heal;
mod ledger;
mod load;
mod media;
mod plan;
mod results;
mod server;
mod shards;
mod soak;
mod viewers;

use tokio::runtime::Builder;

fn main() {
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    // cargo adds `--bench` for itself.
    let soaks = std::env::args().any(|word| word == "soak");
    let done =
        runtime.block_on(async { if soaks { soak::run().await } else { shards::run().await } });
    std::process::exit(i32::from(!done));
}

/// A number from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a whole number"))
    })
}

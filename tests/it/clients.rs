//! Foreign clients on a network of their own: discovery needs broadcasts, which loopback has not.

use crate::support::media::kinds_of_source;
use crate::support::programs;

/// The address of the server in its namespace.
const ADDRESS: &str = "10.9.0.1";

/// Starts the server between two ends of a cable, waits for it, and runs `$1`.
const NETWORK: &str = r#"
set -e
ip link set lo up
ip link add near type veth peer name far
ip addr add 10.9.0.1/24 brd + dev near
ip link set near up
ip link set far up
"$2" serve --data-dir "$3" --host 0.0.0.0 --port 8411 --library "$4" >/dev/null 2>&1 </dev/null &
server=$!
trap 'kill $server 2>/dev/null; wait $server' EXIT
for try in $(seq 100); do
    hdhomerun_config 10.9.0.1 get /sys/model >/dev/null 2>&1 && break
    sleep 0.1
done
eval "$1"
"#;

#[test]
fn an_hdhomerun_client_discovers_the_device_by_broadcast() {
    let Some(said) =
        on_own_network("hdhomerun_config discover; hdhomerun_config 10.9.0.1 get /sys/model")
    else {
        return;
    };
    let found = said.lines().find(|line| line.contains("found at")).expect(&said);
    assert!(found.starts_with("hdhomerun device ") && found.ends_with(ADDRESS), "{said}");
    assert!(!said.contains("ERROR"), "{said}");
}

#[test]
fn an_hdhomerun_client_reads_the_tuner_status() {
    let command = "hdhomerun_config 10.9.0.1 get /tuner0/status; hdhomerun_config 10.9.0.1 get /tuner0/nonsense || echo refused";
    let Some(said) = on_own_network(command) else { return };
    assert!(said.contains("ch=none") && said.ends_with("refused\n"), "{said}");
}

/// What `command` prints with a server in a network namespace; `None` where there are none.
fn on_own_network(command: &str) -> Option<String> {
    if !programs::run("unshare", &["-rn", "true"]).status.success() {
        println!("skipped: this system does not allow network namespaces");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let binary = env!("CARGO_BIN_EXE_exstreamtv");
    let library = kinds_of_source().to_str().unwrap();
    let args = ["-rn", "sh", "-c", NETWORK, "sh", command, binary, data, library];
    let output = programs::run("unshare", &args);
    let said = [output.stdout, output.stderr].concat();
    Some(String::from_utf8(said).unwrap())
}

//! A redis cluster: three nodes on three hosts in three processes, and redis-cli on a fourth.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::common::{TempDir, finish, need, signal};
use crate::network::Network;

/// A node of a cluster on this host, once it takes connections.
fn node(network: &Network, host: &str, folder: &TempDir) -> Child {
    let script = "exec redis-server --port 6379 --bind 0.0.0.0 --protected-mode no --save '' --cluster-enabled yes --dir \"$0\"";
    let mut command = network.run(host, &["sh", "-c", script]);
    let folder = folder.path().to_str().expect("a path");
    let mut child = command.arg(folder).stdout(Stdio::piped()).spawn().expect("a node");
    let out = BufReader::new(child.stdout.take().expect("its output"));
    let mut lines = out.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("eady to accept connections")), "{host} never began");
    // It goes on reading, or the node would wait for it.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

#[test]
fn three_nodes_find_each_other() {
    if !need(&["redis-server", "redis-cli"]) {
        return;
    }
    let network = Network::new(&[]);
    let folders = [TempDir::new(), TempDir::new(), TempDir::new()];
    let names = ["pukaki", "aoraki", "wanaka"];
    let mut nodes: Vec<Child> =
        names.iter().zip(&folders).map(|(name, folder)| node(&network, name, folder)).collect();
    let script = "
redis-cli --cluster create 10.61.0.1:6379 10.61.0.3:6379 10.61.0.4:6379 --cluster-yes | grep -o 'All 16384 slots covered'
until redis-cli -h wanaka cluster info | grep -q cluster_state:ok; do :; done
for key in a b c d e f; do redis-cli -c -h pukaki set $key value$key; done | sort | uniq -c
redis-cli -c -h aoraki get a; redis-cli -c -h wanaka get b; redis-cli -h wanaka cluster nodes | grep -c 'master .* connected '
";
    let said = finish(&mut network.run("client", &["sh", "-c", script])).well().text();
    let said: Vec<&str> = said.lines().map(str::trim).collect();
    assert_eq!(said, ["All 16384 slots covered", "6 OK", "valuea", "valueb", "3"]);
    nodes.iter().for_each(|node| signal("TERM", &node.id().to_string()));
    nodes.iter_mut().for_each(|node| drop(node.wait()));
}

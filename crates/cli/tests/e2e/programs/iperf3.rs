//! iperf3: what it sends is what it receives.

use std::process::Stdio;

use super::stage::{BAD_LINKS, BOTH, Stage};
use crate::common::{bounded, finish, need, signal, start};
use crate::network::Network;

/// Runs the client against a host in many ways, and looks at its JSON.
///
/// The server stops reading when the client says on another connection that it has sent all: what is on its way then is
/// missing from its count, on any network. At a measured pace that is little, where there is no delay.
const CLIENT: &str = r"
import json, subprocess, sys
own, host, host6, missing, *kinds = sys.argv[1:]
def client(name, *options, to=host):
    command = ['iperf3', '--json', '--client', to, *options]
    resets = 0
    for _ in range(1000):
        ran = subprocess.run(command, capture_output=True, text=True, timeout=50)
        result = json.loads(ran.stdout)
        # The server closes its control connection with bytes unread, now and then where packets get lost: a reset.
        if 'control message' in result.get('error', '') and int(missing) >= 5000000 and resets < 2:
            resets += 1
            continue
        # The server begins, or is not done yet with the one before.
        if 'refused' not in result.get('error', '') and 'busy' not in result.get('error', ''): break
    if 'error' in result: sys.exit(name + ': ' + result['error'])
    return result
def all_came(sent, received):
    return 0 <= sent['bytes'] - received['bytes'] <= int(missing)
def tcp(name, *options, streams=1, to=host):
    result = client(name, '-b', '40M', '-l', '16K', '-n', '500K', *options, to=to)
    end, there = result['end'], result['start']['connected'][0]['remote_host']
    # The first way to have sent enough ends it.
    sent = end['sum_sent']['bytes'] + end.get('sum_sent_bidir_reverse', {}).get('bytes', 0)
    print(name, len(end['streams']) == streams, there == to, sent > 300000, all_came(end['sum_sent'], end['sum_received']))
    return end
tcp('one stream')
tcp('four streams', '-P', '4', streams=4)
tcp('reverse', '--reverse')
end = tcp('both ways', '--bidir', streams=2)
print(all_came(end['sum_sent_bidir_reverse'], end['sum_received_bidir_reverse']))
tcp('IPv6', '-6', to=host6)
tcp('sendfile', '-Z')
tcp('options', '-w', '100K', '-M', '1000', '-N', '-S', '8', '-C', 'reno', '-B', own)
if 'datagrams' in kinds:
    for name, *options in ('sent',), ('back', '--reverse'), ('IPv6', '-6'):
        to = host6 if '-6' in options else host
        end = client(name, '-u', '-b', '8M', '-n', '300K', '-l', '1000', *options, to=to)['end']['sum']
        print('datagrams', name, end['packets'] >= 308, end['bytes'] == 1000 * end['packets'], end['lost_packets'])
";

const STREAMS: &str = "\
one stream True True True True
four streams True True True True
reverse True True True True
both ways True True True True
True
IPv6 True True True True
sendfile True True True True
options True True True True
";

#[test]
fn streams_and_datagrams() {
    if !need(&["iperf3", "python3"]) {
        return;
    }
    let script = "iperf3 -s >log 2>&1 & I=$!
python3 client.py 10.61.0.1 10.61.0.1 fd61::1 160000 datagrams
kill $I; wait $I";
    for options in BOTH {
        let stage = Stage::new();
        stage.write("client.py", CLIENT);
        let finished = stage.script(options, script);
        let datagrams = ["sent", "back", "IPv6"].map(|way| format!("datagrams {way} True True 0\n"));
        let expected = format!("{STREAMS}{}", datagrams.concat());
        assert_eq!(finished.text(), expected, "{options:?} {} {}", finished.errors(), stage.read("log"));
    }
}

/// Streams only: iperf3 gives up if its first datagram is lost. What is on its way at the end is as much as a busy machine makes it.
#[test]
fn over_links_that_lose() {
    if !need(&["iperf3", "python3"]) {
        return;
    }
    let network = Network::new(&BAD_LINKS);
    let stage = Stage::new();
    stage.write("client.py", CLIENT);
    let mut server = stage.on(&network, "pukaki", "exec iperf3 -s");
    let server = start(server.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let client = "python3 client.py 10.61.0.3 10.61.0.1 fd61::1 5000000";
    let finished = finish(&mut stage.on(&network, "aoraki", client)).well();
    assert_eq!(finished.text(), STREAMS);
    signal("TERM", &server.id().to_string());
    bounded(server, "iperf3");
}

//! OpenSSH: the server with keys and a configuration of its own, as whoever runs the tests.

use crate::common::need;

use super::stage::works;

/// Starts sshd on the program's own host, with a key for whoever runs this.
const START: &str = r#"
[ $(id -u) != 0 ] || mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f host
ssh-keygen -q -t ed25519 -N '' -f user
cat >server <<.
ListenAddress 10.61.0.1
HostKey $PWD/host
PidFile none
AuthorizedKeysFile $PWD/user.pub
StrictModes no
UsePAM no
Subsystem sftp /usr/lib/openssh/sftp-server
.
cat >client <<.
Host *
  IdentityFile $PWD/user
  IdentitiesOnly yes
  UserKnownHostsFile $PWD/known
  StrictHostKeyChecking accept-new
  LogLevel ERROR
.
/usr/sbin/sshd -D -e -f server 2>log &
trap 'cat log >&2' EXIT
served 22 10.61.0.1
head -c 5000000 /dev/urandom >big
"#;

fn over_ssh(script: &str) {
    if need(&["sshd", "ssh", "ssh-keygen", "scp", "sftp", "python3", "curl", "busybox"]) {
        works(&format!("{START}{script}trap - EXIT"));
    }
}

#[test]
fn a_session_a_terminal_and_copies() {
    over_ssh(
        r#"
connection=$(echo typed | ssh -F client pukaki 'echo $SSH_CONNECTION; cat; exit 3') && exit 1 || is status $? 3
case $connection in "10.61.0.1 "*" 10.61.0.1 22
typed") ;; *) echo "session: $connection" >&2; exit 1; esac
# Where a terminal can't be given to its user (in a container without root) there is none.
[ $(id -u) != 0 ] || ssh -F client -tt pukaki 'tty; test -t 1' </dev/null | grep -q ^/dev/pts
scp -q -F client big pukaki:$PWD/copy
cmp big copy
scp -q -O -F client pukaki:$PWD/big back
cmp big back
printf 'put big put\nget put got\n' | sftp -q -b - -F client pukaki:$PWD >/dev/null
cmp big got
"#,
    );
}

#[test]
fn ports_forwarded_and_a_connection_shared() {
    over_ssh(
        r#"
busybox httpd -f -p 8000 -h $PWD &
served 8000
ssh -F client -fN -L 9000:127.0.0.1:8000 -R 9001:127.0.0.1:8000 -D 9002 -o ExitOnForwardFailure=yes \
    -o ControlMaster=yes -o ControlPath=$PWD/control pukaki
for port in 9000 9001; do
    curl -sS http://127.0.0.1:$port/big | cmp - big
done
curl -sS --socks5-hostname 127.0.0.1:9002 http://localhost:8000/big | cmp - big
# The second session's standard streams are passed to the first's process over a Unix-domain socket.
cat big | ssh -F client -o ControlPath=$PWD/control pukaki cat | cmp - big
ssh -F client -o ControlPath=$PWD/control -O exit pukaki 2>/dev/null
"#,
    );
}

head -c 300000 /dev/urandom >big
patient=retry=200,interval=0.05

# A process for each connection.
socat -t9 TCP-LISTEN:1000,fork,reuseaddr EXEC:cat &
for each in 1 2 3; do
    socat -t9 - TCP:127.0.0.1:1000,$patient,nodelay,keepalive,linger=2,mss=500 <big | cmp - big
done
socat -t9 TCP6-LISTEN:1000,ipv6only=1,fork PIPE &
is tcp6 "$(echo six | socat -t9 - TCP6:[::1]:1000,$patient)" six

# Datagrams: one that connects to who writes first, one process for each.
socat UDP-LISTEN:1001,fork PIPE &
socat UDP6-RECVFROM:1002,fork EXEC:'tr a-z A-Z' &
answer() { until echo $1 | socat -t1 - $2 2>/dev/null | head -1 | grep .; do :; done; }
is udp "$(answer udp UDP:10.61.0.1:1001)" udp
is recvfrom "$(answer from UDP6-SENDTO:[::1]:1002)" FROM
socat -u UDP4-RECV:1003,ip-add-membership=224.1.1.1:10.61.0.1 CREATE:heard &
until [ -s heard ]; do echo group | socat -u - UDP4-DATAGRAM:224.1.1.1:1003,ip-multicast-if=10.61.0.1; done
is multicast "$(head -1 heard)" group
socat UDP4-LISTEN:1004,so-bindtodevice=lo PIPE &
is device "$(answer device UDP:127.0.0.1:1004)" device

# From a Unix-domain socket, and through TLS.
socat -t9 UNIX-LISTEN:local,fork TCP:127.0.0.1:1000 &
is unix "$(echo unix | socat -t9 - UNIX-CONNECT:local,$patient)" unix
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out cert -subj /CN=localhost 2>/dev/null
cat key cert >both
socat -t9 OPENSSL-LISTEN:1005,cert=both,verify=0,fork TCP:127.0.0.1:1000 &
socat -t9 - OPENSSL:localhost:1005,cafile=cert,$patient <big | cmp - big

# A terminal behind a socket.
socat -t9 TCP-LISTEN:1006 EXEC:tty,pty,setsid,raw &
socat -t9 - TCP:127.0.0.1:1006,$patient </dev/null | grep -q ^/dev/pts

# Nobody is there.
socat - TCP:127.0.0.1:1 2>refused && exit 1
grep -q 'Connection refused' refused

//! What a host's files say before anybody changes them.

use std::fmt::Write;
use std::net::IpAddr;

/// Its own names and addresses.
pub(super) fn hosts(host: &str, addresses: impl IntoIterator<Item = IpAddr>) -> String {
    let mut text = String::with_capacity(256);
    text += "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
    text += "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";
    // The short name of a host whose name has a domain.
    let alias = host.split_once('.').map_or(String::new(), |(short, _)| format!(" {short}"));
    for address in addresses {
        // A text takes all that is written to it.
        let _ = writeln!(text, "{address}\t{host}{alias}");
    }
    text
}

pub(super) const NSSWITCH: &str = "hosts: files network\n";

pub(super) const NETWORKS: &str = "default\t0.0.0.0\nloopback\t127.0.0.0\nlink-local\t169.254.0.0\n";

/// Numbers of IANA's registry "Protocol Numbers".
pub(super) const PROTOCOLS: &str = "\
ip	0	IP
icmp	1	ICMP
igmp	2	IGMP
ipencap	4	IP-ENCAP
tcp	6	TCP
egp	8	EGP
igp	9	IGP
udp	17	UDP
dccp	33	DCCP
ipv6	41	IPv6
ipv6-route	43	IPv6-Route
ipv6-frag	44	IPv6-Frag
rsvp	46	RSVP
gre	47	GRE
esp	50	IPSEC-ESP
ah	51	IPSEC-AH
ipv6-icmp	58	IPv6-ICMP
ipv6-nonxt	59	IPv6-NoNxt
ipv6-opts	60	IPv6-Opts
ospf	89	OSPFIGP
ipip	94	IPIP
pim	103	PIM
vrrp	112	VRRP
l2tp	115	L2TP
sctp	132	SCTP
udplite	136	UDPLite
mpls-in-ip	137
";

/// Ports of IANA's registry "Service Name and Transport Protocol Port Number", and the aliases that are usual.
pub(super) const SERVICES: &str = "\
tcpmux	1/tcp
echo	7/tcp
echo	7/udp
discard	9/tcp	sink null
discard	9/udp	sink null
systat	11/tcp	users
daytime	13/tcp
daytime	13/udp
netstat	15/tcp
qotd	17/tcp	quote
chargen	19/tcp	ttytst source
chargen	19/udp	ttytst source
ftp-data	20/tcp
ftp	21/tcp
ssh	22/tcp
telnet	23/tcp
smtp	25/tcp	mail
time	37/tcp	timserver
time	37/udp	timserver
whois	43/tcp	nicname
domain	53/tcp
domain	53/udp
bootps	67/udp
bootpc	68/udp
tftp	69/udp
gopher	70/tcp
finger	79/tcp
http	80/tcp	www
kerberos	88/tcp	kerberos5 krb5
kerberos	88/udp	kerberos5 krb5
pop3	110/tcp	pop-3
sunrpc	111/tcp	portmapper
sunrpc	111/udp	portmapper
auth	113/tcp	authentication tap ident
nntp	119/tcp	readnews untp
ntp	123/udp
imap2	143/tcp	imap
snmp	161/tcp
snmp	161/udp
snmp-trap	162/tcp	snmptrap
snmp-trap	162/udp	snmptrap
bgp	179/tcp
irc	194/tcp
ldap	389/tcp
ldap	389/udp
https	443/tcp
https	443/udp
microsoft-ds	445/tcp
submissions	465/tcp	ssmtp smtps
exec	512/tcp
biff	512/udp	comsat
login	513/tcp
who	513/udp	whod
shell	514/tcp	cmd
syslog	514/udp
printer	515/tcp	spooler
route	520/udp	router routed
submission	587/tcp
ipp	631/tcp
ldaps	636/tcp
domain-s	853/tcp
domain-s	853/udp
ftps	990/tcp
imaps	993/tcp
pop3s	995/tcp
socks	1080/tcp
openvpn	1194/udp
nfs	2049/tcp
nfs	2049/udp
mysql	3306/tcp
sip	5060/tcp
sip	5060/udp
xmpp-client	5222/tcp
mdns	5353/udp
postgresql	5432/tcp	postgres
x11	6000/tcp
redis	6379/tcp
http-alt	8080/tcp	webcache
";

head -c 300000 /dev/urandom >big
sum=$(md5sum <big)

# Listeners that start a program for each who comes; they end it with their input, so nobody shuts it too early.
ncat -l -k -p 1000 --sh-exec 'head -c 300000 | md5sum' &
ncat -6 -l -k -p 1001 --sh-exec 'head -c 300000 | md5sum' &
ncat -l -k -p 1002 --ssl --sh-exec 'head -c 300000 | md5sum' &
ncat -l -k -U local --sh-exec 'head -c 300000 | md5sum' &
served 1000
is exec "$(ncat --no-shutdown 127.0.0.1 1000 <big)" "$sum"
is again "$(ncat --no-shutdown 10.61.0.1 1000 <big)" "$sum"
served 1001 ::1
is exec6 "$(ncat --no-shutdown ::1 1001 <big)" "$sum"
served 1002
is ssl "$(ncat --no-shutdown --ssl 127.0.0.1 1002 <big)" "$sum"
until [ -S local ]; do :; done
is unix "$(ncat --no-shutdown -U local <big)" "$sum"
ncat -l -k -p 1080 --proxy-type http &
served 1080
is proxy "$(ncat --no-shutdown --proxy 127.0.0.1:1080 --proxy-type http 127.0.0.1 1000 <big)" "$sum"

# Datagrams.
ncat -u -l -p 1003 --recv-only >heard &
until [ -s heard ]; do echo hello | ncat -u --send-only 127.0.0.1 1003 2>/dev/null || :; done
is udp "$(head -1 heard)" hello

# Files, one way each.
ncat -l -p 1004 --recv-only >got &
receiver=$!
until ncat --send-only 127.0.0.1 1004 <big 2>/dev/null; do :; done
wait $receiver
cmp big got

# What one says, all others hear.
ncat -l -k -p 1005 --broker &
served 1005
ncat 127.0.0.1 1005 --recv-only >first &
ncat 127.0.0.1 1005 --recv-only >second &
until [ -s first ] && [ -s second ]; do echo all | ncat --send-only 127.0.0.1 1005; done
is first "$(head -1 first)" all
is second "$(head -1 second)" all

# Nobody is there.
ncat 127.0.0.1 1 2>refused && exit 1
grep -q 'Connection refused' refused

head -c 300000 /dev/urandom >big

# HTTP, to its own wget, by address and by name.
busybox httpd -f -p 8000 -h $PWD &
served 8000
for name in 127.0.0.1 localhost pukaki '[::1]'; do
    busybox wget -q -O - http://$name:8000/big | cmp - big
done
busybox wget -q -O page http://tekapo/
test -s page
busybox wget -q -O - http://127.0.0.1:8000/nothing 2>/dev/null && exit 1

# A listener that starts a program for each who comes, and one that takes a file.
busybox nc -ll -p 1000 -e cat &
served 1000
for each in 1 2 3; do
    is nc "$(echo $each | busybox nc 127.0.0.1 1000)" $each
done
mkfifo typed
exec 3<>typed
busybox nc -l -p 1001 <typed >got &
receiver=$!
until busybox nc -w 9 127.0.0.1 1001 <big 2>/dev/null; do :; done
wait $receiver
cmp big got

# A session by telnet.
printf '#!/bin/sh\nread line\necho "heard $line"\n' >login
chmod +x login
busybox telnetd -F -p 23 -l $PWD/login &
served 23
echo hello >&3
busybox telnet 127.0.0.1 <typed 2>&1 | grep -q 'heard hello'

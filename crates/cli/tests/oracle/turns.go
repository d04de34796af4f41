// Streams both ways, connections and datagrams while the scheduler takes turns by signals: goroutines that never call anything
// keep it busy. turns MEGABYTES CONNECTIONS DATAGRAMS
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func byteAt(at uint64, way byte) byte { return byte(at*0x9e3779b97f4a7c15>>56) + byte(at/251) + way }

func writes(to *net.TCPConn, size uint64, way byte) {
	data := make([]byte, 1<<18)
	for at := uint64(0); at < size; {
		length := 1 + at*7919%uint64(len(data))
		if length > size-at {
			length = size - at
		}
		for i := uint64(0); i < length; i++ {
			data[i] = byteAt(at+i, way)
		}
		_, err := to.Write(data[:length])
		check(err)
		at += length
	}
	check(to.CloseWrite())
}

func reads(from *net.TCPConn, size uint64, way byte) {
	data := make([]byte, 1<<18)
	at := uint64(0)
	for {
		n, err := from.Read(data[:1+at*104729%uint64(len(data))])
		for i := 0; i < n; i++ {
			if data[i] != byteAt(at+uint64(i), way) {
				check(fmt.Errorf("a byte is another, at %d", at+uint64(i)))
			}
		}
		at += uint64(n)
		if err == io.EOF {
			break
		}
		check(err)
	}
	if at != size {
		check(fmt.Errorf("%d came of %d", at, size))
	}
}

func streams(size uint64) {
	server, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(err)
	client, err := net.DialTCP("tcp4", nil, server.Addr().(*net.TCPAddr))
	check(err)
	accepted, err := server.AcceptTCP()
	check(err)
	var all sync.WaitGroup
	for _, work := range []func(){
		func() { writes(client, size, 1) }, func() { reads(accepted, size, 1) },
		func() { writes(accepted, size, 2) }, func() { reads(client, size, 2) },
	} {
		all.Add(1)
		go func(work func()) { work(); all.Done() }(work)
	}
	all.Wait()
	client.Close()
	accepted.Close()
	server.Close()
	fmt.Println("streams: right")
}

func connections(count int) {
	server, err := net.Listen("tcp4", "127.0.0.1:0")
	check(err)
	go func() {
		for {
			peer, err := server.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(peer, peer); peer.Close() }()
		}
	}()
	var all sync.WaitGroup
	for part := 0; part < 4; part++ {
		all.Add(1)
		go func(part int) {
			defer all.Done()
			for i := part; i < count; i += 4 {
				c, err := net.Dial("tcp4", server.Addr().String())
				check(err)
				var number, answer [4]byte
				binary.BigEndian.PutUint32(number[:], uint32(i))
				_, err = c.Write(number[:])
				check(err)
				_, err = io.ReadFull(c, answer[:])
				check(err)
				if number != answer {
					check(fmt.Errorf("%v is answered %v", number, answer))
				}
				c.Close()
			}
		}(part)
	}
	all.Wait()
	server.Close()
	fmt.Println("connections: right")
}

func datagrams(count int) {
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	check(err)
	go func() {
		data := make([]byte, 100)
		for {
			n, from, err := server.ReadFrom(data)
			if err != nil {
				return
			}
			server.WriteTo(data[:n], from)
		}
	}()
	c, err := net.Dial("udp4", server.LocalAddr().String())
	check(err)
	for i := 0; i < count; i++ {
		var number, answer [4]byte
		binary.BigEndian.PutUint32(number[:], uint32(i))
		for here := false; !here; {
			_, err := c.Write(number[:])
			check(err)
			for {
				c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
				n, err := c.Read(answer[:])
				if err != nil {
					break
				}
				if n != 4 || binary.BigEndian.Uint32(answer[:]) > uint32(i) {
					check(fmt.Errorf("%v is answered %v", number, answer[:n]))
				}
				if here = number == answer; here {
					break
				}
			}
		}
	}
	fmt.Println("datagrams: right")
}

func main() {
	size := func(i int) int {
		n, err := strconv.Atoi(os.Args[i])
		check(err)
		return n
	}
	go func() {
		for n := uint64(1); ; n++ {
			if n%1000000 == 0 {
				// The signal by which the scheduler takes turns.
				syscall.Kill(os.Getpid(), syscall.SIGURG)
			}
		}
	}()
	streams(uint64(size(1)) << 20)
	connections(size(2))
	datagrams(size(3))
}

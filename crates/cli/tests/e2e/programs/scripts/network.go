// HTTP from many goroutines, datagrams, deadlines, names and errors.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	overHTTP()
	datagrams()
	streams()
	addresses, err := net.LookupHost("tekapo")
	fmt.Println("host", addresses, err)
	names, err := net.LookupAddr("10.61.0.2")
	fmt.Println("address", names, err)
	interfaces, err := net.Interfaces()
	check(err)
	for _, each := range interfaces {
		addresses, err := each.Addrs()
		fmt.Println(each.Name, addresses[0], err)
	}
	_, err = net.Dial("tcp", "127.0.0.1:1")
	fmt.Println(err)
}

func overHTTP() {
	listener, err := net.Listen("tcp", "10.61.0.1:8000")
	check(err)
	go http.Serve(listener, http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		length, _ := io.Copy(io.Discard, request.Body)
		fmt.Fprint(answer, request.Method, " ", request.URL.Path, " ", length)
	}))
	var all sync.WaitGroup
	var good int64
	for n := 0; n < 50; n++ {
		all.Add(1)
		go func(n int) {
			defer all.Done()
			for i := 0; i < 10; i++ {
				answer, err := http.Post("http://pukaki:8000/x", "text/plain", bytes.NewReader(make([]byte, n*i*100)))
				check(err)
				body, err := io.ReadAll(answer.Body)
				check(err)
				answer.Body.Close()
				if string(body) == fmt.Sprint("POST /x ", n*i*100) {
					atomic.AddInt64(&good, 1)
				}
			}
		}(n)
	}
	all.Wait()
	fmt.Println("http", good)
	answer, err := http.Get("http://tekapo/")
	check(err)
	fmt.Println("tekapo", answer.Status)
}

func datagrams() {
	server, err := net.ListenPacket("udp", "[::1]:0")
	check(err)
	client, err := net.Dial("udp", server.LocalAddr().String())
	check(err)
	client.Write([]byte("hello"))
	buffer := make([]byte, 99)
	length, from, err := server.ReadFrom(buffer)
	fmt.Println("datagram", string(buffer[:length]), from.String() == client.LocalAddr().String(), err)
	client.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err = client.Read(buffer)
	fmt.Println("deadline", err.(net.Error).Timeout())
}

// A thousand connections at once, each with its goroutines on both sides.
func streams() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go func() {
		for {
			connection, err := listener.Accept()
			check(err)
			go func() {
				io.Copy(connection, connection)
				connection.Close()
			}()
		}
	}()
	var all sync.WaitGroup
	var good int64
	for n := 0; n < 1000; n++ {
		all.Add(1)
		go func() {
			defer all.Done()
			connection, err := net.Dial("tcp", listener.Addr().String())
			check(err)
			fmt.Fprint(connection, "half ")
			fmt.Fprint(connection, "closed")
			connection.(*net.TCPConn).CloseWrite()
			var back strings.Builder
			io.Copy(&back, connection)
			connection.Close()
			if back.String() == "half closed" {
				atomic.AddInt64(&good, 1)
			}
		}()
	}
	all.Wait()
	fmt.Println("streams", good)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

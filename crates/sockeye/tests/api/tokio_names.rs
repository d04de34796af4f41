//! What tokio's sockets can, ours can.

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use sockeye::async_net::{Interest, TcpListener, TcpSocket, TcpStream, UdpSocket, lookup_host};
use sockeye::{Host, Lab, LinkOptions, Simulation, task, time};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

use crate::pair;

/// Two ends of a connection.
async fn connected(a: &Host, b: &Host) -> (TcpStream, TcpStream) {
    let listener = b.run(|| TcpListener::bind("b:0")).await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = a.run(|| TcpStream::connect(address)).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

#[tokio::test]
async fn readiness_and_tries() {
    let (a, b) = pair(&Lab::new(1), &LinkOptions::new());
    let (client, server) = connected(&a, &b).await;
    client.writable().await.unwrap();
    assert_eq!(server.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(client.try_write_vectored(&[IoSlice::new(b"kia "), IoSlice::new(b"ora")]).unwrap(), 7);
    server.readable().await.unwrap();
    let mut buffer = [0; 4];
    assert_eq!((server.peek(&mut buffer).await.unwrap(), &buffer), (4, b"kia "));
    let (mut first, mut second) = ([0; 1], [0; 9]);
    let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(server.try_read_vectored(&mut buffers).unwrap(), 7);
    assert_eq!((&first, &second[..6]), (b"k", &b"ia ora"[..]));
    drop(client);
    let ready = server.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
    assert!(ready.is_readable() && ready.is_writable() && ready.is_read_closed() && !ready.is_error());
    assert_eq!(server.try_read(&mut [0; 8]).unwrap(), 0);
    // To std's face and back.
    let server = TcpStream::from_std(server.into_std().unwrap()).unwrap();
    server.set_linger(Some(Duration::ZERO)).unwrap();
    assert!(server.take_error().unwrap().is_none() && server.linger().unwrap().is_some());
}

#[tokio::test]
async fn halves() {
    let (a, b) = pair(&Lab::new(1), &LinkOptions::new());
    let (mut client, mut server) = connected(&a, &b).await;
    {
        let (mut read, mut write) = client.split();
        let echo = async {
            let (mut read, mut write) = server.split();
            let mut buffer = [0; 5];
            AsyncReadExt::read_exact(&mut read, &mut buffer).await.unwrap();
            AsyncWriteExt::write_all(&mut write, &buffer).await.unwrap();
        };
        let mut buffer = [0; 5];
        let ask = async {
            AsyncWriteExt::write_all(&mut write, b"hello").await.unwrap();
            AsyncReadExt::read_exact(&mut read, &mut buffer).await.unwrap();
        };
        tokio::join!(echo, ask);
        assert_eq!(&buffer, b"hello");
    }
    let (read, write) = client.into_split();
    let (other_read, other_write) = server.into_split();
    let error = read.reunite(other_write).unwrap_err();
    let client = error.0.reunite(write).unwrap();
    assert_eq!(client.try_read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    // As tokio's: the half that writes shuts its direction when it is dropped, unless it is forgotten.
    let server = other_read.reunite(error.1).unwrap();
    let (mut client_read, client_write) = client.into_split();
    let (_server_read, server_write) = server.into_split();
    client_write.forget();
    drop(server_write);
    assert_eq!(client_read.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(_server_read.try_read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn sockets_before_they_are_streams() {
    let (a, b) = pair(&Lab::new(1), &LinkOptions::new());
    let socket = b.run(TcpSocket::new_v4).unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_recv_buffer_size(30_000).unwrap();
    assert_eq!(socket.recv_buffer_size().unwrap(), 60_000);
    socket.bind("10.0.0.2:80".parse().unwrap()).unwrap();
    let listener = socket.listen(5).unwrap();
    let client = a.run(TcpSocket::new_v4).unwrap();
    client.set_nodelay(true).unwrap();
    let client = client.connect("10.0.0.2:80".parse().unwrap()).await.unwrap();
    let (server, from) = std::future::poll_fn(|context| listener.poll_accept(context)).await.unwrap();
    assert_eq!((from, client.nodelay().unwrap()), (client.local_addr().unwrap(), true));
    drop(server);
    let mut found = a.run(|| lookup_host("b:80")).await.unwrap();
    assert_eq!(found.next(), Some("10.0.0.2:80".parse().unwrap()));
}

#[tokio::test]
async fn datagrams() {
    let (a, b) = pair(&Lab::new(1), &LinkOptions::new());
    let server = b.run(|| UdpSocket::bind("b:53")).await.unwrap();
    let client = a.run(|| UdpSocket::bind("0.0.0.0:0")).await.unwrap();
    assert_eq!(server.try_recv_from(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
    client.writable().await.unwrap();
    assert_eq!(client.try_send_to(b"who", "10.0.0.2:53".parse().unwrap()).unwrap(), 3);
    server.readable().await.unwrap();
    let mut buffer = [0; 8];
    let (length, from) = server.peek_from(&mut buffer).await.unwrap();
    assert_eq!((length, server.try_recv_from(&mut buffer).unwrap()), (3, (3, from)));
    a.on(async { client.connect("b:53").await }).await.unwrap();
    server.send_to(b"me", from).await.unwrap();
    assert_eq!((client.peek(&mut buffer).await.unwrap(), client.try_recv(&mut buffer).unwrap()), (2, 2));
    let (sent, received) = tokio::join!(
        std::future::poll_fn(|context| server.poll_send_to(context, b"poll", from)),
        std::future::poll_fn(|context| client.poll_recv_from(context, &mut buffer)),
    );
    assert_eq!((sent.unwrap(), received.unwrap()), (4, (4, "10.0.0.2:53".parse().unwrap())));
    client.set_broadcast(true).unwrap();
    client.join_multicast_v4([239, 1, 2, 3].into(), [10, 0, 0, 1].into()).unwrap();
    client.leave_multicast_v4([239, 1, 2, 3].into(), [10, 0, 0, 1].into()).unwrap();
    assert!(client.broadcast().unwrap() && client.multicast_loop_v4().unwrap());
}

/// In virtual time: who waits for urgent data is woken by it, and by nothing before.
#[test]
fn urgent_data() {
    let simulation = Simulation::new(1);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new().delay(Duration::from_millis(10)));
    let server = simulation.spawn(&b, async {
        let listener = TcpListener::bind("b:80").await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let ready = stream.ready(Interest::PRIORITY).await.unwrap();
        let byte = stream.recv_out_of_band().unwrap();
        let mut before = [0; 8];
        let length = stream.read(&mut before).await.unwrap();
        (
            ready.is_priority(),
            byte,
            before[..length].to_vec(),
            stream.at_mark().unwrap(),
            time::Instant::now().since_start(),
        )
    });
    simulation
        .block_on(&a, async {
            let mut stream = TcpStream::connect("b:80").await.unwrap();
            stream.write_all(b"plain").await.unwrap();
            time::sleep(Duration::from_secs(1)).await;
            assert_eq!(stream.send_out_of_band(b"!").await.unwrap(), 1);
            time::sleep(Duration::from_secs(1)).await;
        })
        .unwrap();
    let (urgent, byte, before, mark, at) = server.take().unwrap();
    assert_eq!((urgent, byte, before, mark), (true, b'!', b"plain".to_vec(), true));
    // The neighbour is found, the connection is opened, a second passes, and the byte comes.
    assert_eq!(at, Duration::from_millis(20 + 20 + 1000 + 10));
}

#[tokio::test]
async fn web_sockets() {
    let (a, b) = pair(&Lab::new(1), &LinkOptions::new());
    let (client, server) = connected(&a, &b).await;
    let server = tokio::spawn(async move {
        let mut socket = tokio_tungstenite::accept_async(server).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() || message.is_binary() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let (mut socket, response) = tokio_tungstenite::client_async("ws://b/", client).await.unwrap();
    assert_eq!(response.status(), 101);
    for message in [Message::text("kia ora"), Message::binary(vec![7; 200_000])] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
    while socket.next().await.is_some() {}
    server.await.unwrap();
}

/// HTTP/2 in virtual time, with our executor and timer: a server that is silent for too long is given up.
#[test]
fn hyper_with_our_executor_and_timer() {
    use http_body_util::{BodyExt, Empty, Full};
    use hyper::body::Bytes;
    use hyper::{Request, Response};
    use hyper_util::rt::TokioIo;
    use sockeye::hyper::{Executor, Timer};

    let simulation = Simulation::new(1);
    let (a, b) = pair(simulation.lab(), &LinkOptions::new().delay(Duration::from_millis(10)));
    let cable = simulation.lab().link(&a, &b, &LinkOptions::new().delay(Duration::from_millis(10)));
    simulation.spawn(&b, async {
        let listener = TcpListener::bind("b:80").await.unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let hello = hyper::service::service_fn(|_: Request<hyper::body::Incoming>| async {
                time::sleep(Duration::from_millis(500)).await;
                Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from("hello"))))
            });
            let mut server = hyper::server::conn::http2::Builder::new(Executor);
            task::spawn(server.timer(Timer::new()).serve_connection(TokioIo::new(stream), hello));
        }
    });
    let (body, took, error, at) = simulation
        .block_on(&a, async move {
            let stream = TcpStream::connect("b:80").await.unwrap();
            let (mut client, connection) = hyper::client::conn::http2::Builder::new(Executor)
                .timer(Timer::new())
                .keep_alive_interval(Duration::from_secs(30))
                .keep_alive_timeout(Duration::from_secs(5))
                .keep_alive_while_idle(true)
                .handshake(TokioIo::new(stream))
                .await
                .unwrap();
            let connection = task::spawn(connection);
            let began = time::Instant::now();
            let request = Request::get("http://b/").body(Empty::<Bytes>::new()).unwrap();
            let answer = client.send_request(request).await.unwrap();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let took = time::Instant::now() - began;
            cable.cut();
            let error = connection.await.unwrap_err();
            (body, took, error, time::Instant::now().since_start())
        })
        .unwrap();
    // A round trip or two, and what the server thinks about it.
    assert_eq!(&body[..], b"hello");
    assert!((520..=560).contains(&took.as_millis()), "{took:?}");
    assert!(error.is_timeout() || error.to_string().contains("keep-alive"), "{error:?}");
    assert!(at > Duration::from_secs(30) && at < Duration::from_secs(70), "{at:?}");
}

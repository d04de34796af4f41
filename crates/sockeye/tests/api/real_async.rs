//! Async sockets under tokio, in real time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sockeye::async_net::{TcpListener, TcpStream, UdpSocket};
use sockeye::{Lab, LinkOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::pair;

#[tokio::test]
async fn copies_both_ways_at_once() {
    let (a, b) = pair(&Lab::new(1), &LinkOptions::new());
    let listener = b.run(|| TcpListener::bind("b:7")).await.unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let copied = tokio::io::copy(&mut read, &mut write).await.unwrap();
        AsyncWriteExt::shutdown(&mut write).await.unwrap();
        copied
    });
    let client = a.on(async { TcpStream::connect("b:7").await }).await.unwrap();
    let (mut read, mut write) = client.into_split();
    let sent: Vec<u8> = (0..2_000_000u32).map(|i| (i * 3) as u8).collect();
    let expected = sent.clone();
    let writer = tokio::spawn(async move {
        AsyncWriteExt::write_all(&mut write, &sent).await.unwrap();
        write.shut().unwrap();
        write
    });
    let mut all = Vec::new();
    read.read_to_end(&mut all).await.unwrap();
    assert!(all == expected);
    assert_eq!(server.await.unwrap(), expected.len() as u64);
    writer.await.unwrap();
}

#[tokio::test]
async fn hyper_over_it() {
    let (a, b) = pair(&Lab::new(1), &LinkOptions::new());
    let listener = b.run(|| TcpListener::bind("b:80")).await.unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let hello = service_fn(|request: Request<hyper::body::Incoming>| async move {
            let text = format!("you asked for {}", request.uri().path());
            Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(text))))
        });
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), hello).await
    });
    let stream = a.run(|| TcpStream::connect("b:80")).await.unwrap();
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for path in ["/one", "/two"] {
        let request = Request::get(path).header("host", "b").body(Full::<Bytes>::default()).unwrap();
        let response = client.send_request(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, format!("you asked for {path}"));
    }
}

#[tokio::test]
async fn a_wait_given_up_loses_nothing() {
    let (a, b) = pair(&Lab::new(1), &LinkOptions::new());
    let server = b.run(|| UdpSocket::bind("b:53")).await.unwrap();
    let client = a.run(|| UdpSocket::bind("a:0")).await.unwrap();
    let mut buffer = [0; 16];
    tokio::select! {
        biased;
        received = server.recv_from(&mut buffer) => panic!("{received:?}"),
        () = std::future::ready(()) => {}
    }
    client.send_to(b"hello", "10.0.0.2:53").await.unwrap();
    let (length, _) = server.recv_from(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..length], b"hello");
}

/// A waker that is the last to hold a task, and with it a socket.
struct Last {
    _socket: sockeye::net::UdpSocket,
}

impl Wake for Last {
    fn wake(self: Arc<Last>) {}
}

#[test]
fn a_waker_may_end_a_task_and_its_socket() {
    let (a, _) = pair(&Lab::new(1), &LinkOptions::new());
    let _entered = a.enter();
    let last = || {
        let socket = sockeye::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        Waker::from(Arc::new(Last { _socket: socket }))
    };
    let waits = |future: Pin<&mut dyn Future<Output = ()>>| {
        assert!(future.poll(&mut Context::from_waker(&last())).is_pending());
    };
    let mut bind = Box::pin(UdpSocket::bind("0.0.0.0:0"));
    let Poll::Ready(socket) = bind.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!() };
    let socket = socket.unwrap();
    let mut receive = Box::pin(async { drop(socket.recv(&mut [0; 8]).await) });
    waits(receive.as_mut());
    // Another takes its place; then it is given up.
    waits(receive.as_mut());
    drop(receive);
    let mut sleep = Box::pin(sockeye::time::sleep(Duration::from_secs(3600)));
    waits(sleep.as_mut());
    waits(sleep.as_mut());
    drop(sleep);
}

//! hyper's client and server in virtual time: a request over a slow, lossy link, timed to the nanosecond and the same
//! on every machine.

use std::convert::Infallible;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sockeye::async_net::{TcpListener, TcpStream};
use sockeye::hyper::Timer;
use sockeye::time::{self, Instant};
use sockeye::{LinkOptions, Loss, Simulation, task};

type Error = Box<dyn std::error::Error>;

async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // The server has to think about it.
    time::sleep(Duration::from_millis(250)).await;
    Ok(Response::new(Full::new(Bytes::from(format!("you asked for {}\n", request.uri().path())))))
}

async fn serve() -> Result<(), Error> {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        // hyper's own time limits run on the network's clock, too.
        let mut server = hyper::server::conn::http1::Builder::new();
        server.timer(Timer::new()).header_read_timeout(Duration::from_secs(10));
        task::spawn(server.serve_connection(TokioIo::new(stream), service_fn(hello)));
    }
}

async fn get(path: &str) -> Result<String, Error> {
    let stream = TcpStream::connect("tekapo:80").await?;
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    task::spawn(connection);
    let request = Request::get(path).header("host", "tekapo").body(Full::<Bytes>::default())?;
    let body = client.send_request(request).await?.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(body.to_vec())?)
}

fn main() -> Result<(), Error> {
    let simulation = Simulation::new(42);
    let lab = simulation.lab();
    let pukaki = lab.host("pukaki", ["10.0.0.1/24"])?;
    let tekapo = lab.host("tekapo", ["10.0.0.2/24"])?;
    let slow = LinkOptions::new().delay(Duration::from_millis(30)).loss(Loss::PerMillion(20_000));
    lab.link(&pukaki, &tekapo, &slow);

    simulation.spawn(&tekapo, async { serve().await.expect("the server") });
    for path in ["/first", "/second"] {
        let began = simulation.now();
        let took = simulation.block_on(&pukaki, async move {
            print!("{}", get(path).await.expect("an answer"));
            Instant::now() - began
        })?;
        println!("  after {took:?} of virtual time");
    }
    Ok(())
}

#[test]
fn runs() {
    main().expect("the example runs");
}

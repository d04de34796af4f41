//! An echo server and a hundred clients at once, async under tokio.

use std::io;

use sockeye::async_net::{TcpListener, TcpStream};
use sockeye::{Lab, LinkOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::main]
async fn main() -> io::Result<()> {
    let lab = Lab::new(1);
    let pukaki = lab.host("pukaki", ["10.0.0.1/24"])?;
    let tekapo = lab.host("tekapo", ["10.0.0.2/24"])?;
    lab.link(&pukaki, &tekapo, &LinkOptions::new());

    let listener = tekapo.run(|| TcpListener::bind("0.0.0.0:7")).await?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.into_split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });

    let clients: Vec<_> = (0..100)
        .map(|number: u32| {
            tokio::spawn(pukaki.on(async move {
                let mut stream = TcpStream::connect("tekapo:7").await?;
                AsyncWriteExt::write_all(&mut stream, format!("client {number}").as_bytes()).await?;
                AsyncWriteExt::shutdown(&mut stream).await?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await?;
                assert_eq!(answer, format!("client {number}"));
                io::Result::Ok(())
            }))
        })
        .collect();
    for client in clients {
        client.await??;
    }
    println!("a hundred clients had their echo");
    Ok(())
}

#[test]
fn runs() {
    main().expect("the example runs");
}

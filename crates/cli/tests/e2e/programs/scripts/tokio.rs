// Streams, datagrams, Unix-domain sockets and errors by tokio's own event loop, with two threads.
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixStream};

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        streams().await?;
        datagrams().await?;
        let (mut left, mut right) = UnixStream::pair()?;
        left.write_all(b"unix").await?;
        drop(left);
        let mut text = String::new();
        right.read_to_string(&mut text).await?;
        println!("{text}");
        println!("{}", TcpStream::connect("127.0.0.1:1").await.unwrap_err().kind());
        // Names go through libc, here a static one.
        let mut web = TcpStream::connect("tekapo:80").await?;
        web.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
        let mut page = String::new();
        web.read_to_string(&mut page).await?;
        println!("{}", page.lines().next().unwrap_or_default());
        Ok(())
    })
}

async fn streams() -> std::io::Result<()> {
    let listener = TcpListener::bind("10.61.0.1:8000").await?;
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = connection.split();
                tokio::io::copy(&mut reader, &mut writer).await
            });
        }
    });
    let ask = |n: usize| async move {
        let (mut reader, mut writer) = TcpStream::connect("10.61.0.1:8000").await?.into_split();
        // Its writer, dropped, shuts the sending side.
        let writing = tokio::spawn(async move { writer.write_all(&vec![n as u8; n * 1000]).await });
        let mut back = Vec::new();
        reader.read_to_end(&mut back).await?;
        writing.await??;
        std::io::Result::Ok(usize::from(back == vec![n as u8; n * 1000]))
    };
    let asking: Vec<_> = (0..200).map(|n| tokio::spawn(ask(n))).collect();
    let mut good = 0;
    for one in asking {
        good += one.await??;
    }
    println!("streams {good}");
    Ok(())
}

async fn datagrams() -> std::io::Result<()> {
    let (server, client) = (UdpSocket::bind("[::1]:0").await?, UdpSocket::bind("[::1]:0").await?);
    client.connect(server.local_addr()?).await?;
    let mut buffer = [0; 99];
    for n in 0..100_u8 {
        client.send(&[n]).await?;
        let (length, from) = server.recv_from(&mut buffer).await?;
        server.send_to(&buffer[..length], from).await?;
        assert_eq!((client.recv(&mut buffer).await?, buffer[0]), (1, n));
    }
    println!("datagrams");
    Ok(())
}

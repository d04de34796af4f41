//! An echo server and its client, blocking: std's code with another `use` line, on two virtual hosts.

use std::io::{self, BufRead, BufReader, Write};

use sockeye::net::{TcpListener, TcpStream};
use sockeye::{Lab, LinkOptions, thread};

fn main() -> io::Result<()> {
    let lab = Lab::new(1);
    let pukaki = lab.host("pukaki", ["10.0.0.1/24", "fd00::1/64"])?;
    let tekapo = lab.host("tekapo", ["10.0.0.2/24", "fd00::2/64"])?;
    lab.link(&pukaki, &tekapo, &LinkOptions::new());

    let listener = tekapo.run(|| TcpListener::bind("[::]:7"))?;
    let server = tekapo.run(|| {
        thread::spawn(move || -> io::Result<u64> {
            let (mut stream, peer) = listener.accept()?;
            println!("tekapo: a connection from {peer}");
            let mut copy = stream.try_clone()?;
            io::copy(&mut stream, &mut copy)
        })
    });

    pukaki.run(|| {
        let mut stream = TcpStream::connect("tekapo:7")?;
        stream.write_all(b"kia ora\n")?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        println!("pukaki: {} says {line:?}", stream.peer_addr()?);
        io::Result::Ok(())
    })?;
    println!("tekapo: echoed {} bytes", server.join().expect("the server's thread")?);
    Ok(())
}

#[test]
fn runs() {
    main().expect("the example runs");
}

//! An account that 100 times 1 is paid into, over a link that loses, repeats and reorders, in virtual time. Three clients, each
//! with what the one before lacks: one that asks and waits for ever; one with a time-out that asks again, for which it may pay
//! twice, or take a late answer for that of another payment; and one whose requests are numbered.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use sockeye::async_net::UdpSocket;
use sockeye::reliable::{AsyncClient, AsyncServer};
use sockeye::time::{self, Instant};
use sockeye::{Host, LinkOptions, Loss, Reorder, Simulation};

const PAYMENTS: u64 = 100;

/// The network, with the account's host.
fn network() -> io::Result<(Simulation, Host, Host)> {
    let simulation = Simulation::new(6);
    let lab = simulation.lab();
    let (client, bank) = (lab.host("client", ["10.0.0.1/24"])?, lab.host("bank", ["10.0.0.2/24"])?);
    let link = LinkOptions::new()
        .delay(Duration::from_millis(5))
        .loss(Loss::PerMillion(100_000))
        .duplicate(50_000)
        .reorder(Reorder { chance: 50_000, by: Duration::from_millis(20) });
    lab.link(&client, &bank, &link);
    Ok((simulation, client, bank))
}

/// A server that does what each datagram says, and answers with the balance.
async fn naive_bank(balance: Rc<Cell<u64>>) -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:4000").await?;
    let mut buffer = [0; 8];
    loop {
        let (_, client) = socket.recv_from(&mut buffer).await?;
        balance.set(balance.get() + u64::from_be_bytes(buffer));
        socket.send_to(&balance.get().to_be_bytes(), client).await?;
    }
}

/// Asks and waits, however long.
async fn wait_for_ever() -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    socket.connect("bank:4000").await?;
    for _ in 0..PAYMENTS {
        socket.send(&1u64.to_be_bytes()).await?;
        socket.recv(&mut [0; 8]).await?;
    }
    Ok(())
}

/// Asks again after a second without an answer.
async fn ask_again() -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    socket.connect("bank:4000").await?;
    for _ in 0..PAYMENTS {
        loop {
            socket.send(&1u64.to_be_bytes()).await?;
            if let Ok(received) = time::timeout(Duration::from_secs(1), socket.recv(&mut [0; 8])).await {
                received?;
                break;
            }
        }
    }
    Ok(())
}

/// A server that does what each request says once.
async fn bank(balance: Rc<Cell<u64>>) -> io::Result<()> {
    let mut server = AsyncServer::bind("0.0.0.0:4000").await?;
    loop {
        let request = server.recv().await?;
        let paid = request.payload().try_into().map_or(0, u64::from_be_bytes);
        balance.set(balance.get() + paid);
        server.answer(&request, &balance.get().to_be_bytes()).await?;
    }
}

/// Asks by numbered requests.
async fn ask_once() -> io::Result<()> {
    let mut client = AsyncClient::connect("bank:4000").await?;
    for _ in 0..PAYMENTS {
        client.call(&1u64.to_be_bytes()).await?;
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let balance = Rc::new(Cell::new(0));
    let report = |who: &str, how: &str, at: Instant| {
        println!(
            "{who:<15} {how:<24} after {:>7.3} s, balance {}",
            at.since_start().as_secs_f64(),
            balance.get()
        );
        balance.take()
    };

    let (simulation, client, host) = network()?;
    simulation.spawn(&host, naive_bank(balance.clone()));
    let stalled = simulation.block_on(&client, wait_for_ever()).is_err();
    assert!(stalled);
    assert!(report("waits for ever:", "stalls at the first loss", simulation.now()) < PAYMENTS);

    let (simulation, client, host) = network()?;
    simulation.spawn(&host, naive_bank(balance.clone()));
    simulation.block_on(&client, ask_again())??;
    assert_ne!(report("asks again:", "miscounts", simulation.now()), PAYMENTS);

    let (simulation, client, host) = network()?;
    simulation.spawn(&host, bank(balance.clone()));
    simulation.block_on(&client, ask_once())??;
    assert_eq!(report("numbered:", "pays each once", simulation.now()), PAYMENTS);
    Ok(())
}

#[test]
fn runs() {
    main().expect("the example runs");
}

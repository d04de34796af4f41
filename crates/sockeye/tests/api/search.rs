//! Many seeds at once.

use std::fmt::Write;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use sockeye::async_net::{TcpListener, TcpStream};
use sockeye::{LinkOptions, Loss, Simulation};

use crate::pair;

/// A transfer over a link that loses: how many segments were sent, and all of them as text.
fn transfer(simulation: &Simulation) -> io::Result<(usize, String)> {
    let lab = simulation.lab();
    let lossy = LinkOptions::new().delay(Duration::from_millis(2)).loss(Loss::PerMillion(50_000));
    let (a, b) = pair(lab, &lossy);
    lab.capture(true);
    simulation.spawn(&b, async {
        let listener = TcpListener::bind("0.0.0.0:80").await.expect("a free port");
        let mut stream = listener.accept().await.expect("a connection").0;
        stream.write_all(&[7; 20_000]).await.expect("room");
    });
    simulation.block_on(&a, async {
        let mut stream = TcpStream::connect("10.0.0.2:80").await?;
        let (mut buffer, mut left) = ([0; 4096], 20_000);
        while left > 0 {
            left -= stream.read(&mut buffer).await?;
        }
        io::Result::Ok(())
    })??;
    let captured = lab.captured();
    let mut text = String::new();
    captured.iter().for_each(|captured| writeln!(text, "{captured:?}").expect("memory"));
    Ok((captured.len(), text))
}

/// Beside seven others it is what it is alone.
#[test]
fn a_seed_is_the_same_run_beside_others() {
    let alone: Vec<_> = (1..=8).map(|seed| transfer(&Simulation::new(seed)).unwrap()).collect();
    let beside = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for seed in 1..=8 {
            let beside = &beside;
            scope.spawn(move || {
                beside.lock().unwrap().push((seed, transfer(&Simulation::new(seed)).unwrap()))
            });
        }
    });
    let mut beside = beside.into_inner().unwrap();
    beside.sort();
    assert!(beside.into_iter().map(|(_, run)| run).eq(alone.iter().cloned()));
    assert!(alone[0] != alone[1], "seeds differ");
}

/// Where each of three questions for the address is lost there is no way to the host.
#[test]
fn seeds_that_fail_are_told() {
    let alone = (1..=40).filter_map(|seed| Some((seed, transfer(&Simulation::new(seed)).err()?.to_string())));
    let alone: Vec<_> = alone.collect();
    assert!((1..10).contains(&alone.len()), "{alone:?}");
    let failed = Simulation::search(1..=40, |simulation| transfer(simulation).map(drop)).unwrap_err();
    assert_eq!((failed.tried, &failed.seeds), (40, &alone));
    let (seed, why) = &alone[0];
    assert!(failed.to_string().contains(&format!("\n  Simulation::new({seed}): {why}")), "{failed}");
}

#[test]
fn panics_are_failures() {
    let found = Simulation::search(7..=9, |simulation| {
        let (a, _) = pair(simulation.lab(), &LinkOptions::new());
        simulation.block_on(&a, async {})?;
        assert!(simulation.now().since_start() > Duration::ZERO, "by design");
        io::Result::Ok(())
    });
    let text = found.unwrap_err().to_string();
    assert!(text.starts_with("3 of 3 seeds failed\n  Simulation::new(7): panicked: by design"), "{text}");
    assert_eq!(Simulation::search(1..=3, |_| io::Result::Ok(())), Ok(()));
}

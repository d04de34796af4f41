//! Bulk: writes of 64 KiB, buffers of 1 MiB, in GB/s. The bytes are copied from the writer's memory and into the
//! reader's.

use std::time::Duration;

use sockeye_lab::Lab;

use crate::pair::{Pair, Setup};
use crate::report::{Better, Row};
use crate::sampling::{Effort, rate};
use crate::{Figures, Rows, kernel, smol};

pub(crate) const WRITE: usize = 64 * 1024;
const MIB: usize = 1 << 20;
pub(crate) const GIGA: f64 = 1e9;

pub(crate) fn rows() -> Rows {
    let row = |name, peer_name, target| Row { name, unit: "GB/s", better: Better::More, peer_name, target };
    let whole = |mtu| move |sample| sockeye(sample, &Setup::new(mtu));
    let single = |sample| {
        let mut setup = Setup::new(1500);
        setup.tcp.gso = false;
        sockeye(sample, &setup)
    };
    vec![
        (
            row("bulk 64 KiB, MTU 65535", "smoltcp", 1.5),
            Box::new(move |effort: &Effort| {
                Some(effort.medians(whole(65_535), |sample| smol(sample, 65_535)))
            }),
        ),
        (
            row("bulk 64 KiB, MTU 1500", "smoltcp", 2.5),
            Box::new(move |effort: &Effort| Some(effort.medians(whole(1500), |sample| smol(sample, 1500)))),
        ),
        (
            row("bulk 64 KiB, MTU 65535, beside the kernel", "kernel loopback on one CPU", 4.0),
            Box::new(move |effort: &Effort| {
                kernel::bulk(effort.sample / 5, WRITE)?;
                let kernel = |sample| kernel::bulk(sample, WRITE).unwrap_or(f64::NAN) / GIGA;
                Some(effort.medians(whole(65_535), kernel))
            }),
        ),
        (
            row("bulk 64 KiB, MTU 65535, beside the kernel, unpinned", "kernel loopback, two threads", 2.0),
            Box::new(move |effort: &Effort| {
                kernel::bulk_unpinned(effort.sample / 5, WRITE)?;
                let kernel = |sample| kernel::bulk_unpinned(sample, WRITE).unwrap_or(f64::NAN) / GIGA;
                Some(effort.medians(whole(65_535), kernel))
            }),
        ),
        (
            row("bulk 64 KiB, single 1500-byte segments", "smoltcp", 0.8),
            Box::new(move |effort: &Effort| -> Option<Figures> {
                Some(effort.medians(single, |sample| smol(sample, 1500)))
            }),
        ),
    ]
}

/// Each write reaches the reader before the call to carry it returns.
pub(crate) fn sockeye(sample: Duration, setup: &Setup) -> f64 {
    watched(sample, setup, (false, |_: &mut Lab| {})) / GIGA
}

/// The same in bytes, with frames captured or not; `watch` may look after each step.
pub(crate) fn watched(
    sample: Duration,
    setup: &Setup,
    (capture, mut watch): (bool, impl FnMut(&mut Lab)),
) -> f64 {
    let mut pair = Pair::new(setup);
    let ends = pair.connect();
    pair.lab.set_capture(capture);
    let (data, mut buffer) = (vec![1; WRITE], vec![0; WRITE]);
    let step = || {
        let sent = pair.lab.host_mut(pair.client).send(pair.now, ends.client, &data);
        pair.step();
        let mut received = 0;
        while let Ok(bytes) = pair.lab.host_mut(pair.server).receive(pair.now, ends.server, WRITE, false) {
            received += bytes.copy_to(&mut buffer) as u64;
        }
        pair.step();
        pair.drain();
        watch(&mut pair.lab);
        if sent.is_err() && received == 0 {
            pair.now = pair.lab.next_deadline().expect("something under way").max(pair.now);
        }
        received
    };
    rate(sample, step)
}

/// One write at a time is the faster way here too: it stays in the cache.
fn smol(sample: Duration, mtu: usize) -> f64 {
    let mut pair = smol::Pair::new(smol::Setup::new(mtu, MIB));
    let ends = pair.connect();
    let (data, mut buffer) = (vec![1; WRITE], vec![0; WRITE]);
    let step = || {
        pair.client.socket(ends.client).send_slice(&data).expect("established");
        pair.client.poll(pair.now);
        pair.server.poll(pair.now);
        let mut received = 0;
        while let Ok(n @ 1..) = pair.server.socket(ends.server).recv_slice(&mut buffer) {
            received += n as u64;
        }
        pair.server.poll(pair.now);
        pair.client.poll(pair.now);
        if received == 0 {
            pair.now += smoltcp::time::Duration::from_millis(10);
        }
        received
    };
    rate(sample, step) / GIGA
}

use std::sync::atomic::Ordering;

use proptest::prelude::*;
use sockeye_base::Pool;

use super::*;

fn pair() -> ((Sender, Receiver), (Sender, Receiver)) {
    let memory = memory().unwrap();
    (open(&memory, Side::First).unwrap(), open(&memory, Side::Second).unwrap())
}

fn send(sender: &mut Sender, tag: u32, bytes: &[u8]) -> Result<bool, Broken> {
    let (a, b) = bytes.split_at(bytes.len() / 3);
    sender.send(tag, bytes.len(), [a, b].into_iter())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    /// What is sent comes, whole and in order, whatever the lengths, and however much waits.
    #[test]
    fn what_is_sent_comes(steps in prop::collection::vec((0usize..MAX_LEN, 0usize..6), 1..60)) {
        let ((mut a, _), (_, mut b)) = pair();
        let mut pool = Pool::new();
        let mut sent = std::collections::VecDeque::new();
        for (number, (len, taken)) in steps.into_iter().enumerate() {
            let bytes: Vec<u8> = (0..len).map(|at| (at + number) as u8).collect();
            if send(&mut a, number as u32, &bytes).unwrap() {
                sent.push_back((number as u32, bytes));
            } else {
                let waiting: usize = sent.iter().map(|(_, bytes): &(u32, Vec<u8>)| bytes.len() + 16).sum();
                prop_assert!(waiting + len + 16 >= AGAIN);
            }
            for _ in 0..taken {
                let came = b.receive(&mut pool).unwrap().map(|(tag, bytes)| (tag, bytes.to_vec()));
                prop_assert_eq!(came, sent.pop_front());
            }
        }
    }

    /// Whatever the other side writes: nothing but an error, or some bytes.
    #[test]
    fn rubbish_is_found(head in any::<u64>(), near in 0u64..3_000_000, words in prop::collection::vec(any::<u32>(), 64), tail in any::<u64>()) {
        for head in [head, near, near & !7] {
            let ((mut a, _), (_, mut b)) = pair();
            for (at, word) in words.iter().enumerate() {
                // Lengths that may be, too.
                let word = if at % 3 == 0 { word % 4096 } else { *word };
                a.mapping.put(a.lane, at * 4, &word.to_le_bytes());
            }
            a.mapping.head(a.lane).store(head, Ordering::Relaxed);
            let mut pool = Pool::new();
            for _ in 0..100 {
                match b.receive(&mut pool) {
                    Ok(Some((_, bytes))) => prop_assert!(bytes.len() <= MAX_LEN),
                    Ok(None) | Err(Broken) => break,
                }
            }
            a.mapping.tail(a.lane).store(tail, Ordering::Relaxed);
            let _ = send(&mut a, 0, &[1; 100]);
            let _ = (b.has_some(), b.may_sleep(), b.must_tell_of_room());
        }
    }
}

#[test]
fn an_empty_ring_begins_again() {
    let ((mut a, _), (_, mut b)) = pair();
    let mut pool = Pool::new();
    for round in 0..100_000u32 {
        assert_eq!(send(&mut a, round, &round.to_le_bytes()), Ok(true));
        let (tag, bytes) = b.receive(&mut pool).unwrap().unwrap();
        assert_eq!((tag, &bytes[..]), (round, &round.to_le_bytes()[..]));
        assert!(place(a.head) <= AGAIN + AHEAD + STEP);
    }
}

#[test]
fn flags_are_taken_once() {
    let ((mut a, _), (_, mut b)) = pair();
    let mut pool = Pool::new();
    assert!(!a.must_wake());
    assert_eq!(b.may_sleep(), Ok(true));
    assert_eq!(send(&mut a, 1, b"x"), Ok(true));
    assert!(a.must_wake() && !a.must_wake());
    // Something is there.
    assert_eq!(b.may_sleep(), Ok(false));
    assert!(!a.must_wake());
    while send(&mut a, 1, &[0; 60_000]).unwrap() {}
    assert!(!b.must_tell_of_room());
    a.wait_for_room();
    assert!(!b.must_tell_of_room(), "it is full");
    while b.receive(&mut pool).unwrap().is_some() {}
    assert!(b.must_tell_of_room() && !b.must_tell_of_room());
}

#[test]
fn a_sender_knows_whether_it_is_heard() {
    let memory = memory().unwrap();
    let (a, own) = open(&memory, Side::First).unwrap();
    assert!(!a.is_heard());
    let (b, receiver) = open(&memory, Side::Second).unwrap();
    assert!(a.is_heard() && b.is_heard());
    drop(receiver);
    assert!(!a.is_heard() && b.is_heard());
    drop(own);
    assert!(!b.is_heard());
}

#[test]
fn a_meter_reads_what_is_counted() {
    let memory = memory().unwrap();
    let (mut a, _) = open(&memory, Side::First).unwrap();
    let (mut b, _) = open(&memory, Side::Second).unwrap();
    let meter = Meter::open(&memory).unwrap();
    a.count(2, 3000);
    a.count(1, 60);
    b.count(1, 1);
    assert_eq!((meter.sent(Side::First), meter.sent(Side::Second)), ((3, 3060), (1, 1)));
}

/// A file that could be made shorter under us, or is of another length, is none.
#[test]
fn memory_must_be_of_a_fixed_size() {
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    let loose = memfd_create("loose", MemfdFlags::ALLOW_SEALING).unwrap();
    ftruncate(&loose, fstat_len(&memory().unwrap())).unwrap();
    assert!(open(&loose, Side::First).is_err());
    assert!(open(std::fs::File::open("/dev/zero").unwrap(), Side::First).is_err());
    let small = memfd_create("small", MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::fcntl_add_seals(&small, rustix::fs::SealFlags::SHRINK).unwrap();
    assert!(open(&small, Side::First).is_err());
}

fn fstat_len(memory: &std::os::fd::OwnedFd) -> u64 {
    rustix::fs::fstat(memory).unwrap().st_size as u64
}

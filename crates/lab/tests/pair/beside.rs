//! What may be carried beside the lab.

use sockeye_base::{Duration, Instant};
use sockeye_lab::{Capturing, Direction, Lab, LinkId, LinkSpec, Loss, OutsideId};

fn on_a_switch(second: LinkSpec) -> (Lab, [OutsideId; 2], [LinkId; 2]) {
    let mut lab = Lab::new(1);
    let switch = lab.add_switch("switch");
    let ways = [lab.add_outside(), lab.add_outside()];
    let first = lab.add_link(LinkSpec::new(ways[0], switch));
    let second = lab.add_link(LinkSpec { ends: [ways[1].into(), switch.into()], ..second });
    (lab, ways, [first, second])
}

fn perfect() -> LinkSpec {
    LinkSpec::new(OutsideId(0), OutsideId(0))
}

#[test]
fn only_links_that_do_nothing() {
    let both = |(lab, [a, b], _): &(Lab, [OutsideId; 2], [LinkId; 2])| {
        (lab.may_carry_beside(*a, *b), lab.may_carry_beside(*b, *a))
    };
    assert_eq!(both(&on_a_switch(perfect())), (true, true));
    let slow = perfect().with(Duration::from_millis(1), Loss::None);
    assert_eq!(both(&on_a_switch(slow)), (false, false));
    let lossy = Direction { loss: Loss::PerMillion(1), ..Direction::default() };
    let one_way = LinkSpec { directions: [Direction::default(), lossy], ..perfect() };
    assert_eq!(both(&on_a_switch(one_way)), (false, true));
    assert_eq!(both(&on_a_switch(LinkSpec { mtu: 9000, ..perfect() })), (false, false));

    let mut watched = on_a_switch(perfect());
    watched.0.capture(Capturing::Sent);
    assert_eq!(both(&watched), (false, false));
    watched.0.capture(Capturing::Nothing);
    assert_eq!(both(&watched), (true, true));
    watched.0.cut(watched.2[1], true);
    assert_eq!(both(&watched), (false, false));
    watched.0.cut(watched.2[1], false);
    assert_eq!(both(&watched), (true, true));
}

#[test]
fn they_are_neighbours() {
    let mut lab = Lab::new(1);
    let [a, b, c] = [(); 3].map(|()| lab.add_outside());
    assert!(!lab.may_carry_beside(a, b));
    lab.add_link(LinkSpec::new(a, b));
    assert!(lab.may_carry_beside(a, b) && lab.may_carry_beside(b, a));
    let switches = [lab.add_switch("one"), lab.add_switch("other")];
    lab.add_link(LinkSpec::new(c, switches[0]));
    assert!(!lab.may_carry_beside(a, c));
    let d = lab.add_outside();
    lab.add_link(LinkSpec::new(d, switches[1]));
    lab.add_link(LinkSpec::new(switches[0], switches[1]));
    assert!(!lab.may_carry_beside(c, d), "by two switches");
}

#[test]
fn what_is_carried_is_counted() {
    let (mut lab, [a, b], links) = on_a_switch(perfect());
    lab.carried_beside(a, b, (3, 3000));
    lab.carried_beside(b, a, (u64::MAX, u64::MAX));
    lab.carried_beside(b, a, (1, 1));
    lab.advance(Instant::ZERO);
    let carried = |link: LinkId, from: usize| {
        let carried = lab.links().nth(link.0).expect("a link").ways[from].carried;
        (carried.frames, carried.bytes)
    };
    assert_eq!((carried(links[0], 0), carried(links[1], 1)), ((3, 3000), (3, 3000)));
    assert_eq!((carried(links[1], 0), carried(links[0], 1)), ((u64::MAX, u64::MAX), (u64::MAX, u64::MAX)));
}

use super::*;

/// Seconds from 1900 to 1970.
const FROM_1900: u32 = 2_208_988_800;
/// When the network's wall clock begins: with the year 2026.
const EPOCH: u32 = 1_767_225_600;

/// What a service says on a connection, to its end.
fn says(world: &mut World, port: u16) -> Vec<u8> {
    let socket = world.connect((TEKAPO, port).into());
    let mut came = world.talk(socket, b"whatever\n", |_| true);
    world.shutdown(socket);
    came.extend(world.talk(socket, b"", |_| false));
    world.close(socket);
    came
}

#[test]
fn each_says_its_part() {
    let mut world = World::new();
    assert_eq!(says(&mut world, 37), (FROM_1900 + EPOCH).to_be_bytes());
    assert_eq!(says(&mut world, 13), b"Thu Jan  1 00:00:00 2026\r\n");
    let socket = world.connect((TEKAPO, 19).into());
    let mut lines = world.talk(socket, b"", |came| came.len() >= 200_000);
    lines.truncate(200_000);
    world.close(socket);
    assert_eq!((lines.len(), &lines[..4], &lines[72..78]), (200_000, &b" !\"#"[..], &b"\r\n!\"#$"[..]));
    assert_eq!(lines[..7030], lines[7030..14060]);
    assert_eq!(says(&mut world, 9), b"");
}

#[test]
fn and_in_datagrams() {
    let mut world = World::new();
    let mut ask = |port: u16| world.ask((TEKAPO6, port).into(), b"").map(|(answer, _)| answer);
    assert_eq!(ask(37), Some((FROM_1900 + EPOCH).to_be_bytes().to_vec()));
    assert_eq!(ask(13), Some(b"Thu Jan  1 00:00:00 2026\r\n".to_vec()));
    assert_eq!(ask(19).map(|line| (line.len(), line[0])), Some((74, b' ')));
    assert_eq!(ask(19).map(|line| (line.len(), line[0])), Some((74, b'!')));
    assert_eq!(ask(9), None);
}

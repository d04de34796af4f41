//! Of TCP: a connection, segments of all kinds, options.

use super::*;

pub(super) fn connection() -> Vec<Vec<u8>> {
    let stamps = [1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9];
    let syn = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
    let sack = |left: u32| {
        let mut option = stamps.to_vec();
        option.extend([1, 1, 5, 10]);
        option.extend(left.to_be_bytes());
        option.extend((left + 100).to_be_bytes());
        option
    };
    let (iss, irs) = (u32::MAX - 20, 5000);
    let (out, home) = ((40_001, 80), (80, 40_001));
    let get = b"GET /bytes/10 HTTP/1.1\r\nHost: tekapo\r\nAccept: */*\r\n\r\n";
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    let mut frames = Vec::new();
    frames.extend(tcp(out, (iss, 0), 2, &syn, b""));
    frames.extend(tcp(out, (iss, 0), 0xc2, &syn, b""));
    frames.extend(tcp(home, (irs, iss.wrapping_add(1)), 0x12, &syn, b"").map(back));
    frames.extend(tcp(out, (iss.wrapping_add(1), irs + 1), 0x10, &stamps, b""));
    frames.extend(tcp(out, (iss.wrapping_add(1), irs + 1), 0x18, &stamps, get));
    frames.extend(tcp(home, (irs + 1, iss.wrapping_add(50)), 0x18, &stamps, answer).map(back));
    frames.extend(
        tcp(home, (irs + 60, iss.wrapping_add(50)), 0x10, &sack(iss.wrapping_add(60)), b"").map(back),
    );
    frames.extend(tcp(out, (iss.wrapping_add(50), irs + 60), 0x10, &sack(irs + 100), b""));
    frames.extend(tcp(out, (iss.wrapping_add(50), irs + 60), 0x11, &stamps, b"bye"));
    frames.extend(tcp(out, (iss.wrapping_add(54), 0), 4, &[], b""));
    frames
}

pub(super) fn segments() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for flags in 0..=255 {
        let [first, second] = tcp(
            (4000, 5000 + u16::from(flags & 3)),
            (100, 200),
            flags,
            &[],
            &[b'x'; 3][..usize::from(flags % 3)],
        );
        frames.push(if flags % 2 == 0 { first } else { second });
    }
    let texts: [(u16, &[u8]); 24] = [
        (80, b"POST /a%20b HTTP/1.0\r\nA: b\r\n\r\nbody"),
        (8080, b"no request at all\r\n"),
        (80, b"HTTP/1.1 404"),
        (80, b"HTTP/1.1\t404 Not Found\n"),
        (80, b"get x\n"),
        (80, b"PUT /\x01\r\n"),
        (80, b"PUT /\r"),
        (80, b"PUT /\rx"),
        (80, b" PUT /\r\n"),
        (3128, b"GET / HTTP/1.1\r\n\r\n"),
        (25, b"220 mail\r\n250 ok\r\n"),
        (21, b"USER anonymous\r\n"),
        (21, b"\xff\xfe"),
        (43, b"example.org\r\n"),
        (22, b"SSH-2.0-OpenSSH_9.2\r\n"),
        (22, b"SSH-2.0"),
        (22, b"no"),
        (554, b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n"),
        (6379, b"*2\r\n$3\r\nGET\r\n$1\r\nx\r\n"),
        (6379, b"+OK\r\n:12\r\n-ERR no\r\n$-1\r\n*0\r\n$0\r\n\r\n"),
        (6379, b"PING\r\nPING\r\n"),
        (6379, b"$99\r\nx\r\n"),
        (6379, b"*-2\r\n$x\r\n$99999999999\r\n$5\r\n"),
        (6379, b"*1\r\n*1\r\n*1\r\n:1\r\n"),
    ];
    for (port, text) in texts {
        let [first, second] = tcp((40_100, port), (1, 1), 0x18, &[], text);
        frames.extend([first, back(second)]);
    }
    // Why, in words.
    for text in [&b"no such thing"[..], b"\x00\x7f\x80\xff\t", &[b'a'; 40]] {
        frames.extend(tcp((40_101, 81), (1, 1), 0x14, &[], text));
    }
    // Wrong in other ways.
    for offset in [0, 4, 6, 15] {
        let [mut first, mut second] = tcp((40_102, 82), (1, 1), 0x10, &[], b"abc");
        (first[46], second[66]) = (offset << 4, offset << 4);
        frames.extend([first, second]);
    }
    let [mut first, mut second] = tcp((40_103, 83), (1, 1), 0x30, &[], b"abc");
    (first[50], second[70]) = (9, 9);
    frames.extend([first, second]);
    frames
}

pub(super) fn options() -> Vec<Vec<u8>> {
    let options: [&[u8]; 46] = [
        &[2, 4, 5, 180],
        &[2, 6, 5, 180, 0, 0],
        &[2, 3, 5],
        &[2, 0],
        &[2, 1],
        &[2, 9],
        &[3, 3, 7],
        &[4, 2],
        &[5, 10, 0, 0, 0, 1, 0, 0, 0, 2],
        &[5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4],
        &[5, 9, 0, 0, 0, 1, 0, 0, 0],
        &[5, 2],
        &[6, 6, 0, 0, 0, 1],
        &[7, 6, 0, 0, 0, 1],
        &[8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
        &[8, 8, 0, 0, 0, 1, 0, 0],
        &[11, 6, 0, 0, 0, 9],
        &[12, 6, 0, 0, 0, 9],
        &[13, 6, 0, 0, 0, 9],
        &[19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
        &[20, 4, 1, 2],
        &[28, 4, 0x80, 3],
        &[28, 4, 0, 4],
        &[29, 4, 1, 2],
        &[29, 8, 1, 2, 3, 4, 5, 6],
        &[29, 3, 1],
        &[34, 2],
        &[34, 10, 1, 2, 3, 4, 5, 6, 7, 8],
        &[34, 5, 1, 2, 3],
        &[34, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18],
        &[254, 4, 0xf9, 0x89],
        &[254, 12, 0xf9, 0x89, 1, 2, 3, 4, 5, 6, 7, 8],
        &[254, 4, 0x12, 0x34],
        &[254, 3, 1],
        &[253, 4, 1, 2],
        &[77, 2],
        &[77, 5, 1, 2, 3],
        &[1],
        &[1, 1, 1, 1],
        &[0],
        &[1, 0, 2, 4],
        &[1, 1, 2],
        &[4, 2, 2, 2],
        &[1, 3, 4, 7, 7],
        &[69, 40],
        &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2],
    ];
    let each = options.iter().enumerate().flat_map(|(index, option)| {
        tcp(
            (30_000 + index as u16, 90),
            (7, 8),
            0x10 | (index & 2) as u8,
            option,
            &[b'x'; 2][..index % 3 / 2],
        )
    });
    each.collect()
}

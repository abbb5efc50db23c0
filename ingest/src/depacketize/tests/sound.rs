//! AAC and G.711.

use super::*;

/// A packet of AAC: headers of these sizes, then the data.
fn aac(sizes: &[u16], data: &[u8]) -> Vec<u8> {
    let mut out = (sizes.len() as u16 * 16).to_be_bytes().to_vec();
    out.extend(sizes.iter().flat_map(|size| (size << 3).to_be_bytes()));
    out.extend(data);
    out
}

fn heard(s: &mut Stream) -> Vec<(i64, u16, Vec<u8>)> {
    let units = s.units.drain(..);
    units
        .map(|u| (u.timestamp, u.lost, u.data.to_vec()))
        .collect()
}

#[test]
fn units_of_one_packet_follow_each_other() {
    let mut s = Stream::new(Depacketizer::aac(1024));
    s.send(true, 0, &aac(&[2, 3], b"abcde"));
    // Some leave the mark out.
    s.after(4, false, 2048, &aac(&[1], b"f"));
    assert_eq!(
        heard(&mut s),
        [
            (0, 0, b"ab".to_vec()),
            (1024, 0, b"cde".to_vec()),
            (2048, 4, b"f".to_vec())
        ]
    );
    assert!(s.errors().is_empty());
}

#[test]
fn fragments_make_one_unit() {
    let mut s = Stream::new(Depacketizer::aac(1024));
    s.send(false, 7, &aac(&[6], b"ab"));
    s.send(false, 7, &aac(&[6], b"cd"));
    s.send(true, 7, &aac(&[6], b"ef"));
    assert_eq!(heard(&mut s), [(7, 0, b"abcdef".to_vec())]);
    // One of them is lost: which, is not known.
    for lost in 0..3 {
        let parts: Vec<_> = [b"ab", b"cd", b"ef"].iter().enumerate().collect();
        let mut missing = 0;
        for (n, part) in parts {
            if n == lost {
                missing = 1;
                continue;
            }
            s.after(missing, n == 2, 8, &aac(&[6], *part));
            missing = 0;
        }
        s.after(missing, true, 9, &aac(&[1], b"g"));
        assert_eq!(heard(&mut s), [(9, 1, b"g".to_vec())], "{lost}");
        assert!(s.errors().is_empty());
    }
}

#[test]
fn packets_of_sound_that_make_no_sense() {
    for (odd, error) in [
        (vec![], Odd::Short),
        (vec![0], Odd::Short),
        (vec![0, 16], Odd::Short),
        (vec![0, 0, 1], Odd::Sound),
        (vec![0, 17, 0, 8, 1], Odd::Sound),
        (vec![0, 16, 0, 9, 1], Odd::Interleaved),
        // More than is there, where it cannot be a fragment.
        (aac(&[9], b"a"), Odd::Sound),
        (aac(&[1, 9], b"ab"), Odd::Sound),
    ] {
        let mut s = Stream::new(Depacketizer::aac(1024));
        s.send(true, 1, &odd);
        assert_eq!(s.errors(), [error.into()], "{odd:?}");
        heard(&mut s);
        s.send(true, 2, &aac(&[1], b"g"));
        assert_eq!(heard(&mut s).last().unwrap().2, b"g");
    }
    let mut s = Stream::new(Depacketizer::aac(1024));
    for odd in [aac(&[5], b"cd"), aac(&[4], b"cde"), aac(&[4], b"c")] {
        s.send(false, 1, &aac(&[4], b"ab")).send(true, 1, &odd);
        assert_eq!(s.errors(), [Odd::Sound.into()], "{odd:?}");
    }
    // Time goes on: the next one is whole.
    s.send(false, 1, &aac(&[4], b"ab"));
    s.send(true, 2, &aac(&[1], b"g"));
    assert_eq!(s.errors(), [Odd::Sound.into()]);
    assert_eq!(heard(&mut s).last().unwrap().2, b"g");
}

#[test]
fn g711_is_taken_as_it_comes() {
    let mut s = Stream::new(Depacketizer::g711());
    s.send(false, 1, b"abc")
        .send(true, 4, b"")
        .after(1, true, 4, b"d");
    assert_eq!(s.errors(), [Odd::Short.into()]);
    assert_eq!(
        heard(&mut s),
        [(1, 0, b"abc".to_vec()), (4, 2, b"d".to_vec())]
    );
}

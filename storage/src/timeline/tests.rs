use super::*;

fn w(s: i64) -> WallTime {
    WallTime::from_secs(s)
}

fn entries(list: &[(i64, i64)]) -> Vec<Entry> {
    list.iter()
        .enumerate()
        .map(|(n, (start, end))| Entry {
            start: w(*start),
            end: w(*end),
            sequence: n as u64,
            bytes: 1000,
            volume: 0,
            origin: Default::default(),
        })
        .collect()
}

fn draw_all(
    from: WallTime,
    to: WallTime,
    now: WallTime,
    feeds: &[Recorded],
    noted: Vec<(Profile, Gap)>,
) -> Timeline {
    draw(from, to, now, feeds, noted, |_| None)
}

fn feed(list: &[(i64, i64)]) -> Recorded {
    Recorded {
        profile: Profile::Main,
        entries: entries(list),
        waiting: None,
        recording: false,
    }
}

fn noted(start: i64, end: i64, code: ReasonCode) -> (Profile, Gap) {
    (
        Profile::Main,
        Gap {
            start: w(start),
            end: w(end),
            reason: Reason::new(code, ""),
        },
    )
}

/// As text: `+start-end` recorded, `start-end code` not.
fn show(t: &Timeline) -> Vec<String> {
    let spans = t
        .spans
        .iter()
        .map(|s| format!("+{}-{}", s.start.0 / 1_000_000, s.end.0 / 1_000_000));
    let gaps = t.gaps.iter().map(|g| {
        format!(
            "{}-{} {}",
            g.start.0 / 1_000_000,
            g.end.0 / 1_000_000,
            g.reason.code.as_str()
        )
    });
    spans.chain(gaps).collect()
}

#[test]
fn neighbours_join_and_every_hole_has_a_reason() {
    let f = feed(&[(100, 160), (161, 220), (300, 360)]);
    let gaps = vec![
        noted(220, 299, ReasonCode::Cut),
        noted(360, 380, ReasonCode::Refused),
    ];
    let t = draw_all(w(90), w(400), w(1000), &[f], gaps);
    assert_eq!(
        show(&t),
        [
            "+100-220",
            "+300-360",
            "90-100 not-recording",
            "220-300 cut",
            "360-380 refused",
            "380-400 not-recording"
        ]
    );
}

#[test]
fn spans_are_clipped_with_their_bytes_in_proportion() {
    let t = draw_all(w(115), w(130), w(1000), &[feed(&[(100, 160)])], Vec::new());
    assert_eq!(show(&t), ["+115-130"]);
    assert_eq!(t.spans[0].bytes, 250);
}

#[test]
fn a_short_hole_that_was_noted_is_told() {
    let f = feed(&[(100, 160), (161, 220)]);
    let t = draw_all(
        w(100),
        w(220),
        w(1000),
        &[f],
        vec![noted(160, 161, ReasonCode::DiskSlow)],
    );
    assert_eq!(show(&t), ["+100-160", "+161-220", "160-161 disk-slow"]);
}

#[test]
fn the_present_is_what_is_held_or_what_is_waited_for_and_the_future_is_neither() {
    let mut f = feed(&[(100, 160)]);
    f.recording = true;
    let t = draw_all(w(100), w(500), w(165), &[f], Vec::new());
    assert_eq!(show(&t), ["+100-165"]);
    let mut f = feed(&[(100, 160)]);
    f.recording = true;
    f.waiting = Some((w(160), Reason::new(ReasonCode::NoRoute, "")));
    let t = draw_all(
        w(100),
        w(500),
        w(300),
        &[f],
        vec![noted(160, 220, ReasonCode::NoRoute)],
    );
    assert_eq!(show(&t), ["+100-160", "160-300 no-route"]);
}

#[test]
fn the_sub_stream_covers_what_the_main_one_does_not() {
    let mut sub = feed(&[(100, 300)]);
    sub.profile = Profile::Sub;
    let t = draw_all(
        w(100),
        w(300),
        w(1000),
        &[feed(&[(150, 200)]), sub],
        Vec::new(),
    );
    assert_eq!(show(&t), ["+100-300", "+150-200"]);
}

#[test]
fn what_lies_on_a_disk_that_is_not_there_is_told_apart_and_is_no_gap() {
    let mut f = feed(&[(100, 160), (160, 220), (220, 280)]);
    f.entries[1].volume = 2;
    let gone = |volume| (volume == 2).then(|| Reason::new(ReasonCode::DiskError, "volume 2"));
    let t = draw(w(100), w(280), w(1000), &[f], Vec::new(), gone);
    assert!(t.gaps.is_empty(), "{t:?}");
    let spans: Vec<_> = t
        .spans
        .iter()
        .map(|s| (s.start, s.end, s.unavailable.is_some()))
        .collect();
    assert_eq!(
        spans,
        [
            (w(100), w(160), false),
            (w(160), w(220), true),
            (w(220), w(280), false)
        ]
    );
}

use super::{rank::PRIORITIES, *};
use media::{CameraId, Profile, ReasonCode};
use proptest::prelude::*;
use std::time::Duration;

fn feed(n: u32) -> FeedId {
    let camera: CameraId = format!("4414030013200{n:07}").parse().unwrap();
    FeedId {
        camera,
        profile: Profile::Main,
    }
}

fn region(code: &str) -> RegionCode {
    code.parse().unwrap()
}

const HERE: &str = "441403102201";
const THERE: &str = "441403102202";
const TOWN: &str = "441403102";

fn link(code: &str, mega: u64) -> Link {
    Link {
        capacity: BitRate::megabits(mega),
        share: 1.0,
        ..Link::usual(region(code), format!("link {code}"))
    }
}

fn tree() -> Vec<Link> {
    vec![
        link(HERE, 10),
        link(THERE, 10),
        link(TOWN, 15),
        link("441403", 100),
    ]
}

fn links() -> Links {
    Links::new(tree())
}

fn of(links: &Links, code: &str) -> LinkUse {
    let code = region(code);
    links.uses().into_iter().find(|l| l.id == code).unwrap()
}

/// Whoever must end, without where.
fn feeds(ousted: Vec<Ousted>) -> Vec<FeedId> {
    ousted.into_iter().map(|o| o.feed).collect()
}

const MEGA: fn(u64) -> BitRate = BitRate::megabits;

#[test]
fn a_refusal_names_the_link_and_what_holds_it() {
    let (mut links, now) = (links(), Instant::now());
    let village = region(HERE);
    for n in 0..2 {
        let got = links.admit(now, feed(n), village, MEGA(4), Priority::Recording);
        assert_eq!(got, Ok(vec![]));
    }
    let refused = links
        .admit(now, feed(2), village, MEGA(4), Priority::Viewer)
        .unwrap_err();
    assert_eq!(
        refused.reason().text,
        "link 'link 441403102201' (441403102201) has no room for 4.0 Mbit/s: 8.0 Mbit/s of 10.0 Mbit/s are held by 2 recording"
    );
    assert_eq!(refused.reason().code, ReasonCode::LinkBudget);
    let small = links.admit(now, feed(2), village, MEGA(1), Priority::Viewer);
    assert_eq!(small, Ok(vec![]));
    assert_eq!(of(&links, TOWN).refused, 0);
    let village = of(&links, HERE);
    assert_eq!((village.refused, village.pulls.len()), (1, 3));
    assert_eq!(village.refused_by, [(Priority::Viewer, 1)].into());
    assert_eq!(village.up, Some(region(TOWN)));
}

#[test]
fn the_least_urgent_gives_way_and_no_more_than_needed() {
    let (mut links, now) = (links(), Instant::now());
    let (here, there) = (region(HERE), region(THERE));
    let mut admit = |n, at, rate, priority| {
        let told = links.admit(now, feed(n), at, MEGA(rate), priority);
        told.map(feeds).map_err(|r| r.link)
    };
    admit(1, here, 6, Priority::Viewer).unwrap();
    admit(2, here, 2, Priority::Diagnosis).unwrap();
    admit(3, there, 7, Priority::Recording).unwrap();
    // The village has 2 left and the town none: the viewer alone frees both, so the diagnosis may stay.
    assert_eq!(admit(4, here, 6, Priority::Incident), Ok(vec![feed(1)]));
    // Of the same urgency nobody gives way.
    assert_eq!(admit(5, here, 9, Priority::Incident), Err(here));
    // What nobody uses gives way to anybody; but what the refused one waits for is not taken while it may still ask.
    links.set_priority(feed(2), None);
    assert!(
        links
            .admit(now, feed(6), here, MEGA(2), Priority::Diagnosis)
            .is_err()
    );
    let later = now + Duration::from_secs(31);
    let told = links.admit(later, feed(6), here, MEGA(2), Priority::Diagnosis);
    assert_eq!(told.map(feeds), Ok(vec![feed(2)]));
    let gave_way = (of(&links, HERE).gave_way, of(&links, TOWN).gave_way);
    assert_eq!(gave_way, (1, 1), "where there was no room");
}

#[test]
fn a_stream_that_grows_is_given_what_it_takes_and_the_least_urgent_gives_way() {
    let (mut links, now) = (links(), Instant::now());
    let village = region(HERE);
    let admit = |links: &mut Links, n, rate, priority| {
        links.admit(now, feed(n), village, MEGA(rate), priority)
    };
    admit(&mut links, 1, 4, Priority::Recording).unwrap();
    admit(&mut links, 2, 2, Priority::Viewer).unwrap();
    admit(&mut links, 3, 1, Priority::Viewer).unwrap();
    // A burst is none.
    for _ in 0..2 {
        assert_eq!(links.measured(feed(1), MEGA(9)), []);
    }
    assert_eq!(links.measured(feed(1), MEGA(4)), []);
    assert_eq!(of(&links, HERE).reserved, MEGA(7));
    let grow = |links: &mut Links, n, rate| {
        let told: Vec<_> = (0..GROWN)
            .flat_map(|_| links.measured(feed(n), MEGA(rate)))
            .collect();
        feeds(told)
    };
    assert_eq!(grow(&mut links, 1, 6), [], "there is room");
    assert_eq!(of(&links, HERE).reserved, MEGA(9));
    assert_eq!(grow(&mut links, 1, 8), [feed(2)], "the larger viewer");
    assert_eq!(grow(&mut links, 3, 3), [feed(3)], "the one that grew");
    assert_eq!(grow(&mut links, 1, 40), [feed(1)], "more than the link has");
    let village = of(&links, HERE);
    assert_eq!((village.reserved, village.pulls.len()), (BitRate(0), 0));
    assert_eq!((village.corrected, village.gave_way), (4, 3));
}

#[test]
fn a_guess_that_was_too_much_is_given_back() {
    let (mut links, now) = (links(), Instant::now());
    links
        .admit(now, feed(1), region(HERE), MEGA(4), Priority::Viewer)
        .unwrap();
    links.shrink(feed(1), MEGA(5));
    assert_eq!(of(&links, TOWN).reserved, MEGA(4), "it never takes more");
    links.shrink(feed(1), MEGA(2));
    assert_eq!(of(&links, TOWN).reserved, MEGA(2));
    links.end(feed(1));
    assert_eq!(of(&links, TOWN).reserved, BitRate(0));
}

#[test]
fn a_link_that_shrinks_ends_the_least_urgent_and_one_set_to_zero_ends_all() {
    let (mut links, now) = (links(), Instant::now());
    let village = region(HERE);
    for (n, rate, priority) in [
        (1, 4, Priority::Recording),
        (2, 4, Priority::Viewer),
        (3, 2, Priority::Wall),
    ] {
        links
            .admit(now, feed(n), village, MEGA(rate), priority)
            .unwrap();
    }
    let with = |mega| {
        let mut tree = tree();
        tree[0].capacity = MEGA(mega);
        tree
    };
    let told = links.set(with(6), WeekMinute::default());
    assert_eq!(feeds(told), [feed(2)]);
    let told = links.set(with(0), WeekMinute::default());
    assert_eq!(feeds(told), [feed(1), feed(3)]);
    let refused = links
        .admit(now, feed(4), village, BitRate(1), Priority::Incident)
        .unwrap_err();
    assert_eq!((refused.link, refused.budget), (village, BitRate(0)));
    // The town below which it lies has given everything back.
    assert_eq!(of(&links, TOWN).reserved, BitRate(0));
    // Nothing at all passes even a link of nothing.
    let none = links.admit(now, feed(5), village, BitRate(0), Priority::Viewer);
    assert_eq!(none, Ok(vec![]));
}

#[test]
fn office_hours_take_room_away_and_give_it_back() {
    let mut village = link(HERE, 10);
    village.schedule = vec![Slot {
        days: 0x1f,
        from_min: 480,
        to_min: 1080,
        share: 0.5,
    }];
    let at = |hour: i64| WeekMinute::of(media::WallTime::from_secs(4 * 86_400 + hour * 3600), 0);
    let (mut links, now) = (Links::at(vec![village], at(7)), Instant::now());
    let pull = |links: &mut Links, n| {
        links.admit(now, feed(n), region(HERE), MEGA(4), Priority::Recording)
    };
    pull(&mut links, 1).unwrap();
    pull(&mut links, 2).unwrap();
    assert_eq!(feeds(links.set_time(at(8))), [feed(1)]);
    assert_eq!(of(&links, HERE).budget, MEGA(5));
    assert!(pull(&mut links, 1).is_err());
    assert_eq!(links.set_time(at(18)), []);
    pull(&mut links, 1).unwrap();
}

#[test]
fn a_detour_is_followed_and_a_link_that_would_lead_to_itself_is_named() {
    let mut tree = tree();
    tree.push(link("441403103", 20));
    tree[0].via = Some(region("441403103"));
    assert_eq!(Links::fault(&tree), None);
    let (mut links, now) = (Links::new(tree.clone()), Instant::now());
    links
        .admit(now, feed(1), region(HERE), MEGA(4), Priority::Viewer)
        .unwrap();
    assert_eq!(of(&links, TOWN).reserved, BitRate(0));
    assert_eq!(of(&links, "441403103").reserved, MEGA(4));
    let path: Vec<_> = links
        .uses_of(region(HERE))
        .into_iter()
        .map(|l| l.id)
        .collect();
    assert_eq!(path, [region(HERE), region("441403103"), region("441403")]);
    // Under itself, and under what lies under it.
    tree[0].via = Some(region(HERE));
    assert_eq!(Links::fault(&tree).map(|(id, _)| id), Some(region(HERE)));
    tree[0].via = None;
    tree[2].via = Some(region(HERE));
    let (id, text) = Links::fault(&tree).unwrap();
    assert!(id == region(HERE) || id == region(TOWN), "{id}");
    assert!(text.text.contains("would lead to itself"), "{text}");
    // And where it is set all the same, it leads nowhere: no path is endless, and the pull goes on.
    assert_eq!(links.set(tree, WeekMinute::default()), []);
    assert_eq!(links.uses_of(region(HERE)).len(), 2);
    assert!(links.holds(feed(1)));
}

#[test]
fn a_region_that_is_deleted_leaves_its_cameras_on_the_links_above() {
    let (mut links, now) = (links(), Instant::now());
    links
        .admit(now, feed(1), region(HERE), MEGA(4), Priority::Recording)
        .unwrap();
    links
        .admit(now, feed(2), region(THERE), MEGA(9), Priority::Viewer)
        .unwrap();
    let told = links.set(tree().split_off(1), WeekMinute::default());
    assert_eq!(told, []);
    assert_eq!(of(&links, TOWN).reserved, MEGA(13));
    assert_eq!(links.uses_of(region(HERE)).len(), 2);
    // Back again: the same pull is held on it again.
    assert_eq!(links.set(tree(), WeekMinute::default()), []);
    assert_eq!(of(&links, HERE).reserved, MEGA(4));
    links.end(feed(1));
    assert_eq!(of(&links, HERE).reserved, BitRate(0));
    assert_eq!(of(&links, TOWN).reserved, MEGA(9));
}

#[test]
fn a_camera_that_moves_takes_its_room_along() {
    let (mut links, now) = (links(), Instant::now());
    links
        .admit(now, feed(1), region(HERE), MEGA(6), Priority::Viewer)
        .unwrap();
    links
        .admit(now, feed(2), region(THERE), MEGA(5), Priority::Viewer)
        .unwrap();
    let told = links.set_region(feed(1), region(THERE));
    assert_eq!(feeds(told), [feed(1)], "it is the one that came");
    assert_eq!(of(&links, HERE).reserved, BitRate(0));
    assert_eq!(of(&links, THERE).reserved, MEGA(5));
    assert_eq!(links.set_region(feed(9), region(THERE)), []);
}

#[test]
fn who_watches_for_events_gives_way_to_a_recording_and_to_no_viewer() {
    let (mut links, now) = (links(), Instant::now());
    let village = region(HERE);
    let mut admit = |n, rate, priority| links.admit(now, feed(n), village, MEGA(rate), priority);
    admit(1, 4, Priority::Recording).unwrap();
    admit(2, 3, Priority::Tagging).unwrap();
    admit(3, 3, Priority::Viewer).unwrap();
    let seen = admit(4, 3, Priority::Viewer).unwrap_err();
    assert_eq!(seen.holders[&Priority::Tagging], 1);
    // The viewer first, then the tagger; the recording that was there stays.
    assert_eq!(
        admit(5, 6, Priority::Recording).map(feeds),
        Ok(vec![feed(2), feed(3)])
    );
    assert!(admit(2, 3, Priority::Tagging).is_err());
    links.end(feed(5));
    let back = links.admit(now, feed(2), village, MEGA(3), Priority::Tagging);
    assert_eq!(back, Ok(vec![]));
}

#[test]
fn what_is_released_is_set_aside_for_who_was_refused_first() {
    let (mut links, mut now) = (links(), Instant::now());
    let village = region(HERE);
    for n in 0..5 {
        links
            .admit(now, feed(n), village, MEGA(2), Priority::Viewer)
            .unwrap();
    }
    let big = links.admit(now, feed(9), village, MEGA(6), Priority::Viewer);
    assert!(big.is_err());
    for n in 0..3 {
        now += Duration::from_secs(5);
        links.end(feed(n));
        let small = links.admit(now, feed(20 + n), village, MEGA(2), Priority::Viewer);
        let set_aside = small.unwrap_err().set_aside;
        // Those who were refused for its sake stand behind it.
        assert_eq!(set_aside, MEGA(6 + 2 * u64::from(n)));
        let more = links.admit(now, feed(9), village, MEGA(6), Priority::Viewer);
        assert_eq!(more.is_ok(), n == 2);
    }
    // More urgent ones do not stand in line.
    let urgent = links.admit(now, feed(30), village, MEGA(4), Priority::Recording);
    assert_eq!(urgent.map(|told| told.len()), Ok(1));
}

#[test]
fn nothing_is_set_aside_for_ever_for_one_who_never_fits_or_has_gone() {
    let (mut links, mut now) = (links(), Instant::now());
    let village = region(HERE);
    links
        .admit(now, feed(1), village, MEGA(8), Priority::Viewer)
        .unwrap();
    // More than the whole link: no claim at all.
    assert!(
        links
            .admit(now, feed(2), village, MEGA(11), Priority::Viewer)
            .is_err()
    );
    links
        .admit(now, feed(3), village, MEGA(1), Priority::Viewer)
        .unwrap();
    assert!(
        links
            .admit(now, feed(4), village, MEGA(5), Priority::Viewer)
            .is_err()
    );
    assert!(
        links
            .admit(now, feed(5), village, MEGA(1), Priority::Viewer)
            .is_err()
    );
    // It never asked again.
    now += Duration::from_secs(31);
    links
        .admit(now, feed(5), village, MEGA(1), Priority::Viewer)
        .unwrap();
}

#[derive(Clone, Debug)]
enum Step {
    Admit(u32, usize, u64, usize),
    End(u32),
    Measured(u32, u64),
    Idle(u32),
    Move(u32, usize),
    Set(u64, u64, bool),
    Time(u16),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let feed = 0u32..12;
    let rate = 0u64..12_000_000;
    prop_oneof![
        8 => (feed.clone(), 0usize..3, rate.clone(), 0usize..PRIORITIES.len()).prop_map(|(f, v, r, p)| Step::Admit(f, v, r, p)),
        2 => feed.clone().prop_map(Step::End),
        6 => (feed.clone(), 0u64..u64::MAX).prop_map(|(f, r)| Step::Measured(f, if r % 8 == 0 { r } else { r % 12_000_000 })),
        2 => feed.clone().prop_map(Step::Idle),
        2 => (feed, 0usize..3).prop_map(|(f, v)| Step::Move(f, v)),
        1 => (0u64..12, 0u64..20, any::<bool>()).prop_map(|(v, t, d)| Step::Set(v, t, d)),
        1 => (0u16..10_080).prop_map(Step::Time),
        2 => (0u64..40).prop_map(Step::Pass),
    ]
}

const VILLAGES: [&str; 3] = [HERE, THERE, "441403102203"];

proptest! {
    #[test]
    fn no_link_exceeds_its_budget_and_release_gives_back_exactly(steps in proptest::collection::vec(step(), 0..120)) {
        let (mut links, mut now) = (links(), Instant::now());
        for step in steps {
            let before = links.clone();
            let ended = match step {
                Step::Admit(f, v, r, p) => match links.admit(now, feed(f), region(VILLAGES[v]), BitRate(r), PRIORITIES[p]) {
                    Ok(told) => {
                        for victim in &told {
                            prop_assert!(before.pulls[&victim.feed].rank < p + 1);
                        }
                        prop_assert!(links.holds(feed(f)));
                        told
                    }
                    Err(refusal) => {
                        prop_assert!(links.by_code.contains_key(&refusal.link));
                        prop_assert_eq!(before.pulls.keys().collect::<Vec<_>>(), links.pulls.keys().collect::<Vec<_>>());
                        Vec::new()
                    }
                },
                Step::End(f) => { links.end(feed(f)); Vec::new() }
                Step::Measured(f, r) => links.measured(feed(f), BitRate(r)),
                Step::Idle(f) => { links.set_priority(feed(f), None); Vec::new() }
                Step::Move(f, v) => links.set_region(feed(f), region(VILLAGES[v])),
                Step::Set(v, t, detour) => {
                    let mut tree = tree();
                    tree[0].capacity = MEGA(v);
                    tree[2].capacity = MEGA(t);
                    // Sometimes under itself.
                    tree[2].via = detour.then(|| region(HERE));
                    tree[1].schedule = vec![Slot { days: 0x7f, from_min: 0, to_min: 720, share: 0.5 }];
                    links.set(tree, WeekMinute::default())
                }
                Step::Time(minute) => links.set_time(WeekMinute::of(media::WallTime::from_secs(i64::from(minute) * 60), 0)),
                Step::Pass(s) => { now += Duration::from_secs(s); Vec::new() }
            };
            for ousted in ended {
                prop_assert!(!links.holds(ousted.feed));
            }
            for link in links.uses() {
                prop_assert!(link.reserved <= link.budget, "{:?}", link);
                let sum: u64 = link.pulls.iter().map(|p| p.rate.0).sum();
                prop_assert_eq!(sum, link.reserved.0);
                let state = &links.links[links.by_code[&link.id]];
                prop_assert_eq!(state.held.iter().sum::<u64>(), link.reserved.0);
            }
        }
        for f in 0..12 { links.end(feed(f)); }
        prop_assert!(links.uses().iter().all(|l| l.reserved == BitRate(0) && l.pulls.is_empty()));
    }

    /// Everybody asks every five seconds, holds what it got for a while, and begins again at once: nobody is passed over for ever.
    #[test]
    fn nobody_starves_inside_a_priority(
        askers in proptest::collection::vec((0usize..2, 500_000u64..10_000_000, 1u64..20), 2..10),
    ) {
        if let Some(passed_over) = passed_over(&askers) {
            prop_assert!(false, "{}", passed_over);
        }
    }
}

/// Three of which one at a time fits: two of one village, and one of the other, whose links lack room for the second by turns.
#[test]
fn who_lacks_two_links_by_turns_is_served() {
    let askers = [(1, 5_674_178, 17), (1, 5_674_178, 1), (0, 9_325_823, 19)];
    assert_eq!(passed_over(&askers), None);
}

/// An hour of askers: the village, the rate, and for how long they hold what they got. Who waited longer than may be?
fn passed_over(askers: &[(usize, u64, u64)]) -> Option<String> {
    let (mut links, start) = (links(), Instant::now());
    let mut waits = vec![0u64; askers.len()];
    let mut holding = vec![None; askers.len()];
    // All in line before one, each served within a spell of its own and one in which nothing is set aside.
    let bound = 60 * (askers.len() as u64 + 1);
    for second in 0..3600u64 {
        let now = start + Duration::from_secs(second);
        for (n, (village, rate, stay)) in askers.iter().enumerate() {
            let id = feed(n as u32);
            if holding[n].is_some_and(|until| second >= until) {
                links.end(id);
                holding[n] = None;
            }
            if holding[n].is_none() && second % 5 == n as u64 % 5 {
                let village = region(VILLAGES[*village]);
                let got = links.admit(now, id, village, BitRate(*rate), Priority::Viewer);
                if got.is_ok() {
                    holding[n] = Some(second + stay);
                    waits[n] = second;
                }
            }
            if holding[n].is_none() && second - waits[n] > bound {
                return Some(format!("{n} waits since {}", waits[n]));
            }
        }
    }
    None
}

//! What an incident and its tasks may do, and what their log tells.

use super::*;
use proptest::prelude::*;

fn id(n: u32) -> EventId {
    EventId { at: 1, number: n }
}

fn open(n: u32) -> Change {
    Change::Open(Box::new(Opening {
        id: id(n),
        day: "20261123".into(),
        by: "li".into(),
        title: "water over the road".into(),
        kind: "flood".into(),
        grade: Grade::III,
        region: "441403".parse().unwrap(),
        place: None,
        cameras: Vec::new(),
        event: None,
        note: String::new(),
    }))
}

fn step(incidents: &mut Incidents, to: Stage, note: &str) -> Result<(), Error> {
    let change = Change::Transition {
        id: id(1),
        by: "wang".into(),
        to,
        note: note.into(),
        from: None,
    };
    incidents.check(&change)?;
    incidents.apply(WallTime::from_secs(9), change);
    Ok(())
}

fn start(orders: Vec<Order>) -> Change {
    Change::Start {
        id: id(1),
        by: "wang".into(),
        plan: "flood".into(),
        name: "Flood".into(),
        orders,
        cameras: vec!["44140300001326000001".parse().unwrap()],
        tell: vec!["li".into()],
        wall: None,
        key: None,
    }
}

#[test]
fn an_incident_goes_its_way_and_its_log_tells_it() {
    let mut all = Incidents::default();
    all.apply(WallTime::from_secs(1), open(1));
    step(&mut all, Stage::Verified, "").unwrap();
    step(&mut all, Stage::Graded, "").unwrap();
    assert!(matches!(
        step(&mut all, Stage::Planned, ""),
        Err(Error::Field { field: "to", .. })
    ));
    make(&mut all, 9, start(Vec::new())).unwrap();
    step(&mut all, Stage::Handling, "").unwrap();
    assert!(matches!(
        step(&mut all, Stage::Closed, " "),
        Err(Error::Field { field: "note", .. })
    ));
    step(&mut all, Stage::Closed, "water is gone").unwrap();
    step(&mut all, Stage::Filed, "").unwrap();
    let i = all.get(&id(1)).unwrap();
    assert_eq!(i.number, "20261123-0001");
    assert_eq!(i.closed_at, Some(WallTime::from_secs(9)));
    let told: Vec<_> = i.log.iter().filter_map(|e| e.to).collect();
    assert_eq!(told, Stage::ALL);
}

#[test]
fn an_illegal_step_says_what_would_be_legal() {
    let mut all = Incidents::default();
    all.apply(WallTime::from_secs(1), open(1));
    let error = step(&mut all, Stage::Filed, "x").unwrap_err();
    assert_eq!(
        error.to_string(),
        "an incident that is reported cannot become filed; it can become verified or closed"
    );
}

#[test]
fn numbers_count_within_a_day() {
    let mut all = Incidents::default();
    for n in 1..=3 {
        all.apply(WallTime::from_secs(1), open(n));
    }
    assert_eq!(all.get(&id(3)).unwrap().number, "20261123-0003");
}

proptest! {
    /// Whatever steps are asked for: the log is a walk along the table, and replaying accepted changes gives the same.
    #[test]
    fn the_log_is_a_walk_along_the_table(steps in proptest::collection::vec(0usize..7, 0..30)) {
        let mut all = Incidents::default();
        let mut accepted = vec![open(1)];
        all.apply(WallTime::from_secs(9), open(1));
        for s in steps {
            let change = Change::Transition { id: id(1), by: "a".into(), to: Stage::ALL[s], note: "n".into(), from: None };
            if all.check(&change).is_ok() {
                accepted.push(change.clone());
                all.apply(WallTime::from_secs(9), change);
            }
        }
        let i = all.get(&id(1)).unwrap().clone();
        for pair in i.log.windows(2) {
            prop_assert_eq!(pair[1].from, pair[0].to);
            prop_assert!(pair[1].from.unwrap().next().contains(&pair[1].to.unwrap()));
        }
        let mut again = Incidents::default();
        for change in accepted {
            again.apply(WallTime::from_secs(9), change);
        }
        prop_assert_eq!(again.get(&id(1)).unwrap(), &i);
    }
}

fn order(owner: &str, deadline_s: Option<u32>) -> Order {
    Order {
        title: "close the bridge".into(),
        detail: String::new(),
        owner: owner.into(),
        deadline: deadline_s.map(|s| WallTime::from_secs(s.into())),
        place: None,
    }
}

fn make(all: &mut Incidents, at: u32, change: Change) -> Result<(), Error> {
    all.check(&change)?;
    all.apply(WallTime::from_secs(at.into()), change);
    Ok(())
}

fn give(all: &mut Incidents, owner: &str, deadline_s: Option<u32>) -> Result<(), Error> {
    let change = Change::Give {
        id: id(1),
        by: "wang".into(),
        order: order(owner, deadline_s),
        key: None,
    };
    make(all, 2, change)
}

fn take(by: &str, step: Step) -> Change {
    Change::Step {
        id: id(1),
        task: 1,
        by: by.into(),
        step,
        owner: (step == Step::Reassign).then(|| "zhao".into()),
        revision: None,
        words: Words::from(String::from("words")),
    }
}

fn with_task() -> Incidents {
    let mut all = Incidents::default();
    all.apply(WallTime::from_secs(1), open(1));
    give(&mut all, "chen", Some(100)).unwrap();
    all
}

fn progress(all: &Incidents) -> Progress {
    all.get(&id(1)).unwrap().task(1).unwrap().progress()
}

#[test]
fn a_task_goes_out_and_comes_back_done() {
    let mut all = with_task();
    let life = [
        ("chen", Step::Acknowledge, Progress::Acknowledged),
        ("chen", Step::Begin, Progress::Underway),
        ("wang", Step::Urge, Progress::Underway),
        ("chen", Step::FeedBack, Progress::FedBack),
        ("chen", Step::Submit, Progress::Review),
        ("wang", Step::SendBack, Progress::SentBack),
        ("chen", Step::Submit, Progress::Review),
        ("wang", Step::Approve, Progress::Done),
    ];
    for (by, step, after) in life {
        make(&mut all, 5, take(by, step)).unwrap();
        assert_eq!(progress(&all), after);
    }
    let incident = all.get(&id(1)).unwrap();
    let task = incident.task(1).unwrap();
    assert_eq!(
        (task.urged, task.ended_at),
        (1, Some(WallTime::from_secs(5)))
    );
    let told: Vec<Step> = incident.log.iter().filter_map(|e| e.step).collect();
    assert_eq!(told, life.map(|(_, step, _)| step));
}

#[test]
fn nobody_acknowledges_or_reviews_for_another() {
    let mut all = with_task();
    let error = make(&mut all, 3, take("wang", Step::Acknowledge)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "'acknowledge' is for chen, whose task it is"
    );
    for step in [Step::Acknowledge, Step::Begin, Step::Submit] {
        make(&mut all, 3, take("chen", step)).unwrap();
    }
    let error = make(&mut all, 3, take("chen", Step::Approve)).unwrap_err();
    assert!(matches!(error, Error::NotYours { .. }));
}

#[test]
fn the_second_of_two_at_once_is_told_how_far_the_task_is() {
    let mut all = with_task();
    make(&mut all, 3, take("wang", Step::Withdraw)).unwrap();
    let error = make(&mut all, 3, take("li", Step::Reassign)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a task that is withdrawn cannot take the step 'reassign'; it can take nothing else"
    );
}

#[test]
fn a_new_owner_begins_at_the_beginning() {
    let mut all = with_task();
    make(&mut all, 3, take("chen", Step::Acknowledge)).unwrap();
    make(&mut all, 4, take("wang", Step::Reassign)).unwrap();
    let incident = all.get(&id(1)).unwrap();
    let task = incident.task(1).unwrap();
    assert_eq!(task.order.owner, "zhao");
    assert_eq!(task.acknowledged_at, None);
    assert_eq!(incident.log.last().unwrap().note, "→ zhao words");
    assert!(make(&mut all, 5, take("chen", Step::Acknowledge)).is_err());
    make(&mut all, 5, take("zhao", Step::Acknowledge)).unwrap();
}

#[test]
fn a_deadline_that_passes_is_noted_once() {
    let mut all = with_task();
    assert!(all.overdue(WallTime::from_secs(99)).is_empty());
    let late = all.overdue(WallTime::from_secs(100));
    assert_eq!(late.len(), 1);
    for change in late {
        make(&mut all, 100, change).unwrap();
    }
    assert!(all.overdue(WallTime::from_secs(200)).is_empty());
    let incident = all.get(&id(1)).unwrap();
    assert_eq!(
        incident.task(1).unwrap().overdue_at,
        Some(WallTime::from_secs(100))
    );
    assert_eq!(incident.log.last().unwrap().action, Action::Overdue);
}

#[test]
fn a_plan_is_started_whole_and_once() {
    let mut all = Incidents::default();
    all.apply(WallTime::from_secs(1), open(1));
    let mut bad = order("chen", None);
    bad.title.clear();
    assert!(make(&mut all, 2, start(vec![order("li", None), bad])).is_err());
    assert!(all.get(&id(1)).unwrap().tasks.is_empty());
    make(
        &mut all,
        2,
        start(vec![order("li", None), order("chen", Some(50))]),
    )
    .unwrap();
    let incident = all.get(&id(1)).unwrap();
    assert_eq!((incident.tasks.len(), incident.cameras.len()), (2, 1));
    let again = make(&mut all, 3, start(vec![order("li", None)]));
    assert_eq!(again, Err(Error::Started("Flood".into())));
}

#[test]
fn what_is_sent_twice_is_written_once() {
    let mut all = with_task();
    let note = || Change::Note {
        id: id(1),
        by: "chen".into(),
        words: Words {
            note: "water is rising".into(),
            key: Some("phone-7".into()),
            ..Words::default()
        },
    };
    make(&mut all, 3, note()).unwrap();
    assert_eq!(
        make(&mut all, 4, note()),
        Err(Error::Repeated("phone-7".into()))
    );
    // A step that was taken already is no fault either when it comes again.
    let mut step = take("chen", Step::Acknowledge);
    if let Change::Step { words, .. } = &mut step {
        words.key = Some("phone-8".into());
    }
    make(&mut all, 5, step.clone()).unwrap();
    assert_eq!(
        make(&mut all, 6, step),
        Err(Error::Repeated("phone-8".into()))
    );
}

#[test]
fn an_incident_is_not_closed_over_open_tasks() {
    let mut all = with_task();
    let error = step(&mut all, Stage::Closed, "all good").unwrap_err();
    assert!(matches!(error, Error::OpenTasks { open: 1, .. }));
    make(&mut all, 3, take("wang", Step::Withdraw)).unwrap();
    step(&mut all, Stage::Closed, "all good").unwrap();
    assert!(matches!(
        give(&mut all, "chen", None),
        Err(Error::Over { .. })
    ));
}

#[test]
fn who_comes_second_to_a_task_is_told_who_was_first() {
    let mut all = with_task();
    let as_seen = |by: &str, step, seen| {
        let mut change = take(by, step);
        if let Change::Step { revision, .. } = &mut change {
            *revision = Some(seen);
        }
        change
    };
    make(&mut all, 3, as_seen("wang", Step::Reassign, 0)).unwrap();
    let error = make(&mut all, 4, as_seen("li", Step::Reassign, 0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "task 1 has moved on: wang took the step 'reassign' at 1970-01-01T00:00:03.000000Z; it is assigned now"
    );
    make(&mut all, 5, as_seen("li", Step::Reassign, 1)).unwrap();
    let stale = Change::Transition {
        id: id(1),
        by: "li".into(),
        to: Stage::Verified,
        note: String::new(),
        from: Some(Stage::Reported),
    };
    make(&mut all, 6, stale.clone()).unwrap();
    assert!(matches!(
        make(&mut all, 7, stale),
        Err(Error::Stale {
            now: Stage::Verified,
            ..
        })
    ));
}

#[test]
fn what_was_closed_too_early_goes_back_with_a_reason() {
    let mut all = Incidents::default();
    all.apply(WallTime::from_secs(1), open(1));
    step(&mut all, Stage::Closed, "all good").unwrap();
    assert!(matches!(
        step(&mut all, Stage::Handling, ""),
        Err(Error::Field { field: "note", .. })
    ));
    step(&mut all, Stage::Handling, "it rains again").unwrap();
    assert_eq!(all.get(&id(1)).unwrap().closed_at, None);
}

#[test]
fn a_journal_from_before_there_were_grades_of_their_own_keeps_its_way() {
    // Verified, graded anew, a plan started, handled: as old versions wrote it, with no stages between.
    let mut all = Incidents::default();
    all.apply(WallTime::from_secs(1), open(1));
    step(&mut all, Stage::Verified, "").unwrap();
    let grade = Change::Grade {
        id: id(1),
        by: "wang".into(),
        grade: Grade::I,
        note: "the dam".into(),
    };
    make(&mut all, 2, grade).unwrap();
    assert_eq!(all.get(&id(1)).unwrap().state, Stage::Graded);
    step(&mut all, Stage::Handling, "").unwrap();
    // A plan that was started before anybody verified it leaves that to be done.
    let mut all = Incidents::default();
    all.apply(WallTime::from_secs(1), open(1));
    make(&mut all, 2, start(Vec::new())).unwrap();
    step(&mut all, Stage::Verified, "").unwrap();
    step(&mut all, Stage::Handling, "").unwrap();
}

#[test]
fn reports_are_numbered_and_who_is_told_says_so_once() {
    let mut all = Incidents::default();
    all.apply(WallTime::from_secs(1), open(1));
    let report = |text: &str| Change::Report {
        id: id(1),
        by: "wang".into(),
        words: Words::from(String::from(text)),
    };
    assert!(make(&mut all, 2, report("")).is_err());
    make(&mut all, 2, report("water at 2 m")).unwrap();
    make(&mut all, 3, report("water at 1 m")).unwrap();
    let seen = |by: &str| Change::Seen {
        id: id(1),
        by: by.into(),
    };
    assert!(make(&mut all, 4, seen("li")).is_err());
    make(&mut all, 4, start(Vec::new())).unwrap();
    make(&mut all, 5, seen("li")).unwrap();
    make(&mut all, 6, seen("li")).unwrap();
    let incident = all.get(&id(1)).unwrap();
    let numbers: Vec<u32> = incident.log.iter().filter_map(|e| e.report).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(incident.told[0].seen_at, Some(WallTime::from_secs(5)));
    let seen = incident.log.iter().filter(|e| e.action == Action::Seen);
    assert_eq!(seen.count(), 1);
}

#[test]
fn words_name_only_pictures_that_are_kept() {
    let mut all = with_task();
    let hash = "ab".repeat(32) + ".jpg";
    let note = |attachments: Vec<String>| Change::Note {
        id: id(1),
        by: "chen".into(),
        words: Words {
            attachments,
            ..Words::default()
        },
    };
    let attach = |name: &str| Change::Attach {
        id: id(1),
        attachment: Box::new(Attachment {
            id: name.into(),
            kind: AttachmentKind::Photo,
            media_type: "image/jpeg".into(),
            bytes: 3,
            width: Some(1),
            height: Some(1),
            place: None,
            taken: None,
            by: "chen".into(),
            at: WallTime::from_secs(3),
        }),
    };
    assert!(make(&mut all, 3, note(vec![hash.clone()])).is_err());
    assert!(make(&mut all, 3, attach("../../etc/passwd")).is_err());
    make(&mut all, 3, attach(&hash)).unwrap();
    make(&mut all, 3, attach(&hash)).unwrap();
    assert_eq!(all.get(&id(1)).unwrap().attachments.len(), 1);
    make(&mut all, 4, note(vec![hash])).unwrap();
}

#[test]
fn a_guest_is_welcome_until_the_time_or_until_shut_out() {
    let mut all = Incidents::default();
    all.apply(WallTime::from_secs(1), open(1));
    let guest = Invitation {
        name: "fire brigade".into(),
        until: WallTime::from_secs(100),
        secret_sha256: "00".into(),
    };
    let (by, guest) = (String::from("wang"), guest);
    make(
        &mut all,
        2,
        Change::Invite {
            id: id(1),
            by: by.clone(),
            guest,
        },
    )
    .unwrap();
    let first = |all: &Incidents| all.get(&id(1)).unwrap().guests[0].clone();
    assert!(first(&all).is_welcome(WallTime::from_secs(99)));
    assert!(!first(&all).is_welcome(WallTime::from_secs(100)));
    make(
        &mut all,
        3,
        Change::Uninvite {
            id: id(1),
            by,
            guest: 1,
        },
    )
    .unwrap();
    assert!(!first(&all).is_welcome(WallTime::from_secs(50)));
    assert!(
        !serde_json::to_string(&first(&all))
            .unwrap()
            .contains("secret")
    );
}

#[test]
fn a_journal_from_before_there_were_tasks_is_read() {
    let old = r#"{"note":{"id":"0000000000000001-0001","by":"li","note":"seen"}}"#;
    let id_text = serde_json::to_string(&id(1)).unwrap();
    let old = old.replace("\"0000000000000001-0001\"", &id_text);
    let change: Change = serde_json::from_str(&old).unwrap();
    let Change::Note { by, words, .. } = change else {
        panic!("not a note");
    };
    assert_eq!((by.as_str(), words.note.as_str()), ("li", "seen"));
}

proptest! {
    /// Whatever steps whoever asks for: a task's log is a walk along the table, and the journal gives the same again.
    #[test]
    fn a_tasks_log_is_a_walk_along_the_table(
        asked in proptest::collection::vec((0usize..10, 0usize..3), 0..40),
    ) {
        let mut all = with_task();
        let mut again = with_task();
        for (step, by) in asked {
            let change = take(["chen", "wang", "zhao"][by], Step::ALL[step]);
            if make(&mut all, 9, change.clone()).is_ok() {
                let text = serde_json::to_string(&change).unwrap();
                again.apply(WallTime::from_secs(9), serde_json::from_str(&text).unwrap());
            }
        }
        let incident = all.get(&id(1)).unwrap();
        let mut at = Progress::Assigned;
        for taken in incident.log.iter().filter_map(|e| e.step) {
            at = at.after(taken).unwrap();
        }
        prop_assert_eq!(at, incident.task(1).unwrap().progress());
        prop_assert_eq!(again.get(&id(1)).unwrap(), incident);
    }
}

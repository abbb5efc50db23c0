//! Scores the tagger on labelled clips: `cargo run -p tagger --example score -- CLIP.mp4 [LABELS.csv] ...`
//!
//! Labels are `start_s,end_s,label` with `motion` or `still`; without a file given, the one beside the clip. Every `motion` row
//! must be overlapped by a motion finding, no `still` row may be.

use std::path::{Path, PathBuf};

use media::EventKind;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from).peekable();
    while let Some(clip) = arguments.next() {
        let given = arguments.next_if(|a| a.extension().is_some_and(|e| e == "csv"));
        let labels = given.unwrap_or_else(|| clip.with_extension("csv"));
        score(&clip, &labels)?;
    }
    Ok(())
}

fn score(clip: &Path, labels: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let began = std::time::Instant::now();
    let findings = tagger::tag_file(clip)?;
    let took = began.elapsed();
    let (mut found, mut motion, mut wrong, mut still) = (0, 0, 0, 0);
    let mut notes = String::new();
    for line in std::fs::read_to_string(labels).unwrap_or_default().lines() {
        let Some((start, rest)) = line.split_once(',') else {
            continue;
        };
        let (Ok(start), Some((end, label))) = (start.parse::<f64>(), rest.split_once(',')) else {
            continue;
        };
        let end: f64 = end.parse()?;
        let over: Vec<_> = findings
            .iter()
            .filter(|f| f.kind == EventKind::Motion && f.start_s < end && f.end_s > start)
            .collect();
        if label.trim() == "motion" {
            motion += 1;
            found += usize::from(!over.is_empty());
            if over.is_empty() {
                notes += &format!("  missed {start} to {end}\n");
            }
        } else {
            still += 1;
            wrong += usize::from(!over.is_empty());
            for f in over {
                notes += &format!(
                    "  still {start} to {end}, but {:.2} to {:.2}\n",
                    f.start_s, f.end_s
                );
            }
        }
    }
    println!(
        "{}: motion {found}/{motion}, still tagged {wrong}/{still}, {took:.1?}",
        clip.display()
    );
    print!("{notes}");
    if std::env::var_os("VERBOSE").is_some() || motion + still == 0 {
        for f in &findings {
            println!("  {} {:.2} to {:.2}", f.kind.as_str(), f.start_s, f.end_s);
        }
    }
    for f in findings.iter().filter(|f| f.kind != EventKind::Motion) {
        println!(
            "  also {} {:.2} to {:.2}",
            f.kind.as_str(),
            f.start_s,
            f.end_s
        );
    }
    Ok(())
}

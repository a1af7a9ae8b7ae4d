//! `b3lb-sim placement` as its user calls it.

use std::process::{Command, Output};

fn placement(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_b3lb-sim")).arg("placement").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn policies_are_compared_in_a_table_in_csv_and_in_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let (csv, plots) = (dir.path().join("runs.csv"), dir.path().join("plots"));
    let scenario = ["--scenario", "three-instances", "--policy", "ledger", "--policy", "oracle", "--seeds", "2"];
    let files = ["--csv", csv.to_str().unwrap(), "--plots", plots.to_str().unwrap()];
    let output = placement(&[&scenario[..], &files].concat());
    let out = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for word in ["## three-instances", "ρ mean", "regret", "oracle", "1.000 ± 0.000", "## goals"] {
        assert!(out.contains(word), "{word}: {out}");
    }
    let runs = std::fs::read_to_string(csv).unwrap();
    let begins: Vec<String> = runs.lines().map(|line| line.split(',').take(3).collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "scenario policy seed",
        "three-instances ledger 1",
        "three-instances oracle 1",
        "three-instances ledger 2",
        "three-instances oracle 2",
    ];
    assert_eq!(begins, expected);
    assert!(std::fs::read_to_string(plots.join("regret.svg")).unwrap().starts_with("<svg"));
}

#[test]
fn what_there_is_not_is_refused_with_what_there_is() {
    for (arguments, says) in [
        (["--scenario", "noon"], "there is no scenario \"noon\", but steady, top-of-the-hour"),
        (["--policy", "luck"], "there is no policy \"luck\", but ledger, classic, original"),
        (["--seeds", "0"], "0 is not in 1..=10000"),
    ] {
        let output = placement(&arguments);
        assert!(output.status.code() == Some(2) && text(&output.stderr).contains(says), "{}", text(&output.stderr));
    }
    let output =
        placement(&["--scenario", "three-instances", "--policy", "random", "--seeds", "1", "--csv", "/nowhere/x"]);
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("cannot write /nowhere/x"));
}

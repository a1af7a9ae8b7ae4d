use std::process::Command;

#[test]
fn every_step_of_the_demo_holds() {
    let output = Command::new(env!("CARGO_BIN_EXE_b3lb")).args(["demo", "--once"]).env_clear().output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("All 11 steps held."), "{text}");
}

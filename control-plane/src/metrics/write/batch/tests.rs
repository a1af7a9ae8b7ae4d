use super::*;

const NOW: u64 = 1_795_401_732_164;

fn parse_batch(text: &str) -> Batch {
    Batch::parse(text.as_bytes(), Precision::Milliseconds, NOW)
}

#[test]
fn of_all_that_an_agent_measures_two_numbers_matter() {
    let lines = include_bytes!("../../../../tests/recorded/influxdb/telegraf/request-3.lp");
    let point = |kind, value| Point {
        host: "https://bbb1.example.org/bigbluebutton".into(),
        kind,
        time: 1_795_401_400_000,
        value,
    };
    let points = [point(Kind::CpuIdle, 99.59899749373697), point(Kind::MemUsed, 1.981681157240866)].into();
    assert_eq!(Batch::parse(lines, Precision::Nanoseconds, NOW), Batch { points, refusal: None });
}

#[test]
fn the_first_bad_line_is_told_and_else_how_many_fields_are_no_numbers() {
    let text = "mem used_percent=\"x\"\nmem used_percent=t\nmem used_percent=4\n";
    let conflict = Refusal::FieldType { measurement: "mem", field: "used_percent", kind: "string", dropped: 2 };
    let points = Vec::from([Point { host: "".into(), kind: Kind::MemUsed, time: NOW, value: 4.0 }]);
    assert_eq!(parse_batch(text), Batch { points, refusal: Some(conflict) });
    let refusal = parse_batch(&format!("{text}bad\nworse\n")).refusal.map(|refusal| refusal.to_string());
    assert_eq!(refusal.as_deref(), Some("unable to parse 'bad': missing fields"));
}

#[test]
fn strange_times_and_hosts_are_no_trouble() {
    let times = |text: &str| parse_batch(text).points.iter().map(|point| point.time).collect::<Vec<_>>();
    assert_eq!(times("mem used_percent=4 -1\nmem used_percent=4"), [0, NOW]);
    let seconds = Batch::parse(b"mem used_percent=4 9223372036854775807", Precision::Seconds, NOW);
    assert_eq!(seconds.points[0].time, i64::MAX as u64);
    let host = "h".repeat(HOST_LENGTH_MAX + 1);
    assert_eq!(parse_batch(&format!("mem,b3lb_host={host} used_percent=4")), Batch { points: vec![], refusal: None });
}

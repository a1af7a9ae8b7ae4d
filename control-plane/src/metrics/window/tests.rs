use super::*;

const NOW: u64 = 1_795_401_732_164;
const RANGE: Duration = Duration::from_secs(300);

fn point(host: &str, kind: Kind, age: u64, value: f64) -> Point {
    Point { host: host.into(), kind, time: NOW - age, value }
}

fn cpu(age: u64, idle: f64) -> Point {
    point("a", Kind::CpuIdle, age, idle)
}

/// What a window with these points, taken at `NOW`, says at `now`.
fn samples(points: impl IntoIterator<Item = Point>, now: u64) -> HashMap<String, Sample> {
    let mut window = Window::new(RANGE);
    for point in points {
        assert_eq!(window.insert(point, NOW), Fate::Kept);
    }
    window.samples(now)
}

/// What becomes of a point in an empty window.
fn fate(point: Point) -> Fate {
    Window::new(RANGE).insert(point, NOW)
}

#[test]
fn points_in_any_order_and_twice_make_the_same_sample() {
    let mem = |age, used| point("a", Kind::MemUsed, age, used);
    let orderly = [cpu(90_000, 10.0), cpu(30_000, 20.0), cpu(0, 40.0), mem(30_000, 50.0), mem(0, 51.0)];
    let expected = Sample {
        cpu_mean: Some(100.0 - 70.0 / 3.0),
        cpu_recent: Some(70.0),
        mem_mean: Some(50.5),
        measured_at: Some(NOW),
    };
    assert_eq!(samples(orderly.clone(), NOW), [("a".to_owned(), expected)].into());
    let twice = orderly.iter().rev().chain(&orderly).cloned();
    assert_eq!(samples(twice, NOW), [("a".to_owned(), expected)].into());
}

#[test]
fn a_point_sent_again_replaces_what_it_said_before() {
    let corrected = samples([cpu(0, 10.0), cpu(0, 30.0)], NOW);
    assert_eq!(corrected["a"].cpu_mean, Some(70.0));
}

#[test]
fn only_points_of_the_range_count() {
    let points = [cpu(300_000, 10.0), cpu(200_000, 20.0)];
    assert_eq!(samples(points.clone(), NOW)["a"].cpu_mean, Some(85.0));
    let later = &samples(points.clone(), NOW + 1)["a"];
    assert_eq!((later.cpu_mean, later.cpu_recent, later.measured_at), (Some(80.0), None, Some(NOW - 200_000)));
    assert_eq!(samples(points, NOW + 100_001), [].into());
    assert_eq!([fate(cpu(300_001, 1.0)), fate(cpu(NOW, 1.0))], [Fate::TooOld; 2]);
}

#[test]
fn a_clock_that_is_ahead_is_waited_for_and_one_that_is_wrong_is_not() {
    let ahead = |milliseconds| Point { time: NOW + milliseconds, ..cpu(0, 50.0) };
    assert_eq!(samples([ahead(60_000)], NOW), [].into());
    assert_eq!(samples([ahead(60_000)], NOW + 60_000)["a"].measured_at, Some(NOW + 60_000));
    assert_eq!([fate(ahead(60_001)), fate(ahead(u64::MAX - NOW))], [Fate::TooEarly; 2]);
}

#[test]
fn percentages_stay_within_their_bounds() {
    let sample = samples([cpu(0, 100.000001), point("a", Kind::MemUsed, 0, 1e300)], NOW)["a"];
    assert_eq!((sample.cpu_mean, sample.mem_mean), (Some(0.0), Some(100.0)));
}

#[test]
fn hosts_and_points_are_bounded_and_the_newest_points_stay() {
    let mut window = Window::new(RANGE);
    let host = |number: usize| point(&number.to_string(), Kind::CpuIdle, 300_000, 50.0);
    for number in 0..HOSTS_MAX {
        assert_eq!(window.insert(host(number), NOW), Fate::Kept);
    }
    assert_eq!(window.insert(host(HOSTS_MAX), NOW), Fate::TooManyHosts);
    assert_eq!(window.insert(host(0), NOW), Fate::Kept);
    assert_eq!(window.samples(NOW).len(), HOSTS_MAX);
    // They have been silent for long enough, so that there is room for another host.
    assert_eq!(window.insert(cpu(0, 50.0), NOW + 1), Fate::Kept);
    assert_eq!(window.samples(NOW + 1).into_keys().collect::<Vec<_>>(), ["a"]);

    let many = (0..POINTS_MAX as u64).flat_map(|index| [cpu(index, 10.0), cpu(index + 100_000, 90.0)]);
    assert_eq!(samples(many, NOW)["a"].cpu_mean, Some(90.0));
}

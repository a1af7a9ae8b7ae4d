//! The machine under an instance: how loaded it is by what goes on, and how telegraf's `cpu`, `mem` and `net` report that.
//!
//! The model. A BigBlueButton of 8 cores and 16 GiB holds about 200 people in classes: each costs a little for being there, more for
//! a microphone, more again while talking; what costs most is the webcams, each of which is sent to everybody else in its meeting. A
//! class of fifteen with four webcams takes about 8 % of the cpu, so that twelve of them fill the machine. Memory follows the number
//! of users. Readings jitter by a seed.

use crate::site::Census;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::fmt::Write;
use std::time::Duration;

const CORES: usize = 8;
const MEMORY: u64 = 16 * 1024 * 1024 * 1024;

/// Bytes a second of a webcam, 400 kbit/s.
const WEBCAM_RATE: u64 = 50_000;

/// Bytes a second of somebody's audio.
const AUDIO_RATE: u64 = 5_000;

/// What busy time is spent on; the rest of it is `usage_system`.
const BUSY: [(&str, f64); 4] =
    [("usage_user", 0.65), ("usage_softirq", 0.08), ("usage_iowait", 0.02), ("usage_nice", 0.01)];

/// States that a virtual machine without guests and thieves is never in.
const IDLE_STATES: [&str; 4] = ["usage_irq", "usage_steal", "usage_guest", "usage_guest_nice"];

/// Fields of `mem` that say nothing about load: their value in thousandths of the whole memory.
const MEMORY_FIELDS: [(&str, u64); 29] = [
    ("active", 40),
    ("buffered", 2),
    ("cached", 90),
    ("commit_limit", 500),
    ("committed_as", 60),
    ("dirty", 1),
    ("high_free", 0),
    ("high_total", 0),
    ("huge_page_size", 0),
    ("huge_pages_free", 0),
    ("huge_pages_total", 0),
    ("inactive", 65),
    ("low_free", 0),
    ("low_total", 0),
    ("mapped", 5),
    ("page_tables", 1),
    ("shared", 1),
    ("slab", 12),
    ("sreclaimable", 10),
    ("sunreclaim", 2),
    ("swap_cached", 0),
    ("swap_free", 0),
    ("swap_total", 0),
    ("total", 1000),
    ("vmalloc_chunk", 0),
    ("vmalloc_total", 2000),
    ("vmalloc_used", 1),
    ("write_back", 0),
    ("write_back_tmp", 0),
];

/// A machine with a telegraf on it.
#[derive(Debug)]
pub(super) struct Machine {
    b3lb_host: String,
    host: String,
    rng: StdRng,
    /// `cpu` needs two readings to tell what happened in between.
    read_before: bool,
    bytes_sent: u64,
    bytes_received: u64,
}

impl Machine {
    /// One whose lines carry this `b3lb_host`.
    pub(super) fn new(b3lb_host: &str, seed: u64) -> Self {
        let (rng, host) = (StdRng::seed_from_u64(seed), format!("bbb-{seed}"));
        Self { b3lb_host: escape(b3lb_host), host, rng, read_before: false, bytes_sent: 0, bytes_received: 0 }
    }

    /// The lines of one reading at `now`, `since` the last.
    pub(super) fn read(&mut self, census: Census, now: u64, since: Duration) -> Vec<String> {
        let cpu = if self.read_before { self.cpu(census) } else { Vec::new() };
        self.read_before = true;
        let readings = [self.net(census, since), self.memory(census)].into_iter().chain(cpu);
        // `round_interval` and `precision` of the configuration: whole seconds, written in ns.
        let time = if since >= Duration::from_secs(1) { now / 1000 * 1000 } else { now } * 1_000_000;
        readings.map(|reading| format!("{reading} {time}\n")).collect()
    }

    /// Lines of `cpu0` and so on, then their mean as `cpu-total`, all without a time.
    fn cpu(&mut self, census: Census) -> Vec<String> {
        let busy = busy(census);
        let cores: Vec<f64> = (0..CORES).map(|_| (busy * self.rng.random_range(0.9..1.1)).clamp(0.1, 100.0)).collect();
        let total = cores.iter().sum::<f64>() / CORES as f64;
        let named = cores.iter().enumerate().map(|(number, core)| (format!("cpu{number}"), *core));
        let named = named.chain([("cpu-total".to_owned(), total)]);
        let line = |(name, busy): (String, f64)| {
            let mut line = format!("cpu,b3lb_host={},cpu={name},host={} ", self.b3lb_host, self.host);
            let named: f64 = BUSY.iter().map(|(_, share)| share).sum();
            for (field, share) in BUSY {
                put(&mut line, field, format_args!("{}", busy * share));
            }
            put(&mut line, "usage_system", format_args!("{}", busy * (1.0 - named)));
            put(&mut line, "usage_idle", format_args!("{}", 100.0 - busy));
            for field in IDLE_STATES {
                put(&mut line, field, format_args!("0"));
            }
            line
        };
        named.map(line).collect()
    }

    fn memory(&mut self, census: Census) -> String {
        let percent = (memory(census) * self.rng.random_range(0.99..1.01)).clamp(0.0, 100.0);
        let used = (MEMORY as f64 * percent / 100.0) as u64;
        let mut line = format!("mem,b3lb_host={},host={} ", self.b3lb_host, self.host);
        put(&mut line, "used_percent", format_args!("{percent}"));
        put(&mut line, "available_percent", format_args!("{}", 100.0 - percent));
        let free = (MEMORY - used) / 2;
        for (field, bytes) in [("used", used), ("available", MEMORY - used), ("free", free)] {
            put(&mut line, field, format_args!("{bytes}i"));
        }
        for (field, share) in MEMORY_FIELDS {
            put(&mut line, field, format_args!("{}i", MEMORY / 1000 * share));
        }
        line
    }

    fn net(&mut self, census: Census, since: Duration) -> String {
        let (webcams, voices) = (census.webcams as u64, census.voices as u64);
        let sent = census.streams as u64 * WEBCAM_RATE + census.users as u64 * AUDIO_RATE;
        let received = webcams * WEBCAM_RATE + voices * AUDIO_RATE;
        self.bytes_sent += sent * since.as_millis() as u64 / 1000;
        self.bytes_received += received * since.as_millis() as u64 / 1000;
        let mut line = format!("net,b3lb_host={},host={},interface=eth0 ", self.b3lb_host, self.host);
        for (name, bytes) in [("sent", self.bytes_sent), ("recv", self.bytes_received)] {
            put(&mut line, &format!("bytes_{name}"), format_args!("{bytes}i"));
            put(&mut line, &format!("packets_{name}"), format_args!("{}i", bytes / 1000));
        }
        for field in ["err_in", "err_out", "drop_in", "drop_out"] {
            put(&mut line, field, format_args!("0i"));
        }
        put(&mut line, "speed", format_args!("-1i"));
        line
    }
}

/// Percent of the cpu that is not idle.
fn busy(census: Census) -> f64 {
    let cost = [
        (census.meetings, 0.3),
        (census.users, 0.15),
        (census.voices, 0.1),
        (census.talking, 0.8),
        (census.streams, 0.06),
    ];
    2.0 + cost.iter().map(|(count, each)| *count as f64 * each).sum::<f64>()
}

/// Percent of the memory that is used.
fn memory(census: Census) -> f64 {
    25.0 + census.users as f64 * 0.15 + census.meetings as f64 * 0.2
}

/// Appends a field; the first follows the blank that ends the tags.
fn put(line: &mut String, field: &str, value: std::fmt::Arguments<'_>) {
    let comma = if line.ends_with(' ') { "" } else { "," };
    // Writing into a text cannot fail.
    let _ = write!(line, "{comma}{field}={value}");
}

/// A tag's value, in which blanks, commas and equal signs are escaped.
fn escape(tag: &str) -> String {
    tag.replace(',', "\\,").replace(' ', "\\ ").replace('=', "\\=")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// What tells one kind of line from another: the measurement and the tags, but for the values that a machine has of its own,
    /// and the fields with their types.
    fn shape(line: &str) -> (Vec<String>, BTreeSet<(String, bool)>) {
        let mut words = line.split(' ');
        let tags = words.next().unwrap().split(',').map(|tag| match tag.split_once('=') {
            Some((name @ ("b3lb_host" | "host"), _)) => name.to_owned(),
            _ => tag.to_owned(),
        });
        let fields = words.next().unwrap().split(',').map(|field| {
            let (name, value) = field.split_once('=').unwrap();
            (name.to_owned(), value.ends_with('i'))
        });
        (tags.collect(), fields.collect())
    }

    #[test]
    fn readings_have_the_shape_of_a_real_telegrafs() {
        let mut machine = Machine::new("https://bbb1.example.org/bigbluebutton", 1);
        let ten = Duration::from_secs(10);
        let mut read = || machine.read(Census::default(), 1_795_401_380_123, ten);
        let (first, second) = (read(), read());
        let recorded = |text: &str| text.lines().map(shape).collect::<Vec<_>>();
        let mut simulated: Vec<_> = first.iter().map(|line| shape(line)).collect();
        assert_eq!(simulated, recorded(include_str!("../../tests/telegraf/request-1.lp")), "no cpu at first");

        simulated = second.iter().map(|line| shape(line)).filter(|(tags, _)| !more_cores(tags)).collect();
        simulated.sort();
        let mut expected = recorded(include_str!("../../tests/telegraf/request-3.lp"));
        expected.sort();
        assert_eq!(simulated, expected);
        assert!(second.iter().all(|line| line.ends_with(" 1795401380000000000\n")), "{second:?}");
    }

    /// The machine of the recording had two.
    fn more_cores(tags: &[String]) -> bool {
        tags.iter().any(|tag| tag.strip_prefix("cpu=cpu").and_then(|n| n.parse().ok()).is_some_and(|n: u32| n > 1))
    }

    #[test]
    fn the_load_follows_what_goes_on() {
        let class = Census { meetings: 1, users: 15, voices: 12, talking: 1, webcams: 4, streams: 56 };
        let twelve = Census { meetings: 12, users: 180, voices: 144, talking: 9, webcams: 48, streams: 672 };
        assert!((7.0..12.0).contains(&busy(class)), "{}", busy(class));
        assert!((90.0..110.0).contains(&busy(twelve)), "{}", busy(twelve));
        assert!((50.0..60.0).contains(&memory(twelve)), "{}", memory(twelve));
    }
}

mod keys;

use super::*;
use crate::settings::{AdminCompat, Log, LogFormat, Policy, Tls};
use bbb::Secret;
use std::time::Duration;

/// A configuration that lacks nothing.
const MINIMUM: &str = "admin: {api_key: key}\n";

/// The layout that the original documents: empty keys, comments, the marks of a document.
const ORIGINAL: &str = "\
---
bigbluebutton:
  secret: 0ol5t44UR21rrP0xL5ou7IBFumWF3GENebgW1RyTfbU # for frontends
admin:
  api_key: kgpqrTipM2yjcXwz5pOxBKViE9oNX76R
balancer:
  metrics_range: -5m
  cpu_limit: 100
  mem_limit: 100
port: 8090
redis: # none
  address:
  password:
  database: 0
influxdb:
  address:
  token:\u{20}
  organization:
  bucket:
...

";

fn loaded(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("b3lb.yaml");
    std::fs::write(&path, text).unwrap();
    let environment = environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let prefix = format!("{}/", dir.path().display());
    load(Some(&path), environment).map_err(|error| error.to_string().replace(&prefix, ""))
}

fn settings(text: &str, environment: &[(&str, &str)]) -> Settings {
    loaded(text, environment).unwrap().settings
}

fn with_key() -> Settings {
    let mut settings = Settings::default();
    settings.admin.api_key = Some(Secret::new("key"));
    settings
}

#[test]
fn the_configuration_of_the_original_is_read_as_it_stands() {
    let mut expected = Settings { port: 8090, ..Settings::default() };
    expected.bigbluebutton.secret = Some(Secret::new("0ol5t44UR21rrP0xL5ou7IBFumWF3GENebgW1RyTfbU"));
    expected.admin.api_key = Some(Secret::new("kgpqrTipM2yjcXwz5pOxBKViE9oNX76R"));
    let loaded = loaded(ORIGINAL, &[]).unwrap();
    assert_eq!((loaded.settings, loaded.warnings), (expected, Vec::new()));
}

#[test]
fn both_spellings_and_both_section_names_mean_the_same() {
    let camel = "bigblueswarm: {secret: s, recordingsPollInterval: 1m}\nadmin: {apiKey: key}\nbalancer: {metricsRange: -3m, cpuLimit: 90, memLimit: 80.5}";
    let snake = "bigbluebutton: {secret: s, recordings_poll_interval: 60s}\nadmin: {api_key: key}\nbalancer: {metrics_range: 3m, cpu_limit: 90.0, mem_limit: 80.5}";
    let mut expected = with_key();
    expected.bigbluebutton.secret = Some(Secret::new("s"));
    expected.bigbluebutton.recordings_poll_interval = Duration::from_secs(60);
    expected.balancer.metrics_range = Duration::from_secs(180);
    expected.balancer.cpu_limit = 90.0;
    expected.balancer.mem_limit = 80.5;
    assert_eq!(settings(snake, &[]), expected);
    // Its telegraf plugin may count meetings by their label.
    expected.bigbluebutton.labels_for_swarm = true;
    // And so may its command line call.
    expected.admin.compat = AdminCompat::BigBlueSwarm;
    assert_eq!(settings(camel, &[]), expected);
}

#[test]
fn keys_of_the_originals_that_mean_nothing_here_earn_a_warning() {
    let text =
        "admin: {api_key: key, url: http://b3lb}\npostgres:\n  password: hunter2\nbalancer: {aggregationInterval: 10s}";
    let warnings = loaded(text, &[]).unwrap().warnings;
    let reasons: Vec<_> = warnings.iter().map(|warning| (&*warning.key, &*warning.reason)).collect();
    assert_eq!(
        reasons,
        [
            ("admin.url", "has no meaning: operators reach the control plane at control_plane.listen"),
            ("postgres", "has no meaning: there is no such database here"),
            ("balancer.aggregationInterval", "has no meaning: limits are counted from what runs, not from metrics"),
        ]
    );
}

#[test]
fn a_secret_is_the_text_that_stands_there() {
    for (text, secret) in [
        ("0123", "0123"),
        ("1e5", "1e5"),
        ("yes", "yes"),
        ("'null'", "null"),
        ("0x1F", "0x1F"),
        ("\" a b \"", " a b "),
        ("|-\n    s", "s"),
    ] {
        let settings = settings(&format!("{MINIMUM}bigbluebutton:\n  secret: {text}\n"), &[]);
        assert_eq!(settings.bigbluebutton.secret, Some(Secret::new(secret)), "{text}");
    }
}

/// Texts that are no configuration at all, or break off.
const MALFORMED: &[(&str, &str)] = &[
    ("", "b3lb.yaml: there is nothing in it"),
    ("# a comment\n", "b3lb.yaml: there is nothing in it"),
    ("---\n...\n", "b3lb.yaml: there is nothing in it"),
    ("a text\n", "b3lb.yaml: a configuration consists of keys and values, such as `port: 8080`"),
    ("- a\n- list\n", "b3lb.yaml: a configuration consists of keys and values, such as `port: 8080`"),
    ("[a]: 5\n", "b3lb.yaml:1: a configuration consists of keys and values, such as `port: 8080`"),
    (
        "admin:\n  api_key: hunter2\n api_key: hunter3\n",
        "b3lb.yaml:3: no valid YAML: while parsing a block mapping, did not find expected key",
    ),
    ("admin:\n  api_key: \"hunter2\n", "b3lb.yaml:2: no valid YAML: unclosed quote"),
    ("admin:\n  api_key: @hunter2\n", "b3lb.yaml:2: no valid YAML: unexpected character: `@'"),
    (
        "admin:\n  api_key: *hunter2\n",
        "b3lb.yaml:2: an alias whose anchor does not exist; texts that begin with * need quotes",
    ),
    ("admin:\n  api_key: !hunter2\n", "b3lb.yaml:2: a tag that means nothing; texts that begin with ! need quotes"),
    ("admin:\n  api_key: !!int hunter2\n", "b3lb.yaml:2: admin.api_key: one value belongs here"),
    ("admin:\n  api_key: hunter2: x\n", "b3lb.yaml:2: no valid YAML: mapping values are not allowed in this context"),
    (
        "admin:\n\tapi_key: hunter2\n",
        "b3lb.yaml:2: no valid YAML: tabs disallowed within this context (block indentation)",
    ),
    ("port: 1\n---\nport: 1\n", "b3lb.yaml:3: a second document begins here; a configuration is one"),
];

/// Keys that there are not, or that stand twice.
const KEYS_WRONG: &[(&str, &str)] = &[
    (
        "balancer:\n  cpu_limt: 90\n",
        "b3lb.yaml:2: balancer.cpu_limt: there is no such key; balancer has policy, metrics_range, cpu_limit, mem_limit, size_hint",
    ),
    (
        "prot: {api_key: hunter2}\n",
        "b3lb.yaml:1: prot: there is no such key; the file has bigbluebutton, admin, balancer, port, redis, influxdb, \
         state_dir, control_plane, data_plane, parameters, upstream, log, tracing",
    ),
    (
        "control_plane: {tls: {cert: /a}}\n",
        "b3lb.yaml:1: control_plane.tls.cert: there is no such key; control_plane.tls has certificate, key, client_ca",
    ),
    ("admin: {api_key:hunter2}\n", "b3lb.yaml:1: admin.api_key…: there is no such key; admin has api_key, compat"),
    ("admin: {api_key hunter2}\n", "b3lb.yaml:1: admin.api_key…: there is no such key; admin has api_key, compat"),
    ("port: 1\nport: 2\n", "b3lb.yaml:2: port: stands in line 1 already, as port; keep one of the two"),
    (
        "admin:\n  api_key: hunter2\n  apiKey: hunter2\n",
        "b3lb.yaml:3: admin.apiKey: stands in line 2 already, as admin.api_key; keep one of the two",
    ),
    (
        "bigbluebutton: {secret: a}\nbigblueswarm: {recordingsPollInterval: 1m}\n",
        "b3lb.yaml:2: bigblueswarm: stands in line 1 already, as bigbluebutton; keep one of the two",
    ),
];

/// Values that do not fit their keys.
const VALUES_WRONG: &[(&str, &str)] = &[
    ("port: 0\n", "b3lb.yaml:1: port: \"0\" is not a port from 1 to 65535"),
    ("port: 80800\n", "b3lb.yaml:1: port: \"80800\" is not a port from 1 to 65535"),
    ("port: [1, 2]\n", "b3lb.yaml:1: port: one value belongs here"),
    ("port: {a: 1}\n", "b3lb.yaml:1: port: one value belongs here"),
    ("balancer: 7\n", "b3lb.yaml:1: balancer: a section with keys belongs here"),
    ("balancer: [7]\n", "b3lb.yaml:1: balancer: a section with keys belongs here"),
    ("balancer: {policy: fair}\n", "b3lb.yaml:1: balancer.policy: \"fair\" is not one of ledger, classic"),
    (
        "balancer:\n  cpu_limit: 90%\n  mem_limit: 0\n  cpuLimit: 101\n",
        "b3lb.yaml:2: balancer.cpu_limit: \"90%\" is not a percentage above 0 and up to 100, such as 90\n\
         b3lb.yaml:3: balancer.mem_limit: \"0\" is not a percentage above 0 and up to 100, such as 90\n\
         b3lb.yaml:4: balancer.cpuLimit: stands in line 2 already, as balancer.cpu_limit; keep one of the two",
    ),
    (
        "balancer: {metrics_range: 5}\n",
        "b3lb.yaml:1: balancer.metrics_range: \"5\" is not a duration from 10s to 1day, such as 90s or 5m",
    ),
    (
        "upstream: {call_timeout: -5s}\n",
        "b3lb.yaml:1: upstream.call_timeout: \"-5s\" is not a duration from 100ms to 10m, such as 90s or 5m",
    ),
    (
        "control_plane: {listen: 8091}\n",
        "b3lb.yaml:1: control_plane.listen: \"8091\" is not an address and port such as 0.0.0.0:8091",
    ),
    (
        "redis: {address: 'redis://:hunter2@10.0.0.1'}\n",
        "b3lb.yaml:1: redis.address: the value (not shown) is not host:port such as 127.0.0.1:6379, or a redis, rediss or \
         unix url, or one of sentinels such as redis+sentinel://s1:26379,s2:26379/mymaster or of a cluster such as \
         redis+cluster://n1:6379,n2:6379, without user or password (they have keys of their own)",
    ),
    ("redis: {database: -1}\n", "b3lb.yaml:1: redis.database: \"-1\" is not the number of a database, 0 or more"),
    (
        "influxdb: {address: 10.0.0.1:8086}\n",
        "b3lb.yaml:1: influxdb.address: the value (not shown) is not an http or https url without user, path or query, such \
         as http://127.0.0.1:8086",
    ),
    (
        "influxdb: {address: 'http://10.0.0.1:8086/influx'}\n",
        "b3lb.yaml:1: influxdb.address: the value (not shown) is not an http or https url without user, path or query, such \
         as http://127.0.0.1:8086",
    ),
    (
        "admin: {api_key: hunter two}\n",
        "b3lb.yaml:1: admin.api_key: the value (not shown) is not made of letters, digits and ASCII signs without spaces",
    ),
    (
        "bigbluebutton: {secret: \"hunter\\n2\"}\n",
        "b3lb.yaml:1: bigbluebutton.secret: the value (not shown) is not a secret in one line",
    ),
    ("data_plane: {control_planes: 5}\n", "b3lb.yaml:1: data_plane.control_planes: a list of values belongs here"),
    (
        "data_plane: {control_planes: [{a: b}]}\n",
        "b3lb.yaml:1: data_plane.control_planes: a list of values belongs here",
    ),
    (
        "data_plane: {control_planes: ['ftp://a', 'http://b']}\n",
        "b3lb.yaml:1: data_plane.control_planes: \"ftp://a, http://b\" is not an http or https url without user, path or \
         query, such as http://127.0.0.1:8086",
    ),
    (
        "data_plane: {control_planes: []}\n",
        "b3lb.yaml:1: data_plane.control_planes: \"\" is not a list of one url or more",
    ),
    (
        "data_plane: {trusted_proxies: [10.0.0.0/8]}\n",
        "b3lb.yaml:1: data_plane.trusted_proxies: \"10.0.0.0/8\" is not an IP address such as 10.0.0.1",
    ),
    ("data_plane: {workers: 0}\n", "b3lb.yaml:1: data_plane.workers: \"0\" is not a number of threads from 1 to 1024"),
    (
        "log: {level: 'b3lb=loud'}\n",
        "b3lb.yaml:1: log.level: \"b3lb=loud\" is not a log filter such as info or warn,b3lb_data_plane=debug",
    ),
    (
        "log: {level: warning}\n",
        "b3lb.yaml:1: log.level: \"warning\" is not a log filter such as info or warn,b3lb_data_plane=debug",
    ),
    ("log: {format: xml}\n", "b3lb.yaml:1: log.format: \"xml\" is not one of text, json"),
    ("log: {access: 1}\n", "b3lb.yaml:1: log.access: \"1\" is not one of true, false"),
    (
        "tracing: {sample_ratio: 2}\n",
        "b3lb.yaml:1: tracing.sample_ratio: \"2\" is not a number from 0 to 1, such as 0.1",
    ),
];

/// Values that do not fit each other.
const TOGETHER_WRONG: &[(&str, &str)] = &[
    ("port: 8080\n", "b3lb.yaml: admin.api_key: is missing; without it nobody could administer, and no proxy connect"),
    (
        "admin: {api_key: key}\ninfluxdb:\n  address: http://10.0.0.1:8086\n  token: hunter2\n",
        "b3lb.yaml:3: influxdb.address: needs influxdb.token, influxdb.organization and influxdb.bucket too",
    ),
    (
        "admin: {api_key: key}\nredis:\n  username: b3lb\n  password: hunter2\n",
        "b3lb.yaml:3: redis.username: needs redis.address too\nb3lb.yaml:4: redis.password: needs redis.address too",
    ),
    (
        "admin: {api_key: key}\nredis:\n  address: redis:6379\n  sentinel_password: hunter2\n  ca_file: /ca\n",
        "b3lb.yaml:4: redis.sentinel_password: needs a redis.address of sentinels, such as redis+sentinel://s1:26379/mymaster\n\
         b3lb.yaml:5: redis.ca_file: needs a redis.address with TLS, such as rediss://10.0.0.1:6379",
    ),
    (
        "admin: {api_key: key}\nredis:\n  address: rediss+cluster://n1,n2\n  certificate: /c\n  database: 1\n",
        "b3lb.yaml:4: redis.certificate: needs redis.certificate_key too\n\
         b3lb.yaml:5: redis.database: is not 0; a cluster has no other database",
    ),
    (
        "admin: {api_key: key}\ncontrol_plane: {tls: {certificate: /a}}\n",
        "b3lb.yaml: control_plane.tls.key: is missing; TLS needs a certificate and its key",
    ),
    ("admin: {api_key: key}\nport: 8091\n", "b3lb.yaml: control_plane.listen: has the port that frontends call"),
    (
        "admin: {api_key: key}\ndata_plane:\n  admin_listen: 0.0.0.0:8091\n",
        "b3lb.yaml:3: data_plane.admin_listen: is the address of control_plane.listen",
    ),
];

#[test]
fn what_is_wrong_is_named_with_its_place_and_no_secret() {
    for (text, expected) in [MALFORMED, KEYS_WRONG, VALUES_WRONG, TOGETHER_WRONG].concat() {
        let error = loaded(text, &[]).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!error.contains("hunter"), "{text}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let missing = load(Some(Path::new("/nowhere/b3lb.yaml")), std::iter::empty()).unwrap_err();
    assert_eq!(missing.to_string(), "/nowhere/b3lb.yaml: cannot be read: No such file or directory (os error 2)");
    let missing = loaded(MINIMUM, &[("B3LB_REDIS_PASSWORD_FILE", "/nowhere/password")]).unwrap_err();
    assert_eq!(
        missing,
        "B3LB_REDIS_PASSWORD_FILE: /nowhere/password: cannot be read: No such file or directory (os error 2)"
    );
    let wrong = [("B3LB_ADMIN_API_KEY_FILE", "/"), ("B3LB_REDIS_PASSWORD_FILE", "/dev/zero"), ("B3LB_PORT", "x")];
    assert_eq!(
        loaded(MINIMUM, &wrong).unwrap_err(),
        "B3LB_ADMIN_API_KEY_FILE: /: cannot be read: Is a directory (os error 21)\n\
         B3LB_REDIS_PASSWORD_FILE: /dev/zero: cannot be read: it is no file\n\
         B3LB_PORT: \"x\" is not a port from 1 to 65535"
    );
}

#[test]
fn files_that_are_no_configuration_by_their_size_are_refused() {
    let long = load(Some(Path::new("/dev/zero")), std::iter::empty()).unwrap_err();
    assert_eq!(long.to_string(), "/dev/zero: cannot be read: it is longer than 1048576 bytes");
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "a".repeat(10_000)).unwrap();
    let secret = secret.to_str().unwrap();
    assert_eq!(
        loaded(MINIMUM, &[("B3LB_ADMIN_API_KEY_FILE", secret)]).unwrap_err(),
        format!("B3LB_ADMIN_API_KEY_FILE: {secret}: cannot be read: it is longer than 8192 bytes")
    );
}

#[test]
fn without_a_path_the_first_default_file_below_home_is_read() {
    let home = tempfile::tempdir().unwrap();
    let environment = || {
        [("HOME", home.path().to_str().unwrap()), ("B3LB_ADMIN_API_KEY", "key")]
            .map(|(n, t)| (n.to_owned(), t.to_owned()))
    };
    assert_eq!(
        load(None, environment().into_iter()).unwrap(),
        Loaded { settings: with_key(), file: None, warnings: Vec::new() }
    );
    let original = home.path().join(".b3lb/b3lb.yaml");
    for path in [home.path().join(".bigblueswarm/bigblueswarm.yaml"), original] {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "port: 8090").unwrap();
        let settings = Settings { port: 8090, ..with_key() };
        assert_eq!(
            load(None, environment().into_iter()).unwrap(),
            Loaded { settings, file: Some(path), warnings: Vec::new() }
        );
    }
}

#[test]
fn the_environment_overrides_the_file() {
    let text = "admin: {api_key: key}\nport: 8090\nlog: {format: json}\n";
    let expected =
        Settings { port: 8099, log: Log { format: LogFormat::Json, ..Settings::default().log }, ..with_key() };
    assert_eq!(settings(text, &[("B3LB_PORT", "8099"), ("B3LB_LOG_FORMAT", ""), ("PATH", "/bin")]), expected);
}

#[test]
fn a_secret_can_come_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    std::fs::write(&path, "from-file\r\n").unwrap();
    let path = path.to_str().unwrap();
    let mut expected = Settings::default();
    expected.admin.api_key = Some(Secret::new("from-file"));
    assert_eq!(settings(MINIMUM, &[("B3LB_ADMIN_API_KEY_FILE", path)]), expected);
    assert_eq!(
        loaded(MINIMUM, &[("B3LB_ADMIN_API_KEY_FILE", path), ("B3LB_ADMIN_API_KEY", "hunter2")]).unwrap_err(),
        "B3LB_ADMIN_API_KEY_FILE: B3LB_ADMIN_API_KEY is set as well; keep one of the two"
    );
    std::fs::write(path, "\n").unwrap();
    assert_eq!(
        loaded(MINIMUM, &[("B3LB_ADMIN_API_KEY_FILE", path)]).unwrap_err(),
        "B3LB_ADMIN_API_KEY_FILE: the file is empty"
    );
}

#[test]
fn variables_that_are_no_keys_are_refused_by_name() {
    let refused = [("B3LB_BALANCER_CPU_LIMT", "90"), ("B3LB_PORT", "hunter"), ("B3LB_PORT_FILE", "/x")];
    assert_eq!(
        loaded(MINIMUM, &refused).unwrap_err(),
        "B3LB_BALANCER_CPU_LIMT: no key of the configuration has this name\n\
         B3LB_PORT_FILE: no key of the configuration has this name\n\
         B3LB_PORT: \"hunter\" is not a port from 1 to 65535"
    );
    // What our other programs and telegraf read, and what Kubernetes tells about services named b3lb and b3lb-control-plane.
    let of_others = [
        ("B3LB_ADDRESS", "http://127.0.0.1:8091"),
        ("B3LB_CA_FILE", "/ca.pem"),
        ("B3LB_SIM_SECRET", "s"),
        ("B3LB_HOST", "https://bbb1.example.org/bigbluebutton"),
        ("B3LB_PORT", "tcp://10.0.0.1:8080"),
        ("B3LB_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("B3LB_SERVICE_HOST", "10.0.0.1"),
        ("B3LB_CONTROL_PLANE_SERVICE_PORT_GRPC", "8091"),
        ("B3LB_CONTROL_PLANE_PORT", "tcp://10.0.0.2:8091"),
    ];
    assert_eq!(settings(MINIMUM, &of_others), with_key());
}

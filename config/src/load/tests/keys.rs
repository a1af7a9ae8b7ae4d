//! Every key, in the file and in the environment.

use super::*;

#[test]
fn every_key_can_be_set_by_its_variable_as_in_the_file() {
    let file = "\
bigbluebutton: {secret: s, recordings_poll_interval: 1m}
admin: {api_key: key, compat: bigblueswarm}
balancer: {policy: classic, metrics_range: -1m, cpu_limit: 80, mem_limit: 85, size_hint: meta_expected-users}
port: 8090
redis:
  address: 'rediss+sentinel://s1,s2/m'
  username: u
  password: p
  database: 3
  sentinel_username: su
  sentinel_password: sp
  ca_file: /rca
  certificate: /rc
  certificate_key: /rk
influxdb: {address: 'http://influx:8086', token: t, organization: o, bucket: b}
state_dir: /var/lib/b3lb
control_plane:
  listen: 127.0.0.1:9091
  proxy_token: pt
  check_interval: 5s
  tls: {certificate: /c, key: /k, client_ca: /ca}
data_plane:
  control_planes: ['https://cp1:8091', 'https://cp2:8091']
  admin_listen: 127.0.0.1:9092
  public_url: https://b3lb.example.org
  workers: 2
  trusted_proxies: [10.0.0.1, '::1']
  tls: {certificate: /pc, key: /pk}
  client_tls: {certificate: /cc, key: /ck}
  shutdown_grace: 1s
parameters:
  create: {defaults: {welcome: 'Hello = all', disabledFeatures: 'chat,polls'}, overrides: {record: true}, removed: [logo, x]}
  join: {defaults: {guest: yes}, overrides: {role: viewer}, removed: [y]}
  duration_max: 90
  slides: https://files.example.org/a.pdf
upstream: {ca_file: /roots, call_timeout: 5s, create_timeout: 30s}
log: {level: debug, format: json, access: true}
tracing: {otlp_endpoint: 'http://otel:4317', sample_ratio: 0.1}
";
    let variables: Vec<(String, String)> = crate::file::entries(file)
        .unwrap()
        .into_iter()
        .filter_map(|entry| {
            let text = match entry.value {
                Value::One(text) => text,
                Value::Many(texts) => texts.join(", "),
                _ => return None,
            };
            Some((Key::named(&entry.name).unwrap().variable(), text))
        })
        .collect();
    assert_eq!(variables.len(), crate::keys::KEYS.len());
    let from_variables = load(None, variables.into_iter()).unwrap().settings;
    assert_eq!(settings(file, &[]), from_variables);
    let tls = Tls { certificate: "/c".into(), key: "/k".into(), client_ca: Some("/ca".into()) };
    assert_eq!((from_variables.balancer.policy, from_variables.control_plane.tls), (Policy::Classic, Some(tls)));
    assert_eq!(
        from_variables.data_plane.trusted_proxies,
        ["10.0.0.1", "::1"].map(|ip| ip.parse::<std::net::IpAddr>().unwrap())
    );
}

#[test]
fn the_example_names_every_key_with_its_default() {
    let example = include_str!("../../../../deploy/b3lb.example.yaml");
    let entries = crate::file::entries(example).unwrap();
    let named: Vec<_> =
        entries.iter().filter(|entry| entry.value != Value::Section).map(|entry| entry.written.as_str()).collect();
    assert_eq!(named, crate::keys::KEYS.iter().map(|key| key.name).collect::<Vec<_>>());
    assert_eq!(settings(example, &[("B3LB_ADMIN_API_KEY", "key")]), with_key());
}

#[test]
fn the_reference_describes_every_key_and_says_whether_it_needs_a_restart() {
    let reference = include_str!("../../../../deploy/docs/configuration.md");
    let rows = reference.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let named: Vec<(&str, bool)> = rows.map(|(name, rest)| (name, rest.contains("| ● |"))).collect();
    let fixed = crate::settings::Settings::default().kept_from(&everything_else()).1;
    let is_fixed = |name: &str| fixed.iter().any(|key| name == *key || name.starts_with(&format!("{key}.")));
    let expected: Vec<(&str, bool)> = crate::keys::KEYS.iter().map(|key| (key.name, !is_fixed(key.name))).collect();
    assert_eq!(named.into_iter().filter(|(name, _)| !name.starts_with('-')).collect::<Vec<_>>(), expected);
}

/// Settings in which everything that cannot change while a program runs is different.
fn everything_else() -> Settings {
    settings(
        "bigbluebutton: {recordings_poll_interval: 1m}\nadmin: {api_key: key}\nbalancer: {metrics_range: 1m}\nport: 1\n\
         redis: {address: 'redis:6379'}\ninfluxdb: {organization: o}\nstate_dir: /s\n\
         control_plane: {listen: '127.0.0.1:2', check_interval: 5s}\ndata_plane: {admin_listen: '127.0.0.1:3', workers: 2}\n\
         upstream: {ca_file: /roots}\nlog: {format: json, access: true}\ntracing: {sample_ratio: 0.5}\n",
        &[],
    )
}

#[test]
fn parameters_are_names_and_values() {
    let file =
        "parameters: {create: {defaults: {welcome: 'a, b = c', disabledFeatures: 'chat,polls'}, removed: [logo]}}";
    let from_file = settings(&format!("{MINIMUM}{file}"), &[]).parameters.create;
    let pairs =
        [("disabledFeatures", "chat,polls"), ("welcome", "a, b = c")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!((from_file.defaults, from_file.removed), (pairs.into(), vec!["logo".to_owned()]));
    let variable = [("B3LB_PARAMETERS_JOIN_OVERRIDES", "userdata-x=1,disabledFeatures=chat,polls,guest=true")];
    let from_variable = settings(MINIMUM, &variable).parameters.join.overrides;
    let pairs = [("userdata-x", "1"), ("disabledFeatures", "chat,polls"), ("guest", "true")];
    assert_eq!(from_variable, pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).into());
    for (file, says) in [
        ("parameters: {create: {overrides: {meetingID: x}}}", "\"meetingID\" is no parameter that can be changed"),
        ("parameters: {join: {removed: [CHECKSUM]}}", "\"CHECKSUM\" is no parameter that can be changed"),
        ("parameters: {create: {defaults: [welcome]}}", "parameters with their values"),
        ("parameters: {duration_max: long}", "a whole number of minutes"),
        ("parameters: {slides: a.pdf}", "an http or https url of a file"),
    ] {
        let refused = loaded(&format!("{MINIMUM}{file}"), &[]).unwrap_err();
        assert!(refused.contains("b3lb.yaml:2: parameters.") && refused.contains(says), "{file}: {refused}");
    }
}

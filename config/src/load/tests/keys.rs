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

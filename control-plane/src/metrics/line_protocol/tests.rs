use super::*;
use proptest::prelude::*;

fn line<'a>(
    measurement: &'a str,
    tags: &[(&'a str, &'a str)],
    fields: &[(&'a str, Value)],
    timestamp: Option<i64>,
) -> Line<'a> {
    Line {
        measurement: measurement.into(),
        tags: tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        fields: fields.iter().map(|(key, value)| ((*key).into(), *value)).collect(),
        timestamp,
    }
}

/// The only line, good or bad.
fn only(text: &str) -> Result<Line<'_>, String> {
    let mut lines = parse(text.as_bytes());
    let line = lines.next().expect("a line");
    assert!(lines.next().is_none(), "{text}");
    line.map_err(|bad| bad.to_string())
}

#[test]
fn every_kind_of_point_is_understood() {
    use Value::*;
    let cases = [
        ("cpu a=1", line("cpu", &[], &[("a", Float(1.0))], None)),
        ("cpu,host=vm a=-1.5e3 12\n", line("cpu", &[("host", "vm")], &[("a", Float(-1500.0))], Some(12))),
        (
            "  m,a=1,b=2   x=1i,y=2u,z=t,w=FALSE,v=.5   -7  ",
            line(
                "m",
                &[("a", "1"), ("b", "2")],
                &[("x", Integer(1)), ("y", Unsigned(2)), ("z", Boolean), ("w", Boolean), ("v", Float(0.5))],
                Some(-7),
            ),
        ),
        ("m x=\"a b,c=d\",y=1", line("m", &[], &[("x", Text), ("y", Float(1.0))], None)),
        (r#"m x="say \"hi\", \\",y=1"#, line("m", &[], &[("x", Text), ("y", Float(1.0))], None)),
        ("m x=\"two\nlines\" 3", line("m", &[], &[("x", Text)], Some(3))),
        (r"a\ b\,c,d\=e=f\,\ g h\ i=1", line("a b,c", &[("d=e", "f, g")], &[("h i", Float(1.0))], None)),
        (r"m,path=C:\Windows x=1", line("m", &[("path", r"C:\Windows")], &[("x", Float(1.0))], None)),
        ("cpu,name=\"quoted a=1", line("cpu", &[("name", "\"quoted")], &[("a", Float(1.0))], None)),
        ("größe,ort=köln höhe=1", line("größe", &[("ort", "köln")], &[("höhe", Float(1.0))], None)),
    ];
    for (text, expected) in cases {
        assert_eq!(only(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_in_the_words_of_influxdb() {
    for (text, flaw) in [
        (",a=b x=1", "missing measurement"),
        ("cpu", "missing fields"),
        ("cpu,a=b", "missing fields"),
        ("cpu, x=1", "missing tag key"),
        ("cpu,=b x=1", "missing tag key"),
        ("cpu,a x=1", "missing tag value"),
        ("cpu,a= x=1", "missing tag value"),
        ("cpu,a=b=c x=1", "invalid tag format"),
        ("cpu,a=b,c=d,a=e x=1", "duplicate tags"),
        ("nonsense line here", "invalid field format"),
        ("cpu x=1,y", "invalid field format"),
        ("cpu x=1,", "invalid field format"),
        ("cpu x=\"a\"b", "invalid field format"),
        ("cpu =1", "missing field key"),
        ("cpu x=", "missing field value"),
        ("cpu x=,y=1", "missing field value"),
        ("cpu x=NaN", "invalid number"),
        ("cpu x=-inf", "invalid number"),
        ("cpu x=1e999", "invalid number"),
        ("cpu x=1.5i", "invalid number"),
        ("cpu x=-1u", "invalid number"),
        ("cpu x=1x", "invalid number"),
        ("cpu x=1é", "invalid number"),
        ("cpu x=9223372036854775808i", "invalid number"),
        ("cpu x=inf", "invalid boolean"),
        ("cpu x=+1", "invalid boolean"),
        ("cpu x=tRUE", "invalid boolean"),
        ("cpu x=\"open", "unbalanced quotes"),
        ("cpu x=1 soon", "bad timestamp"),
        ("cpu x=1 9223372036854775808", "bad timestamp"),
        ("cpu x=1 1 2", "point is invalid"),
    ] {
        assert_eq!(only(text), Err(format!("unable to parse '{text}': {flaw}")));
    }
    let long = "x".repeat(1000);
    assert_eq!(only(&long), Err(format!("unable to parse '{}': missing fields", &long[..QUOTED_LENGTH])));
    let latin1 = parse(b"cpu x=\"\xe9\"").map(|line| line.map_err(|bad| bad.to_string()));
    assert_eq!(latin1.collect::<Vec<_>>(), [Err("unable to parse 'cpu x=\"\u{fffd}\"': invalid UTF-8".to_owned())]);
}

#[test]
fn lines_are_good_or_bad_by_themselves() {
    let text = b"\n# a comment\na x=1\r\n  \nbad\nb x=\"#\n\" 1\nc x\\=\"=3\nd x=4";
    let lines = parse(text).map(|line| line.map_err(|bad| bad.to_string()));
    let expected = [
        Ok(line("a", &[], &[("x", Value::Float(1.0))], None)),
        Err("unable to parse 'bad': missing fields".to_owned()),
        Ok(line("b", &[], &[("x", Value::Text)], Some(1))),
        Ok(line("c", &[], &[("x=\"", Value::Float(3.0))], None)),
        Ok(line("d", &[], &[("x", Value::Float(4.0))], None)),
    ];
    assert_eq!(lines.collect::<Vec<_>>(), expected);
}

/// A text with the backslashes that make it one name or value.
fn escape(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, ',' | '=' | ' ').then_some('\\').into_iter().chain([c])).collect()
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>) {
        parse(&bytes).for_each(drop);
    }

    #[test]
    fn any_text_of_the_format_is_parsed_or_refused(text in r#"[mx10.ie,= "\\\n#é-]{0,60}"#) {
        for line in parse(text.as_bytes()).flatten() {
            prop_assert!(!line.measurement.is_empty() && !line.fields.is_empty());
            for (_, value) in line.fields {
                prop_assert!(!matches!(value, Value::Float(value) if !value.is_finite()));
            }
        }
    }

    #[test]
    fn what_was_escaped_is_read_back(
        measurement in "[^\\\\\n\r\t\x0c\0 #,=][^\\\\\n=]{0,8}",
        tag in "[^\\\\\n]{1,8}",
        field in "[^\\\\\n]{1,8}",
        value: f64,
        time: i64,
    ) {
        prop_assume!(value.is_finite());
        let text = format!("{},host={} {}={value} {time}", escape(&measurement), escape(&tag), escape(&field));
        let expected = line(&measurement, &[("host", &tag)], &[(&field, Value::Float(value))], Some(time));
        prop_assert_eq!(only(&text), Ok(expected));
    }
}

use super::*;

fn call(defaults: &[(&str, &str)], overrides: &[(&str, &str)], removed: &[&str]) -> CallParameters {
    let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let removed = removed.iter().map(|name| (*name).to_owned()).collect();
    CallParameters { defaults: map(defaults), overrides: map(overrides), removed }
}

fn given(query: &'static str) -> impl Fn(&str) -> Option<String> {
    move |name| {
        let value = Query::new(query).get_one(name).unwrap()?;
        Some(String::from_utf8_lossy(&value).into_owned())
    }
}

fn edited(query: &'static str, edits: &[Edit]) -> String {
    edits.iter().fold(query.to_owned(), |query, edit| edit.apply(&query, true).0)
}

#[test]
fn the_stronger_goes_before_the_weaker() {
    let pool = Parameters {
        create: call(&[("a", "pool"), ("b", "pool")], &[("c", "pool"), ("d", "pool")], &[]),
        ..Parameters::default()
    };
    let tenant = Parameters { create: call(&[("b", "tenant")], &[("d", "tenant")], &[]), ..Parameters::default() };
    for (query, expected) in [
        ("x=1", "x=1&a=pool&b=tenant&c=pool&d=tenant"),
        ("a=call&b=&c=call&x=%2f&d=call", "a=call&b=&c=pool&x=%2f&d=tenant"),
    ] {
        assert_eq!(edited(query, &of_create(&pool, &tenant, given(query))), expected, "{query}");
    }
    assert_eq!(of_join(&pool, &tenant, given("x=1")), []);
}

#[test]
fn lists_are_joined_and_what_is_removed_may_have_a_default() {
    let pool = Parameters {
        create: call(
            &[("webcamsOnlyForModerator", "true")],
            &[("disabledFeatures", "chat,polls")],
            &["webcamsOnlyForModerator", "logo"],
        ),
        ..Parameters::default()
    };
    let tenant = Parameters { create: call(&[], &[("disabledFeatures", "captions")], &[]), ..Parameters::default() };
    let query = "logo=x&disabledFeatures=polls%2Cshare&webcamsOnlyForModerator=false&y=2";
    let expected = "disabledFeatures=polls%2Cshare%2Ccaptions%2Cchat&webcamsOnlyForModerator=true&y=2";
    assert_eq!(edited(query, &of_create(&pool, &tenant, given(query))), expected);
}

#[test]
fn no_meeting_lasts_longer_than_it_may() {
    let pool = Parameters { duration_max: 90, ..Parameters::default() };
    let tenant =
        Parameters { duration_max: 60, create: call(&[("duration", "45")], &[], &[]), ..Parameters::default() };
    for (query, expected) in [
        ("x=1", "x=1&duration=45"),
        ("duration=0", "duration=60"),
        ("duration=61&x=1", "duration=60&x=1"),
        ("duration=60", "duration=60"),
        ("duration=long", "duration=60"),
    ] {
        assert_eq!(edited(query, &of_create(&pool, &tenant, given(query))), expected, "{query}");
    }
}

#[test]
fn every_byte_stays_that_is_not_meant() {
    let edit = |value: Option<&str>| Edit { name: "meta_b3lb-tenant".to_owned(), value: value.map(str::to_owned) };
    for (query, expected) in [
        ("a=%2f+%C3%A9&&b", "a=%2f+%C3%A9&&b&meta_b3lb-tenant=a.example%3A8443"),
        ("META_b3lb-Tenant=x&a=1&meta_b3lb%2Dtenant=y", "META_b3lb-Tenant=a.example%3A8443&a=1"),
        ("", "meta_b3lb-tenant=a.example%3A8443"),
    ] {
        assert_eq!(edit(Some("a.example:8443")).apply(query, true).0, expected, "{query}");
    }
    assert_eq!(edit(None).apply("meta_b3lb-tenant=x&a=1", true), ("a=1".to_owned(), true));
    assert_eq!(edit(None).apply("a=1&meta_b3lb-tenant=x&b", true), ("a=1&b".to_owned(), true));
    assert_eq!(edit(None).apply("&meta_b3lb-tenant=x", true), (String::new(), true));
    assert_eq!(edit(Some("x")).apply("a=1", false), ("a=1".to_owned(), false));
}

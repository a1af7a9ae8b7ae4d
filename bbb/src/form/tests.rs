use super::*;

const PARTS: &str = "preamble\r\n--x\r\nContent-Disposition: form-data; name=\"meetingID\"\r\n\r\na b\r\n--x\r\n\
                     content-disposition: form-data; name=checksum\r\n\r\nabc\r\n--x\r\nContent-Disposition: form-data; \
                     name=\"slides\"; filename=\"a\\\"b.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF";

fn multipart() -> Form {
    let layout = Layout::of("multipart/form-data; charset=utf-8; boundary=\"x\"").unwrap();
    let (form, complete) = Form::read(&layout, PARTS.as_bytes(), false);
    assert!(complete);
    form
}

fn encoded(text: &str) -> Form {
    Form::read(&Layout::Encoded, text.as_bytes(), true).0
}

fn text(form: &Form) -> &str {
    std::str::from_utf8(form.as_bytes()).unwrap()
}

#[test]
fn the_layout_is_in_the_content_type() {
    assert_eq!(Layout::of("Application/X-WWW-form-urlencoded; charset=UTF-8"), Some(Layout::Encoded));
    assert_eq!(Layout::of("multipart/form-data; boundary=abc"), Some(Layout::Multipart("abc".to_owned())));
    for other in ["multipart/form-data", "application/xml", "", "text/plain"] {
        assert_eq!(Layout::of(other), None, "{other}");
    }
}

#[test]
fn parameters_are_found_up_to_the_first_file() {
    let form = multipart();
    assert_eq!(form.get_one("meetingID"), Ok(Some(Cow::Borrowed(b"a b".as_slice()))));
    assert_eq!(form.get_one("slides"), Ok(None));
    assert_eq!(form.as_query(), "meetingID=a%20b");
    let form = encoded("meetingID=a+b&&x=1&x=2&checksum=abc");
    assert_eq!(form.get_one("meetingID").unwrap().as_deref(), Some(b"a b".as_slice()));
    assert_eq!(form.get_one("x"), Err(Ambiguous));
    assert_eq!(form.as_query(), "meetingID=a+b&x=1&x=2");
}

#[test]
fn a_beginning_that_may_go_on_is_not_complete() {
    let layout = Layout::Multipart("x".to_owned());
    let file = PARTS.find("filename").unwrap();
    for end in 0..PARTS.len() {
        let (form, complete) = Form::read(&layout, &PARTS.as_bytes()[..end], false);
        assert!(!complete || end > file, "{end}");
        assert!(form.pairs().all(|(name, _)| name == b"meetingID" || name == b"checksum"));
    }
    assert!(!Form::read(&Layout::Encoded, b"a=1", false).1);
}

#[test]
fn one_value_is_replaced_and_nothing_else() {
    let form = multipart().with(|name| name == b"checksum", Some("0123456789")).unwrap();
    assert_eq!(text(&form), PARTS.replace("abc", "0123456789"));
    let form = multipart().with(|name| name == b"meetingID", None).unwrap();
    assert_eq!(form.get_one("meetingID"), Ok(None));
    assert_eq!(form.count("checksum"), 1);
    for (before, value, after) in [
        ("a=1&b=2&c=%C3%A9", Some("x y"), "a=1&b=x%20y&c=%C3%A9"),
        ("b=2&b=3&a=1", Some("x"), "b=x&a=1"),
        ("b=2&a=1", None, "a=1"),
        ("a=1&b=2", None, "a=1"),
        ("a=1&%62=2&c", None, "a=1&c"),
    ] {
        assert_eq!(text(&encoded(before).with(|name| name == b"b", value).unwrap()), after, "{before}");
    }
    assert_eq!(encoded("a=1").with(|name| name == b"b", Some("2")), None);
}

#[test]
fn old_instances_sign_the_form_in_the_order_of_its_names() {
    let form = encoded("welcome=Welcome&meetingID=random+1&name=A*b~c&checksum=xyz");
    assert_eq!(form.as_signed_of_old(), "meetingID=random+1&name=A*b%7Ec&welcome=Welcome");
}

//! A user that may do no more than it has to.

use crate::redis_server::RedisServer;
use b3lb_config::Settings;
use bbb::Secret;

const NAME: &str = "b3lb";
const PASSWORD: &str = "a secret";

/// What operators are told to allow, word by word.
fn rules() -> Vec<&'static str> {
    let manual = include_str!("../../../../deploy/docs/redis.md");
    let line = manual.lines().find_map(|line| line.trim().strip_prefix("ACL SETUSER b3lb on >a-long-password "));
    line.expect("the manual has the rule").split(' ').collect()
}

/// Makes the user on a server, with `rules` besides.
pub(super) async fn introduce(server: &RedisServer, more: &[&str]) {
    let password = format!(">{PASSWORD}");
    let own = ["ACL", "SETUSER", NAME, "reset", "on", &password];
    server.run::<()>(&[&own, &*rules(), more].concat()).await;
}

/// The user's settings.
pub(super) fn of_user(mut settings: Settings) -> Settings {
    settings.redis.username = Some(NAME.to_owned());
    settings.redis.password = Some(Secret::new(PASSWORD));
    settings
}

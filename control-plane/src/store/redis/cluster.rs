//! A cluster: whoever of it does not own our keys knows who does. All of them are in one slot, hence with one owner.

use super::dial::{CONNECT_DEADLINE, Dial, Unreachable};
use super::script::EPOCH;
use b3lb_config::redis_address::Place;
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, ServerErrorKind};
use tokio::time::timeout;

/// How often one seed's word is followed: to the owner, and once more if the slot went on from there.
const HOPS_MAX: u32 = 3;

/// The owner of our keys, connected. The seeds are asked in turn; the one that knew is the first from then on.
///
/// # Errors
/// [`Unreachable`], with what came of each seed.
pub(super) async fn connect(seeds: &mut [Place], dial: &Dial) -> Result<(Place, MultiplexedConnection), Unreachable> {
    let mut reasons = Vec::new();
    for i in 0..seeds.len() {
        match follow(&seeds[i], dial).await {
            Ok(found) => {
                seeds.rotate_left(i);
                return Ok(found);
            }
            Err(reason) => reasons.push(reason),
        }
    }
    Err(Unreachable::Everywhere(reasons))
}

async fn follow(seed: &Place, dial: &Dial) -> Result<(Place, MultiplexedConnection), Unreachable> {
    let mut place = seed.clone();
    for _ in 0..HOPS_MAX {
        // A replica sends us to its master.
        let mut redis = dial.open(&place).await?;
        let asked = timeout(CONNECT_DEADLINE, redis::cmd("GET").arg(EPOCH).exec_async(&mut redis)).await;
        match asked.map_err(|_| Unreachable::Late(place.clone()))? {
            Ok(()) => return Ok((place, redis)),
            Err(source) => match owner(&source, &place) {
                Some(owner) => place = owner,
                None => return Err(Unreachable::Refused { place, source }),
            },
        }
    }
    Err(Unreachable::Redirected(seed.clone()))
}

/// Where the one at `place` sends us.
fn owner(error: &RedisError, place: &Place) -> Option<Place> {
    if error.kind() != ErrorKind::Server(ServerErrorKind::Moved) {
        return None;
    }
    let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
    // Who does not know what the others are called leaves the host out.
    let host = match place {
        Place::Tcp(same, _) if matches!(host, "" | "?") => same,
        _ => host,
    };
    Some(Place::Tcp(host.to_owned(), port.parse().ok()?))
}

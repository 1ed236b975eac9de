//! How often one address may ask.
//!
//! A bucket an address, filled at the allowed rate. Who does not know the token has a bucket of its
//! own, so that guessing is slow and does not stop those who know it.
//! Must never import: anything of this crate.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Addresses that are kept apart; above it, those that have not asked lately are forgotten.
const MAX_BUCKETS: usize = 4_096;

/// How many times fewer requests there are for who does not know the token.
const STRANGERS: f64 = 50.0;

/// Buckets hold what comes in this many seconds.
const BURST_SECONDS: f64 = 2.0;

/// The buckets.
pub struct Rates {
    per_second: f64,
    buckets: Mutex<HashMap<(IpAddr, bool), Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

impl Rates {
    pub fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second), buckets: Mutex::default() }
    }

    /// Whether `from` may ask at this moment, counting that it does.
    pub fn take(&self, from: IpAddr, is_known: bool, now: Instant) -> bool {
        let rate = if is_known { self.per_second } else { (self.per_second / STRANGERS).max(1.0) };
        let most = (rate * BURST_SECONDS).max(1.0);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (network(from), is_known);
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&key) {
            // A bucket that is full again is as good as none.
            buckets.retain(|_, bucket| now.duration_since(bucket.at).as_secs_f64() < BURST_SECONDS);
            if buckets.len() >= MAX_BUCKETS {
                return false;
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: most, at: now });
        bucket.left = (bucket.left + now.duration_since(bucket.at).as_secs_f64() * rate).min(most);
        bucket.at = now;
        let may = bucket.left >= 1.0;
        if may {
            bucket.left -= 1.0;
        }
        may
    }
}

/// What one asker may choose addresses from: of IPv6, half of the address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(v6.to_ipv4_mapped().map_or(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), |v4| v4.to_ipv6_mapped()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_address_gets_its_rate_and_no_other_pays_for_it() {
        let rates = Rates::new(100);
        let (a, b): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let begin = Instant::now();
        let taken = |from, known, at| (0..1000).filter(|_| rates.take(from, known, at)).count();
        assert_eq!(taken(a, true, begin), 200);
        assert_eq!(taken(b, true, begin), 200);
        assert_eq!(taken(a, false, begin), 4);
        assert_eq!(taken(a, true, begin + Duration::from_secs(1)), 100);
        assert_eq!(taken(a, true, begin + Duration::from_secs(60)), 200);
    }

    #[test]
    fn many_addresses_do_not_fill_the_memory() {
        let rates = Rates::new(10);
        let begin = Instant::now();
        let from = |n: u32| IpAddr::from(n.to_be_bytes());
        let known: u32 = (0..10_000).map(|n| u32::from(rates.take(from(n), true, begin))).sum();
        assert_eq!(known as usize, MAX_BUCKETS);
        assert!(rates.take(from(20_000), true, begin + Duration::from_secs(3)));
        assert_eq!(rates.buckets.lock().expect("nobody panicked").len(), 1);
    }

    #[test]
    fn half_of_an_address_is_one_asker() {
        let one = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(one("2001:db8:1:2:3::4"), one("2001:db8:1:2:ffff::1"));
        assert_ne!(one("2001:db8:1:2::"), one("2001:db8:1:3::"));
        assert_ne!(one("::ffff:10.0.0.1"), one("::ffff:10.0.0.2"));
    }
}

//! Limits the request rate of each client address, with token buckets.
//!
//! Requests with and without the token have separate buckets, so that guessing the token is slow and does
//! not slow down authorized clients behind the same address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Maximum number of buckets. Before another one is added, buckets that are full again are dropped; if there are none,
/// the request is refused.
const MAX_BUCKETS: usize = 4_096;

/// Divisor of the allowed rate for requests without the token.
const UNAUTHORIZED_DIVISOR: f64 = 50.0;

/// Capacity of a bucket, in seconds of its rate.
const BURST_SECONDS: f64 = 2.0;

/// A limiter of the request rate per client address.
///
/// The crate `governor` is not used: it would add five crates for these 60 lines, and enable a feature of a dependency
/// shared with LanceDB, which would have to be rebuilt.
pub struct RateLimiter {
    per_second: f64,
    buckets: Mutex<HashMap<(IpAddr, bool), TokenBucket>>,
}

/// A token bucket: each request takes one token, and tokens come back at the allowed rate.
struct TokenBucket {
    tokens: f64,
    refilled: Instant,
}

impl RateLimiter {
    /// Creates a limiter that allows `per_second` requests per second and address.
    pub fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second), buckets: Mutex::default() }
    }

    /// Takes a token for a request of `from` at `now`; returns `false` if none is left, or there are too many other
    /// clients.
    pub fn try_acquire(&self, from: IpAddr, is_authorized: bool, now: Instant) -> bool {
        let rate = if is_authorized { self.per_second } else { (self.per_second / UNAUTHORIZED_DIVISOR).max(1.0) };
        let capacity = (rate * BURST_SECONDS).max(1.0);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (client_network(from), is_authorized);
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&key) {
            // A missing bucket counts as full, so dropping full ones changes nothing.
            buckets.retain(|_, bucket| now.duration_since(bucket.refilled).as_secs_f64() < BURST_SECONDS);
            if buckets.len() >= MAX_BUCKETS {
                return false;
            }
        }
        let bucket = buckets.entry(key).or_insert(TokenBucket { tokens: capacity, refilled: now });
        bucket.tokens = (bucket.tokens + now.duration_since(bucket.refilled).as_secs_f64() * rate).min(capacity);
        bucket.refilled = now;
        let is_allowed = bucket.tokens >= 1.0;
        if is_allowed {
            bucket.tokens -= 1.0;
        }
        is_allowed
    }
}

/// Returns the network that one client controls: the address for IPv4, the /64 prefix for IPv6.
fn client_network(address: IpAddr) -> IpAddr {
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
    fn each_address_has_its_own_rate() {
        let limiter = RateLimiter::new(100);
        let (a, b): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let start = Instant::now();
        let allowed =
            |from, is_authorized, at| (0..1000).filter(|_| limiter.try_acquire(from, is_authorized, at)).count();
        assert_eq!(allowed(a, true, start), 200);
        assert_eq!(allowed(b, true, start), 200);
        assert_eq!(allowed(a, false, start), 4);
        assert_eq!(allowed(a, true, start + Duration::from_secs(1)), 100);
        assert_eq!(allowed(a, true, start + Duration::from_secs(60)), 200);
    }

    #[test]
    fn the_number_of_buckets_is_bounded() {
        let limiter = RateLimiter::new(10);
        let start = Instant::now();
        let from = |n: u32| IpAddr::from(n.to_be_bytes());
        let allowed: u32 = (0..10_000).map(|n| u32::from(limiter.try_acquire(from(n), true, start))).sum();
        assert_eq!(allowed as usize, MAX_BUCKETS);
        assert!(limiter.try_acquire(from(20_000), true, start + Duration::from_secs(3)));
        assert_eq!(limiter.buckets.lock().expect("the lock is not poisoned").len(), 1);
    }

    #[test]
    fn ipv6_addresses_share_a_bucket_by_64_bit_prefix() {
        let network = |text: &str| client_network(text.parse().expect("an address"));
        assert_eq!(network("2001:db8:1:2:3::4"), network("2001:db8:1:2:ffff::1"));
        assert_ne!(network("2001:db8:1:2::"), network("2001:db8:1:3::"));
        assert_ne!(network("::ffff:10.0.0.1"), network("::ffff:10.0.0.2"));
    }
}

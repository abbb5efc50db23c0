//! Limits sign-in attempts: per account and address, per address, and per account, over a sliding window. Pure: the caller
//! gives the time.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

/// How many failures are let pass in a window.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of one account from one address.
    pub pair: usize,
    /// From one address, whatever the account. A town hall behind one address has some dozens of people.
    pub address: usize,
    /// Of one account, from wherever: stops a distributed guess, high enough that nobody is locked out by accident.
    pub account: usize,
    /// How long a failure counts.
    pub window: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pair: 5,
            address: 30,
            account: 50,
            window: Duration::from_secs(300),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Pair(String, IpAddr),
    Address(IpAddr),
    Account(String),
}

/// Failures of the last window.
#[derive(Debug)]
pub struct Attempts {
    limits: Limits,
    failures: HashMap<Key, VecDeque<Instant>>,
    /// When the expired were last swept: under an attack every attempt would do it.
    swept: Option<Instant>,
}

/// Most keys remembered. Past it the expired are swept; if that is not enough, somebody attacks from many networks at once,
/// and nobody signs in until some expire.
const MAX_KEYS: usize = 20_000;

impl Attempts {
    /// None so far.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            failures: HashMap::new(),
            swept: None,
        }
    }

    fn keys(&self, user: &str, address: IpAddr) -> [(Key, usize); 3] {
        let address = network(address);
        let user: String = user.chars().take(64).collect();
        [
            (Key::Pair(user.clone(), address), self.limits.pair),
            (Key::Address(address), self.limits.address),
            (Key::Account(user), self.limits.account),
        ]
    }

    /// Takes one attempt; to be undone by [`Attempts::succeeded`]. Counting before the password is looked at means that
    /// attempts at the same time are counted too.
    ///
    /// # Errors
    /// How long to wait, at least a second.
    pub fn take(&mut self, now: Instant, user: &str, address: IpAddr) -> Result<(), Duration> {
        let window = self.limits.window;
        let keys = self.keys(user, address);
        for (key, limit) in &keys {
            let Some(times) = self.failures.get_mut(key) else {
                continue;
            };
            while times
                .front()
                .is_some_and(|t| now.saturating_duration_since(*t) >= window)
            {
                times.pop_front();
            }
            if times.len() >= *limit
                && let Some(oldest) = times.front()
            {
                let wait = window.saturating_sub(now.saturating_duration_since(*oldest));
                return Err(wait.max(Duration::from_secs(1)));
            }
        }
        let is_full = |failures: &HashMap<_, _>| failures.len() + keys.len() > MAX_KEYS;
        if is_full(&self.failures) {
            let pause = Duration::from_secs(1);
            if self
                .swept
                .is_none_or(|t| now.saturating_duration_since(t) >= pause)
            {
                self.swept = Some(now);
                self.failures.retain(|_, times| {
                    let last = times.back();
                    last.is_some_and(|t| now.saturating_duration_since(*t) < window)
                });
            }
            if is_full(&self.failures) {
                return Err(Duration::from_secs(10));
            }
        }
        for (key, _) in keys {
            self.failures.entry(key).or_default().push_back(now);
        }
        Ok(())
    }

    /// The last attempt of this pair was good: it does not count, and the pair starts anew.
    pub fn succeeded(&mut self, user: &str, address: IpAddr) {
        let [pair, rest @ ..] = self.keys(user, address);
        self.failures.remove(&pair.0);
        for (key, _) in rest {
            if let Some(times) = self.failures.get_mut(&key) {
                times.pop_back();
            }
        }
    }
}

/// A host commonly has a whole /64 of IPv6 to itself; IPv4 in IPv6 is IPv4.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: &str) -> IpAddr {
        s.parse().unwrap()
    }

    #[test]
    fn the_sixth_wrong_password_waits_for_the_first_to_expire() {
        let (mut a, t0) = (Attempts::new(Limits::default()), Instant::now());
        for i in 0..5 {
            assert_eq!(
                a.take(t0 + Duration::from_secs(i * 10), "li", at("10.0.0.1")),
                Ok(())
            );
        }
        let t = t0 + Duration::from_secs(60);
        assert_eq!(
            a.take(t, "li", at("10.0.0.1")),
            Err(Duration::from_secs(240))
        );
        assert_eq!(
            a.take(t, "li", at("10.0.0.2")),
            Ok(()),
            "another address is not locked out"
        );
        assert_eq!(
            a.take(t, "wang", at("10.0.0.1")),
            Ok(()),
            "another account is not"
        );
        assert_eq!(
            a.take(t0 + Duration::from_secs(300), "li", at("10.0.0.1")),
            Ok(())
        );
    }

    #[test]
    fn success_clears_the_pair() {
        let (mut a, t) = (Attempts::new(Limits::default()), Instant::now());
        for _ in 0..100 {
            assert_eq!(a.take(t, "li", at("::1")), Ok(()));
            a.succeeded("li", at("::1"));
        }
    }

    #[test]
    fn one_address_cannot_try_many_accounts() {
        let (mut a, t) = (Attempts::new(Limits::default()), Instant::now());
        let tried = (0..1000)
            .filter(|i| {
                a.take(t, &format!("user{i}"), at(&format!("2001:db8::{i:x}")))
                    .is_ok()
            })
            .count();
        assert_eq!(tried, 30, "a /64 is one address");
    }

    #[test]
    fn memory_is_bounded() {
        let (mut a, t) = (Attempts::new(Limits::default()), Instant::now());
        for i in 0..60_000u32 {
            let v4 = std::net::Ipv4Addr::from(i);
            let _ = a.take(t, &format!("user{i}"), v4.into());
        }
        assert!(a.failures.len() <= MAX_KEYS);
        let later = t + Duration::from_secs(301);
        a.take(later, "li", at("10.0.0.1")).unwrap();
        assert!(a.failures.len() <= 3);
    }
}

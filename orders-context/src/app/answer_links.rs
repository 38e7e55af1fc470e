//! Links that answer an order without an account: whoever reads the restaurant's mail may say yes or no
//! to this one order, until its time to answer is over.
//!
//! A link is the order's id, the second until which it is good, and a signature of both. Where the order was
//! given more time since, it is good for as long. It is good for one answer because an order is: once
//! somebody has decided, the same link shows how the order stands, and goes on to.

use super::{App, Failure};
use crate::domain::{Order, Status, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chassis::config::SECRET_BYTES;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::Arc;
use url::Url;

/// What is signed, so that this key's signatures mean nothing elsewhere.
const PURPOSE: &[u8] = b"takeaway answer link 1\n";

/// Makes links and knows its own.
#[derive(Clone)]
pub struct AnswerLinks {
    key: [u8; SECRET_BYTES],
    /// Ends in a slash.
    base: Url,
}

/// Why a link opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum BadLink {
    /// It was never made here, or not whole.
    #[error("This link is not one of ours, or not whole.")]
    Unknown,
    /// The time to answer is over, and nobody has decided.
    #[error("The time to answer with this link is over.")]
    Over,
    /// It is good, and the order cannot be shown now.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl AnswerLinks {
    /// Links that lead to `public_url`, where people reach this API. `None` if nothing can be put behind
    /// that address.
    #[must_use]
    pub fn new(public_url: &Url, key: [u8; SECRET_BYTES]) -> Option<Self> {
        let mut base = public_url.clone();
        base.path_segments_mut().ok()?.pop_if_empty().push("answer").push("");
        Some(Self { key, base })
    }

    /// The link to this order, good until its time to answer is over.
    #[must_use]
    pub fn link_to(&self, order: &Order) -> String {
        let until_s = second(order.accept_by);
        let signature = URL_SAFE_NO_PAD.encode(self.sign(&order.order_id, until_s));
        format!("{}{}.{until_s}.{signature}", self.base, order.order_id)
    }

    /// The order that the last part of a link names, and the second until which that is good.
    ///
    /// # Errors
    /// It is none of ours.
    pub fn order_of<'a>(&self, link: &'a str) -> Result<(&'a str, i64), BadLink> {
        let (named, signature) = link.rsplit_once('.').ok_or(BadLink::Unknown)?;
        let (order_id, until) = named.rsplit_once('.').ok_or(BadLink::Unknown)?;
        let until_s: i64 = until.parse().map_err(|_| BadLink::Unknown)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| BadLink::Unknown)?;
        // In constant time.
        self.mac(order_id, until_s).verify_slice(&signature).map_err(|_| BadLink::Unknown)?;
        Ok((order_id, until_s))
    }

    fn sign(&self, order_id: &str, until_s: i64) -> Vec<u8> {
        self.mac(order_id, until_s).finalize().into_bytes().to_vec()
    }

    fn mac(&self, order_id: &str, until_s: i64) -> Hmac<Sha256> {
        // HMAC takes a key of any length (RFC 2104, section 2), so there is always one.
        #[allow(clippy::unwrap_used)]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap();
        mac.update(PURPOSE);
        mac.update(order_id.as_bytes());
        mac.update(format!("\n{until_s}").as_bytes());
        mac
    }
}

/// The whole seconds of a moment.
fn second(of: Timestamp) -> i64 {
    of.0.div_euclid(1_000_000)
}

impl std::fmt::Debug for AnswerLinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnswerLinks(…)")
    }
}

impl App {
    /// The same, with links.
    #[must_use]
    pub fn with_answer_links(self, links: Option<AnswerLinks>) -> Self {
        Self { answer_links: links.map(Arc::new), ..self }
    }

    /// A link with which whoever holds it can accept or reject this order; `None` where none are
    /// offered, or the order awaits no answer.
    #[must_use]
    pub fn answer_link(&self, order: &Order) -> Option<String> {
        let links = self.answer_links.as_ref().filter(|_| order.status.awaits_answer())?;
        Some(links.link_to(order))
    }

    /// The order that the last part of a link leads to, as it stands: until the second that was signed, for
    /// as long as the order has time to be answered, and for good once somebody has decided.
    ///
    /// # Errors
    /// [`BadLink`].
    pub async fn order_behind(&self, link: &str) -> Result<Order, BadLink> {
        let links = self.answer_links.as_ref().ok_or(BadLink::Unknown)?;
        let (order_id, until_s) = links.order_of(link)?;
        let order = self.order(order_id).await?.order;
        let is_undecided = order.status.awaits_answer() || order.status == Status::Expired;
        match is_undecided && second(self.now()) > until_s.max(second(order.accept_by)) {
            true => Err(BadLink::Over),
            false => Ok(order),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::placed;

    fn links(key: u8, base: &str) -> AnswerLinks {
        AnswerLinks::new(&base.parse().unwrap(), [key; SECRET_BYTES]).unwrap()
    }

    #[test]
    fn a_link_names_its_order_and_the_second_in_which_the_time_to_answer_ends() {
        let order = placed("order-1").order;
        let links = links(7, "https://orders.example/base/");
        let url = links.link_to(&order);
        let link = url.strip_prefix("https://orders.example/base/answer/").unwrap();
        let until_s = order.accept_by.0.div_euclid(1_000_000);
        assert_eq!(links.order_of(link).unwrap(), ("order-1", until_s));
    }

    #[test]
    fn nobody_else_makes_links_and_none_is_changed() {
        let order = placed("order-1").order;
        let ours = links(7, "https://orders.example");
        let url = ours.link_to(&order);
        let link = url.rsplit_once('/').unwrap().1;
        let (named, signature) = link.rsplit_once('.').unwrap();
        let (id, until) = named.rsplit_once('.').unwrap();
        let later: i64 = until.parse::<i64>().unwrap() + 60;
        let half = &signature[..20];
        for changed in [
            format!("{id}.{later}.{signature}"),
            format!("order-2.{until}.{signature}"),
            format!("{named}.{half}"),
            format!("{named}."),
            named.to_owned(),
            String::new(),
            "a.b.c".to_owned(),
        ] {
            let opened = ours.order_of(&changed);
            assert!(matches!(opened, Err(BadLink::Unknown)), "{changed}");
        }
        let stranger = links(8, "https://orders.example");
        assert!(matches!(stranger.order_of(link), Err(BadLink::Unknown)));
    }
}

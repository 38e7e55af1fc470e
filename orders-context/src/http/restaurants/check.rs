//! What a restaurant must be like before it is stored.

use super::super::faults::{
    Faults, ID_RULE, MAIL_RULE, NAME_RULE, URL_RULE, is_id, is_mail_address, is_name, server_url,
};
use super::super::problem::Answer;
use super::{NewRestaurant, NewWebhook};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashSet;

/// Everything that is wrong with it, at once. The id is in the path, so its fault has no pointer.
pub fn restaurant(id: &str, new: &NewRestaurant) -> Answer<()> {
    let mut faults = Faults::default();
    if !is_id(id) {
        faults.at("", format!("the id in the path {ID_RULE}"));
    }
    if !is_name(&new.name) {
        faults.at("/name", NAME_RULE);
    }
    if new.currency.len() != 3 || !new.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        faults.at("/currency", "must be three capital letters (ISO 4217)");
    }
    menu(new, &mut faults);
    if let Some(new) = &new.webhook {
        webhook(new, &mut faults);
    }
    if new.mail.as_deref().is_some_and(|address| !is_mail_address(address)) {
        faults.at("/mail", MAIL_RULE);
    }
    faults.none()
}

fn menu(new: &NewRestaurant, faults: &mut Faults) {
    if new.menu.len() > 500 {
        faults.at("/menu", "must be 500 dishes or fewer");
    }
    let mut seen = HashSet::with_capacity(new.menu.len());
    for (at, dish) in new.menu.iter().enumerate() {
        if !is_id(&dish.item_id) {
            faults.at(format!("/menu/{at}/item_id"), ID_RULE);
        } else if !seen.insert(&dish.item_id) {
            faults.at(format!("/menu/{at}/item_id"), "is on the menu already: choose another");
        }
        if !is_name(&dish.name) {
            faults.at(format!("/menu/{at}/name"), NAME_RULE);
        }
        if dish.price_minor < 0 {
            faults.at(format!("/menu/{at}/price_minor"), "must not be negative");
        }
    }
}

fn webhook(new: &NewWebhook, faults: &mut Faults) {
    if server_url(&new.url).is_none() {
        faults.at("/webhook/url", URL_RULE);
    }
    let key = new.secret.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok());
    if key.is_none_or(|key| !(24..=64).contains(&key.len())) {
        faults.at("/webhook/secret", "must be whsec_ and base64 of 24 to 64 bytes");
    }
}

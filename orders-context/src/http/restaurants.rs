//! `PUT` and `GET /v1/restaurants/{id}`.

mod check;

use super::Api;
use super::document::ProblemView;
use super::etag::{is_known, names};
use super::policy::{judge_restaurant, knows_webhooks, restaurant_not_found};
use super::principal::Caller;
use super::problem::Answer;
use crate::app::App;
use crate::domain::{MailAddress, MenuItem, Restaurant, Webhook};
use axum::extract::State;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chassis::http::{Json, Path, Problem};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

/// A restaurant as it registers itself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRestaurant {
    /// Shown to customers.
    #[schema(
        min_length = 1,
        max_length = 200,
        example = "Trattoria da Nino",
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    name: String,
    /// ISO 4217 code of every price on the menu.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    currency: String,
    /// What can be ordered. Orders keep the prices they were placed at.
    #[schema(max_items = 500)]
    menu: Vec<Dish>,
    /// Where new orders are announced. With no webhook, no mail and no endpoint that wants
    /// them, the restaurant asks for its orders itself.
    webhook: Option<NewWebhook>,
    /// Where letters go: about new orders and reminders, with a link to answer where links are offered,
    /// and about endpoints that were paused.
    #[schema(format = "email", max_length = 254, example = "kitchen@nino.example")]
    mail: Option<String>,
}

/// A dish and its price.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Dish {
    /// Unique within the menu.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Za-z0-9._:-]+$",
        example = "tiramisu"
    )]
    item_id: String,
    /// Shown to customers.
    #[schema(
        min_length = 1,
        max_length = 200,
        example = "Tiramisù",
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    name: String,
    /// Price of one, in minor units.
    #[schema(minimum = 0, example = 550)]
    price_minor: i64,
}

/// Where new orders are announced (Standard Webhooks).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Receives `POST`.
    #[schema(format = "uri", example = "https://nino.example/orders")]
    url: String,
    /// `whsec_` and base64 of 24 to 64 random bytes: the signing key. Never shown again.
    #[schema(write_only, pattern = "^whsec_[A-Za-z0-9+/]+=*$")]
    secret: String,
}

/// A restaurant as everybody may see it.
#[derive(Serialize, ToSchema)]
#[schema(as = Restaurant)]
pub struct RestaurantView<'a> {
    /// As it was registered.
    id: &'a str,
    /// Shown to customers.
    name: &'a str,
    /// ISO 4217 code of every price on the menu.
    currency: &'a str,
    /// What can be ordered.
    menu: Vec<DishView<'a>>,
    /// Where new orders are announced; null if nowhere, and for customers and other restaurants.
    #[schema(required)]
    webhook: Option<WebhookView<'a>>,
    /// Where letters go; null if nowhere, and for customers and other restaurants.
    #[schema(required, format = "email")]
    mail: Option<&'a str>,
}

/// A dish and its price.
#[derive(Serialize, ToSchema)]
#[schema(as = MenuItem)]
pub struct DishView<'a> {
    /// Unique within the menu.
    item_id: &'a str,
    /// Shown to customers.
    name: &'a str,
    /// Price of one, in minor units.
    price_minor: i64,
}

/// Where new orders are announced, without the signing key.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView<'a> {
    /// Receives `POST`.
    url: &'a str,
}

/// Registers a restaurant, or replaces what was registered under its id.
#[utoipa::path(
    put,
    path = "/v1/restaurants/{id}",
    operation_id = "register_restaurant",
    tag = "restaurants",
    params(
        ("id" = String, Path, description = "Chosen by the restaurant: 1 to 64 of \
            A-Z, a-z, 0-9, '.', '_', ':' and '-'"),
        ("If-Match" = Option<String>, Header, description = "The ETag it must still have"),
    ),
    request_body = NewRestaurant,
    responses(
        (status = 200, description = "The restaurant as it is now", body = RestaurantView,
            headers(("ETag" = String, description = "Changes whenever the restaurant does"))),
        (status = 404, description = "There is no such restaurant for the caller", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 412, description = "It is another by now than If-Match says", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 422, description = "The restaurant makes no sense", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn register(
    State(app): Api,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(new): Json<NewRestaurant>,
) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    check::restaurant(&id, &new)?;
    let restaurant = restaurant(id, new);
    if headers.contains_key(IF_MATCH) {
        replace(&app, restaurant.clone(), &headers).await?;
    } else {
        app.register_restaurant(restaurant.clone()).await?;
    }
    let etag = [(ETAG, tag(&restaurant))];
    Ok((etag, Json(RestaurantView::of(&restaurant))).into_response())
}

/// Replaces what the request names, and nothing that came after it.
async fn replace(app: &App, next: Restaurant, headers: &HeaderMap) -> Answer<()> {
    let present = app.stored_restaurant(&next.restaurant_id).await?;
    let named = present.filter(|present| names(headers, &tag(present)) == Some(true));
    let is_replaced = match named {
        Some(before) => app.replace_restaurant(before, next).await?,
        None => false,
    };
    match is_replaced {
        true => Ok(()),
        false => Err(Problem::precondition_failed(
            "precondition_failed",
            "The restaurant is another by now: fetch it again, with its ETag, and decide anew.",
        )
        .into()),
    }
}

/// A strong tag (RFC 9110, section 8.8.3): of all that is stored, the key of the webhook included, for those
/// who may change it; for others of what they are shown, lest they compare guesses of the rest with it.
fn tag(known: &impl Serialize) -> HeaderValue {
    // Text and numbers always have a JSON form.
    let known = serde_json::to_vec(known).unwrap_or_default();
    let digest = Sha256::digest(&known);
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    // Hexadecimal digits and quotes are always a header's value.
    HeaderValue::try_from(format!("\"{hex}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Shows a restaurant and its menu.
#[utoipa::path(
    get,
    path = "/v1/restaurants/{id}",
    operation_id = "show_restaurant",
    tag = "restaurants",
    params(
        ("id" = String, Path, description = "The restaurant's id"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that is known already"),
    ),
    responses(
        (status = 200, description = "The restaurant", body = RestaurantView,
            headers(("ETag" = String, description = "Changes whenever the restaurant does"))),
        (status = 304, description = "Nothing has changed"),
        (status = 404, description = "There is no such restaurant", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(app): Api,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let found = app.restaurant(&id).await?;
    let restaurant = found.ok_or_else(restaurant_not_found)?;
    let whole = RestaurantView::of(&restaurant);
    let (view, etag) = match knows_webhooks(&caller.actor, &id) {
        true => (whole, tag(&restaurant)),
        false => {
            let view = RestaurantView { webhook: None, mail: None, ..whole };
            let etag = tag(&view);
            (view, etag)
        }
    };
    if is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    Ok(([(ETAG, etag)], Json(view)).into_response())
}

fn restaurant(restaurant_id: String, new: NewRestaurant) -> Restaurant {
    let dish = |Dish { item_id, name, price_minor }| MenuItem { item_id, name, price_minor };
    let webhook = |NewWebhook { url, secret }| Webhook { url, secret };
    Restaurant {
        restaurant_id,
        name: new.name,
        currency: new.currency,
        menu: new.menu.into_iter().map(dish).collect(),
        webhook: new.webhook.map(webhook),
        mail: new.mail.map(MailAddress),
    }
}

impl<'a> RestaurantView<'a> {
    fn of(restaurant: &'a Restaurant) -> Self {
        let dish = |dish: &'a MenuItem| DishView {
            item_id: &dish.item_id,
            name: &dish.name,
            price_minor: dish.price_minor,
        };
        Self {
            id: &restaurant.restaurant_id,
            name: &restaurant.name,
            currency: &restaurant.currency,
            menu: restaurant.menu.iter().map(dish).collect(),
            webhook: restaurant.webhook.as_ref().map(|webhook| WebhookView { url: &webhook.url }),
            mail: restaurant.mail.as_ref().map(|address| address.0.as_str()),
        }
    }
}

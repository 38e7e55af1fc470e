//! `PUT` and `GET /v1/restaurants/{id}`.

mod check;

use super::Api;
use super::document::ProblemView;
use super::policy::{judge_restaurant, knows_webhooks, restaurant_not_found};
use super::principal::Caller;
use super::problem::Answer;
use crate::domain::{MenuItem, Restaurant, Webhook};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chassis::http::{Json, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A restaurant as it registers itself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRestaurant {
    /// Shown to customers.
    #[schema(min_length = 1, max_length = 200, example = "Trattoria da Nino")]
    name: String,
    /// ISO 4217 code of every price on the menu.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    currency: String,
    /// What can be ordered. Orders keep the prices they were placed at.
    #[schema(max_items = 500)]
    menu: Vec<Dish>,
    /// Where new orders are announced. Without one the restaurant asks for its orders itself.
    webhook: Option<NewWebhook>,
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
    #[schema(min_length = 1, max_length = 200, example = "Tiramisù")]
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
    params(("id" = String, Path, description = "Chosen by the restaurant: 1 to 64 of \
        A-Z, a-z, 0-9, '.', '_', ':' and '-'")),
    request_body = NewRestaurant,
    responses(
        (status = 200, description = "The restaurant as it is now", body = RestaurantView),
        (status = 404, description = "There is no such restaurant for the caller", body = ProblemView,
            content_type = "application/problem+json"),
        (status = 422, description = "The restaurant makes no sense", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn register(
    State(app): Api,
    caller: Caller,
    Path(id): Path<String>,
    Json(new): Json<NewRestaurant>,
) -> Answer<Response> {
    judge_restaurant(&caller.actor, &id)?;
    check::restaurant(&id, &new)?;
    let restaurant = restaurant(id, new);
    app.register_restaurant(restaurant.clone()).await?;
    Ok(Json(RestaurantView::of(&restaurant)).into_response())
}

/// Shows a restaurant and its menu.
#[utoipa::path(
    get,
    path = "/v1/restaurants/{id}",
    operation_id = "show_restaurant",
    tag = "restaurants",
    params(("id" = String, Path, description = "The restaurant's id")),
    responses(
        (status = 200, description = "The restaurant", body = RestaurantView),
        (status = 404, description = "There is no such restaurant", body = ProblemView,
            content_type = "application/problem+json"),
    )
)]
pub async fn show(State(app): Api, caller: Caller, Path(id): Path<String>) -> Answer<Response> {
    let found = app.restaurant(&id).await?;
    let restaurant = found.ok_or_else(restaurant_not_found)?;
    let view = RestaurantView::of(&restaurant);
    let webhook = view.webhook.filter(|_| knows_webhooks(&caller.actor, &id));
    Ok(Json(RestaurantView { webhook, ..view }).into_response())
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
        }
    }
}

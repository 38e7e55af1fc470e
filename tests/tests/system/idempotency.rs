//! What `Idempotency-Key` promises to an app that does not know whether it was heard.

use anyhow::{Result, bail, ensure};
use reqwest::Method;
use serde_json::Value;
use system_tests::api::{Answer, Api, Dinner, dinner, trattoria, unique};

use super::support::{Shared, shared};

async fn orders_of(shared: &Shared, restaurant: &str) -> Result<usize> {
    let path = format!("/v1/orders?restaurant_id={restaurant}&limit=100");
    let list: Value = shared.api.call(Method::GET, &path, None, None).await?.read()?;
    Ok(list["orders"].as_array().map_or(0, Vec::len))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_a_hundred_times_at_once_makes_one_order() -> Result<()> {
    let shared = shared().await?;
    // Which of them meet in one commit is chance, so it is given several.
    for _ in 0..10 {
        let (restaurant, key) = (unique("trattoria"), unique("key"));
        shared.api.put_restaurant(&restaurant, &trattoria(None)).await?;
        let order = dinner(&restaurant, "grace", "grace.hopper@example.com");
        let created = a_hundred_at_once(&shared.api, &key, &order).await?;
        assert!(created.iter().all(|answer| *answer == created[0]), "{created:?}");
        assert_eq!(orders_of(&shared, &restaurant).await?, 1);
        let later = shared.api.place(&key, &order).await?;
        assert_eq!(later, created[0], "the same answer again");
        let id = created[0].body["id"].as_str().unwrap_or_default();
        assert!(created[0].location.as_deref().is_some_and(|location| location.ends_with(id)));
    }
    Ok(())
}

/// Those that were answered with an order, at least one; the others were told that their key is at
/// work.
async fn a_hundred_at_once(api: &Api, key: &str, order: &Dinner) -> Result<Vec<Answer>> {
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let (api, key, order) = (api.clone(), key.to_owned(), order.clone());
            tokio::spawn(async move { api.place(&key, &order).await })
        })
        .collect();
    let mut created = Vec::new();
    for call in calls {
        let answer = call.await??;
        match answer.status {
            201 => created.push(answer),
            409 => {}
            _ => bail!("{answer:?}"),
        }
    }
    ensure!(!created.is_empty(), "nobody was served");
    Ok(created)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_request() -> Result<()> {
    let shared = shared().await?;
    let (restaurant, key) = (unique("trattoria"), unique("key"));
    shared.api.put_restaurant(&restaurant, &trattoria(None)).await?;
    let order = dinner(&restaurant, "grace", "grace.hopper@example.com");
    assert_eq!(shared.api.place(&key, &order).await?.status, 201);
    let mut other = order.clone();
    other.body["items"][0]["quantity"] = 3.into();
    let refused = shared.api.place(&key, &other).await?;
    assert_eq!(refused.status, 422, "{refused:?}");
    let missing = shared.api.place_with(None, &order).await?;
    assert_eq!(missing.status, 400, "{missing:?}");
    assert!(!refused.code().is_empty() && !missing.code().is_empty());
    assert_eq!(orders_of(&shared, &restaurant).await?, 1);
    Ok(())
}

//! The world around orders: the webhook of every restaurant and the customers' push gateway. Both
//! take everything, tell whom it is meant for, and forget it.

use std::{cell::RefCell, rc::Rc};

use anyhow::{Context, Result};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::spawn_local,
};

use super::http1::Connection;

/// Whom orders tells something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Over its webhook.
    Restaurant,
    /// Over the push gateway.
    Customer,
}

/// What has reached one restaurant and its only customer.
#[derive(Default)]
pub struct Doorbell {
    /// The order that each of them was told of last.
    restaurant: RefCell<String>,
    customer: RefCell<String>,
    rung: Notify,
}

impl Doorbell {
    /// Waits until that one has been told of that order.
    pub async fn heard(&self, who: Who, order_id: &str) {
        while *self.last(who).borrow() != order_id {
            self.rung.notified().await;
        }
    }

    fn ring(&self, who: Who, order_id: &str) {
        order_id.clone_into(&mut self.last(who).borrow_mut());
        self.rung.notify_one();
    }

    fn last(&self, who: Who) -> &RefCell<String> {
        match who {
            Who::Restaurant => &self.restaurant,
            Who::Customer => &self.customer,
        }
    }
}

/// The doorbells of all pairs of restaurant and customer, by their number.
pub type Doorbells = Rc<Vec<Doorbell>>;

/// The URL below which restaurants are told, each at its number.
pub fn restaurants_at(address: &str) -> String {
    format!("http://{address}/restaurants")
}

/// Opens the sink at `host:port`.
pub async fn open(address: &str, doorbells: Doorbells) -> Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("{address}, where the notifications are to come, is taken"))?;
    spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn_local(answer(stream, doorbells.clone()));
        }
    });
    Ok(())
}

async fn answer(stream: TcpStream, doorbells: Doorbells) -> Result<()> {
    let mut connection = Connection::over(stream)?;
    while let Some(message) = connection.receive().await? {
        let path = message.first_line().split(' ').nth(1).unwrap_or_default();
        let (who, name) = match path.strip_prefix("/restaurants/") {
            Some(number) => (Who::Restaurant, Some(number)),
            None => (Who::Customer, message.field("customer_id")),
        };
        // Restaurants are called by their number, customers `customer-NUMBER`.
        let number = name.and_then(|name| name.rsplit('-').next()?.parse::<usize>().ok());
        let bell = number.and_then(|number| doorbells.get(number));
        if let (Some(bell), Some(order_id)) = (bell, message.field("order_id")) {
            bell.ring(who, order_id);
        }
        connection.send(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
    }
    Ok(())
}

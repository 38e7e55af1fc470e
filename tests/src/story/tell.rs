//! The story as a page of text.

use std::fmt;

use schemas::topics::{ORDER_EVENTS, VOUCHER_EVENTS};

use super::take::Story;
use crate::topic::Fact;

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (order, customer) = (&self.order, &self.customer);
        let total = money(order.total_minor, &order.currency);
        writeln!(f, "Order {} of {customer}, {total}: {}\n", order.id, order.status)?;
        self.timeline(f)?;
        self.mail(f)?;
        self.voucher(f)?;
        self.lake(f)?;
        self.addresses(f)?;
        self.queries(f)
    }
}

impl Story {
    fn timeline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = ("SINCE PLACING", "EVENT", "TOPIC", "PARTITION", "OFFSET");
        writeln!(
            f,
            "{:>13}  {:<21} {:<29} {:>9} {:>7}",
            title.0, title.1, title.2, title.3, title.4
        )?;
        for fact in &self.facts {
            let Fact { event_type, topic, partition, offset, .. } = fact;
            let since = fact.timestamp_ms - self.placed_us / 1000;
            let since = format!("{:.3} s", since as f64 / 1000.0);
            writeln!(f, "{since:>13}  {event_type:<21} {topic:<29} {partition:>9} {offset:>7}")?;
        }
        Ok(())
    }

    fn mail(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nMail to {}: {}", self.mail.header("To").unwrap_or("-"), self.mail.subject)?;
        for line in self.mail.text().lines() {
            writeln!(f, "  | {}", line.trim_end())?;
        }
        Ok(())
    }

    fn voucher(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let voucher = &self.voucher;
        let value = money(voucher.value_minor, &voucher.currency);
        let (code, state, until) = (&voucher.code, &voucher.state, &voucher.valid_until);
        writeln!(f, "\nVoucher {code}: {value}, {state}, valid until {until}")
    }

    fn lake(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nRows in the lake: {}", self.rows.len())?;
        for row in &self.rows {
            let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let (status, event, table) = (text(&row.status), text(&row.event_type), &row.table);
            let (partition, offset) = (row.partition, row.offset);
            writeln!(f, "{status:>13}  {event:<21} {table:<29} {partition:>9} {offset:>7}")?;
        }
        Ok(())
    }

    fn addresses(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (to, order, customer) = (&self.addresses, &self.order.id, &self.customer);
        let token = format!("orders token --role customer --subject {customer}");
        writeln!(f, "\nLook at it (the first three with a token: {token}):")?;
        for (what, where_to) in [
            ("the order", format!("{}/v1/orders/{order}", to.orders)),
            ("its history", format!("{}/v1/orders/{order}/history", to.orders)),
            ("the vouchers", format!("{}/v1/customers/{customer}/vouchers", to.promotions)),
            ("the orders API", format!("{}/openapi.json", to.orders)),
            ("figures", format!("{}/metrics", to.orders)),
            ("the schemas", format!("{}/subjects", to.registry)),
            ("the mail", format!("{}/api/user/{}/messages/", to.mail, self.email())),
            ("Kafka", to.kafka.clone()),
        ] {
            writeln!(f, "  {what:<16}{where_to}")?;
        }
        Ok(())
    }

    fn email(&self) -> &str {
        let to = self.mail.header("To").unwrap_or_default();
        to.split_once('<').map_or(to, |(_, rest)| rest.trim_end_matches('>'))
    }

    fn queries(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = &self.order.id;
        let orders = table(&self.addresses.lake, ORDER_EVENTS.name);
        let vouchers = table(&self.addresses.lake, VOUCHER_EVENTS.name);
        writeln!(f, "\nAsk the lake, in DuckDB:\n")?;
        writeln!(f, "  SELECT sequence, occurred_at, event_type, status, _partition, _offset")?;
        writeln!(f, "  FROM delta_scan('{orders}')")?;
        writeln!(f, "  WHERE order_id = '{id}' ORDER BY sequence;")?;
        writeln!(f, "\nor in Python:\n")?;
        writeln!(f, "  import polars as pl")?;
        writeln!(f, "  vouchers = pl.scan_delta(\"{vouchers}\")")?;
        writeln!(f, "  print(vouchers.filter(pl.col(\"order_id\") == \"{id}\").collect())")
    }
}

fn table(lake: &str, topic: &str) -> String {
    format!("{lake}/{}", topic.replace('.', "_"))
}

/// `2450 EUR` as `24.50 EUR`. Two decimals, which holds for the currency of the example.
fn money(minor: i64, currency: &str) -> String {
    format!("{}.{:02} {currency}", minor / 100, minor % 100)
}

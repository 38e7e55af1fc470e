//! The pages as text: no scripts, no styles, nothing from elsewhere.

use super::{READY_IN_MINUTES, REASONS};
use crate::domain::{Order, Timestamp};
use chassis::clock::rfc3339;
use std::fmt::Write;

/// An order, the two forms while it awaits an answer, and what was wrong with the last one.
pub fn order(order: &Order, wrong: Option<&str>) -> String {
    let mut body = String::new();
    if let Some(wrong) = wrong {
        let _ = writeln!(body, "<p role=\"alert\"><strong>{}</strong></p>", escaped(wrong));
    }
    body.push_str("<ul>\n");
    for item in order.items.iter() {
        let _ = writeln!(body, "<li>{} x {}</li>", item.quantity, escaped(&item.name));
    }
    let (whole, cents) = (order.total_minor / 100, order.total_minor % 100);
    let _ = writeln!(body, "</ul>\n<p>Total {whole}.{cents:02} {}</p>", escaped(&order.currency));
    match order.status.awaits_answer() {
        true => body.push_str(&forms(order)),
        false => {
            let _ = writeln!(body, "<p>The order is <strong>{}</strong>.</p>", order.status);
            if let Some(ready_by) = order.ready_by {
                let _ = writeln!(body, "<p>It is to be ready by {}.</p>", moment(ready_by));
            }
        }
    }
    let _ = writeln!(body, "<p><small>Order {}</small></p>", escaped(&order.order_id));
    html("Your order", &body)
}

/// Why there is nothing to see.
pub fn refusal(why: &str) -> String {
    html("Nothing to answer", &format!("<p>{}</p>\n", escaped(why)))
}

fn forms(order: &Order) -> String {
    let mut forms = format!("<p>Please answer by {}.</p>\n", moment(order.accept_by));
    forms.push_str("<form method=\"post\">\n<label>Ready in <select name=\"ready_in\">\n");
    forms.push_str("<option value=\"\">no promise</option>\n");
    for minutes in READY_IN_MINUTES {
        let _ = writeln!(forms, "<option value=\"{minutes}\">{minutes} minutes</option>");
    }
    forms.push_str(
        "</select></label>\n<button name=\"decision\" value=\"accept\">Accept</button>\n</form>\n\
         <form method=\"post\">\n<label>Reason <select name=\"reason\">\n",
    );
    for (reason, words) in REASONS {
        let code = reason.as_str();
        let _ = writeln!(forms, "<option value=\"{code}\">{words}</option>");
    }
    forms.push_str(
        "</select></label>\n<label>For the customer to read <input name=\"note\" maxlength=\"500\">\
         </label>\n<button name=\"decision\" value=\"reject\">Reject</button>\n</form>\n",
    );
    forms
}

/// For people and for programs; nobody knows here where they are.
fn moment(at: Timestamp) -> String {
    let text = rfc3339(at.0);
    let (day, time) = (text.get(..10).unwrap_or(&text), text.get(11..19).unwrap_or_default());
    format!("<time datetime=\"{text}\">{day} {time} UTC</time>")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn html(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title></head>\n\
         <body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::placed;

    #[test]
    fn what_others_have_written_stays_text() {
        let mut told = (*placed("order-1").order).clone();
        let mut items = (*told.items).clone();
        items[0].name = "<script>alert('&')</script>\"".to_owned();
        told.items = items.into();
        let page = order(&told, Some("a < b"));
        assert!(
            page.contains("&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;&quot;"),
            "{page}"
        );
        assert!(page.contains("a &lt; b") && !page.contains("<script"), "{page}");
    }
}

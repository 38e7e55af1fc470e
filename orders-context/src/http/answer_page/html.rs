//! The pages as text: no scripts, one style, nothing from elsewhere.

use super::{READY_IN_MINUTES, REASONS};
use crate::domain::{Order, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chassis::clock::rfc3339;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// For a phone in a kitchen: large, and in the colours that it is set to.
const STYLE: &str = "
:root { color-scheme: light dark; font: 1.1rem/1.45 system-ui, sans-serif; }
body { max-width: 32rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; line-height: 1.2; }
h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
ul { padding: 0; list-style: none; }
li { padding: .4rem 0; border-bottom: 1px solid #8886; font-weight: 600; }
form { margin: 1rem 0; padding: 1rem; border: 1px solid #8888; border-radius: .6rem; }
form p { margin: 0 0 .8rem; }
label { display: block; margin-bottom: .8rem; }
select, input { display: block; width: 100%; box-sizing: border-box; margin-top: .25rem;
  padding: .6rem; font: inherit; }
button { width: 100%; padding: .8rem; border: 0; border-radius: .5rem; font: inherit;
  font-weight: 600; color: #fff; background: #17693a; }
button[value=reject] { background: #a32020; }
[role=alert] { padding: .8rem; border-left: .4rem solid #a32020; background: #a3202022; }
";

/// What a browser is allowed to do with the pages: to show them in their style, known by its hash, and to
/// send their forms back (Content Security Policy Level 3).
pub fn policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

/// An order as it stands at that moment, the two forms while it awaits an answer, and what was wrong with
/// the last one.
pub fn order(order: &Order, now: Timestamp, wrong: Option<&str>) -> String {
    let mut body = String::new();
    if let Some(wrong) = wrong {
        let _ = writeln!(body, "<p role=\"alert\"><strong>{}</strong></p>", escaped(wrong));
    }
    let title = match order.status.awaits_answer() {
        true => {
            body.push_str(&due(order, now));
            body.push_str(&items(order));
            body.push_str(&forms());
            "An order waits for your answer".to_owned()
        }
        false => {
            if let Some(ready_by) = order.ready_by {
                let _ = writeln!(body, "<p>It is to be ready by {}.</p>", moment(ready_by));
            }
            body.push_str(&items(order));
            body.push_str("<p>It awaits no answer any more: this link is used up.</p>\n");
            format!("The order is {}", order.status.to_string().replace('_', " "))
        }
    };
    let _ = writeln!(body, "<p><small>Order {}</small></p>", escaped(&order.order_id));
    html(&title, &body)
}

/// Why there is nothing to see.
pub fn refusal(why: &str) -> String {
    html("Nothing to answer", &format!("<p>{}</p>\n", escaped(why)))
}

fn due(order: &Order, now: Timestamp) -> String {
    let left = match (order.accept_by.0 - now.0) / 60_000_000 {
        // What is due is ended a moment later.
        ..=0 => "within a minute".to_owned(),
        1 => "within 1 minute".to_owned(),
        minutes => format!("within {minutes} minutes"),
    };
    format!("<p>Please answer <strong>{left}</strong>, by {}.</p>\n", moment(order.accept_by))
}

fn items(order: &Order) -> String {
    let mut items = "<ul>\n".to_owned();
    for item in order.items.iter() {
        let _ = writeln!(items, "<li>{} x {}</li>", item.quantity, escaped(&item.name));
    }
    let (whole, cents) = (order.total_minor / 100, order.total_minor % 100);
    let _ = writeln!(items, "</ul>\n<p>Total {whole}.{cents:02} {}</p>", escaped(&order.currency));
    items
}

/// No reason is chosen beforehand: one that is sent by mistake may keep other orders away.
fn forms() -> String {
    let mut forms = "<form method=\"post\">\n<h2>Yes, you cook it</h2>\n\
         <p>The customer is told at once, and when it will be ready if you say so.</p>\n\
         <label>Ready in <select name=\"ready_in\">\n<option value=\"\">no promise</option>\n"
        .to_owned();
    for minutes in READY_IN_MINUTES {
        let _ = writeln!(forms, "<option value=\"{minutes}\">{minutes} minutes</option>");
    }
    forms.push_str(
        "</select></label>\n<button name=\"decision\" value=\"accept\">Accept</button>\n</form>\n\
         <form method=\"post\">\n<h2>No, you do not</h2>\n\
         <p>The order ends here, and the customer is told at once. After Too busy and Closed, new \
         orders may stay away for a while.</p>\n<label>Reason <select name=\"reason\" required>\n\
         <option value=\"\">choose one</option>\n",
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
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head>\n\
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
        let page = order(&told, told.placed_at, Some("a < b"));
        assert!(
            page.contains("&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;&quot;"),
            "{page}"
        );
        assert!(page.contains("a &lt; b") && !page.contains("<script"), "{page}");
    }

    #[test]
    fn a_page_says_how_much_time_is_left() {
        let asked = placed("order-1").order;
        for (left_ms, said) in [
            (600_000, "within 10 minutes"),
            (120_000, "within 2 minutes"),
            (119_999, "within 1 minute<"),
            (59_999, "within a minute"),
            (-120_000, "within a minute"),
        ] {
            let page = order(&asked, asked.accept_by.plus_ms(-left_ms), None);
            assert!(page.contains(said), "{left_ms}: {page}");
        }
    }
}

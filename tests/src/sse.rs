//! Reads streams of server-sent events as a browser does (WHATWG HTML, section 9.2.6): what is whole
//! counts, what was cut off does not.

/// One event that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is called; `message` when it says nothing.
    pub name: String,
    /// What it says; lines are separated by newlines.
    pub data: String,
    /// The last id that was told until then.
    pub id: String,
}

/// A stream on its way. Lines end with a newline, as ours do.
#[derive(Debug, Default)]
pub struct Parser {
    /// What has come of a line.
    line: Vec<u8>,
    name: String,
    data: Vec<String>,
    id: String,
    /// The last id that came with a whole event, or alone: what to come back with.
    last_id: String,
}

impl Parser {
    /// A stream of somebody who knows the event with this id already.
    pub fn after(last_id: &str) -> Self {
        Self { id: last_id.to_owned(), last_id: last_id.to_owned(), ..Self::default() }
    }

    /// What to come back with.
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// The events that have become whole with these bytes.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            events.extend(self.read_line(&String::from_utf8_lossy(&line)));
        }
        events
    }

    fn read_line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match field {
            "event" => self.name = value,
            "data" => self.data.push(value),
            "id" if !value.contains('\0') => self.id = value,
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Event> {
        self.last_id.clone_from(&self.id);
        let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        if data.is_empty() {
            return None;
        }
        let name = if name.is_empty() { "message".to_owned() } else { name };
        Some(Event { name, data: data.join("\n"), id: self.last_id.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": a comment\n\nretry: 1000\nevent: ready\ndata: {}\nid: 7\n\n\
        event: order_placed\nid: 9\ndata: one\ndata: two\n\nid: 12\n\ndata: plain\n\nid: 15\ndata: cut";

    fn event(name: &str, data: &str, id: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned(), id: id.to_owned() }
    }

    #[test]
    fn what_is_whole_counts_however_it_is_cut() {
        let expected = [
            event("ready", "{}", "7"),
            event("order_placed", "one\ntwo", "9"),
            event("message", "plain", "12"),
        ];
        for step in 1..=STREAM.len() {
            let mut parser = Parser::default();
            let pieces = STREAM.as_bytes().chunks(step);
            let told: Vec<Event> = pieces.flat_map(|piece| parser.read(piece)).collect();
            assert_eq!(told, expected, "in pieces of {step}");
            assert_eq!(parser.last_id(), "12", "what was cut off moves nothing");
        }
        let mut parser = Parser::after("3");
        assert_eq!(parser.read(b"data: more\n\n"), [event("message", "more", "3")]);
    }
}

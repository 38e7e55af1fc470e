//! Rust source as words, marks and texts, each with its line. Comments vanish, and what stands
//! between quotes never looks like code. It knows just enough of the language for the rules.

/// One piece of source.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// The line it begins on, counted from 1.
    pub line: usize,
}

/// What a piece of source is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// An identifier, a keyword or a number.
    Word(String),
    /// `::`
    Separator,
    /// Any other sign, one character each.
    Mark(char),
    /// A string, byte string or character, without its quotes.
    Text(String),
}

impl Token {
    /// The identifier or keyword, if it is one.
    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether it is this sign.
    pub fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// Takes source apart. Never fails: what it does not understand becomes marks.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: source, line: 1, tokens: Vec::new() };
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    lexer.tokens
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        let first = rest.chars().next().unwrap_or(' ');
        if rest.starts_with("//") {
            self.take(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.take(block_comment(rest));
        } else if let Some((open, close)) = raw_string(rest) {
            let end = rest[open..].find(&close).map_or(rest.len(), |at| open + at);
            self.push(Kind::Text(rest[open..end].to_owned()), (end + close.len()).min(rest.len()));
        } else if let Some(open) = ["b\"", "c\"", "\""].iter().find(|q| rest.starts_with(**q)) {
            let end = quoted(rest, open.len(), '"');
            self.push(Kind::Text(rest[open.len()..end].to_owned()), (end + 1).min(rest.len()));
        } else if first == '\'' {
            self.quote_or_lifetime();
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            self.push(Kind::Word(rest[..end].to_owned()), end);
        } else if rest.starts_with("::") {
            self.push(Kind::Separator, 2);
        } else if first.is_whitespace() {
            self.take(first.len_utf8());
        } else {
            self.push(Kind::Mark(first), first.len_utf8());
        }
    }

    fn quote_or_lifetime(&mut self) {
        let mut chars = self.rest.chars().skip(1);
        let (second, third) = (chars.next(), chars.next());
        if second == Some('\\') || third == Some('\'') {
            let end = quoted(self.rest, 1, '\'');
            let text = self.rest[1..end].to_owned();
            self.push(Kind::Text(text), (end + 1).min(self.rest.len()));
        } else {
            self.push(Kind::Mark('\''), 1);
        }
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.tokens.push(Token { kind, line: self.line });
        self.take(length);
    }

    fn take(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
    }
}

/// The length of the comment that the text begins with; comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Where the content of a raw string begins, and what ends it.
fn raw_string(text: &str) -> Option<(usize, String)> {
    let start = ["r", "br", "cr"].iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let hashes = start.len() - start.trim_start_matches('#').len();
    let open = text.len() - start.len() + hashes + 1;
    start[hashes..].starts_with('"').then(|| (open, format!("\"{}", "#".repeat(hashes))))
}

/// Where the quote ends that was opened before `from`.
fn quoted(text: &str, from: usize, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text[from..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return from + at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<String> {
        tokens(source).iter().filter_map(|token| token.word().map(str::to_owned)).collect()
    }

    #[test]
    fn comments_and_texts_hold_no_code() {
        let source = "// use axum;\n/* use /* nested */ rdkafka; */ let s = \"use axum\\\"\";";
        assert_eq!(words(source), ["let", "s"]);
        assert_eq!(words("r#\"use \"axum\"\"# b\"x\" 'y' '\\'' done"), ["done"]);
    }

    #[test]
    fn lifetimes_are_no_quotes() {
        assert_eq!(words("fn f<'a>(x: &'a str) {}"), ["fn", "f", "a", "x", "a", "str"]);
    }

    #[test]
    fn lines_are_counted_through_comments_and_texts() {
        let found = tokens("/* one\ntwo */\n\"three\nfour\" five");
        assert_eq!(found.last().map(|token| token.line), Some(4));
    }
}

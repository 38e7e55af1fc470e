//! A client of the schema registry, over the API that Confluent's, Apicurio and Karapace share.
//!
//! For deployment, for start-up and for the rare message with a schema id not met before; never on a hot
//! path. A question that gets no answer in time is asked again, twice: every call may be repeated. Anything
//! else is left to the callers, who know how long they can wait; [`RegistryError::is_transient`] says
//! whether waiting helps.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

mod apply;
mod error;
mod reader;
mod trust;

pub use apply::{Applied, Outcome, apply};
pub use error::RegistryError;
pub use reader::RecordReader;

/// Time for an answer. A registry that has just been started needs seconds for its first ones.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// How often a question is asked that gets no answer in time. One connection may have broken without a
/// word, one thread of a busy registry may hang.
const ATTEMPTS: u32 = 3;

/// Time to get a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Longest part of a registry's own words that is passed on, in bytes.
const DETAIL_BYTES: usize = 500;

/// A schema as a subject knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Registered {
    /// The id that stands in front of messages.
    pub id: u32,
    /// The registry's count of the versions of the subject, from 1.
    pub version: u32,
}

/// Where a registry is, and whose word is taken for its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryAddress {
    /// Where its API begins, for example `http://127.0.0.1:8081/apis/ccompat/v7`.
    pub url: String,
    /// PEM of the authorities that its certificate is checked by; those of the system when absent.
    pub ca_file: Option<PathBuf>,
}

/// One registry. Clones share connections and what was fetched.
#[derive(Debug, Clone)]
pub struct RegistryClient {
    base: Url,
    http: Client,
    answer_limit: Duration,
    by_id: Arc<Mutex<HashMap<u32, Arc<str>>>>,
}

impl RegistryClient {
    /// A client of the registry whose API begins at `url`, for example
    /// `http://127.0.0.1:8081/apis/ccompat/v7`. Connects to nothing yet.
    pub fn new(url: &str) -> Result<Self, RegistryError> {
        Self::at(&RegistryAddress { url: url.to_owned(), ca_file: None })
    }

    /// A client of the registry at that address. Connects to nothing yet.
    pub fn at(address: &RegistryAddress) -> Result<Self, RegistryError> {
        let bad = |cause: String| RegistryError::BadAddress { cause };
        let base = Url::parse(&address.url).map_err(|error| bad(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(bad(format!("it begins with `{}:`", base.scheme())));
        }
        let builder = Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            // A registry is a neighbour; a proxy for the internet would only lose the way to it.
            .no_proxy();
        let http = match &address.ca_file {
            None => builder.build().map_err(|error| bad(error.to_string()))?,
            Some(file) => builder
                .tls_certs_only(trust::authorities(file)?)
                .build()
                .map_err(|error| trust::unusable(file, &error.to_string()))?,
        };
        Ok(Self { base, http, answer_limit: ANSWER_LIMIT, by_id: Arc::default() })
    }

    /// Once this returns, the registry refuses every later version of `subject` that cannot read all
    /// earlier ones or cannot be read by them.
    pub async fn set_full_transitive(&self, subject: &str) -> Result<(), RegistryError> {
        let body = json!({ "compatibility": "FULL_TRANSITIVE" });
        self.call::<Value>(Method::PUT, &["config", subject], Some(body)).await.map(drop)
    }

    /// The id of `schema` under `subject`, as a new version if it is not one already.
    pub async fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        #[derive(Deserialize)]
        struct Answer {
            id: u32,
        }
        let path = ["subjects", subject, "versions"];
        let answer = self.call(Method::POST, &path, Some(json!({ "schema": schema }))).await;
        match answer {
            Ok(Answer { id }) => Ok(id),
            // 422 is a schema that the registry cannot parse, or, in some registries, an incompatible one.
            Err(RegistryError::Refused { status: 409 | 422, detail, .. }) => {
                Err(RegistryError::Incompatible { subject: subject.to_owned(), detail })
            }
            Err(error) => Err(error),
        }
    }

    /// Id and version of `schema` under `subject`; [`RegistryError::NotFound`] when it has never been
    /// registered there.
    pub async fn id_of(&self, subject: &str, schema: &str) -> Result<Registered, RegistryError> {
        self.call(Method::POST, &["subjects", subject], Some(json!({ "schema": schema }))).await
    }

    /// The text of the schema of this id. An id means the same schema for ever, so each is fetched once.
    pub async fn schema_by_id(&self, id: u32) -> Result<Arc<str>, RegistryError> {
        #[derive(Deserialize)]
        struct Answer {
            schema: String,
        }
        if let Some(schema) = self.known().get(&id) {
            return Ok(Arc::clone(schema));
        }
        let path = ["schemas", "ids", &id.to_string()];
        let answer: Answer = self.call(Method::GET, &path, None).await?;
        let schema: Arc<str> = answer.schema.into();
        self.known().insert(id, Arc::clone(&schema));
        Ok(schema)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Arc<str>>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Value>,
    ) -> Result<T, RegistryError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut request = self.http.request(method, url).timeout(self.answer_limit);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = in_time(request).await;
        let (status, text) = answer.map_err(|error| self.unreachable(error))?;
        if status == StatusCode::NOT_FOUND {
            return Err(RegistryError::NotFound { what: path.join("/") });
        }
        let refused = |detail: String| RegistryError::Refused {
            url: self.shown(),
            status: status.as_u16(),
            detail,
        };
        if !status.is_success() {
            return Err(refused(detail(&text)));
        }
        serde_json::from_str(&text).map_err(|error| refused(format!("unexpected answer: {error}")))
    }

    fn unreachable(&self, error: reqwest::Error) -> RegistryError {
        let error = error.without_url();
        let is_distrust = trust::is_distrust(&error);
        let mut cause = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            cause = format!("{cause}: {inner}");
            source = inner.source();
        }
        let url = self.shown();
        match is_distrust {
            true => RegistryError::Untrusted { url, cause },
            false => RegistryError::Unreachable { url, cause },
        }
    }

    /// The address without the credentials it may carry.
    fn shown(&self) -> String {
        let mut url = self.base.clone();
        // Both only fail for addresses without a host, which have no credentials either.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.to_string()
    }
}

/// Status and body of the first answer that comes in time.
async fn in_time(request: RequestBuilder) -> reqwest::Result<(StatusCode, String)> {
    let mut attempt = 1;
    while let Some(again) = request.try_clone().filter(|_| attempt < ATTEMPTS) {
        match once(again).await {
            Err(error) if error.is_timeout() => attempt += 1,
            answer => return answer,
        }
    }
    once(request).await
}

async fn once(request: RequestBuilder) -> reqwest::Result<(StatusCode, String)> {
    let response = request.send().await?;
    Ok((response.status(), response.text().await?))
}

/// The registry's own message if it sent one, else the beginning of what it sent.
fn detail(text: &str) -> String {
    let message = serde_json::from_str::<Value>(text)
        .ok()
        .and_then(|value| value.get("message")?.as_str().map(str::to_owned));
    let mut detail = message.unwrap_or_else(|| text.to_owned());
    detail.truncate(detail.floor_char_boundary(DETAIL_BYTES));
    detail
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A registry that says nothing to so many questions before it answers one, and what a client heard.
    async fn asked_of_a_silent_one(silences: usize) -> Result<Arc<str>, RegistryError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let mut client = RegistryClient::new(&url).expect("an address");
        client.answer_limit = Duration::from_millis(300);
        let registry = async {
            let mut silent = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                if silent.len() < silences {
                    silent.push(stream);
                    continue;
                }
                let _question = stream.read(&mut [0; 1024]).await.expect("a question");
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"schema\":\"1\"}";
                stream.write_all(answer).await.expect("an answer");
                silent.push(stream);
            }
        };
        tokio::select! {
            heard = client.schema_by_id(7) => heard,
            () = registry => unreachable!("it serves for ever"),
        }
    }

    #[tokio::test]
    async fn a_question_without_an_answer_is_asked_again() {
        for _ in 0..5 {
            // A machine that stalls may be too late with the answer too.
            if asked_of_a_silent_one(2).await.as_deref() == Ok("1") {
                return;
            }
        }
        panic!("the answer was not waited for");
    }

    #[tokio::test]
    async fn but_not_for_ever() {
        let error = asked_of_a_silent_one(3).await.expect_err("three silences");
        assert!(error.is_transient(), "{error:?}");
    }
}

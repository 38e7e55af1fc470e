//! Which addresses a webhook may reach once its name is resolved: at each attempt anew.

pub use crate::app::Reach;
use hyper_util::client::legacy::connect::dns::Name;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower::Service;

/// Resolves names; where only the public internet may be reached, it forgets every other address.
#[derive(Clone, Copy, Debug)]
pub struct Names(pub Reach);

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self(reach) = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<_> = found.filter(|at| reach.allows_ip(at.ip())).collect();
            if allowed.is_empty() {
                return Err(io::Error::other("no address that may be reached"));
            }
            Ok(allowed.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_home_is_not_followed() {
        let name: Name = "localhost".parse().unwrap();
        assert!(Names(Reach::PublicOnly).call(name.clone()).await.is_err());
        assert!(Names(Reach::Anywhere).call(name).await.is_ok());
    }
}

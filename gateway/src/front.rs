//! The front: every request comes here first. The viewers' WebSocket is taken out, since it wants the connection itself; all
//! else goes to the API's table through warp, and what the table does not know is a page.

use std::{convert::Infallible, pin::Pin, sync::Arc};

use http::{HeaderMap, HeaderValue, Method, Request, header};
use hyper::{body::Incoming, service::Service};
use hyper_util::service::TowerToHyperService;
use relay::plain::Lane;
use warp::{Filter, filters::BoxedFilter, reply::Response};

use crate::{
    api::{self, Head},
    gateway::Gateway,
    listen::{Answer, Peer},
    web,
};

type Routes = BoxedFilter<(Response,)>;
/// warp's service, whose own type has no name.
type Call =
    dyn Fn(Request<Incoming>) -> Pin<Box<dyn Future<Output = Response> + Send>> + Send + Sync;

/// Answers all requests of one gateway.
#[derive(Clone)]
pub struct Front {
    gateway: Arc<Gateway>,
    routes: Arc<Call>,
}

impl Front {
    /// For this gateway.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        let service = warp::service(routes(Arc::clone(&gateway)));
        let routes = Arc::new(move |request| {
            let called = TowerToHyperService::new(service.clone()).call(request);
            Box::pin(async move {
                match called.await {
                    Ok(response) => response,
                    Err(never) => {
                        let never: Infallible = never;
                        match never {}
                    }
                }
            }) as Pin<Box<dyn Future<Output = Response> + Send>>
        });
        Self { gateway, routes }
    }
}

fn routes(gateway: Arc<Gateway>) -> Routes {
    warp::any()
        .map(move || Arc::clone(&gateway))
        .and(warp::method())
        .and(warp::path::full())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .and(warp::ext::optional::<Lane>())
        .and(warp::body::stream())
        .then(answer)
        .boxed()
}

#[allow(clippy::too_many_arguments)]
async fn answer(
    gateway: Arc<Gateway>,
    method: Method,
    path: warp::path::FullPath,
    query: String,
    headers: HeaderMap,
    peer: Peer,
    lane: Option<Lane>,
    body: impl futures_util::Stream<Item = Result<impl bytes::Buf, warp::Error>> + Send,
) -> Response {
    let head = Head {
        method,
        path: path.as_str().to_owned(),
        query,
        headers,
        peer,
        lane,
    };
    match api::dispatch(gateway, head, body).await {
        Ok(response) => response,
        Err(head) => web::page(&head),
    }
}

impl Answer for Front {
    async fn answer(&self, mut request: Request<Incoming>, peer: Peer) -> Response {
        let host = request.uri().authority().map(|a| a.as_str().to_owned());
        // Over HTTP/2 the host stands in the target: put it where the rest looks.
        if let Some(host) = host
            && !request.headers().contains_key(header::HOST)
            && let Ok(host) = HeaderValue::from_str(&host)
        {
            request.headers_mut().insert(header::HOST, host);
        }
        request.extensions_mut().insert(peer);
        let is_media = request.uri().path() == api::media::PATH
            && request.headers().contains_key(header::UPGRADE);
        let mut response = if is_media {
            api::media::upgrade(&self.gateway, request, peer).await
        } else {
            (self.routes)(request).await
        };
        web::protect(response.headers_mut());
        response
    }
}

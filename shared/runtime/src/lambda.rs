//! The same router behind Lambda's Runtime API.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use lambda_http::request::RequestContext;
use lambda_http::tower::ServiceExt;
use lambda_http::{RequestExt, service_fn};
use lurelight_web::BasePath;

use crate::Error;
use crate::mount::{self, Mounted};

/// Polls for events until Lambda ends the process.
pub(crate) async fn run(router: Router, base_path: Option<BasePath>) -> Result<(), Error> {
    require()?;
    let handler = service_fn(move |request| answer(router.clone(), base_path.clone(), request));
    lambda_http::run(handler).await.map_err(|error| Error::Lambda(error.to_string()))
}

/// What the runtime's library needs to find, and panics without.
pub(crate) fn require() -> Result<(), Error> {
    let needed = [
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    ];
    match needed.into_iter().find(|name| std::env::var_os(name).is_none()) {
        Some(name) => Err(Error::NotLambda(name)),
        None => Ok(()),
    }
}

async fn answer(
    router: Router,
    base_path: Option<BasePath>,
    request: lambda_http::Request,
) -> Result<Response<Body>, Infallible> {
    let mut mounted = mounted(&request);
    if let Some(base_path) = base_path {
        mounted.base_path = base_path;
    }
    let mut request: Request<Body> = request.map(|body| match body {
        lambda_http::Body::Text(text) => Body::from(text),
        lambda_http::Body::Binary(bytes) => Body::from(bytes),
        _ => Body::empty(),
    });
    mount::apply(&mut request, mounted);
    router.oneshot(request).await
}

fn mounted(request: &lambda_http::Request) -> Mounted {
    let raw_path = request.raw_http_path();
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => {
            let parameters = request.path_parameters_ref();
            let proxy = parameters.and_then(|parameters| parameters.first("proxy"));
            mount::rest(context.path.as_deref(), raw_path, context.resource_path.as_deref(), proxy)
        }
        Some(RequestContext::ApiGatewayV2(context)) => {
            mount::http(raw_path, context.stage.as_deref(), context.domain_name.as_deref())
        }
        _ => Mounted { path: raw_path.to_owned(), base_path: BasePath::default() },
    }
}

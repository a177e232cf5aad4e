//! Lets those in who may, and leads others to where they can sign in.

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};

use super::refusal::Refusal;
use super::{Access, Role, return_path};
use crate::{BasePath, negotiate};

impl Access {
    /// Puts a gate before all of these routes. Behind it a request has the [`Identity`](super::Identity) of whoever sent
    /// it among its extensions.
    pub fn guard(&self, routes: Router, needed: Role) -> Router {
        let access = self.clone();
        routes.route_layer(from_fn(move |request, next| {
            let access = access.clone();
            async move { access.admit(needed, request, next).await }
        }))
    }

    async fn admit(&self, needed: Role, mut request: Request, next: Next) -> Response {
        let refusal = match self.identify(request.headers(), needed).await {
            Ok(identity) if identity.role >= needed => {
                request.extensions_mut().insert(identity);
                return next.run(request).await;
            }
            Ok(identity) => Refusal::TooLittle(identity.role),
            Err(refusal) => refusal,
        };
        if refusal.asks_for_sign_in()
            && negotiate::wants_page(request.headers())
            && let Some(redirect) = sign_in(&request)
        {
            return redirect.into_response();
        }
        refusal.into_response(needed)
    }
}

/// To the page where one signs in, and from there back; `None` where there is no such page.
fn sign_in(request: &Request) -> Option<Redirect> {
    let base_path = request.extensions().get::<BasePath>().filter(|base| base.pages().administration)?;
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = return_path::of_request(reading, request.uri().path(), request.uri().query());
    Some(match return_path::safe(&path) {
        Some(path) => Redirect::to(&format!("{base_path}/session?return={}", return_path::encoded(path))),
        None => Redirect::to(&format!("{base_path}/session")),
    })
}

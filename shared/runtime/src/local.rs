//! A server on a port of this machine.

use std::net::SocketAddr;

use axum::Router;
use axum::ServiceExt;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use lurelight_web::BasePath;
use tokio::net::TcpListener;
use tower::Layer;

use crate::stop::Stop;
use crate::{Config, Error, mount, protected};

/// A port that is taken, and whose requests are not answered yet: between the two a program can say where it is.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    stop: Stop,
}

impl Listener {
    /// Takes the port of the configuration.
    ///
    /// # Errors
    /// [`Error::Listen`] says which address, why not, and what to do.
    pub async fn bind(config: &Config) -> Result<Self, Error> {
        let failed = |source| Error::listen(config.address, source);
        let listener = TcpListener::bind(config.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, stop: Stop::listen().map_err(Error::Serve)? })
    }

    /// The address, with the real port where port 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where a browser finds it: `http://127.0.0.1:9000/`, with the base path if there is one.
    #[must_use]
    pub fn url(&self, config: &Config) -> String {
        config.url_at(self.address)
    }

    /// Answers requests until Ctrl-C or SIGTERM; those under way are finished first.
    ///
    /// # Errors
    /// [`Error::Serve`] if the listener fails.
    pub async fn serve(self, router: Router, config: &Config) -> Result<(), Error> {
        let base_path = config.base_path.clone().unwrap_or_default();
        let mount = from_fn(move |request, next| mount_request(base_path.clone(), request, next));
        // Around the router and not in it: the path must be cut before a route is chosen.
        let service = mount.layer(protected(router, config));
        axum::serve(self.listener, service.into_make_service())
            .with_graceful_shutdown(self.stop.asked())
            .await
            .map_err(Error::Serve)
    }
}

async fn mount_request(base_path: BasePath, mut request: Request, next: Next) -> Response {
    let mounted = mount::port(request.uri().path(), &base_path);
    mount::apply(&mut request, mounted);
    next.run(request).await
}

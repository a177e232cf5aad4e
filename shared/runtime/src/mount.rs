//! Which part of a path belongs to the application, and which to where it is mounted.
//!
//! API Gateway tells each event differently where the application is:
//!
//! - REST (v1): `requestContext.path` is what the client asked for, with the stage or the mapping of a custom
//!   domain. `path` lacks the stage, but holds the mapping. The resource and its parameters tell the rest.
//! - HTTP (v2): `rawPath` holds the stage, even where a custom domain's client never wrote it. The mapping of
//!   a custom domain is told nowhere: `LURELIGHT_BASE_PATH` must.

use axum::http::uri::PathAndQuery;
use axum::http::{Request, Uri};
use lurelight_web::BasePath;

/// A path as the application sees it, and the base that its links need in front.
#[derive(Debug, PartialEq, Eq)]
pub struct Mounted {
    /// Path inside the application; starts with a slash.
    pub path: String,
    /// What stands in front of it for the client.
    pub base_path: BasePath,
}

/// A REST event: `full` is `requestContext.path`, `path` the event's own, `resource` is `resourcePath`
/// (`/{proxy+}`), `proxy` its greedy parameter.
#[must_use]
pub fn rest(full: Option<&str>, path: &str, resource: Option<&str>, proxy: Option<&str>) -> Mounted {
    let inside = inside_of_resource(resource, proxy, path)
        .filter(|inside| inside == "/" || path.ends_with(inside.as_str()));
    let inside = inside.unwrap_or_else(|| path.to_owned());
    let base = full.unwrap_or(path);
    // The root of a stage is asked for with and without a slash at its end.
    let base = base.strip_suffix(inside.as_str()).or((inside == "/").then_some(base)).unwrap_or_default();
    Mounted { base_path: BasePath::parse(base).unwrap_or_default(), path: with_slash(&inside) }
}

/// The path that a resource stands for: `/{proxy+}` and `models/current` make `/models/current`, and `/runs/{run}` is
/// the last two segments of the path.
fn inside_of_resource(resource: Option<&str>, proxy: Option<&str>, path: &str) -> Option<String> {
    let resource = resource?;
    match (resource.split_once("/{"), proxy) {
        (Some((head, parameter)), Some(proxy)) if parameter.ends_with("+}") => {
            Some(format!("{head}/{proxy}"))
        }
        (None, _) => Some(resource.to_owned()),
        _ if resource.contains("+}") => None,
        _ => {
            let start = path.rmatch_indices('/').nth(resource.matches('/').count().checked_sub(1)?)?.0;
            Some(path[start..].to_owned())
        }
    }
}

/// An HTTP event: `raw_path` with its `stage`, and the domain that the client asked.
#[must_use]
pub fn http(raw_path: &str, stage: Option<&str>, domain: Option<&str>) -> Mounted {
    let staged = stage
        .filter(|stage| *stage != "$default")
        .and_then(BasePath::parse)
        .and_then(|base| Some((base.strip(raw_path)?.to_owned(), base)));
    let Some((path, base_path)) = staged else {
        return Mounted { path: with_slash(raw_path), base_path: BasePath::default() };
    };
    let of_gateway = domain.is_none_or(|domain| domain.contains(".execute-api."));
    Mounted { path, base_path: if of_gateway { base_path } else { BasePath::default() } }
}

/// A request on a port, behind a proxy that may or may not strip the prefix.
#[must_use]
pub fn port(path: &str, base_path: &BasePath) -> Mounted {
    Mounted { path: base_path.strip(path).unwrap_or(path).to_owned(), base_path: base_path.clone() }
}

/// Rewrites a request to the path inside the application and notes the base path for its links.
pub(crate) fn apply<B>(request: &mut Request<B>, mounted: Mounted) {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    if request.uri().path() != mounted.path
        && let Ok(path_and_query) = PathAndQuery::try_from(format!("{}{query}", mounted.path))
    {
        *request.uri_mut() = Uri::from(path_and_query);
    }
    request.extensions_mut().insert(mounted.base_path);
}

fn with_slash(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mounted: &Mounted, path: &str, base: &str) {
        assert_eq!((mounted.path.as_str(), mounted.base_path.as_str()), (path, base));
    }

    #[test]
    fn rest_events() {
        let proxy = Some("/{proxy+}");
        check(&rest(Some("/prod/predict"), "/predict", proxy, Some("predict")), "/predict", "/prod");
        check(&rest(Some("/prod/"), "/", Some("/"), None), "/", "/prod");
        check(&rest(Some("/prod"), "/", Some("/"), None), "/", "/prod");
        // A custom domain at its root, and one with a mapping, which both paths then hold.
        check(&rest(Some("/predict"), "/predict", proxy, Some("predict")), "/predict", "");
        check(&rest(Some("/sec/predict"), "/sec/predict", proxy, Some("predict")), "/predict", "/sec");
        check(&rest(Some("/sec"), "/sec", Some("/"), None), "/", "/sec");
        check(&rest(Some("/sec/"), "/sec/", Some("/"), None), "/", "/sec");
        check(
            &rest(Some("/dev/models/current"), "/models/current", Some("/models/current"), None),
            "/models/current",
            "/dev",
        );
        let report = Some("/runs/{run}/report");
        check(&rest(Some("/dev/runs/a/report"), "/runs/a/report", report, None), "/runs/a/report", "/dev");
        check(
            &rest(Some("/sec/runs/a/report"), "/sec/runs/a/report", report, None),
            "/runs/a/report",
            "/sec",
        );
        check(&rest(Some("/runs/a"), "/runs/a", Some("/runs/{run}"), None), "/runs/a", "");
        check(&rest(None, "/a", Some("/runs/{run}"), None), "/a", "");
        // Events that a test console makes by hand have little in them.
        check(&rest(None, "/predict", None, None), "/predict", "");
    }

    #[test]
    fn http_events() {
        let gateway = Some("abc123.execute-api.eu-central-1.amazonaws.com");
        check(&http("/prod/predict", Some("prod"), gateway), "/predict", "/prod");
        check(&http("/prod", Some("prod"), gateway), "/", "/prod");
        check(&http("/predict", Some("$default"), gateway), "/predict", "");
        check(&http("/prod/predict", Some("prod"), Some("lure.example.org")), "/predict", "");
        check(&http("/predict", Some("prod"), gateway), "/predict", "");
        check(&http("/predict", None, None), "/predict", "");
    }

    #[test]
    fn ports_take_both() {
        let base = BasePath::parse("/lure").unwrap();
        check(&port("/lure/predict", &base), "/predict", "/lure");
        check(&port("/predict", &base), "/predict", "/lure");
    }
}

//! `GET /`: the page to start from.

use askama::Template;
use axum::response::Html;
use lurelight_model::Card;
use lurelight_schema::{Code, Feature};
use lurelight_web::BasePath;
use lurelight_web::layout::Page;

use crate::serving::Answering;

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    base_path: &'a BasePath,
    family: &'static str,
    version: &'a str,
    source: String,
    threshold: f64,
    explains: bool,
    card: Option<&'a Card>,
}

impl Home<'_> {
    fn features(&self) -> [Feature; 30] {
        Feature::ALL
    }

    fn meanings(&self, feature: &Feature) -> [Option<&'static str>; 3] {
        Code::VALUES.map(|code| feature.meaning(code))
    }
}

pub(crate) async fn home(Answering(context): Answering, base_path: BasePath) -> Html<String> {
    let content = Home {
        base_path: &base_path,
        family: context.model().family().as_str(),
        version: context.version(),
        source: context.info().source,
        threshold: context.model().threshold(),
        explains: context.model().explains(),
        card: context.card(),
    };
    Page::new(&base_path, "Classify sites").section("/").render(&content)
}

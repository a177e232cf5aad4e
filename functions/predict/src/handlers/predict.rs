//! `POST /predict`: rows in, verdicts out.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, LINK, VARY};
use axum::http::{HeaderValue, Response};
use lurelight_runtime::metrics::Measured;
use lurelight_web::layout::Page;
use lurelight_web::{BasePath, Budget};
use std::io;
use tracing::Span;

use crate::html::result_page;
use crate::json::{json_head, json_tail};
use crate::render::{RowFormat, csv_header};
use crate::score::{Scored, Task, score};
use crate::serving::Answering;
use crate::upload::{Answer, Upload};
use crate::{Context, Error, measure};

pub(crate) async fn predict(
    Answering(context): Answering,
    base_path: BasePath,
    budget: Budget,
    measured: Measured,
    request: Request,
) -> Result<Response<Body>, Error> {
    measure::model(&measured, &context);
    let upload = Upload::read(request).await?;
    // Reading and scoring is work for a processor, not for the thread that serves connections; what it logs belongs
    // to the request all the same.
    let (span, counted) = (Span::current(), measured.clone());
    let work = tokio::task::spawn_blocking(move || {
        span.in_scope(|| answer(&context, &base_path, budget, &counted, &upload))
    });
    match work.await {
        Ok(answered) => answered.inspect_err(|error| measure::unusable(&measured, error)),
        // A panic goes on to the layer that answers 500 and logs it.
        Err(stopped) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
        Err(stopped) => Err(Error::Write(io::Error::other(stopped))),
    }
}

fn answer(
    context: &Context,
    base_path: &BasePath,
    budget: Budget,
    measured: &Measured,
    upload: &Upload,
) -> Result<Response<Body>, Error> {
    let rows = match upload.answer {
        Answer::Html => RowFormat::Html,
        Answer::Json { .. } => RowFormat::Json,
        Answer::Csv { attachment } => RowFormat::Csv { guarded: attachment },
    };
    let Upload { format, threshold, skip, explain, .. } = *upload;
    let show = if upload.answer == Answer::Html { upload.show } else { usize::MAX };
    let scored = score(context, &*upload.bytes, Task { format, threshold, skip, show, explain, rows })?;
    measure::rows(measured, &scored);
    tracing::debug!(
        rows = scored.report.rows,
        errors = scored.report.error_count,
        bytes = upload.bytes.len(),
        %format,
        "scored"
    );
    let (packed, shown) = budget.fit(scored.written(), |shown| match upload.answer {
        Answer::Html => {
            let frame = Page::new(base_path, "Predictions");
            Ok(result_page(context, &scored, upload.name.as_deref(), shown, &frame).into_bytes())
        }
        Answer::Json { .. } => json(context, &scored, shown),
        Answer::Csv { attachment } => Ok(csv(&scored, shown, attachment)),
    })?;
    let mut response = packed.into_response();
    describe(&mut response, context, upload, &scored, shown);
    Ok(response)
}

/// Headers that say what the body is and, for those who read CSV, what it cannot say itself.
fn describe(
    response: &mut Response<Body>,
    context: &Context,
    upload: &Upload,
    scored: &Scored,
    shown: usize,
) {
    let (media_type, attachment) = match upload.answer {
        Answer::Html => ("text/html; charset=utf-8", None),
        Answer::Json { attachment } => {
            ("application/json", attachment.then_some("attachment; filename=\"predictions.json\""))
        }
        Answer::Csv { attachment } => {
            ("text/csv; charset=utf-8", attachment.then_some("attachment; filename=\"predictions.csv\""))
        }
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.append(VARY, HeaderValue::from_static("accept"));
    if let Some(attachment) = attachment {
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(attachment));
    }
    let counts = [
        ("lurelight-rows", scored.report.rows),
        ("lurelight-row-errors", scored.report.error_count),
        ("lurelight-warnings", scored.notices().len() as u64),
        ("lurelight-rows-shown", shown as u64),
    ];
    for (name, count) in counts {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(count));
    }
    let model = context.info();
    let number = model.registry_version.map(|number| number.to_string());
    let said = [
        ("lurelight-model", Some(model.version)),
        ("lurelight-registry-version", number.as_deref()),
        ("lurelight-model-source", Some(model.source.as_str())),
    ];
    for (name, value) in said {
        // A file's name may be no header's value; the model's digest tells what it is.
        if let Some(Ok(value)) = value.map(|value| HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    if scored.is_cut_after(shown) {
        // The rest is to be judged and shown as these rows were.
        let threshold =
            upload.threshold.map_or_else(String::new, |threshold| format!("&threshold={threshold}"));
        let explain = if upload.explain > 0 { format!("&explain={}", upload.explain) } else { String::new() };
        let show = if upload.show < usize::MAX { format!("&show={}", upload.show) } else { String::new() };
        let next = scored.skipped + shown;
        let link = format!("<?skip={next}{threshold}{explain}{show}>; rel=\"next\"");
        if let Ok(link) = HeaderValue::from_str(&link) {
            headers.insert(LINK, link);
        }
    }
}

fn json(context: &Context, scored: &Scored, shown: usize) -> Result<Vec<u8>, Error> {
    let next = scored.is_cut_after(shown).then_some(scored.skipped + shown);
    let mut out = json_head(context, scored.threshold, scored.explain > 0)?;
    out.extend(scored.rows.first(shown).pieces());
    out.push_str(&json_tail(&scored.counts, &scored.report, scored.notices(), next)?);
    Ok(out.into_bytes())
}

fn csv(scored: &Scored, shown: usize, guarded: bool) -> Vec<u8> {
    let mut out = csv_header(&scored.columns, guarded, scored.explain > 0);
    out.extend(scored.rows.first(shown).pieces());
    out.into_bytes()
}

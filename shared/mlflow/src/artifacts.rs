//! Files of a run, where the server takes them in.

use lurelight_store::{Error, FinishedRun};

use crate::http::{Ask, Http};

/// Uploads the files of a run to its place among the artifacts. Returns why they are left out, where they are.
pub(crate) async fn upload(http: &Http, run: &FinishedRun, uri: &str) -> Result<Option<String>, Error> {
    let Some(folder) = taken_in(uri) else { return Ok(left_out(run, uri)) };
    for file in &run.artifacts {
        http.ask(&Ask::put(&format!("{folder}/{}", file.path), file)).await?;
    }
    Ok(None)
}

/// Why a run's files are left out, where they are.
pub(crate) fn left_out(run: &FinishedRun, uri: &str) -> Option<String> {
    if taken_in(uri).is_some() || run.artifacts.is_empty() {
        return None;
    }
    let names: Vec<&str> = run.artifacts.iter().map(|file| file.path.as_str()).collect();
    Some(format!(
        "{} are left out: this server keeps artifacts at {uri} and does not take them in itself (it does where it is \
         started with --artifacts-destination); they are in {}",
        names.join(", "),
        run.home
    ))
}

/// The path below `mlflow-artifacts`, where the server itself takes files in: `mlflow-artifacts:/1/abc/artifacts`, with or
/// without a host.
pub(crate) fn taken_in(uri: &str) -> Option<&str> {
    let path = uri.strip_prefix("mlflow-artifacts:")?;
    let path = match path.strip_prefix("//") {
        Some(rest) => rest.split_once('/')?.1,
        None => path,
    };
    Some(path.trim_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_the_server_takes_in_have_a_path() {
        let table = [
            ("mlflow-artifacts:/1/abc/artifacts", Some("1/abc/artifacts")),
            ("mlflow-artifacts://host:5000/1/abc/artifacts/", Some("1/abc/artifacts")),
            ("mlflow-artifacts:///1/abc/artifacts", Some("1/abc/artifacts")),
            ("s3://bucket/1/abc/artifacts", None),
            ("./mlruns/1/abc/artifacts", None),
        ];
        for (uri, expected) in table {
            assert_eq!(taken_in(uri), expected, "{uri}");
        }
    }
}

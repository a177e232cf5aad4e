//! Homes of the stores' contracts on AWS: artifacts in a bucket of S3, secrets in Secrets Manager.
//!
//! Both retry by themselves what is worth it, with jitter, and give up after a while; an error of the kind
//! [`Unavailable`](lurelight_store::ErrorKind::Unavailable) says that doing it again later may help.

mod client;
mod failure;
mod multipart;
mod s3;
mod secrets;

pub use aws_config::SdkConfig;
pub use client::settings;
pub use failure::failure;
pub use s3::S3Artifacts;
pub use secrets::{InvalidPrefix, ManagedSecrets};

//! How this process talks to AWS.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// The first try and three more, with exponential delays and full jitter between them.
const ATTEMPTS: u32 = 4;
const CONNECT: Duration = Duration::from_secs(2);
/// Until the first byte of an answer.
const READ: Duration = Duration::from_secs(10);
/// Between the bytes of a body that come: the time-outs end with the first one.
const STALLED: Duration = Duration::from_secs(10);
const ATTEMPT: Duration = Duration::from_secs(60);
const OPERATION: Duration = Duration::from_secs(180);

/// Region, credentials and endpoint from the environment, as every AWS tool takes them (`AWS_REGION`, `AWS_PROFILE`,
/// `AWS_ENDPOINT_URL`, …), with our retries and time-outs. One is enough for the life of a process.
pub async fn settings() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT)
                .read_timeout(READ)
                .operation_attempt_timeout(ATTEMPT)
                .operation_timeout(OPERATION)
                .build(),
        )
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALLED).build())
        .load()
        .await
}

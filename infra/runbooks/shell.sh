# shellcheck shell=bash
# The words that the runbooks' commands use, for a bash at the top of the checkout:
#
#   export AWS_REGION=eu-central-1
#   stage=prod
#   . infra/runbooks/shell.sh
#
# It needs the AWS CLI with credentials that may look at the stack, curl, and `lurelight`, which this finds where cargo
# built it. LURELIGHT_URL is for who reaches the stack by a domain of his own.

stage=${stage:-dev}
stack=lurelight-$stage

# output NAME: an output of the stack.
output() {
  aws cloudformation describe-stacks --stack-name "$stack" --output text \
    --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}

url=${LURELIGHT_URL:-$(output Url)}
training=$(output TrainingArn)
secrets=$(output SecretsBelow)
LURELIGHT_BUCKET=$(output BucketName)
LURELIGHT_MONGODB_SECRET=$secrets/mongodb-uri
export AWS_PAGER='' LURELIGHT_BUCKET LURELIGHT_MONGODB_SECRET
[[ ! -d target/release ]] || PATH=$PATH:$PWD/target/release

# secret NAME: its value, for a pipe; it is not meant for the screen.
secret() {
  aws secretsmanager get-secret-value --secret-id "$secrets/$1" --query SecretString --output text
}

# set_secret NAME: gives it the value that comes in, for example `openssl rand -hex 32 | set_secret session-key`.
set_secret() {
  aws secretsmanager put-secret-value --secret-id "$secrets/$1" --secret-string file:///dev/stdin \
    --query VersionId --output text
}

# ask METHOD PATH [CURL-ARGUMENT...]: administration, with the newest of its tokens; the status is the last line.
ask() {
  local method=$1 path=$2
  shift 2
  secret administration-tokens | awk '{ print "header = \"Authorization: Bearer " $NF "\"" }' |
    curl --silent --show-error --max-time 60 --request "$method" --header 'Accept: application/json' \
      --write-out '\n%{http_code}\n' --config - "$@" "$url$path"
}

# ago MINUTES: that moment, in seconds since 1970.
ago() {
  echo $(($(date +%s) - $1 * 60))
}

# alarm NAME: its state, since when, and why.
alarm() {
  aws cloudwatch describe-alarms --alarm-names "$stack-$1" --output text \
    --query 'MetricAlarms[].[AlarmName, StateValue, StateUpdatedTimestamp, StateReason]'
}

# errors FUNCTION [MINUTES]: what it logged as an error in the last hour, or so many minutes.
errors() {
  aws logs filter-log-events --log-group-name "/aws/lambda/$stack-$1" --start-time "$(ago "${2:-60}")000" \
    --filter-pattern ERROR --query 'events[].[message]' --output text | { grep ERROR || true; } | tail -n 20
}

# counted METRIC FUNCTION [MINUTES]: Errors, Throttles or Invocations of a function, in steps of five minutes.
counted() {
  aws cloudwatch get-metric-statistics --namespace AWS/Lambda --metric-name "$1" --statistics Sum --period 300 \
    --dimensions "Name=FunctionName,Value=$stack-$2" --start-time "$(ago "${3:-60}")" --end-time "$(ago -1)" \
    --query 'sort_by(Datapoints, &Timestamp)[].[Timestamp, Sum]' --output text
}

# executions [STATUS]: the last trainings, newest first; STATUS is SUCCEEDED, FAILED, TIMED_OUT, RUNNING or ABORTED.
executions() {
  aws stepfunctions list-executions --state-machine-arn "$training" ${1:+--status-filter "$1"} --max-items 5 \
    --query 'executions[].[name, status, startDate, stopDate]' --output text | { grep -v '^None$' || true; }
}

# execution RUN: the name by which Step Functions knows a training.
execution() {
  echo "${training/:stateMachine:/:execution:}:$1"
}

# train REASON: starts a training by Step Functions, and prints its name.
train() {
  local name
  name=by-hand-$(date -u +%Y%m%dt%H%M%Sz)
  aws stepfunctions start-execution --state-machine-arn "$training" --name "$name" \
    --input "{\"actor\": \"${USER:-operator}\", \"reason\": \"$1\"}" --query startDate --output text >/dev/null && echo "$name"
}

# ended RUN: waits until a training has ended, and says how.
ended() {
  local status
  while status=$(aws stepfunctions describe-execution --execution-arn "$(execution "$1")" --query status --output text) &&
    [[ $status == RUNNING ]]; do
    sleep 5
  done
  echo "$1 $status"
}

# back_up_to BUCKET: copies what is kept. The pointer goes first, so that whatever it names is there when it is copied.
back_up_to() {
  aws s3 cp "s3://$LURELIGHT_BUCKET/registry/champion.json" "s3://$1/registry/champion.json" --only-show-errors &&
    aws s3 sync "s3://$LURELIGHT_BUCKET" "s3://$1" --exclude registry/champion.json --only-show-errors
}

# restore_from BUCKET: copies a backup into the stack's bucket, and may be done again. Models and versions are written
# as its policy asks: only where there is none yet. The pointer goes last.
restore_from() {
  local folder key kind
  folder=$(mktemp -d)
  for kind in models/ registry/versions/; do
    aws s3 sync "s3://$1/$kind" "$folder/$kind" --only-show-errors || return
  done
  while read -r key; do
    aws s3api head-object --bucket "$LURELIGHT_BUCKET" --key "$key" >/dev/null 2>&1 ||
      aws s3api put-object --bucket "$LURELIGHT_BUCKET" --key "$key" --body "$folder/$key" --if-none-match '*' \
        --query ETag --output text >/dev/null || return
  done < <(cd "$folder" && find . -type f | cut -c 3-)
  rm -r "$folder"
  aws s3 sync "s3://$1" "s3://$LURELIGHT_BUCKET" --exclude 'models/*' --exclude 'registry/versions/*' \
    --exclude registry/champion.json --only-show-errors &&
    aws s3 cp "s3://$1/registry/champion.json" "s3://$LURELIGHT_BUCKET/registry/champion.json" --only-show-errors
}

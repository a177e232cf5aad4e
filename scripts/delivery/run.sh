# shellcheck shell=bash
# To be sourced: runs commands, or prints them where dry_run is true.

# run COMMAND...: one command. A dry run prints it on a line, quoted for a shell, a tool without its folder.
run() {
  if [[ ${dry_run:?is true or false} == true ]]; then
    local program=$1 line
    shift
    [[ $program != /* ]] || program=${program##*/}
    printf -v line '%q ' "$program" "$@"
    printf '%s\n' "${line% }"
  else
    "$@"
  fi
}

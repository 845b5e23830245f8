"""The Dockerfile language. Pure: text in, values or Docker's complaint out.

`syntax` cuts text into lines with their flags and heredocs, `instructions` checks each line, `plan` arranges them into
stages, `words` expands `$x` and quotes, `mounts` reads `RUN --mount`. Followed: Docker's Dockerfile reference and the
behaviour of BuildKit's frontend, whose parser the classic builder shares.
"""

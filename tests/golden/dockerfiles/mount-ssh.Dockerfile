FROM box
RUN --mount=type=ssh true
